"""Motion of a reference: head pose, blinks and gaze from a video or a CSV."""

from __future__ import annotations

import os
from collections.abc import Iterator
from importlib.util import find_spec
from itertools import islice
from pathlib import Path
from typing import Any

import av
import numpy as np

from imagineid.containers import open_media
from imagineid.errors import BackendMissing, BadInput
from imagineid.face import livelink
from imagineid.face.motion import Motion
from imagineid.spec import ARKIT, FPS

Array = np.ndarray
FARTHEST = np.array([0.35, 0.45, 0.25, 0.02, 0.02, 0.1], np.float32)
"""Limits of the pose, from the range in the training data: radians, metres, log."""

LARGEST_PX = 640
"""Larger pictures are downscaled before face detection."""

FACES_WANTED = 0.5
"""Share of frames in which a face must be found."""

_RIGHT, _LEFT = (33, 133), (263, 362)
"""Outer and inner corner of the person's right and left eye, of MediaPipe's 478 landmarks."""

_LIDS = {"Right": ((159, 158, 160), (145, 153, 144)), "Left": ((386, 385, 387), (374, 380, 373))}
_FOREHEAD, _NOSE = (10, 151, 9), 2

YAW_GAIN = 1.13
"""Factor by which MediaPipe's depth overstates a turn, measured on faces of known pose."""

OPEN_SHARE, CLOSED_SHARE = 0.85, 0.25
"""Shares of the usual eye opening that count as open and as closed."""


def motion_of(path: Path, frames: int) -> Motion:
    """Return the motion of a reference, for a number of frames.

    Args:
        path: a .csv (see :mod:`imagineid.face.livelink`), or a video of a face.
        frames: number of frames; a shorter reference is played forwards and backwards.

    Raises:
        BadInput: it can't be read, or has no face.
        BackendMissing: it is a video and the extra ``[motion]`` is not installed.
    """
    check(path)
    found = livelink.read(path) if path.suffix.lower() == ".csv" else _of_video(path, frames)
    return lasting(found, frames)


def check(path: Path) -> None:
    """Validate a reference before any work.

    Raises:
        BadInput: it does not exist.
        BackendMissing: it is a video and the extra ``[motion]`` is not installed.
    """
    if not path.is_file():
        raise BadInput(
            f"The reference {path} does not exist.\nFor random motion, remove --pose-from"
        )
    if path.suffix.lower() != ".csv" and find_spec("mediapipe") is None:
        raise _NoMotion(path)


def lasting(motion: Motion, frames: int) -> Motion:
    """Return motion of ``frames``: cut, or repeated forwards and backwards, without a jump."""
    count = len(motion.pose)
    at = np.arange(frames) % max(1, 2 * count - 2)
    at = np.where(at < count, at, 2 * count - 2 - at)
    pose = np.clip(motion.pose[at], -FARTHEST, FARTHEST)
    return Motion(pose, motion.eyes[at])


def _of_video(path: Path, most: int) -> Motion:
    marks = _landmarks(path, most)
    detected = ~np.isnan(marks[:, 0, 0])
    if detected.mean() < FACES_WANTED:
        raise BadInput(
            f"A face is found in {detected.sum()} of {len(detected)} frames of {path}: too few.\n"
            "Give a video of one face, seen from the front:  --pose-from OTHER.mp4"
        )
    return motion_of_landmarks(_filled(marks))


def motion_of_landmarks(marks: Array) -> Motion:
    """Compute pose and blinks from MediaPipe's landmarks, (F, 478, 3) pixels, 25 a second.

    The head's axes are the line through the eyes and the vertical midline of the face. The resting
    pitch can't be computed from a face's shape, so pitch is relative to its median.
    """
    points = marks * np.array([1, -1, -1])  # x to the viewer's right, y up, z to the viewer
    across = _unit(points[:, _LEFT].mean(axis=1) - points[:, _RIGHT].mean(axis=1))
    up = points[:, _FOREHEAD].mean(axis=1) - points[:, _NOSE]
    up = _unit(up - (up * across).sum(axis=1, keepdims=True) * across)
    ahead = np.cross(across, up)
    pitch = np.arctan2(up[:, 2], ahead[:, 2])
    yaw = np.arcsin(np.clip(-across[:, 2], -1, 1)) / YAW_GAIN
    roll = np.arctan2(across[:, 1], across[:, 0])
    pose = np.zeros((len(marks), 6))
    pose[:, :3] = _steady(np.stack([pitch - np.median(pitch), yaw, roll], axis=1))
    eyes = np.zeros((len(marks), len(ARKIT)))
    for side, corners in (("Right", _RIGHT), ("Left", _LEFT)):
        upper, lower = _LIDS[side]
        gap = np.linalg.norm(points[:, upper] - points[:, lower], axis=2).mean(axis=1)
        gap /= np.linalg.norm(points[:, corners[0]] - points[:, corners[1]], axis=1)
        share = gap / max(float(np.percentile(gap, 75)), 1e-6)
        closed = (OPEN_SHARE - share) / (OPEN_SHARE - CLOSED_SHARE)
        eyes[:, ARKIT.index(f"eyeBlink{side}")] = np.clip(closed, 0, 1)
    return Motion(pose.astype(np.float32), eyes.astype(np.float32))


def _unit(vectors: Array) -> Array:
    return np.asarray(vectors / np.linalg.norm(vectors, axis=-1, keepdims=True))


def _steady(values: Array) -> Array:
    """Smooth (F, n) over five frames, longer than the detector's jitter."""
    weights = np.array([1, 4, 6, 4, 1]) / 16
    padded = np.pad(values, ((2, 2), (0, 0)), mode="edge")
    return np.asarray(sum(w * padded[i : i + len(values)] for i, w in enumerate(weights)))


def _filled(marks: Array) -> Array:
    """Interpolate linearly over frames without a face."""
    detected = np.flatnonzero(~np.isnan(marks[:, 0, 0]))
    at = np.interp(np.arange(len(marks)), detected, np.arange(len(detected)))
    low = at.astype(int)
    high = np.minimum(low + 1, len(detected) - 1)
    share = (at - low)[:, None, None]
    return np.asarray(marks[detected[low]] * (1 - share) + marks[detected[high]] * share)


def _landmarks(path: Path, most: int) -> Array:
    """Run MediaPipe on the first ``most`` frames, (F, 478, 3) pixels; NaN without a face."""
    os.environ.setdefault("GLOG_minloglevel", "2")  # silence its log
    try:
        from mediapipe.python.solutions.face_mesh import FaceMesh
    except ImportError as error:
        raise _NoMotion(path) from error
    found: list[Array] = []
    with FaceMesh(max_num_faces=1, refine_landmarks=True) as mesh:
        for picture in islice(_pictures(path), most):
            height, width = picture.shape[:2]
            faces: Any = mesh.process(picture).multi_face_landmarks
            marks = np.full((478, 3), np.nan)
            if faces:
                marks[:] = [(p.x * width, p.y * height, p.z * width) for p in faces[0].landmark]
            found.append(marks)
    if not found:
        raise BadInput(f"There is no picture in {path}.\nGive a video:  --pose-from OTHER.mp4")
    return np.stack(found)


def _pictures(path: Path) -> Iterator[Array]:
    """Decode to 25 frames a second, upright, (H, W, 3) uint8, :data:`LARGEST_PX` at most."""
    try:
        with open_media(path) as container:
            if not container.streams.video:
                return
            due, start = 0, None
            for frame in container.decode(video=0):
                time = frame.time or 0.0
                start = time if start is None else start
                if (time - start) * FPS < due - 0.5:
                    continue
                scale = min(1.0, LARGEST_PX / max(frame.width, frame.height))
                small = frame.reformat(
                    max(16, round(frame.width * scale)),
                    max(16, round(frame.height * scale)),
                    "rgb24",
                )
                picture = np.rot90(small.to_ndarray(), round(frame.rotation / 90))
                while due <= (time - start) * FPS + 0.5:
                    yield picture
                    due += 1
    except (av.FFmpegError, OSError, ValueError) as error:
        raise BadInput(
            f"{path} is not a video that can be read.\nGive another:  --pose-from OTHER.mp4"
        ) from error


class _NoMotion(BackendMissing):
    """MediaPipe is not installed."""

    def __init__(self, path: Path) -> None:
        Exception.__init__(
            self,
            f"Reading motion off {path} needs MediaPipe, which is not installed.\n"
            "Install it:  pip install 'imagineid[motion]'   (or give a .csv)",
        )
