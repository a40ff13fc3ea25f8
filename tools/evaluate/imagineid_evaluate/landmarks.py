"""MediaPipe as a judge, asked in another environment, and its lips against the face model's."""

from __future__ import annotations

import os
import subprocess
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from imagineid.errors import BackendMissing
from imagineid.face import FaceModel, project

Array = np.ndarray
PYTHON = "IMAGINEID_MEDIAPIPE_PYTHON"
"""Names the environment variable that holds the python to ask."""

CHUNK = 64
"""Frames a question."""

LIPS = {
    61: "lip_corner_left",
    291: "lip_corner_right",
    0: "lip_upper_outer_middle",
    13: "lip_upper_inner_middle",
    14: "lip_lower_inner_middle",
    17: "lip_lower_outer_middle",
    39: "lip_upper_outer_2",
    269: "lip_upper_outer_6",
    181: "lip_lower_outer_2",
    405: "lip_lower_outer_6",
    81: "lip_upper_inner_2",
    311: "lip_upper_inner_6",
    178: "lip_lower_inner_2",
    402: "lip_lower_inner_6",
}
"""MediaPipe's landmarks and the face model's of the same points; left is the viewer's."""

INNER = (13, 14)
"""Upper and lower middle of the inner lips."""

OVAL = (
    10, 338, 297, 332, 284, 251, 389, 356, 454, 323, 361, 288, 397, 365, 379, 378, 400, 377,
    152, 148, 176, 149, 150, 136, 172, 58, 132, 93, 234, 127, 162, 21, 54, 103, 67, 109,
)  # fmt: skip
"""The face's outline."""


@dataclass(frozen=True)
class Detections:
    """Faces that MediaPipe detects in N frames.

    Attributes:
        landmarks: (N, 478, 2) pixels; NaN where it detects no face.
        person: (N, H, W) uint8, 255 on a person.
        count: faces found, (N,).
    """

    landmarks: Array
    person: Array
    count: Array

    @property
    def found(self) -> Array:
        """Whether there is a face, (N,) bool."""
        return np.asarray(~np.isnan(self.landmarks[:, 0, 0]))


def look(frames: Sequence[Array], faces: int = 1) -> Detections:
    """Ask MediaPipe about frames, each (H, W, 3) uint8 of one size, and the tallest face in each.

    Args:
        frames: the pictures.
        faces: how many faces to look for; the landmarks are those of the tallest.

    Raises:
        BackendMissing: :data:`PYTHON` names no python that has MediaPipe.
    """
    results = [
        _ask(np.stack(frames[start : start + CHUNK]), faces)
        for start in range(0, len(frames), CHUNK)
    ]
    return Detections(
        np.concatenate([one.landmarks for one in results]),
        np.concatenate([one.person for one in results]),
        np.concatenate([one.count for one in results]),
    )


def _ask(frames: Array, faces: int) -> Detections:
    python = os.environ.get(PYTHON)
    if not python or not Path(python).exists():
        raise _missing()
    worker = Path(__file__).with_name("mediapipe_worker.py")
    with tempfile.TemporaryDirectory(prefix="imagineid-evaluate-") as folder:
        source, target = Path(folder) / "in.npz", Path(folder) / "out.npz"
        np.savez(source, frames=frames, faces=faces)
        done = subprocess.run(
            [python, "-I", str(worker), str(source), str(target)],
            capture_output=True,
            text=True,
            check=False,
        )
        if done.returncode or not target.exists():
            last = (done.stderr.strip().splitlines() or ["it said nothing"])[-1]
            raise _missing(f" {python} failed: {last}")
        with np.load(target, allow_pickle=False) as file:
            return Detections(file["landmarks"], file["person"], file["count"])


class _NoMediaPipe(BackendMissing):
    """The judge is missing."""

    def __init__(self, why: str) -> None:
        Exception.__init__(
            self,
            f"No MediaPipe.{why}\nGive it an environment of its own, and name its python:\n"
            "  python3 -m venv FOLDER && FOLDER/bin/pip install mediapipe==0.10.21 'numpy<2'\n"
            f"  export {PYTHON}=FOLDER/bin/python",
        )


def _missing(why: str = "") -> BackendMissing:
    return _NoMediaPipe(why)


def seen_lips(faces: Detections) -> Array:
    """Return the lips MediaPipe saw, (N, 14, 2) pixels, in the order of :data:`LIPS`."""
    return faces.landmarks[:, list(LIPS)]


def expected_lips(model: FaceModel, points: Array, side: int) -> Array:
    """Return the same lips of a posed mesh (V, 3), (14, 2) pixels of a picture ``side`` wide."""
    return project(points[[model.landmarks[name] for name in LIPS.values()]], side)


def distances(detected: Array, expected: Array, offset: Array | None = None) -> Array:
    """Return how far each lip point lies from its expected place, (N, 14) pixels.

    Args:
        detected: (N, 14, 2), NaN where there is no face.
        expected: (N, 14, 2).
        offset: the constant difference between the two conventions, (14, 2) pixels.
    """
    difference = detected - expected if offset is None else detected - expected - offset
    return np.asarray(np.linalg.norm(difference, axis=-1))


def convention(detected: Array, expected: Array) -> Array:
    """Return the mean difference of each lip point over pictures, (14, 2) pixels."""
    return np.asarray(np.nanmean(detected - expected, axis=0))
