"""Output files: checked before any work, and never incomplete under their final name."""

from __future__ import annotations

import contextlib
import errno
import functools
import hashlib
import os
import platform
import secrets
import shutil
import stat
import time
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import IO, Any, BinaryIO

from imagineid.errors import BadOutput
from imagineid.same_file import Place, are_one, folded, place_of

_fcntl: Any
try:
    import fcntl as _fcntl
except ImportError:  # Windows has none
    _fcntl = None

NAME_BYTES = 255
"""Longest file name of common file systems."""

PREFIX = ".imagineid-"
"""Prefix of the names of incomplete files."""

STALE_S = 60.0
"""Age at which an unlocked incomplete file of another machine is abandoned."""

STALE_WITHOUT_LOCKS_S = 86_400.0
"""The same where there are no locks: on Windows, and on some network shares."""

_parts: set[Path] = set()


def check_output(path: Path, overwrite: bool, suffix: str = ".mp4") -> None:
    """Check before any work whether a file can be written.

    Args:
        path: the output file.
        overwrite: whether an existing file may be replaced.
        suffix: required extension.

    Raises:
        BadOutput: the folder is missing or not writable, the path is a directory, the extension is
            wrong, or the file exists.
    """
    try:
        if path.is_dir():
            raise BadOutput(
                f"{path} is a directory.\nName a file in it:  -o {path / 'out'}{suffix}"
            )
        if path.suffix.lower() != suffix:
            raise BadOutput(
                f"{path} does not end in {suffix}.\nName it:  -o {path.with_suffix(suffix)}"
            )
        if not path.parent.is_dir():
            raise BadOutput(
                f"The folder {path.parent} does not exist.\nCreate it:  mkdir -p {path.parent}"
            )
        if not os.access(path.parent, os.W_OK | os.X_OK):
            raise BadOutput(
                f"The folder {path.parent} is not writable.\nUse another folder:  -o OUT{suffix}"
            )
        if len(os.fsencode(path.name)) > NAME_BYTES:
            raise BadOutput(f"The file name {path.name} is too long.\nUse another:  -o OUT{suffix}")
        if os.path.lexists(path) and not overwrite:
            raise BadOutput(f"{path} exists already.\nReplace it:  --overwrite")
    except (OSError, ValueError) as error:  # a name too long, a loop of links, a null character
        raise BadOutput(
            f"{path} can't be written: {error}.\nName another:  -o OUT{suffix}"
        ) from error


@contextlib.contextmanager
def atomic_output(path: Path, overwrite: bool) -> Iterator[Path]:
    """Yield a temporary file next to ``path``, and rename it to ``path`` on success.

    Args:
        path: the output file.
        overwrite: whether an existing file may be replaced; its mode is kept.

    Yields:
        An empty file to write to. It is removed on any error.

    Raises:
        BadOutput: the file can't be written.
    """
    check_output(path, overwrite, path.suffix.lower())
    with contextlib.ExitStack() as stack:
        with write_errors(path):
            part = stack.enter_context(part_in(path.parent))
        yield part
        if not overwrite and os.path.lexists(path):
            raise BadOutput(f"{path} was created by another process.\nReplace it:  --overwrite")
        with write_errors(path):
            with contextlib.suppress(OSError):  # some network shares have no modes
                part.chmod(_mode_for(path))
            os.replace(part, path)


@contextlib.contextmanager
def atomic_write(path: Path) -> Iterator[Path]:
    """Give a temporary name, and ``path`` itself, replaced, at a clean end; for our own files.

    Folders are made as needed.

    Raises:
        OSError: the place can't be written.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    with part_in(path.parent) as part:
        yield part
        os.replace(part, path)


@contextlib.contextmanager
def part_in(folder: Path) -> Iterator[Path]:
    """Create an empty hidden file, which is removed at the end unless it was renamed.

    Files that killed processes left in the folder are removed first.

    Raises:
        OSError: it can't be created.
    """
    sweep(folder)
    part = _new_name(folder)
    _parts.add(part)  # before it exists: a signal may come at any moment
    handle = -1
    try:
        handle = os.open(part, os.O_RDWR | os.O_CREAT | os.O_EXCL, 0o600)
        if not _lock(handle, wait=True):  # Windows can't rename what is open
            os.close(handle)
            handle = -1
        yield part
    finally:
        with contextlib.suppress(OSError):
            part.unlink(missing_ok=True)
        _parts.discard(part)
        if handle >= 0:
            os.close(handle)


@contextlib.contextmanager
def part_folder_in(folder: Path) -> Iterator[Path]:
    """Create an empty hidden folder, like :func:`part_in` for files.

    Raises:
        OSError: it can't be created.
    """
    sweep(folder)
    part = _new_name(folder)
    _parts.add(part)
    try:
        part.mkdir(mode=0o700)
        yield part
    finally:
        shutil.rmtree(part, ignore_errors=True)
        _parts.discard(part)


def _new_name(folder: Path) -> Path:
    return folder / f"{PREFIX}{_machine()}-{os.getpid()}-{secrets.token_hex(4)}.part"


def remove_parts() -> None:
    """Remove all incomplete files of this process, at exit."""
    for part in tuple(_parts):
        shutil.rmtree(part, ignore_errors=True)
        with contextlib.suppress(OSError):
            part.unlink(missing_ok=True)


def open_regular_file(path: Path) -> BinaryIO:
    """Open a file for reading, without blocking on a pipe or a device.

    Raises:
        OSError: it can't be opened, or is not a regular file.
    """
    handle = os.open(path, os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_BINARY", 0))
    if not stat.S_ISREG(os.fstat(handle).st_mode):
        os.close(handle)
        raise OSError(errno.EINVAL, "not a regular file", str(path))
    return open(handle, "rb")


def _mode_for(path: Path) -> int:
    """Return the mode of the file that is replaced, else that of a new file."""
    try:
        return stat.S_IMODE(path.stat().st_mode) & 0o777
    except OSError:
        mask = os.umask(0)
        os.umask(mask)
        return 0o666 & ~mask


@contextlib.contextmanager
def in_plain_text(path: Path) -> Iterator[str]:
    """Give a name of a file that libraries take, even where its folder's name is no text.

    Only the folder may be so; it is reached by the number under which it is open.
    """
    try:
        str(path).encode("utf-8")
        yield str(path)
    except UnicodeEncodeError:
        folder = os.open(path.parent, os.O_RDONLY)
        try:
            yield f"/proc/self/fd/{folder}/{path.name}"
        finally:
            os.close(folder)


def file_digest(path: Path) -> str:
    """Return the digest of a file's bytes, 32 hexadecimal digits.

    Raises:
        OSError: it can't be read.
    """
    digest = hashlib.blake2b(digest_size=16)
    with open_regular_file(path) as file:
        while block := file.read(1 << 20):
            digest.update(block)
    return digest.hexdigest()


@functools.cache
def _machine() -> str:
    """Return a short id of this machine, because process ids are valid on one machine only."""
    return hashlib.blake2b(platform.node().encode(), digest_size=4).hexdigest()


def sweep(folder: Path) -> None:
    """Remove incomplete files that killed processes left in a folder."""
    with contextlib.suppress(OSError):
        for part in folder.glob(f"{PREFIX}*.part"):
            with contextlib.suppress(OSError):
                _remove_abandoned(part)


def _remove_abandoned(part: Path) -> None:
    """Remove an incomplete file if its process has ended, or if it is old and not locked."""
    mode = part.lstat().st_mode
    _, machine, number, *_ = [*part.name.split("-"), "", "", ""]
    own = machine == _machine() and number.isdecimal()
    if own and not _is_alive(int(number)):
        if stat.S_ISDIR(mode):
            shutil.rmtree(part, ignore_errors=True)
        else:
            part.unlink()
        return
    if not stat.S_ISREG(mode):
        return
    with open_regular_file(part) as file:
        stale_s = STALE_S if _lock(file.fileno()) else STALE_WITHOUT_LOCKS_S
        if time.time() - part.stat().st_mtime <= stale_s:
            return
    part.unlink()


def _lock(handle: int, wait: bool = False) -> bool:
    """Lock an open file until it is closed; return False where there are no locks.

    Raises:
        BlockingIOError: another process has locked it, and there is no waiting.
    """
    if _fcntl is None:
        return False
    try:
        _fcntl.flock(handle, _fcntl.LOCK_EX | (0 if wait else _fcntl.LOCK_NB))
    except BlockingIOError:
        raise
    except OSError:  # such as ENOSYS and ENOLCK, of Lustre and SMB
        return False
    return True


def _is_alive(process: int) -> bool:
    if os.name == "nt":  # where os.kill would end it
        return True
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    except OSError:  # another process's
        return True
    return True


@contextlib.contextmanager
def write_errors(path: Path) -> Iterator[None]:
    """Convert system errors of writing ``path`` to clear messages.

    Args:
        path: the output file.

    Raises:
        BadOutput: instead of any OSError of the block.
    """
    try:
        yield
    except OSError as error:
        if error.errno in (errno.ENOSPC, errno.EDQUOT, errno.EFBIG):
            what, next_step = f"No space left for {path}.", "Free some, or name another disk"
        elif isinstance(error, BrokenPipeError):
            what, next_step = "Nobody reads the video any more.", "Write to a file"
        else:
            reason = error.strerror or type(error).__name__
            what, next_step = f"{path} can't be written: {reason}.", "Name another place"
        raise BadOutput(f"{what}\n{next_step}:  -o OUT{path.suffix or '.mp4'}") from error


def check_outputs(outputs: Iterable[Path | None], inputs: Iterable[Path | None]) -> None:
    """Check, before any work, that no output replaces an input or another output.

    Files are compared, not names: links, other spellings of a folder, and case and Unicode form on
    file systems that ignore them are resolved.

    Args:
        outputs: output files; None is ignored.
        inputs: input files, existing or not; None is ignored.

    Raises:
        BadOutput: an output is an input, or two outputs are the same file.
    """
    taken: dict[Place, list[tuple[Place, Path, bool]]] = {}
    for path in filter(None, inputs):
        place = place_of(path)
        taken.setdefault(folded(place), []).append((place, path, True))
    for path in filter(None, outputs):
        place = place_of(path)
        same_place = taken.setdefault(folded(place), [])
        for other, name, is_input in same_place:
            if not are_one(place, other, path):
                continue
            if is_input:
                raise BadOutput(
                    f"The output {path} is the input {name}, which would be lost.\n"
                    f"Name another file:  -o OTHER{path.suffix}"
                )
            raise BadOutput(
                f"Two outputs are the same file: {name} and {path}.\nUse different names."
            )
        same_place.append((place, path, False))


def one_line(path: Path) -> str:
    """Return a file's name with its line breaks written out."""
    return str(path).replace("\n", "\\n").replace("\r", "\\r")


class WriteOnly:
    """A stream that can only be written, so that nothing tries to seek in it."""

    def __init__(self, stream: IO[bytes]) -> None:
        self._stream = stream

    def write(self, data: bytes) -> int:
        """Write and flush."""
        self._stream.write(data)
        self._stream.flush()
        return len(data)
