"""Reading and writing Live Link Face CSV, as used by Unreal Engine and Blender add-ons.

One row per frame: Timecode ``HH:MM:SS:FF.mmm``, BlendShapeCount 61, the 52 ARKit units in [0, 1],
then yaw, pitch and roll of the head and of each eye, in radians.
"""

from __future__ import annotations

import csv
import math
from array import array
from collections.abc import Iterator
from pathlib import Path
from typing import TextIO

import numpy as np

from imagineid.errors import BadInput
from imagineid.face.motion import Motion
from imagineid.spec import ARKIT, FPS

Array = np.ndarray
RATES = (24, 25, 30, 50, 60, 120)
"""Frames a second that cameras and the app write."""

TURNS = (
    "HeadYaw HeadPitch HeadRoll LeftEyeYaw LeftEyePitch LeftEyeRoll "
    "RightEyeYaw RightEyePitch RightEyeRoll"
).split()
COLUMNS = ["Timecode", "BlendShapeCount", *(name[0].upper() + name[1:] for name in ARKIT), *TURNS]

LOOK = 0.5
"""Approximate rotation of an eye by a full look unit, radians."""

EYE_UNITS = [i for i, name in enumerate(ARKIT) if name.startswith(("eyeBlink", "eyeLook"))]
"""The units that are copied from a reference: blinks and gaze, not squints and wide eyes."""

WANTED = [name.lower() for name in ("HeadPitch", "HeadYaw", "HeadRoll")] + [
    ARKIT[unit].lower() for unit in EYE_UNITS
]
"""The columns that are read, in lower case."""

LONGEST_ROWS, LONGEST_LINE = 1_000_000, 100_000
"""Limits of a file: rows (eleven hours), and characters per row."""

_AT = {name: i for i, name in enumerate(ARKIT)}


def resampled(rows: Array, fps: float, to_fps: float) -> Array:
    """Resample rows (F, n) to another rate by linear interpolation."""
    if fps == to_fps or len(rows) < 2:
        return rows
    count = max(1, math.ceil(round(len(rows) * to_fps / fps, 6)))
    at = np.minimum(np.arange(count) * fps / to_fps, len(rows) - 1)
    low = np.minimum(at.astype(int), len(rows) - 2)
    share = (at - low)[:, None]
    return np.asarray(rows[low] * (1 - share) + rows[low + 1] * share, np.float32)


def write(file: TextIO, curves: Array, pose: Array, fps: int) -> None:
    """Write curves as CSV.

    Args:
        file: opened with ``newline=""``.
        curves: (F, 52) in [0, 1], at 25 frames a second.
        pose: (F, 6), see :data:`imagineid.face.model.POSE`; positions have no column.
        fps: rate of the rows.
    """
    both = resampled(np.concatenate([curves, pose[:, :3]], axis=1), FPS, fps)
    table = csv.writer(file, lineterminator="\n")
    table.writerow(COLUMNS)
    for i, row in enumerate(both):
        beta, (pitch, yaw, roll) = row[: len(ARKIT)], row[len(ARKIT) :]
        numbers = [*beta, yaw, pitch, roll, *_gaze(beta, "Left"), *_gaze(beta, "Right")]
        table.writerow([_timecode(i, fps), len(numbers), *(f"{x:.7f}" for x in numbers)])


def _gaze(beta: Array, side: str) -> tuple[float, float, float]:
    """Return yaw, pitch and roll of an eye; positive as the head's: to the viewer's right, down."""
    out, into, up, down = (beta[_AT[f"eyeLook{way}{side}"]] for way in ("Out", "In", "Up", "Down"))
    right = out - into if side == "Left" else into - out  # the person's left is the viewer's right
    return LOOK * float(right), LOOK * float(down - up), 0.0


def _timecode(frame: int, fps: int) -> str:
    seconds, rest = divmod(frame, fps)
    return f"{seconds // 3600:02}:{seconds // 60 % 60:02}:{seconds % 60:02}:{rest:02}.000"


def read(path: Path) -> Motion:
    """Read head pose, blinks and gaze at 25 frames a second.

    Args:
        path: a CSV that ``imagineid analyze --csv`` or Live Link Face wrote; columns may come in
            any order, and missing ones are at rest.

    Raises:
        BadInput: it is not such a file, or a value is not a number.
    """
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            stamps, rows = _numbers(csv.reader(_lines(file)))
        return _motion(stamps, rows)
    except (OSError, ValueError, KeyError, TypeError, AttributeError, csv.Error) as error:
        raise BadInput(
            f"{path} is not a Live Link Face CSV that can be read ({error}).\n"
            "Make one:  imagineid analyze SPEECH --csv motion.csv"
        ) from error


def _lines(file: TextIO) -> Iterator[str]:
    """Yield lines of limited length.

    Raises:
        ValueError: a line is too long.
    """
    while line := file.readline(LONGEST_LINE):
        if len(line) == LONGEST_LINE:
            raise ValueError("a line is too long")
        yield line


def _numbers(table: Iterator[list[str]]) -> tuple[Array, Array]:
    """Parse the rows.

    Returns:
        Frame numbers of the timecodes, (F,), and the columns of :data:`WANTED`, (F, n) float32.

    Raises:
        ValueError: a column is missing, or a number or a timecode is invalid.
    """
    heads = [name.lower() for name in next(table, [])]
    if "timecode" not in heads or "headyaw" not in heads:
        raise ValueError("it has no rows, or lacks the columns Timecode and HeadYaw")
    places = [heads.index(name) if name in heads else None for name in WANTED]
    at = heads.index("timecode")
    stamps, values = array("f"), array("f")
    for row in table:
        if not row:
            continue
        stamp = row[at].split(":") if at < len(row) else []
        if len(stamp) != 4:
            raise ValueError("a Timecode is not HH:MM:SS:FF")
        stamps.append(float(stamp[3]))
        values.extend(float(row[i] or 0) if i is not None and i < len(row) else 0 for i in places)
        if len(stamps) > LONGEST_ROWS:
            raise ValueError("it has too many rows")
    if not stamps:
        raise ValueError("it has no rows, or lacks the columns Timecode and HeadYaw")
    rows = np.frombuffer(values, np.float32).reshape(len(stamps), len(WANTED))
    return np.frombuffer(stamps, np.float32), rows


def _motion(stamps: Array, rows: Array) -> Motion:
    if not (np.isfinite(rows).all() and np.isfinite(stamps).all()):
        raise ValueError("a number is not finite")
    fps = next((rate for rate in RATES if rate > stamps.max()), RATES[-1])
    np.clip(rows[:, 3:], 0, 1, out=rows[:, 3:])
    at_rate = resampled(rows, fps, FPS)
    pose = np.zeros((len(at_rate), 6), np.float32)
    pose[:, :3] = at_rate[:, :3]
    eyes = np.zeros((len(at_rate), len(ARKIT)), np.float32)
    eyes[:, EYE_UNITS] = at_rate[:, 3:]
    return Motion(pose, eyes)
