"""Ambient occlusion of a still mesh: how much of the sky each vertex sees."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from imagineid.face.raster import normals, pixels, spans

if TYPE_CHECKING:
    from numpy.typing import NDArray

SIDE = 192
"""Pixels a side of each depth map."""


def directions(count: int) -> NDArray[np.float64]:
    """Evenly spread unit vectors (count, 3), by the golden angle."""
    k = np.arange(count) + 0.5
    y = 1 - 2 * k / count
    turn = np.pi * (1 + 5**0.5) * k
    ring = np.sqrt(1 - y * y)
    return np.stack([ring * np.cos(turn), y, ring * np.sin(turn)], 1)


def occlusion(
    points: NDArray[np.float32], triangles: NDArray[np.int32], count: int = 96
) -> NDArray[np.float32]:
    """Share of the cosine-weighted sky that each vertex sees, (V,), 0..1.

    Args:
        points: (V, 3) metres.
        triangles: (T, 3); all of them cast shadows.
        count: directions looked into.
    """
    normal = normals(points, triangles)
    middle = (points.min(0) + points.max(0)) / 2
    radius = float(np.linalg.norm(points - middle, axis=1).max()) * 1.01
    open_light, total = np.zeros(len(points)), np.zeros(len(points))
    for toward in directions(count):
        aside = np.cross([0.31, 0.95, 0.1], toward)
        aside /= np.linalg.norm(aside)
        basis = np.stack([aside, np.cross(toward, aside), toward]).astype(np.float32)
        own = (points - middle) @ basis.T
        screen = ((own[:, :2] / radius + 1) * SIDE / 2).astype(np.float32)
        which, row, first, length = spans(screen[triangles], SIDE)
        run, pixel = pixels(row, first, length, SIDE)
        depth = own[triangles, 2].mean(1)[which[run]]
        near = np.full(SIDE * SIDE, -np.inf, np.float32)
        np.maximum.at(near, pixel, depth)
        at = np.clip(screen.astype(int), 0, SIDE - 1)
        bias = 0.0035 + 1.2 * 2 * radius / SIDE * 0.5
        free = own[:, 2] + bias > near[at[:, 1] * SIDE + at[:, 0]]
        cosine = np.maximum(normal @ toward, 0.0)
        open_light += cosine * free
        total += cosine
    return (open_light / np.maximum(total, 1e-6)).astype(np.float32)
