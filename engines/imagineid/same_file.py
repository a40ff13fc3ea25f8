"""Whether two names are one file: by links, other spellings of a folder, case and Unicode form."""

from __future__ import annotations

import os
import unicodedata
from pathlib import Path

Place = tuple[int, int, tuple[str, ...]]
"""Device and inode of the nearest existing folder or file, and the missing part of the path."""


def place_of(path: Path) -> Place:
    """Return the location of a file, existing or not; equal for all names of the same file."""
    try:
        full = Path(os.path.realpath(path.parent), path.name)
        existing = next(each for each in (full, *full.parents) if each.exists())
        status = existing.stat()
        return status.st_dev, status.st_ino, full.relative_to(existing).parts
    except (OSError, ValueError):  # an invalid name; opening it reports the error
        return 0, 0, path.absolute().parts


def folded(place: Place) -> Place:
    """Return the location with names folded as in the least strict file system."""
    device, inode, names = place
    return device, inode, tuple(unicodedata.normalize("NFKC", n).casefold() for n in names)


def are_one(place: Place, other: Place, path: Path) -> bool:
    """Return whether two locations that differ at most in spelling are the same file."""
    if place == other:
        return True
    full = Path(os.path.realpath(path.parent), path.name)
    folder = next(each for each in full.parents if each.exists())
    pairs = zip(place[2], other[2], strict=True)
    return all(a == b or _names_one_file(folder, a, b) for a, b in pairs)


def _names_one_file(folder: Path, one: str, other: str) -> bool:
    """Test on the file system whether two spellings are the same name."""
    prefix = f".imagineid-{os.getpid()}-"
    probe = folder / f"{prefix}{one}"
    try:
        probe.touch(exist_ok=False)
    except OSError:  # it can't be tested: assume the worst
        return True
    try:
        return (folder / f"{prefix}{other}").exists()
    finally:
        probe.unlink(missing_ok=True)
