"""Installed weights: download, check, find and remove.

A folder under ``weights_home()`` is either an item of the manifest or one that the user added,
which has its own list, ``files.json``. A folder is locked while a process changes it; other
processes wait.
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
"""Address of the hub."""

INCOMING = ".coming"
"""Suffix of the hidden folder that collects the user's weights until they are complete."""

MIRRORS = ("HF_ENDPOINT", "IMAGINEID_MIRROR")
"""Environment variables with mirrors of the hub, which are tried first."""


@dataclass(frozen=True)
class LocalWeights:
    """The state of one folder of weights.

    Attributes:
        name: its name.
        what: description.
        licence: SPDX name, or "" if unknown.
        path: its folder.
        files: the files that belong to it.
        bytes_here: bytes of installed files and of incomplete downloads.
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
        """Whether every file exists with the right size; :func:`faults` checks the SHA-256."""
        sizes = [file_size(self.path / file.path) == file.bytes for file in self.files]
        return bool(sizes) and all(sizes)

    @property
    def state(self) -> str:
        """How much of it is installed, in a word or two."""
        if not self.files:
            return "damaged"
        if self.whole:
            return "here"
        return f"{self.bytes_here / self.bytes:.0%} here" if self.bytes_here > 0 else "not here"


def local_weights(item: Item) -> LocalWeights:
    """Return the state of an item of the manifest."""
    path = weights_home() / item.name
    here = sum(
        min(file.bytes, max(0, file_size(path / file.path), file_size(path / f"{file.path}.part")))
        for file in item.files
    )
    return LocalWeights(item.name, item.what, item.licence, path, item.files, here)


def user_weights() -> list[LocalWeights]:
    """Return the folders that the user added; one with an unreadable list has no files."""
    found = [
        LocalWeights(path.name[1 : -len(INCOMING)], "incomplete", "", path, (), 0)
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
    """Return all items of the manifest, then the user's weights."""
    return [local_weights(item) for item in items()] + user_weights()


def find(name: str) -> list[LocalWeights]:
    """Return the weights called ``name``; several for the name of a model, e.g. ``sd15``.

    Raises:
        BadInput: the name is unknown.
    """
    found = [local_weights(item) for item in select(name)] or [
        one for one in user_weights() if one.name == name
    ]
    if not found:
        raise BadInput(f"There are no weights called {name!r}.\nSee:  imagineid weights list")
    return found


def locate(name: str) -> Path:
    """Return the folder of installed weights.

    Raises:
        BadInput: the name is unknown.
        BadWeights: some of its files are missing.
    """
    for one in find(name):
        if not one.whole:
            raise BadWeights(
                f"{one.name} is not installed, or incomplete.\n"
                f"Download it:  imagineid weights pull {one.name}"
            )
    return weights_home() / name


def faults(one: LocalWeights) -> list[str]:
    """Return the errors of its files, by size and SHA-256, one line per file."""
    if not one.files:
        return [f"{one.name}/{LIST} can't be read"]
    checked = ((file, fault(one.path / file.path, file)) for file in one.files)
    found = [f"{one.name}/{file.path} {problem}" for file, problem in checked if problem]
    return found + [f"{one.name}/{path} is in no list" for path in _unlisted(one)]


def _unlisted(one: LocalWeights) -> list[str]:
    """Return the unlisted files in its folder, except for incomplete downloads."""
    known = {file.path for file in one.files} | {LIST, MODEL_FILE}
    inside = (path for path in one.path.rglob("*") if path.is_symlink() or path.is_file())
    names = (path.relative_to(one.path).as_posix() for path in inside)
    ours = (".part", ".part.json", ".py", ".pyc")
    return sorted(name for name in names if name not in known and not name.endswith(ours))


def addresses(item: Item, file: File, source: str = "") -> list[str]:
    """Return the addresses of a file of the manifest, in the order in which they are tried.

    Args:
        item: the item of the file.
        file: the file.
        source: an address given by the user; "" for mirrors and hub.

    Raises:
        BadInput: an address is not http or https.
    """
    if source:
        return [f"{_checked(source, '--from')}/{quote(file.path)}"]
    bases = [_checked(os.environ[name], name) for name in MIRRORS if os.environ.get(name)] + [HUB]
    place = f"{item.repository}/resolve/{item.revision}/{quote(file.path)}"
    return [f"{base}/{place}" for base in dict.fromkeys(bases)]


def pull(
    item: Item, watch: DownloadListener, source: str = "", patience: RetryPolicy | None = None
) -> Path:
    """Download missing files of an item and check all of them; return its folder.

    Args:
        item: an item of the manifest.
        watch: receives messages and progress.
        source: a folder or an address to use instead of mirrors and hub.
        patience: timeouts and retries.

    Raises:
        DownloadFailed: a file could not be downloaded.
        BadOutput: there is no space, or no permission to write.
    """
    path = weights_home() / item.name
    folder = Path(source) if source and Path(source).is_dir() else None
    urls = {} if folder else {file: addresses(item, file, source) for file in item.files}
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
    """Remove weights and incomplete downloads; return the number of bytes freed.

    Raises:
        BadInput: the name is unknown.
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
                    "Check the permissions:  ls -ld " + str(one.path)
                ) from error
    return freed


@contextlib.contextmanager
def locked(name: str, watch: DownloadListener) -> Iterator[None]:
    """Lock a folder; wait while another process has the lock.

    The operating system releases the lock when its process ends.

    Raises:
        BadOutput: the lock can't be created.
    """
    from filelock import FileLock, Timeout

    path = weights_home() / ".locks" / f"{name.replace('/', '-')}.lock"
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        lock = FileLock(path)
        try:
            lock.acquire(timeout=0)
        except Timeout:
            watch.line(f"waiting for another imagineid process that uses {name}")
            lock.acquire(poll_interval=0.1)
    except OSError as error:
        raise cannot_write(path, error) from error
    try:
        yield
    finally:
        lock.release()


def check_room(path: Path, needed: int) -> None:
    """Check the free space before a download.

    Raises:
        BadOutput: there is not enough.
    """
    existing = path
    while not existing.exists():
        existing = existing.parent
    free = shutil.disk_usage(existing).free
    if needed > free:
        raise BadOutput(
            f"Not enough space in {existing}: "
            f"{needed / 1e9:.1f} GB are needed, {free / 1e9:.1f} GB are free.\n"
            "Free some, or elsewhere:  IMAGINEID_HOME=DIR"
        )


def _checked(address: str, origin: str) -> str:
    """Validate an address; return it without a slash at its end."""
    if urlsplit(address).scheme not in ("http", "https") or not urlsplit(address).netloc:
        either = "neither a folder nor an address" if origin == "--from" else "no address"
        raise BadInput(
            f"{origin} is {split_off_password(address)!r}, {either}.\nUse:  https://HOST/PATH"
        )
    return address.rstrip("/")


def file_size(path: Path) -> int:
    """Return the size of a file, or -1 if it does not exist."""
    try:
        return path.stat().st_size
    except OSError:
        return -1
