"""Where the face is in a clip, and the square that shows it as our face model's camera does."""

from __future__ import annotations

import numpy as np
from PIL import Image

from imagineid.face import project
from imagineid_prepare.fit import Fitter
from imagineid_prepare.reading import BadClip

Array = np.ndarray

EYES, FOREHEAD, NOSE = (33, 263), 10, 2
"""Landmarks of MediaPipe that hardly move with the expression."""

SMOOTH_FRAMES = 25
"""The square follows the head no faster than its mean over so many frames."""

SEEN = 0.5
"""A face must be found in this share of a clip's frames, and no second one in as many."""

SMALLEST_PX = 64
"""A square below this side shows too little of a face."""


def squares(landmarks: Array, fitter: Fitter, size_px: int = 256) -> Array:
    """Return the square of each frame, (F, 3): left, top and side in pixels of the picture.

    One side for the whole clip; the centre follows the head slowly. In it, a face at rest lies
    where the face model's camera shows it.

    Args:
        landmarks: (F, 478, 2) pixels of the pictures, NaN where no face was found.
        fitter: holds the face model and where the landmarks lie on it.
        size_px: the side that the square will be made.

    Raises:
        BadClip: no face is found in most frames, or it is too small.
    """
    detected = np.isfinite(landmarks[:, 0, 0])
    if detected.mean() < SEEN:
        raise BadClip(f"a face is found in {detected.sum()} of {len(detected)} frames")
    points = fitter.points
    rest = project(
        points.posed(
            points.neutral(np.zeros(len(points.shapes), np.float32)), np.zeros(6, np.float32)
        ),
        size_px,
    )
    found = landmarks[detected]
    widths = np.linalg.norm(found[:, EYES[0]] - found[:, EYES[1]], axis=1)
    heights = np.linalg.norm(found[:, FOREHEAD] - found[:, NOSE], axis=1)
    width, height = np.linalg.norm(rest[EYES[0]] - rest[EYES[1]]), rest[NOSE, 1] - rest[FOREHEAD, 1]
    scale = max(float(np.median(widths)) / width, float(np.median(heights)) / height)
    side = scale * size_px
    if side < SMALLEST_PX:
        raise BadClip(f"its face is too small: {side:.0f} px with the head around it")
    anchors = [*EYES, FOREHEAD, NOSE]
    at = np.arange(len(landmarks))
    where = found[:, anchors].mean(axis=1)
    centre = np.stack([np.interp(at, at[detected], where[:, axis]) for axis in (0, 1)], axis=1)
    corner = _smooth(centre) - rest[anchors].mean(axis=0) * scale
    return np.concatenate([corner, np.full((len(at), 1), side)], axis=1)


def cropped(picture: Array, square: Array, size_px: int) -> Array:
    """Return the square of a picture (H, W[, 3]) uint8 at ``size_px``; edges go on beyond it."""
    left, top, side = square
    height, width = picture.shape[:2]
    over = int(np.ceil(max(0, -left, -top, left + side - width, top + side - height)))
    framed = np.pad(picture, ((over, over), (over, over), (0, 0))[: picture.ndim], mode="edge")
    box = (left + over, top + over, left + side + over, top + side + over)
    resized = Image.fromarray(framed).resize((size_px, size_px), Image.Resampling.LANCZOS, box=box)
    return np.asarray(resized)


def in_square(landmarks: Array, square: Array, size_px: int) -> Array:
    """Return landmarks (478, 2) of a picture as pixels of its square at ``size_px``."""
    return np.asarray((landmarks - square[:2]) * (size_px / square[2]))


def _smooth(values: Array) -> Array:
    """Return the moving mean of (F, n) over :data:`SMOOTH_FRAMES`."""
    reach = min(SMOOTH_FRAMES // 2, len(values) - 1)
    framed = np.pad(values, ((reach, reach), (0, 0)), mode="edge")
    return np.stack([framed[i : i + 2 * reach + 1].mean(axis=0) for i in range(len(values))])
