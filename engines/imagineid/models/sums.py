"""Checksums of a model's files, listed in its ``model.json`` and checked before use.

The result of a check is saved with the file's date and size, so that the next run need not read the
file again. ``imagineid weights verify`` reads all files each time.
"""

from __future__ import annotations

import contextlib
import json
import os
from collections.abc import Sequence
from pathlib import Path

from imagineid.errors import BadWeights
from imagineid.files import part_in
from imagineid.hub.download import fault, sha256
from imagineid.hub.manifest import SUFFIXES, File
from imagineid.json_files import read_json
from imagineid.paths import home

MEMORY = "checked.json"
"""The file in :func:`imagineid.paths.home` with the results of earlier checks."""

MOST_REMEMBERED = 1000
MOST_BYTES = 1 << 20
"""Most bytes of that file."""

Sums = dict[str, list[object]]
"""Path to [size, date in nanoseconds, inode, sha256]."""


def files_of(folder: Path, leave_out: str) -> tuple[File, ...]:
    """List the weights in and below a folder with their sizes and sums, but for ``leave_out``."""
    paths = sorted(path for path in folder.rglob("*") if path.name.endswith(SUFFIXES))
    named = ((path, path.relative_to(folder).as_posix()) for path in paths)
    return tuple(
        File(name, path.stat().st_size, sha256(path)) for path, name in named if name != leave_out
    )


def check_files(folder: Path, files: Sequence[File], remedy: str) -> None:
    """Check files against their checksums, unless that was done since they last changed.

    Args:
        folder: their folder.
        files: expected files.
        remedy: what the user can type if one is wrong.

    Raises:
        BadWeights: a file is missing or differs.
    """
    before, now = _read(), dict[str, list[object]]()
    for file in files:
        path = folder / file.path
        key, mark = _mark(path, file)
        if mark and before.get(key) == mark:
            continue
        if problem := fault(path, file):
            raise BadWeights(f"{path} {problem}.\n{remedy}")
        now[key] = mark
    if now:
        _remember({**before, **now})


def _mark(path: Path, file: File) -> tuple[str, list[object]]:
    """Return a file's full path, and its size, date and inode; [] if it is missing."""
    with contextlib.suppress(OSError):
        status = path.stat()
        mark = [status.st_size, status.st_mtime_ns, status.st_ino, file.sha256]
        return os.path.realpath(path), mark
    return str(path), []


def _read() -> Sums:
    with contextlib.suppress(OSError, ValueError):
        known = read_json(home() / MEMORY, MOST_BYTES)
        return known if isinstance(known, dict) else {}
    return {}


def _remember(sums: Sums) -> None:
    """Save which files were valid; if that fails, they are read again next time."""
    path = home() / MEMORY
    with contextlib.suppress(OSError):
        path.parent.mkdir(parents=True, exist_ok=True)
        last = dict(list(sums.items())[-MOST_REMEMBERED:])
        with part_in(path.parent) as part:
            part.write_text(json.dumps(last, indent=0) + "\n", encoding="utf-8")
            part.replace(path)
