"""Bring a photograph into the face model's framing by moving and scaling it."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING

import cv2
import numpy as np

from imagineid.face import load, project
from imagineid_prepare import correspondence

if TYPE_CHECKING:
    from numpy.typing import NDArray

    F32 = NDArray[np.float32]

ZOOMS = (1.0, 1.04, 1.08, 1.12, 1.16)
"""Sizes that are tried, over that of the mean face: larger ones keep the view inside its tile."""

SHIFTS = np.linspace(-0.04, 0.04, 9)
"""Shifts that are tried each way, shares of the side."""

_PREFERRED_ZOOM = 1.04
_ZOOM_COST, _SHIFT_COST = 0.25, 0.25
"""What leaving the usual framing costs, in shares of the view outside the tile."""

BRIDGE, CHIN = 168, 152
"""Landmarks whose distance is steady while the head turns."""


@dataclass(frozen=True)
class Placement:
    """Where the model's view lies on a tile: ``view = tile * scale + shift``, a view 1 wide.

    Attributes:
        scale: views a tile pixel.
        shift: (2,) views.
        inside: share of the view that lies in the tile.
    """

    scale: float
    shift: tuple[float, float]
    inside: float

    @property
    def view_px(self) -> float:
        """Tile pixels across the view."""
        return 1 / self.scale


@dataclass(frozen=True)
class Framed:
    """A photograph as the model's camera would see it.

    Attributes:
        picture: (S, S, 3) uint8 RGB.
        landmarks: (478, 2) pixels of it.
        person: share of person, 0..255, (S, S) uint8.
    """

    picture: NDArray[np.uint8]
    landmarks: F32
    person: NDArray[np.uint8]


@cache
def _mean_landmarks() -> F32:
    """Landmarks of the mean face, shares of the view, (478, 2)."""
    return project(correspondence.load().landmark_model(load()).mean, 1)


def place(landmarks: F32, width: int, height: int) -> Placement:
    """Choose how a tile of this size is brought into the model's view.

    Args:
        landmarks: (478, 2) pixels of the tile.
        width: of the tile, pixels.
        height: of the tile, pixels.
    """
    goal = _mean_landmarks()
    usual = float(
        np.linalg.norm(goal[BRIDGE] - goal[CHIN])
        / np.linalg.norm(landmarks[BRIDGE] - landmarks[CHIN])
    )
    best: tuple[float, Placement] | None = None
    for zoom in ZOOMS:
        scale = usual * zoom
        centred = goal[:468].mean(0) - scale * landmarks[:468].mean(0)
        for across in SHIFTS:
            for down in SHIFTS:
                shift = centred + [across, down]
                inside = _overlap(scale, shift[0], width) * _overlap(scale, shift[1], height)
                cost = 1 - inside + _ZOOM_COST * abs(np.log(zoom / _PREFERRED_ZOOM))
                cost += _SHIFT_COST * (abs(across) + abs(down))
                if best is None or cost < best[0]:
                    where = (float(shift[0]), float(shift[1]))
                    best = cost, Placement(scale, where, float(inside))
    assert best is not None
    return best[1]


def _overlap(scale: float, shift: float, length: int) -> float:
    """Share of the view that a tile covers along one axis."""
    return max(0.0, min(1.0, shift + scale * length) - max(0.0, shift))


def frame_tile(
    tile: NDArray[np.uint8], landmarks: F32, person: NDArray[np.uint8], side: int = 512
) -> Framed:
    """Cut the model's view out of a tile; what lies outside mirrors the tile's edge.

    Args:
        tile: (H, W, 3) uint8 RGB.
        landmarks: (478, 2) pixels of the tile.
        person: mask of the tile's square (its longer side), any size, 0..255.
        side: side of the result, pixels.
    """
    height, width = tile.shape[:2]
    where = place(landmarks, width, height)
    scale, shift = where.scale * side, np.array(where.shift, np.float32) * side
    # Pixel middles lie at halves in landmarks and at whole numbers in OpenCV.
    matrix = np.array([[scale, 0, shift[0]], [0, scale, shift[1]]], np.float64)
    matrix[:, 2] += 0.5 * scale - 0.5
    how = cv2.INTER_CUBIC if scale > 1 else cv2.INTER_AREA
    whole = max(height, width)
    mask = cv2.resize(person, (whole, whole), interpolation=cv2.INTER_CUBIC)[:height, :width]
    border = cv2.BORDER_REFLECT_101
    picture = cv2.warpAffine(tile, matrix, (side, side), flags=how, borderMode=border)
    cover = cv2.warpAffine(mask, matrix, (side, side), borderMode=border)
    marks = (landmarks * scale + shift).astype(np.float32)
    return Framed(np.asarray(picture, np.uint8), marks, np.asarray(cover, np.uint8))
