"""Where MediaPipe's 478 landmarks lie on the face model's mesh."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from imagineid.face import FaceModel

if TYPE_CHECKING:
    from numpy.typing import NDArray

    F32 = NDArray[np.float32]

LANDMARKS = 478
"""MediaPipe's landmarks; the last ten are the irises."""

OVAL = (
    10, 338, 297, 332, 284, 251, 389, 356, 454, 323, 361, 288, 397, 365, 379, 378, 400, 377,
    152, 148, 176, 149, 150, 136, 172, 58, 132, 93, 234, 127, 162, 21, 54, 103, 67, 109,
)  # fmt: skip
"""The face's outline; it slides over the skin as the head turns."""

UPPER_INNER_LIP = (78, 191, 80, 81, 82, 13, 312, 311, 310, 415, 308)
LOWER_INNER_LIP = (78, 95, 88, 178, 87, 14, 317, 402, 318, 324, 308)
OUTER_LIP = (0, 17, 61, 291, 39, 269, 181, 405, 37, 267, 84, 314)

EYELIDS = (
    (33, 7, 163, 144, 145, 153, 154, 155, 133, 173, 157, 158, 159, 160, 161, 246),
    (263, 249, 390, 373, 374, 380, 381, 382, 362, 398, 384, 385, 386, 387, 388, 466),
)
"""The rim of the eye at the viewer's left and right: lower lid outwards in, then the upper."""

UPPER_LIDS = (
    (33, 246, 161, 160, 159, 158, 157, 173, 133),
    (263, 466, 388, 387, 386, 385, 384, 398, 362),
)
IRISES = ((468, 469, 470, 471, 472), (473, 474, 475, 476, 477))
"""Middle and four rim points of the iris at the viewer's left and right."""

FILE = Path(__file__).with_name("correspondence.npz")


@dataclass(frozen=True)
class Correspondence:
    """A point of the mesh for each of MediaPipe's landmarks.

    Attributes:
        triangle: index into the model's triangles, (478,).
        weights: barycentric coordinates in it, each row sums to 1, (478, 3).
        error: median distance between the point and the landmark, px of a 256-px picture, (478,).
    """

    triangle: NDArray[np.int32]
    weights: F32
    error: F32

    def points(self, model: FaceModel, values: F32) -> F32:
        """Interpolate vertex values (..., V, C) at the landmarks: (..., 478, C)."""
        corners = values[..., model.triangles[self.triangle], :]
        return np.asarray((corners * self.weights[:, :, None]).sum(-2), np.float32)

    def landmark_model(self, model: FaceModel) -> FaceModel:
        """Return a face model whose vertices are the 478 landmarks; regions and names stay."""
        return replace(
            model,
            mean=self.points(model, model.mean),
            shapes=self.points(model, model.shapes),
            units=self.points(model, model.units),
            head_weight=self.points(model, model.head_weight[:, None])[:, 0],
        )


def load(path: Path | None = None) -> Correspondence:
    """Read the correspondence that ``python -m imagineid_prepare.calibrate`` measured."""
    with np.load(path or FILE, allow_pickle=False) as file:
        return Correspondence(
            file["triangle"].astype(np.int32),
            file["weights"].astype(np.float32),
            file["error"].astype(np.float32),
        )
