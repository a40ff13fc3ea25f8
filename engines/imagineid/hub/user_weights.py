"""Weights added by the user from a folder or an address, such as adapters.

They are collected in ``.NAME.coming`` and renamed when they are complete and checked. They get a
list of files, ``files.json``, for later checks, and for sharing: the folder can be put on any
server and be pulled from there.
"""

from __future__ import annotations

import hashlib
import json
import re
import shutil
from pathlib import Path, PurePosixPath
from urllib.parse import quote, unquote, urlsplit

from imagineid.errors import BadInput, BadWeights, DownloadFailed
from imagineid.hub.download import Counter, DownloadListener, cannot_write, fault, fetch, sha256
from imagineid.hub.file_types import check_file_type
from imagineid.hub.manifest import LIST, SUFFIXES, File, check_path, read_files, select
from imagineid.hub.store import INCOMING, check_room, locked
from imagineid.hub.transport import RetryPolicy, TransferFailed, host, open_url, split_off_password
from imagineid.json_files import parse_json, read_json
from imagineid.paths import weights_home

LIST_BYTES = 1 << 20
"""Most bytes of a list of files."""


def check_name(name: str) -> None:
    """Reject names that are not valid folder names, or exist already.

    Raises:
        BadInput: the name is rejected.
    """
    if not re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}", name):
        raise BadInput(f"{name!r} is not a valid name for weights.\nUse:  letters, digits, . _ -")
    if name == "mini" or select(name):
        raise BadInput(f"The name {name} is taken.\nChoose another one.")
    if (weights_home() / name).exists():
        raise BadInput(
            f"{name} is already installed.\nReplace it:  imagineid weights remove {name}"
        )


def add_folder(name: str, folder: Path, watch: DownloadListener) -> Path:
    """Copy the weights of a folder; return the new folder.

    Args:
        name: name of the weights.
        folder: contains .safetensors, .onnx, .json, .txt, .npz or .npy files, and hidden files;
            its ``files.json``, if any, is checked.
        watch: receives messages and progress.

    Raises:
        BadInput: the name exists, the folder does not, or a file type is not accepted.
        BadWeights: a file does not match its extension or the list.
        BadOutput: they can't be written.
    """
    if not folder.is_dir():
        raise BadInput(
            f"The folder {folder} does not exist.\nUse:  --from DIR  or  --from https://..."
        )
    found = (path for path in folder.rglob("*") if path.is_file() or path.is_symlink())
    inside = sorted(path.relative_to(folder) for path in found)
    paths = [p.as_posix() for p in inside if not any(part.startswith(".") for part in p.parts)]
    names = [path for path in paths if path != LIST]
    if not names:
        raise BadInput(
            f"There are no weights in {folder}.\nIt must contain:  {', '.join(SUFFIXES)}"
        )
    listed = _list_of(folder) if LIST in paths else ()
    names = [file.path for file in listed] or names
    for path in names:
        _check_no_link(folder, path)
        check_path(path)
    with locked(name, watch):
        check_name(name)
        coming = _coming(name)
        shutil.rmtree(coming, ignore_errors=True)
        total = sum((folder / path).stat().st_size for path in names)
        check_room(coming, total)
        watch.at(name, 0, total)
        done, files = 0, []
        for path in names:
            target = coming / path
            try:
                target.parent.mkdir(parents=True, exist_ok=True)
                shutil.copyfile(folder / path, target)
            except OSError as error:
                raise cannot_write(target, error) from error
            done += target.stat().st_size
            watch.at(name, done, total)
            files.append(File(path, target.stat().st_size, sha256(target)))
        return _keep(name, listed or tuple(files), str(folder.absolute()))


def add_address(
    name: str, address: str, sum_: str, watch: DownloadListener, patience: RetryPolicy | None = None
) -> Path:
    """Download weights from an address; return the new folder.

    Args:
        name: name of the weights.
        address: address of one file, or of a folder with a ``files.json``.
        sum_: SHA-256 of that file, or of that list; "" if unknown, which is allowed only for a
            list that comes over https or from this machine.
        watch: receives messages and progress.
        patience: timeouts and retries.

    Raises:
        BadInput: the name exists, the address is invalid, or it needs a SHA-256.
        DownloadFailed: the files could not be downloaded.
        BadWeights: a file does not match its extension.
        BadOutput: they can't be written.
    """
    patience = patience or RetryPolicy()
    split = urlsplit(address)
    if split.scheme not in ("http", "https") or not split.hostname:
        raise BadInput(
            f"{split_off_password(address)!r} is no address.\n"
            "Use:  --from https://HOST/PATH  or  DIR"
        )
    if sum_ and not re.fullmatch("[0-9a-fA-F]{64}", sum_):
        raise BadInput("--sha256 must be 64 hexadecimal digits.\nSee them:  sha256sum FILE")
    single = PurePosixPath(unquote(split.path)).name
    with locked(name, watch):
        check_name(name)
        if single.endswith(SUFFIXES):
            files: tuple[File, ...] = (_one_file(address, single, sum_.lower(), patience),)
            places = {single: address}
        else:
            base = address.rstrip("/")
            files = _list_at(f"{base}/{LIST}", sum_.lower(), patience)
            places = {file.path: f"{base}/{quote(file.path)}" for file in files}
        coming, total, done = _coming(name), sum(file.bytes for file in files), 0
        check_room(coming, total)
        watch.at(name, 0, total)
        for file in files:
            counter = Counter(watch, name, done, total)
            try:
                fetch(file, [places[file.path]], coming / file.path, counter, patience)
            except DownloadFailed as failed:
                reason = str(failed).splitlines()[0]
                raise DownloadFailed(
                    f"{reason}\nTo continue later, run the same command again."
                ) from failed
            done += file.bytes
        return _keep(name, files, f"{split.scheme}://{host(address)}{split.path}")


def _check_no_link(folder: Path, path: str) -> None:
    """Refuse a link, which may lead to any file of this machine.

    Raises:
        BadInput: the file, or a folder on the way to it, is one.
    """
    place = folder
    for part in PurePosixPath(path).parts:
        place /= part
        if place.is_symlink():
            raise BadInput(f"{place} is a link, which is not taken.\nPut the file itself there.")


def _remove_unlisted(folder: Path, files: tuple[File, ...]) -> None:
    """Remove unlisted files from a folder: an earlier attempt may have had another list."""
    listed = {folder / file.path for file in files}
    for path in folder.rglob("*"):
        if path not in listed and (path.is_symlink() or not path.is_dir()):
            path.unlink()


def _coming(name: str) -> Path:
    return weights_home() / f".{name}{INCOMING}"


def _keep(name: str, files: tuple[File, ...], origin: str) -> Path:
    """Check all files, write their list, and rename the folder."""
    coming, path = _coming(name), weights_home() / name
    try:
        for file in files:
            if problem := fault(coming / file.path, file):
                raise BadWeights(
                    f"{file.path} {problem}.\nUpdate the list, or remove {LIST} from the folder."
                )
            check_file_type(coming / file.path)
    except BadWeights:
        shutil.rmtree(coming, ignore_errors=True)
        raise
    listing = {
        "from": origin,
        "files": [{"path": f.path, "bytes": f.bytes, "sha256": f.sha256} for f in files],
    }
    try:
        _remove_unlisted(coming, files)
        (coming / LIST).write_text(json.dumps(listing, indent=2) + "\n", encoding="utf-8")
        coming.replace(path)
    except OSError as error:
        raise cannot_write(path, error) from error
    return path


def _list_of(folder: Path) -> tuple[File, ...]:
    try:
        return read_files(read_json(folder / LIST, LIST_BYTES))
    except (OSError, ValueError, TypeError) as error:
        raise BadInput(
            f"{folder / LIST} can't be read.\nRemove it, or see the format:  docs/weights.md"
        ) from error


def _list_at(address: str, sum_: str, patience: RetryPolicy) -> tuple[File, ...]:
    """Download the list of a folder, which is trusted over https or with its SHA-256."""
    here = urlsplit(address).hostname in ("localhost", "127.0.0.1", "::1")
    if not sum_ and not here and not address.startswith("https:"):
        raise BadInput(
            "A list of files is not trusted over http.\n"
            "Use https, or give the SHA-256 of the list:  --sha256 SUM"
        )
    data = b""
    try:
        with open_url(address, patience) as answer:
            for piece in answer.pieces():
                data += piece
                if len(data) > LIST_BYTES:
                    raise TransferFailed("it is too long for a list of files", again=False)
        if sum_ and hashlib.sha256(data).hexdigest() != sum_:
            raise TransferFailed("its SHA-256 differs from the given one", again=False)
        return read_files(parse_json(data))
    except (TransferFailed, ValueError, TypeError) as error:
        reason = str(error) if isinstance(error, TransferFailed) else "it is not JSON"
        raise DownloadFailed(
            f"{split_off_password(address)} can't be used: {reason}.\n"
            "Give the address of a folder with that list, or of a file:  --from URL --sha256 SUM"
        ) from error


def _one_file(address: str, path: str, sum_: str, patience: RetryPolicy) -> File:
    """Request the size of a single file; its SHA-256 must be given."""
    check_path(path)
    if not sum_:
        raise BadInput(
            f"The SHA-256 of {path} is unknown.\nGive it, as published by its author:  --sha256 SUM"
        )
    try:
        with open_url(address, patience, method="HEAD") as answer:
            if answer.total is None:
                raise TransferFailed("the server does not say how long it is", again=False)
            return File(path, answer.total, sum_)
    except TransferFailed as error:
        raise DownloadFailed(
            f"{path} could not be downloaded ({host(address)}: {error}).\nTry again later."
        ) from error
