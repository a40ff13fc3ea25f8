"""The mesh picture: a small numpy rasteriser over the head's few thousand triangles.

Visible triangles are bucketed by the size of their bounding boxes, each bucket's coverage and
depth are computed at once, and the fragments are resolved by a single sort-free depth scatter:
they are written from far to near, so that the nearest is written last.
"""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING

import cv2
import numpy as np

from imagineid.face.model import IRIS_RADIUS, REGIONS, project

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from imagineid.face.model import FaceModel

    F32 = NDArray[np.float32]

BUCKETS = (3, 5, 8, 12, 18, 28, 44, 96)
"""Bounding-box sides, in pixels, that triangles are rounded up to."""

_LIGHT = np.array([0.25, 0.45, 0.86], np.float32) / np.float32(np.sqrt(0.25**2 + 0.45**2 + 0.86**2))

_COLOURS = {
    "skin": (0.72, 0.72, 0.72),
    "lips": (0.78, 0.46, 0.46),
    "eye": (1.0, 1.0, 1.0),
    "mouth": (0.30, 0.05, 0.06),
    "teeth": (1.0, 1.0, 0.98),
    "tongue": (0.66, 0.24, 0.26),
}

_IRIS = np.array([0.08, 0.12, 0.30], np.float32)


def normals(points: F32, triangles: NDArray[np.int32]) -> F32:
    """Smooth vertex normals (V, 3), weighted by area."""
    a, b, c = (points[triangles[:, k]] for k in range(3))
    face = _cross(b - a, c - a)
    total = np.empty_like(points)
    flat = triangles.reshape(-1)
    for axis in range(3):
        weights = np.repeat(face[:, axis], 3)
        total[:, axis] = np.bincount(flat, weights, len(points))
    length = np.sqrt(np.einsum("vc,vc->v", total, total)) + 1e-12
    return np.asarray(total / length[:, None], np.float32)


def _cross(a: F32, b: F32) -> F32:
    """Cross products of rows (N, 3); numpy's own is slower on small arrays."""
    return np.stack(
        [
            a[:, 1] * b[:, 2] - a[:, 2] * b[:, 1],
            a[:, 2] * b[:, 0] - a[:, 0] * b[:, 2],
            a[:, 0] * b[:, 1] - a[:, 1] * b[:, 0],
        ],
        1,
    )


@lru_cache(maxsize=16)
def _grid(side: int) -> tuple[NDArray[np.int32], NDArray[np.int32]]:
    """Pixel offsets (side * side,) inside a square box: columns and rows."""
    rows, columns = np.divmod(np.arange(side * side, dtype=np.int32), side)
    return columns.astype(np.int32), rows.astype(np.int32)


def fragments(
    corners: F32, depth: F32, size: int
) -> tuple[NDArray[np.int32], NDArray[np.int32], F32, F32, F32]:
    """All covered pixels of screen triangles.

    Args:
        corners: (T, 3, 2) pixels, front faces only.
        depth: (T, 3), larger is nearer.
        size: side of the picture, pixels.

    Returns:
        Pixel index, triangle, depth and two barycentric weights (of corners 1 and 2), each (N,).
    """
    low = np.floor(corners.min(1) - 0.5).astype(np.int32)
    np.maximum(low, 0, out=low)
    high = np.minimum(np.ceil(corners.max(1) - 0.5).astype(np.int32), size - 1)
    span = (high - low).max(1) + 1
    inside = (high >= low).all(1)
    origin = corners[:, 0]
    edge1, edge2 = corners[:, 1] - origin, corners[:, 2] - origin
    area = edge1[:, 0] * edge2[:, 1] - edge1[:, 1] * edge2[:, 0]
    inverse = np.float32(1.0) / np.where(np.abs(area) < 1e-9, np.float32(1e-9), area)
    found = []
    smallest = 0
    for side in BUCKETS:
        own = np.flatnonzero(inside & (span > smallest) & (span <= side))
        smallest = side
        if not len(own):
            continue
        columns, rows = _grid(side)
        start = low[own].astype(np.float32) + np.float32(0.5) - origin[own]
        e1, e2, inv = edge1[own], edge2[own], inverse[own, None]
        # Weights are linear in the pixel: constant per triangle plus slopes times the offset.
        u0 = (start[:, 0] * e2[:, 1] - start[:, 1] * e2[:, 0])[:, None] * inv
        v0 = (start[:, 1] * e1[:, 0] - start[:, 0] * e1[:, 1])[:, None] * inv
        u = u0 + (e2[:, 1:2] * inv) * columns - (e2[:, 0:1] * inv) * rows
        v = v0 - (e1[:, 1:2] * inv) * columns + (e1[:, 0:1] * inv) * rows
        which, at = np.nonzero((u >= 0) & (v >= 0) & (u + v <= 1))
        t = own[which]
        x, y = low[t, 0] + columns[at], low[t, 1] + rows[at]
        seen = (x < size) & (y < size)
        uu, vv = u[which, at][seen], v[which, at][seen]
        t = t[seen]
        d = depth[t, 0] + uu * (depth[t, 1] - depth[t, 0]) + vv * (depth[t, 2] - depth[t, 0])
        found.append((y[seen] * size + x[seen], t.astype(np.int32), d, uu, vv))
    if not found:
        empty = np.zeros(0, np.int32)
        none = np.zeros(0, np.float32)
        return empty, empty, none, none, none
    pixel, triangle, near, uu, vv = (np.concatenate(part) for part in zip(*found, strict=True))
    return pixel, triangle, near, uu, vv


def _shade(points: F32, model: FaceModel) -> F32:
    """Vertex colours (V, 3), 0..1: grey skin lit from the front, tinted lips, mouth and teeth."""
    normal = normals(points, model.triangles)
    light = 0.30 + 0.70 * np.clip(normal @ _LIGHT * 0.8 + 0.2, 0, 1)
    palette = np.array([_COLOURS.get(name, _COLOURS["skin"]) for name in REGIONS], np.float32)
    colour = palette[model.vertex_region]
    flat = np.isin(model.vertex_region, [REGIONS.index("eye"), REGIONS.index("mouth")])
    light[flat] = np.maximum(light[flat], 0.85)
    return np.asarray(colour * light[:, None], np.float32)


def mesh_picture(points: F32, model: FaceModel, size: int = 256) -> NDArray[np.uint8]:
    """Draw posed vertices as a shaded grey head on black.

    Args:
        points: (V, 3) metres, from :meth:`FaceModel.vertices`.
        model: whose triangles and regions are drawn.
        size: side of the picture, pixels.

    Returns:
        (size, size, 3) RGB.
    """
    screen = project(points, size)
    corners = screen[model.triangles]
    e1, e2 = corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0]
    # Picture rows run down, so a counter-clockwise triangle has a negative area on screen.
    front = e1[:, 0] * e2[:, 1] - e1[:, 1] * e2[:, 0] < 0
    triangles = model.triangles[front]
    pixel, which, depth, u, v = fragments(corners[front], points[triangles][:, :, 2], size)
    order = np.argsort(depth)
    winner = np.full(size * size, -1, np.int32)
    winner[pixel[order]] = order
    covered = np.flatnonzero(winner >= 0)
    best = winner[covered]
    three = triangles[which[best]]
    u, v = u[best, None], v[best, None]
    w = 1 - u - v
    colours = _shade(points, model)
    colour = colours[three[:, 0]] * w + colours[three[:, 1]] * u + colours[three[:, 2]] * v
    eye = model.triangle_region[front][which[best]] == REGIONS.index("eye")
    own, uu, vv, ww = three[eye], u[eye], v[eye], w[eye]
    plane = model.eye_plane
    at = plane[own[:, 0]] * ww + plane[own[:, 1]] * uu + plane[own[:, 2]] * vv
    radius = np.sqrt((at * at).sum(1, keepdims=True))
    iris = np.clip((IRIS_RADIUS - radius) / 0.0008 + 0.5, 0, 1)
    colour[eye] = colour[eye] * (1 - iris) + _IRIS * iris
    picture = np.zeros((size * size, 3), np.uint8)
    picture[covered] = np.clip(colour * 255 + 0.5, 0, 255)
    return picture.reshape(size, size, 3)


def mouth_mask(points: F32, model: FaceModel, size: int = 256) -> NDArray[np.bool_]:
    """The lower face that speech moves: hull of lips, cheeks beside them and chin, widened.

    Args:
        points: (V, 3) metres, posed.
        model: whose landmarks are used.
        size: side of the picture, pixels.

    Returns:
        (size, size), true inside.
    """
    names = ("lip", "chin", "jaw", "nose_tip")
    marks = [i for name, i in model.landmarks.items() if name.startswith(names)]
    screen = project(points[marks], size)
    hull = cv2.convexHull(screen.astype(np.float32))
    mask = np.zeros((size, size), np.uint8)
    cv2.fillConvexPoly(mask, np.round(hull).astype(np.int32), 1)
    wide = max(3, round(size * 0.035)) | 1
    return cv2.dilate(mask, np.ones((wide, wide), np.uint8)).astype(bool)
