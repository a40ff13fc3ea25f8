"""What re-animation needs of the face model: lips, lids, where glasses rest, pixels."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING

import numpy as np

from imagineid.face import load, raster
from imagineid.face.model import REGIONS
from imagineid.face.raster import normals
from imagineid.spec import ARKIT
from imagineid_prepare import correspondence

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from imagineid.face import FaceModel
    from imagineid_prepare.correspondence import Correspondence

    F32 = NDArray[np.float32]

UNIT = {name: i for i, name in enumerate(ARKIT)}
SKIN, LIPS, EYE, MOUTH, TEETH, TONGUE = (
    REGIONS.index(name) for name in ("skin", "lips", "eye", "mouth", "teeth", "tongue")
)
INSIDE = (MOUTH, TEETH, TONGUE)


def smoothstep(low: float, high: float, x: F32) -> F32:
    """0 at ``low``, 1 at ``high`` (which may be the smaller), smooth between."""
    t = np.clip((x - low) / (high - low), 0, 1)
    return np.asarray(t * t * (3 - 2 * t), np.float32)


@dataclass(frozen=True)
class Anatomy:
    """The face model and what is derived of it for re-animation.

    Attributes:
        model: the face.
        marks: MediaPipe's landmarks on it.
        drop: how far an open jaw lowers each vertex, 1 at the lower lip, (V,).
        lids: how far a blink moves each vertex, 1 at the lid's rim, (V,).
        belt: 1 about the eyes where glasses are, (V,).
        open_jaw: the mean face with the jaw open, so that lips are neighbours no more, (V, 3).
        outer_lips: vertices of lips and front mouth, whose texture follows the opening.
        upper_seam: vertices of the upper inner lip from right to left, (9,); ``lower_seam`` alike.
    """

    model: FaceModel
    marks: Correspondence
    drop: F32
    lids: F32
    belt: F32
    open_jaw: F32
    outer_lips: NDArray[np.int64]
    upper_seam: NDArray[np.int64]
    lower_seam: NDArray[np.int64]

    @property
    def region(self) -> NDArray[np.uint8]:
        """Region of each vertex."""
        return self.model.vertex_region

    def at_marks(self, points: F32) -> F32:
        """Landmarks (478, C) of vertex values (V, C)."""
        return self.marks.points(self.model, points)

    def mouth_ring(self) -> NDArray[np.int64]:
        """Vertices around the opening between the lips, in turn."""
        corner = [self.model.landmarks[f"lip_corner_{side}"] for side in ("left", "right")]
        return np.array([corner[0], *self.upper_seam, corner[1], *self.lower_seam[::-1]])


@cache
def anatomy() -> Anatomy:
    """Return the packaged face's."""
    model, marks = load(), correspondence.load()
    mean, region = model.mean, model.vertex_region
    drop = np.linalg.norm(model.units[UNIT["jawOpen"]], axis=1)
    blink = [np.linalg.norm(model.units[UNIT[f"eyeBlink{s}"]], axis=1) for s in ("Left", "Right")]
    about_eyes = (
        smoothstep(-0.043, -0.030, mean[:, 1])
        * smoothstep(0.030, 0.018, mean[:, 1])
        * smoothstep(-0.06, -0.03, mean[:, 2])
        * (1 - smoothstep(0.022, 0.034, mean[:, 2]))  # not the tip of the nose
    )
    rows = [
        np.array([model.landmarks[f"lip_{part}_inner_{k}"] for k in range(9)])
        for part in ("upper", "lower")
    ]
    return Anatomy(
        model=model,
        marks=marks,
        drop=np.asarray(drop / drop[region == LIPS].max(), np.float32),
        lids=np.max([b / b.max() for b in blink], axis=0).astype(np.float32),
        belt=np.where(region == SKIN, about_eyes, 0).astype(np.float32),
        open_jaw=np.asarray(mean + model.units[UNIT["jawOpen"]], np.float32),
        outer_lips=np.flatnonzero(np.isin(region, (LIPS, MOUTH)) & (mean[:, 2] > 0.005)),
        upper_seam=rows[0],
        lower_seam=rows[1],
    )


@dataclass(frozen=True)
class Surface:
    """The pixels that a posed mesh covers, N of them.

    Attributes:
        points: the posed vertices, (V, 3).
        size: side of the picture, pixels.
        pixel: index into the flat picture, (N,).
        corners: vertices of the triangle on top, (N, 3).
        weights: barycentric coordinates in it, (N, 3).
        region: its region, (N,).
    """

    points: F32
    size: int
    pixel: NDArray[np.int64]
    corners: NDArray[np.int32]
    weights: F32
    region: NDArray[np.uint8]

    def mix(self, values: F32, own: NDArray[np.bool_] | None = None) -> F32:
        """Interpolate vertex values (V, ...) at the pixels, or at some of them: (N, ...)."""
        weights = self.weights if own is None else self.weights[own]
        corners = self.corners if own is None else self.corners[own]
        out = values[corners[:, 0]] * _along(weights[:, 0], values)
        for k in (1, 2):
            out += values[corners[:, k]] * _along(weights[:, k], values)
        return np.asarray(out, np.float32)

    def spread(self, values: F32) -> F32:
        """Lay values (N, ...) into an otherwise empty picture (size, size, ...)."""
        out = np.zeros((self.size * self.size, *values.shape[1:]), np.float32)
        out[self.pixel] = values
        return out.reshape(self.size, self.size, *values.shape[1:])

    def window(self, own: NDArray[np.bool_], margin: int) -> tuple[slice, slice]:
        """Rows and columns about some of the pixels, ``own`` (N,), with a margin."""
        rows, columns = np.divmod(self.pixel[own], self.size)
        return tuple(  # type: ignore[return-value]
            slice(max(0, int(at.min()) - margin), int(at.max()) + margin + 1)
            for at in (rows, columns)
        )


def _along(weights: F32, values: F32) -> F32:
    """Shape weights (N,) for products with values of any width."""
    return weights.reshape(-1, *[1] * (values.ndim - 1))


def surface(points: F32, model: FaceModel, size: int) -> Surface:
    """Return the visible surface at each pixel of posed vertices (V, 3)."""
    top = raster.surface(points, model, size)
    first = 1 - top.share.sum(1, keepdims=True)
    return Surface(
        points=points,
        size=size,
        pixel=top.covered.astype(np.int64),
        corners=model.triangles[top.triangle],
        weights=np.concatenate([first, top.share], 1).astype(np.float32),
        region=model.triangle_region[top.triangle],
    )


__all__ = ["UNIT", "Anatomy", "Surface", "anatomy", "normals", "smoothstep", "surface"]
