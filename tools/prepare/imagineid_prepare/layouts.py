"""Where clips lie: the layouts of MEAD, HDTF and VoxCeleb2, and any folder with a CSV."""

from __future__ import annotations

import csv
import re
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from imagineid.errors import BadInput

SUFFIXES = (".mp4", ".mov", ".mkv", ".avi", ".webm")
"""What counts as a clip."""

LIST = "clips.csv"
"""The list of a folder of one's own: columns path, speaker, emotion, text; only path is needed."""


@dataclass(frozen=True, slots=True)
class Clip:
    """One clip and what its place or its list says of it.

    Attributes:
        path: the video.
        key: its name in the shards: letters, digits, ``_`` and ``-`` only.
        speaker: who speaks; emotion: as the data set names it, "" if unknown; text: what is said,
            "" if unknown.
    """

    path: Path
    key: str
    speaker: str
    emotion: str = ""
    text: str = ""


def find_clips(folder: Path, layout: str = "auto") -> list[Clip]:
    """Return the clips of a folder, in the order of their paths.

    Args:
        folder: of the data set.
        layout: one of :data:`LAYOUTS`; ``auto`` takes the first that finds clips.

    Raises:
        BadInput: there is no such folder or layout, a list can't be read, or there are no clips.
    """
    if not folder.is_dir():
        raise BadInput(f"There is no folder {folder}.\nGive a folder of clips.")
    if layout not in ("auto", *LAYOUTS):
        raise BadInput(f"There is no layout {layout!r}.\nUse one of:  {', '.join(LAYOUTS)}")
    for name in LAYOUTS if layout == "auto" else (layout,):
        if found := LAYOUTS[name](folder):
            return sorted(found, key=lambda clip: clip.path)
    raise BadInput(
        f"There are no clips in {folder}.\nList them in {LIST}: path,speaker,emotion,text"
    )


def _videos(folder: Path) -> list[tuple[Path, tuple[str, ...]]]:
    """Return each video below ``folder`` with the parts of its relative path, without suffix."""
    found = (path for path in folder.rglob("*") if path.suffix.lower() in SUFFIXES)
    return [(path, path.relative_to(folder).with_suffix("").parts) for path in sorted(found)]


def _key(parts: tuple[str, ...]) -> str:
    return re.sub(r"[^A-Za-z0-9_-]+", "-", "_".join(parts)).strip("-")


def _csv(folder: Path) -> list[Clip]:
    """Read ``clips.csv``; paths are relative to the folder.

    Raises:
        BadInput: it has no column ``path``, or names a file outside the folder or twice.
    """
    path = folder / LIST
    if not path.is_file():
        return []
    with path.open(newline="", encoding="utf-8-sig") as file:
        rows = list(csv.DictReader(file))
    if rows and "path" not in rows[0]:
        raise BadInput(f"{path} has no column path.\nIts first line must name it:  path,speaker")
    clips = []
    for number, row in enumerate(rows, 2):
        relative = Path((row.get("path") or "").strip())
        if not relative.parts or relative.is_absolute() or ".." in relative.parts:
            raise BadInput(f"{path}, line {number}: {str(relative)!r} is no path below {folder}.")
        labels = {name: (row.get(name) or "").strip() for name in ("speaker", "emotion", "text")}
        key = _key(relative.with_suffix("").parts)
        clips.append(
            Clip(folder / relative, key, labels["speaker"] or key, *list(labels.values())[1:])
        )
    keys = [clip.key for clip in clips]
    if twice := next((key for key in keys if keys.count(key) > 1), None):
        raise BadInput(f"{path} names {twice} twice.\nGive each clip once.")
    return clips


def _mead(folder: Path) -> list[Clip]:
    """MEAD: ``M003/video/front/angry/level_1/001.mp4``; only the front view is taken."""
    found = []
    for path, parts in _videos(folder):
        match parts:
            case (*_, speaker, "video", "front", emotion, level, _) if level.startswith("level_"):
                found.append(Clip(path, _key(parts), speaker, emotion))
    return found


def _voxceleb2(folder: Path) -> list[Clip]:
    """VoxCeleb2: ``dev/mp4/id00012/21Uxsk56VDQ/00001.mp4``."""
    found = []
    for path, parts in _videos(folder):
        if len(parts) >= 3 and re.fullmatch(r"id\d{5}", parts[-3]):
            found.append(Clip(path, _key(parts), parts[-3]))
    return found


def _hdtf(folder: Path) -> list[Clip]:
    """HDTF: ``WDA_BarackObama_000.mp4``; clips that differ in their number are of one speaker."""
    found = []
    for path, parts in _videos(folder):
        if match := re.fullmatch(r"((?:RD|WDA|WRA)_?\w*?)_?\d*", parts[-1]):
            found.append(Clip(path, _key(parts), match[1]))
    return found


LAYOUTS: dict[str, Callable[[Path], list[Clip]]] = {
    "csv": _csv,
    "mead": _mead,
    "voxceleb2": _voxceleb2,
    "hdtf": _hdtf,
}
"""What finds the clips of each layout, in the order that ``auto`` tries."""
