"""Strands, where they are rooted, and the skull they lie on."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from imagineid.face.model import FaceModel

    F32 = NDArray[np.float32]
    F64 = NDArray[np.float64]

CENTRE = np.array([0.0, 0.02, -0.075])
"""The middle of the skull of the mean head, metres."""


@dataclass(frozen=True)
class Strands:
    """Camera-facing ribbons.

    Attributes:
        points: (N, S, 3) metres at rest.
        width: half widths, (N, S).
        tone: own brightness and depth below the surface, 0..1, (N, S, 2).
        weight: how far each point follows the head's pose, (N, S).
        corners: skin vertices each root hangs on, (N, 3), or None for hair of the skull.
        shares: barycentric shares of those corners, (N, 3).
    """

    points: F32
    width: F32
    tone: F32
    weight: F32
    corners: NDArray[np.int32] | None = None
    shares: F32 | None = None


class Skull:
    """How far the head, neck and shoulders reach from :data:`CENTRE` in every direction."""

    ROWS, COLUMNS = 48, 96

    def __init__(self, points: F32, triangles: NDArray[np.int32]) -> None:
        """Measure skin triangles (T, 3) of resting vertices (V, 3)."""
        corners = points[triangles].astype(np.float64)
        samples = [corners.reshape(-1, 3)]
        for share in (
            (1 / 3, 1 / 3, 1 / 3),
            (0.5, 0.5, 0),
            (0, 0.5, 0.5),
            (0.5, 0, 0.5),
            (0.6, 0.2, 0.2),
            (0.2, 0.6, 0.2),
            (0.2, 0.2, 0.6),
        ):
            samples.append(np.einsum("tkc,k->tc", corners, np.array(share)))
        out = np.concatenate(samples) - CENTRE
        reach = np.linalg.norm(out, axis=1)
        row, column = self._cell(out / reach[:, None])
        table = np.zeros((self.ROWS, self.COLUMNS))
        np.maximum.at(table, (row.astype(int), column.astype(int) % self.COLUMNS), reach)
        for _ in range(40):
            around = np.stack(
                [np.roll(table, s, 1) for s in (1, -1)]
                + [np.vstack([table[:1], table[:-1]]), np.vstack([table[1:], table[-1:]])]
            )
            known = around > 0
            mean = around.sum(0) / np.maximum(known.sum(0), 1)
            table = np.where(table > 0, table, mean)
        smooth = (table + np.roll(table, 1, 1) + np.roll(table, -1, 1)) / 3
        self.table = np.maximum(smooth, table * 0.995)

    def _cell(self, direction: F64) -> tuple[F64, F64]:
        polar = np.arccos(np.clip(direction[..., 1], -1, 1)) / np.pi * (self.ROWS - 1)
        around = np.arctan2(direction[..., 0], direction[..., 2]) / (2 * np.pi) + 0.5
        return polar, around * self.COLUMNS

    def reach(self, direction: F64) -> F64:
        """Distance (N,) of the surface in unit directions (N, 3), interpolated."""
        row, column = self._cell(direction)
        r0, c0 = np.floor(row).astype(int), np.floor(column).astype(int)
        r0 = np.clip(r0, 0, self.ROWS - 2)
        fr, fc = row - r0, column - c0
        a, b = c0 % self.COLUMNS, (c0 + 1) % self.COLUMNS
        upper = self.table[r0, a] * (1 - fc) + self.table[r0, b] * fc
        lower = self.table[r0 + 1, a] * (1 - fc) + self.table[r0 + 1, b] * fc
        return np.asarray(upper * (1 - fr) + lower * fr, np.float64)


def unit(vectors: F64) -> F64:
    """Vectors (..., 3) at length one."""
    return np.asarray(vectors / (np.linalg.norm(vectors, axis=-1, keepdims=True) + 1e-9))


def plant(
    model: FaceModel,
    points: F32,
    normal: F32,
    keep: NDArray[np.bool_],
    count: int,
    rng: np.random.Generator,
) -> tuple[F64, F64, F64, NDArray[np.int32], F64]:
    """Sample roots on kept triangles: position, normal, mean-face place, corners and shares."""
    chosen = model.triangles[keep]
    a, b, c = (points[chosen[:, k]] for k in range(3))
    area = np.linalg.norm(np.cross(b - a, c - a), axis=1)
    pick = rng.choice(len(chosen), count, p=area / area.sum())
    shares = rng.dirichlet([1, 1, 1], count)
    corners = chosen[pick]
    position, direction, rest = (
        np.einsum("nkc,nk->nc", values[corners].astype(np.float64), shares)
        for values in (points, normal, model.mean)
    )
    return position, unit(direction), rest, corners, shares
