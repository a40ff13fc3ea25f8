"""Live Link Face CSV: the curves of a face as Blender add-ons and Unreal read them, and back.

A row a frame: Timecode ``HH:MM:SS:FF.mmm``, BlendShapeCount 61, the 52 ARKit units in [0, 1], then
yaw, pitch and roll of the head and of each eye, in radians.
"""

from __future__ import annotations

import csv
import math
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
"""About how far a full look unit turns an eye, radians."""

EYE_UNITS = [i for i, name in enumerate(ARKIT) if name.startswith(("eyeBlink", "eyeLook"))]
"""The units that a reference's motion is copied of: lids and gaze, not squints and stares."""

LONGEST_ROWS = 1_000_000
_AT = {name: i for i, name in enumerate(ARKIT)}


def resampled(rows: Array, fps: float, to_fps: float) -> Array:
    """Bring rows (F, n) from one rate to another, straight lines between them."""
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
            any order, and those that are missing are at rest.

    Raises:
        BadInput: it is no such file, or a number in it is none.
    """
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            rows = []
            for row in csv.DictReader(file):
                rows.append({(k or "").lower(): v for k, v in row.items()})
                if len(rows) > LONGEST_ROWS:
                    raise ValueError("it never ends")
        return _motion(rows)
    except (OSError, ValueError, KeyError, TypeError, AttributeError, csv.Error) as error:
        raise BadInput(
            f"{path} is not a Live Link Face CSV that can be read ({error}).\n"
            "Make one:  imagineid analyze SPEECH --csv motion.csv"
        ) from error


def _motion(rows: list[dict[str, str]]) -> Motion:
    if not rows or "timecode" not in rows[0] or "headyaw" not in rows[0]:
        raise ValueError("it lacks rows, or the columns Timecode and HeadYaw")

    def column(name: str) -> Array:
        return np.array([float(row.get(name.lower()) or 0) for row in rows])

    stamps = [row["timecode"].split(":") for row in rows]
    frames = np.array([float(stamp[3]) for stamp in stamps if len(stamp) == 4])
    if len(frames) != len(rows):
        raise ValueError("a Timecode is not HH:MM:SS:FF")
    fps = next((rate for rate in RATES if rate > frames.max()), RATES[-1])
    pose = np.zeros((len(rows), 6))
    for i, name in enumerate(("HeadPitch", "HeadYaw", "HeadRoll")):
        pose[:, i] = column(name)
    eyes = np.zeros((len(rows), len(ARKIT)))
    for unit in EYE_UNITS:
        eyes[:, unit] = column(ARKIT[unit])
    if not (np.isfinite(pose).all() and np.isfinite(eyes).all()):
        raise ValueError("a number is not finite")
    return Motion(
        resampled(pose, fps, FPS).astype(np.float32),
        resampled(np.clip(eyes, 0, 1), fps, FPS).astype(np.float32),
    )
