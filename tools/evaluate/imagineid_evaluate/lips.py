"""How far the lips are apart, from expression curves and the baked face alone.

The *opening* is the height of the gap between the inner lip contours in their three middle columns,
less the same at rest, over the mouth's width at rest. It is 0 with closed lips, below 0 with lips
pressed into each other, and about 0.6 with a jaw half open. As expression units add up, it is
linear in the curves; a person's shape enters by the width of their mouth.
"""

from __future__ import annotations

import numpy as np

from imagineid.face import FaceModel
from imagineid.spec import ARKIT

Array = np.ndarray

CLOSED = 0.03
"""Lips count as closed at or below this opening: 1.4 mm on a mouth 48 mm wide."""

STILL_JAW = 0.05
"""A resting jaw is open by this much at most, of jawOpen's 1."""

COLUMNS = (3, 4, 5)
"""Columns of the inner lip contours, of 0 to 8 from corner to corner."""

JAW = ARKIT.index("jawOpen")


def opening(model: FaceModel, alpha: Array, curves: Array) -> Array:
    """Return the opening of each frame, (F,), as a share of the mouth's width.

    Args:
        model: the baked face, whose landmarks are used.
        alpha: the person's shape, (80,).
        curves: expression, (F, 52) in [0, 1].
    """
    marks = model.landmarks
    upper = [marks[f"lip_upper_inner_{k}"] for k in COLUMNS]
    lower = [marks[f"lip_lower_inner_{k}"] for k in COLUMNS]
    rise = model.units[:, upper, 1] - model.units[:, lower, 1]  # (52, columns) metres
    return np.asarray(curves @ rise.mean(axis=1) / width(model, alpha), np.float64)


def width(model: FaceModel, alpha: Array) -> float:
    """Return the width of a person's resting mouth, metres."""
    points = model.neutral(alpha)
    corners = [model.landmarks[f"lip_corner_{side}"] for side in ("left", "right")]
    return float(np.linalg.norm(points[corners[0]] - points[corners[1]]))


def at_rest(opened: Array, curves: Array) -> Array:
    """Return which frames rest, (F,) bool: lips closed, not pushed in, and the jaw up.

    Args:
        opened: of :func:`opening`, (F,).
        curves: expression, (F, 52).
    """
    return np.asarray((np.abs(opened) <= CLOSED) & (curves[:, JAW] <= STILL_JAW))
