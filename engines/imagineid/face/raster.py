"""The mesh picture: a numpy rasteriser for the few thousand triangles of the head.

Triangles are split into spans, one per picture row, and sorted from far to near, so that writing
them in order leaves the nearest on top. Colours are interpolated for visible pixels only.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from PIL import Image, ImageDraw

from imagineid.face.model import IRIS_RADIUS, REGIONS, project

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from imagineid.face.model import FaceModel

    F32 = NDArray[np.float32]

EYE, MOUTH = REGIONS.index("eye"), REGIONS.index("mouth")

_LIGHT = np.array([0.25, 0.45, 0.86], np.float32) / np.float32(np.sqrt(0.25**2 + 0.45**2 + 0.86**2))

_COLOURS = {
    "skin": (0.72, 0.72, 0.72),
    "lips": (0.78, 0.46, 0.46),
    "eye": (1.0, 1.0, 1.0),
    "mouth": (0.30, 0.05, 0.06),
    "teeth": (1.0, 1.0, 0.98),
    "tongue": (0.66, 0.24, 0.26),
}

_PALETTE = np.array([_COLOURS.get(name, _COLOURS["skin"]) for name in REGIONS], np.float32)
# Triangles are sorted by depth as a whole: the inside of the mouth must not cover the lips.
_BEHIND = np.array([0.006 if n in ("mouth", "teeth", "tongue") else 0 for n in REGIONS], np.float32)
_NEXT = [1, 2, 0]
_IRIS = np.array([0.08, 0.12, 0.30], np.float32)
_BROW = np.array([0.14, 0.10, 0.08], np.float32)
_BROW_WIDTH = (0.018, 0.016, 0.008)  # from the nose outwards, shares of the picture's side
_BROW_POINTS = 25

BROWS = [
    [f"brow_{part}_{side}" for part in ("inner", "middle", "outer")] for side in ("left", "right")
]
"""Landmarks on each brow."""


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


def spans(
    corners: F32, size: int
) -> tuple[NDArray[np.int32], NDArray[np.int32], NDArray[np.int32], NDArray[np.int32]]:
    """Split screen triangles into horizontal runs of pixels whose centres they cover.

    Args:
        corners: (T, 3, 2) pixels, either orientation.
        size: side of the picture, pixels.

    Returns:
        Triangle, row, first column and length of each run, in the order of the triangles, (N,).
    """
    x, y = corners[:, :, 0], corners[:, :, 1]
    # Edge k from corner k to the next: inside where slope_x * column + slope_y * row + shift >= 0.
    next_x, next_y = x[:, _NEXT], y[:, _NEXT]
    slope_x, slope_y = y - next_y, next_x - x
    shift = x * next_y - next_x * y
    inward = np.sign(shift.sum(1, keepdims=True))
    top = np.maximum(np.ceil(y.min(1) - 0.5), 0).astype(np.int32)
    rows = np.minimum(np.floor(y.max(1) - 0.5), size - 1).astype(np.int32) - top + 1
    np.maximum(rows, 0, out=rows)
    which = np.repeat(np.arange(len(corners), dtype=np.int32), rows)
    begin = np.cumsum(rows) - rows
    row = top[which] + (np.arange(len(which), dtype=np.int32) - begin[which].astype(np.int32))
    with np.errstate(divide="ignore", invalid="ignore"):
        cut, lean = -shift / slope_x, -slope_y / slope_x
    facing = slope_x * inward
    level = np.abs(slope_x) < 1e-6
    # An edge bounds its run on one side; on the other, and where it is level, it bounds nothing.
    cut[level] = lean[level] = 0
    far = np.float32(4 * size)
    loose_left = np.where(level | (facing < 0), -far, np.float32(0))
    loose_right = np.where(level | (facing > 0), far, np.float32(0))
    crossing = cut.take(which, 0)
    crossing += lean.take(which, 0) * (row.astype(np.float32) + np.float32(0.5))[:, None]
    np.clip(crossing, -size, 2 * size, out=crossing)
    left_on = crossing + loose_left.take(which, 0)
    right_on = crossing + loose_right.take(which, 0)
    left = np.maximum(np.maximum(left_on[:, 0], left_on[:, 1]), left_on[:, 2])
    right = np.minimum(np.minimum(right_on[:, 0], right_on[:, 1]), right_on[:, 2])
    first = np.ceil(np.clip(left, 0, size) - 0.5).astype(np.int32)
    last = np.floor(np.clip(right, -1, size) - 0.5).astype(np.int32)
    np.minimum(last, size - 1, out=last)
    length = last - first + 1
    covered = np.flatnonzero(length > 0)
    return which[covered], row[covered], first[covered], length[covered]


def pixels(
    row: NDArray[np.int32], first: NDArray[np.int32], length: NDArray[np.int32], size: int
) -> tuple[NDArray[np.int32], NDArray[np.int32]]:
    """All pixels of runs: the run and the picture index of each, (N,), in the order of the runs."""
    run = np.repeat(np.arange(len(row), dtype=np.int32), length)
    start = row * size + first - (np.cumsum(length, dtype=np.int32) - length)
    return run, start[run] + np.arange(len(run), dtype=np.int32)


def _shade(points: F32, model: FaceModel) -> F32:
    """Vertex colours (V, 3), 0..1: grey skin lit from the front, tinted lips, mouth and teeth."""
    normal = normals(points, model.triangles)
    light = 0.30 + 0.70 * np.clip(normal @ _LIGHT * 0.8 + 0.2, 0, 1)
    colour = _PALETTE[model.vertex_region]
    flat = (model.vertex_region == EYE) | (model.vertex_region == MOUTH)
    light[flat] = np.maximum(light[flat], 0.85)
    return np.asarray(colour * light[:, None], np.float32)


@dataclass(frozen=True, slots=True)
class Surface:
    """The visible surface of posed vertices.

    Attributes:
        screen: the vertices in the picture, (V, 2) pixels.
        area: twice the signed area of each triangle on screen, negative if front-facing, (T,).
        covered: picture indices of the covered pixels, ascending, (N,).
        triangle: the triangle at each, (N,).
        share: barycentric weights of its second and third corner there, (N, 2).
        size: side of the picture, pixels.
    """

    screen: F32
    area: F32
    covered: NDArray[np.int32]
    triangle: NDArray[np.int32]
    share: F32
    size: int

    def interpolate(self, values: F32, triangles: NDArray[np.int32]) -> F32:
        """Return ``values`` of vertices (V, C) at the covered pixels, (N, C)."""
        first = values.take(triangles[:, 0], 0)
        paint = np.concatenate(
            [
                first,
                values.take(triangles[:, 1], 0) - first,
                values.take(triangles[:, 2], 0) - first,
            ],
            1,
        ).take(self.triangle, 0)
        width = values.shape[1]
        out: F32 = paint[:, :width]
        out += paint[:, width : 2 * width] * self.share[:, :1]
        out += paint[:, 2 * width :] * self.share[:, 1:]
        return out


def surface(points: F32, model: FaceModel, size: int) -> Surface:
    """Find the nearest front-facing triangle at each pixel of posed vertices (V, 3)."""
    screen = project(points, size)
    corners = screen[model.triangles]
    e1, e2 = corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0]
    area = e1[:, 0] * e2[:, 1] - e1[:, 1] * e2[:, 0]
    # Picture rows run down, so a counter-clockwise triangle has a negative area on screen.
    front = np.flatnonzero(area < -1e-4)
    depth = points[:, 2][model.triangles[front]].sum(1) / 3 - _BEHIND[model.triangle_region[front]]
    order = front[np.argsort(depth)]
    which, row, first, length = spans(corners[order], size)
    run, at = pixels(row, first, length, size)
    top = np.full(size * size, -1, np.int32)
    top[at] = run
    covered = np.flatnonzero(top >= 0).astype(np.int32)
    triangle = which.take(top.take(covered))
    # Shares of corners 1 and 2 are linear in the pixel: one slope each way and a constant.
    origin, e1, e2 = corners[order, 0], e1[order], e2[order]
    scale = (1 / area[order])[:, None]
    slope = np.stack([e2[:, 1], -e1[:, 1], -e2[:, 0], e1[:, 0]], 1) * scale
    start = np.float32(0.5) - origin
    constant = slope[:, :2] * start[:, :1] + slope[:, 2:] * start[:, 1:]
    rows, columns = np.divmod(covered, size)
    own = slope.take(triangle, 0)
    share = constant.take(triangle, 0)
    share += own[:, :2] * columns.astype(np.float32)[:, None]
    share += own[:, 2:] * rows.astype(np.float32)[:, None]
    return Surface(screen, area, covered, order.take(triangle).astype(np.int32), share, size)


def mesh_picture(
    points: F32, model: FaceModel, size: int = 256, visible: Surface | None = None
) -> NDArray[np.uint8]:
    """Draw posed vertices as a shaded grey head on black.

    Args:
        points: (V, 3) metres, from :meth:`~imagineid.face.model.FaceModel.vertices`.
        model: whose triangles and regions are drawn.
        size: side of the picture, pixels.
        visible: their :func:`surface` at this size, if known.

    Returns:
        (size, size, 3) RGB.
    """
    found = visible or surface(points, model, size)
    colour = found.interpolate(_shade(points, model), model.triangles)
    eye = np.flatnonzero((model.triangle_region == EYE).take(found.triangle))
    corner = model.eye_plane[model.triangles.take(found.triangle[eye], 0)]
    u, v = found.share[eye, :1], found.share[eye, 1:]
    plane = corner[:, 0] * (1 - u - v) + corner[:, 1] * u + corner[:, 2] * v
    radius = np.sqrt((plane * plane).sum(1, keepdims=True))
    iris = np.clip((IRIS_RADIUS - radius) / 0.0008 + 0.5, 0, 1)
    colour[eye] = colour[eye] * (1 - iris) + _IRIS * iris
    flat = np.zeros((size * size, 3), np.float32)
    flat[found.covered] = colour
    picture = flat.reshape(size, size, 3)
    for brow in BROWS:
        _stroke(picture, found.screen[[model.landmarks[name] for name in brow]])
    return np.asarray(np.clip(picture * 255 + 0.5, 0, 255), np.uint8)


def _stroke(picture: F32, ends: F32) -> None:
    """Draw a brow through its inner end, middle and outer end (3, 2), in place.

    Brows carry much of an emotion, and shading alone hardly shows them. Edges are antialiased, so
    that motion below a pixel is visible.
    """
    size = len(picture)
    low = np.clip(np.floor(ends.min(0)) - 5, 0, size).astype(int)
    high = np.clip(np.ceil(ends.max(0)) + 5, 0, size).astype(int)
    along = np.linspace(0, 1, _BROW_POINTS, dtype=np.float32)[:, None]
    bend = 2 * ends[1] - (ends[0] + ends[2]) / 2
    line = (1 - along) ** 2 * ends[0] + 2 * along * (1 - along) * bend + along**2 * ends[2]
    x = np.arange(low[0], high[0], dtype=np.float32) + np.float32(0.5)
    y = np.arange(low[1], high[1], dtype=np.float32) + np.float32(0.5)
    away = np.hypot(x[None, :, None] - line[:, 0], y[:, None, None] - line[:, 1])
    half = size * np.interp(along[:, 0], [0, 0.5, 1], _BROW_WIDTH) / 2
    cover = np.clip(half - away + 0.5, 0, 1).max(axis=2, keepdims=True).astype(np.float32)
    part = picture[low[1] : high[1], low[0] : high[0]]
    part += cover * (_BROW - part) * (part.max(axis=2, keepdims=True) > 0)


def mouth_mask(points: F32, model: FaceModel, size: int = 256) -> NDArray[np.bool_]:
    """Return the mouth area: the hull of lips, adjacent cheeks and chin, enlarged.

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
    mask = Image.new("L", (size, size))
    hull = _hull(screen)
    pen = ImageDraw.Draw(mask)
    pen.polygon(hull, fill=1)
    pen.line([*hull, *hull[:2]], fill=1, width=max(3, round(size * 0.035)) | 1, joint="curve")
    return np.asarray(mask).astype(bool)


def _hull(points: F32) -> list[tuple[float, float]]:
    """Corners of the convex hull of points (N, 2), in turn (Andrew 1979)."""
    ordered = sorted({(float(x), float(y)) for x, y in points})

    def half(walk: list[tuple[float, float]]) -> list[tuple[float, float]]:
        hull: list[tuple[float, float]] = []
        for x, y in walk:
            while len(hull) > 1:
                (ax, ay), (bx, by) = hull[-2:]
                if (bx - ax) * (y - ay) - (by - ay) * (x - ax) > 0:
                    break
                hull.pop()
            hull.append((x, y))
        return hull[:-1]

    return half(ordered) + half(ordered[::-1])
