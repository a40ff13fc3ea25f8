"""Files: which names stand for one file, and that no output replaces an input."""

from __future__ import annotations

import os
import unicodedata
from collections.abc import Iterable
from pathlib import Path

from imagineid.errors import BadOutput

Place = tuple[int, int, tuple[str, ...]]
"""Device and inode of the nearest thing that exists, and the names that are still missing."""


def check_outputs(outputs: Iterable[Path | None], inputs: Iterable[Path | None]) -> None:
    """Check, before any work, that no output replaces an input or another output.

    Files are compared, not names: links, other spellings of a folder, and the case and Unicode
    form of a name where the file system ignores them are seen through.

    Args:
        outputs: what is to be written; None is left out.
        inputs: what is to be read, there or not; None is left out.

    Raises:
        BadOutput: an output is an input, or two outputs are one file.
    """
    taken: dict[Place, list[tuple[Place, Path, bool]]] = {}
    for path in filter(None, inputs):
        place = place_of(path)
        taken.setdefault(_folded(place), []).append((place, path, True))
    for path in filter(None, outputs):
        place = place_of(path)
        alike = taken.setdefault(_folded(place), [])
        for other, name, is_input in alike:
            if not _is_one(place, other, path):
                continue
            if is_input:
                raise BadOutput(
                    f"The output {path} is the input {name}, which would be lost.\n"
                    f"Name another place:  -o OTHER{path.suffix}"
                )
            raise BadOutput(
                f"Two outputs are one file: {name} and {path}.\nName each a place of its own."
            )
        alike.append((place, path, False))


def place_of(path: Path) -> Place:
    """Return where a file is, or where it would be made; equal for names of one file."""
    try:
        full = Path(os.path.realpath(path.parent), path.name)
        there = next(each for each in (full, *full.parents) if each.exists())
        status = there.stat()
        return status.st_dev, status.st_ino, full.relative_to(there).parts
    except (OSError, ValueError):  # a name that no file can have; whoever opens it says so
        return 0, 0, path.absolute().parts


def _folded(place: Place) -> Place:
    """Return the place with names as the most forgiving file system compares them."""
    device, inode, names = place
    return device, inode, tuple(unicodedata.normalize("NFKC", n).casefold() for n in names)


def _is_one(place: Place, other: Place, path: Path) -> bool:
    """Tell whether two places that differ at most in the spelling of names are one file."""
    if place == other:
        return True
    full = Path(os.path.realpath(path.parent), path.name)
    folder = next(each for each in full.parents if each.exists())
    pairs = zip(place[2], other[2], strict=True)
    return all(a == b or _names_one_file(folder, a, b) for a, b in pairs)


def _names_one_file(folder: Path, one: str, other: str) -> bool:
    """Try on the file system itself whether it takes two spellings for one name."""
    prefix = f".imagineid-{os.getpid()}-"
    probe = folder / f"{prefix}{one}"
    try:
        probe.touch(exist_ok=False)
    except OSError:  # not to be tried: assume the worse
        return True
    try:
        return (folder / f"{prefix}{other}").exists()
    finally:
        probe.unlink(missing_ok=True)
