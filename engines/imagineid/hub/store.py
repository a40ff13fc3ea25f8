"""What is here of the weights: fetched, checked, found and removed.

A folder under ``weights_home()`` is either an item of the manifest or one that the user
brought, which has its own list, ``files.json``. One process at a time changes a folder; another
waits for it and finds the work done.
"""

from __future__ import annotations

import contextlib
import os
import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote, urlsplit

from imagineid.errors import BadInput, BadOutput, BadWeights
from imagineid.hub.download import Counter, DownloadListener, cannot_write, copy, fault, fetch
from imagineid.hub.manifest import LIST, MODEL_FILE, File, Item, items, read_files, select
from imagineid.hub.transport import RetryPolicy, split_off_password
from imagineid.json_files import read_json
from imagineid.paths import weights_home

HUB = "https://huggingface.co"
"""Where the repositories of the manifest are."""

INCOMING = ".coming"
"""What the user brings is in ``.NAME.coming`` until all of it is here."""

MIRRORS = ("HF_ENDPOINT", "IMAGINEID_MIRROR")
"""Variables that name other places with the same repositories; they are asked first."""


@dataclass(frozen=True)
class LocalWeights:
    """What is here of one folder of weights.

    Attributes:
        name: as it is typed; what: one line; licence: "" if unknown.
        path: its folder.
        files: what belongs into it.
        bytes_here: of all files, and of parts of files.
    """

    name: str
    what: str
    licence: str
    path: Path
    files: tuple[File, ...]
    bytes_here: int

    @property
    def bytes(self) -> int:
        """Size of all files."""
        return sum(file.bytes for file in self.files)

    @property
    def whole(self) -> bool:
        """Whether every file is here with its size; only :func:`faults` looks at the sums."""
        sizes = [file_size(self.path / file.path) == file.bytes for file in self.files]
        return bool(sizes) and all(sizes)


def local_weights(item: Item) -> LocalWeights:
    """Return what is here of an item of the manifest."""
    path = weights_home() / item.name
    here = sum(
        min(file.bytes, max(0, file_size(path / file.path), file_size(path / f"{file.path}.part")))
        for file in item.files
    )
    return LocalWeights(item.name, item.what, item.licence, path, item.files, here)


def user_weights() -> list[LocalWeights]:
    """Return the folders that the user brought; one whose list can't be read has no files."""
    found = [
        LocalWeights(path.name[1 : -len(INCOMING)], "not all of it came", "", path, (), 0)
        for path in sorted(weights_home().glob(f".*{INCOMING}"))
    ]
    for path in sorted(weights_home().glob(f"*/{LIST}")):
        name = path.parent.name
        if name.startswith("."):
            continue
        try:
            listing = read_json(path)
            files, origin = read_files(listing), str(listing.get("from", "?"))
        except (OSError, ValueError, AttributeError, BadInput):
            files, origin = (), "its list can't be read"
        here = sum(max(0, file_size(path.parent / file.path)) for file in files)
        found.append(LocalWeights(name, f"from {origin}", "", path.parent, files, here))
    return found


def everything() -> list[LocalWeights]:
    """Return all of the manifest, then what the user brought."""
    return [local_weights(item) for item in items()] + user_weights()


def find(name: str) -> list[LocalWeights]:
    """Return what is called ``name``; several where it stands for a model: ``sd15``.

    Raises:
        BadInput: nothing is called so.
    """
    found = [local_weights(item) for item in select(name)] or [
        one for one in user_weights() if one.name == name
    ]
    if not found:
        raise BadInput(f"There are no weights called {name!r}.\nSee:  imagineid weights list")
    return found


def locate(name: str) -> Path:
    """Return the folder of weights that are here.

    Raises:
        BadInput: nothing is called so.
        BadWeights: some of its files are missing.
    """
    for one in find(name):
        if not one.whole:
            raise BadWeights(
                f"{one.name} is not here, or not all of it.\n"
                f"Fetch it:  imagineid weights pull {one.name}"
            )
    return weights_home() / name


def faults(one: LocalWeights) -> list[str]:
    """Return what is wrong with its files, a line each, by size and sha256."""
    if not one.files:
        return [f"{one.name}/{LIST} can't be read"]
    checked = ((file, fault(one.path / file.path, file)) for file in one.files)
    found = [f"{one.name}/{file.path} {problem}" for file, problem in checked if problem]
    return found + [f"{one.name}/{path} is in no list" for path in _unlisted(one)]


def _unlisted(one: LocalWeights) -> list[str]:
    """Return what lies among the files that nobody listed, but for parts of downloads."""
    known = {file.path for file in one.files} | {LIST, MODEL_FILE}
    inside = (path for path in one.path.rglob("*") if path.is_symlink() or path.is_file())
    names = (path.relative_to(one.path).as_posix() for path in inside)
    ours = (".part", ".part.json", ".py", ".pyc")
    return sorted(name for name in names if name not in known and not name.endswith(ours))


def addresses(item: Item, file: File, given: str = "") -> list[str]:
    """Return where a file of the manifest may be had, in the order to ask.

    Args:
        item: that it belongs to.
        file: the file.
        given: an address of the user's own that holds the item's files; "" for mirrors and hub.

    Raises:
        BadInput: an address is not http or https.
    """
    if given:
        return [f"{_checked(given, '--from')}/{quote(file.path)}"]
    bases = [_checked(os.environ[name], name) for name in MIRRORS if os.environ.get(name)] + [HUB]
    place = f"{item.repository}/resolve/{item.revision}/{quote(file.path)}"
    return [f"{base}/{place}" for base in dict.fromkeys(bases)]


def pull(
    item: Item, watch: DownloadListener, given: str = "", patience: RetryPolicy | None = None
) -> Path:
    """Fetch what is missing of an item, and check all of it; return its folder.

    Args:
        item: of the manifest.
        watch: told how it goes.
        given: a folder or an address that holds the item's files, in the place of mirrors and hub.
        patience: how long servers are waited for.

    Raises:
        DownloadFailed: a file could not be had.
        BadOutput: there is no room, or no right to write.
    """
    path = weights_home() / item.name
    folder = Path(given) if given and Path(given).is_dir() else None
    urls = {} if folder else {file: addresses(item, file, given) for file in item.files}
    with locked(item.name, watch):
        before = local_weights(item)
        check_room(path, item.bytes - before.bytes_here)
        done = 0
        watch.at(item.name, before.bytes_here, item.bytes)
        for file in item.files:
            counter = Counter(watch, item.name, done, item.bytes)
            target = path / file.path
            if folder:
                copy(file, folder / file.path, target, counter)
            else:
                fetch(file, urls[file], target, counter, patience or RetryPolicy())
            done += file.bytes
    return path


def remove(name: str, watch: DownloadListener) -> int:
    """Remove weights, and parts of them; return the bytes that are free again.

    Raises:
        BadInput: nothing is called so.
        BadOutput: they can't be removed.
    """
    freed = 0
    for one in find(name):
        with locked(one.name, watch):
            files = [path for path in one.path.rglob("*") if path.is_file()]
            freed += sum(path.stat().st_size for path in files)
            try:
                shutil.rmtree(one.path, ignore_errors=not one.path.exists())
            except OSError as error:
                raise BadOutput(
                    f"{one.path} can't be removed: {error.strerror}.\n"
                    "Look who may write there:  ls -ld " + str(one.path)
                ) from error
    return freed


@contextlib.contextmanager
def locked(name: str, watch: DownloadListener) -> Iterator[None]:
    """Hold a folder alone; wait while another process has it.

    The system lets the lock go when its holder ends, however it ends.

    Raises:
        BadOutput: the lock can't be made.
    """
    from filelock import FileLock, Timeout

    path = weights_home() / ".locks" / f"{name.replace('/', '-')}.lock"
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        lock = FileLock(path)
        try:
            lock.acquire(timeout=0)
        except Timeout:
            watch.line(f"another imagineid is at {name}: waiting for it")
            lock.acquire(poll_interval=0.1)
    except OSError as error:
        raise cannot_write(path, error) from error
    try:
        yield
    finally:
        lock.release()


def check_room(path: Path, needed: int) -> None:
    """Refuse before anything is fetched what won't fit.

    Raises:
        BadOutput: it won't.
    """
    there = path
    while not there.exists():
        there = there.parent
    free = shutil.disk_usage(there).free
    if needed > free:
        raise BadOutput(
            f"No room in {there}: {needed / 1e9:.1f} GB are needed, {free / 1e9:.1f} GB are free.\n"
            "Free some, or elsewhere:  IMAGINEID_HOME=DIR"
        )


def _checked(address: str, origin: str) -> str:
    """Return the address without a slash at its end."""
    if urlsplit(address).scheme not in ("http", "https") or not urlsplit(address).netloc:
        either = "neither a folder nor an address" if origin == "--from" else "no address"
        raise BadInput(
            f"{origin} is {split_off_password(address)!r}, {either}.\nUse:  https://HOST/PATH"
        )
    return address.rstrip("/")


def file_size(path: Path) -> int:
    """Return a file's size, -1 if there is none."""
    try:
        return path.stat().st_size
    except OSError:
        return -1
