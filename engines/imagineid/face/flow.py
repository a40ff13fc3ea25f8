"""The mesh flow: backward optical flow from a later frame to the first frame.

On the face it is exact: that of the mesh. Hair, ears and neck follow the head as a plane, blended
with the motion of the nearest part of the face, and the motion fades out towards the shoulders.
Pixels that the first frame did not show (the inside of a closed mouth, a shut eye, a cheek that was
turned away) have no cover and must be generated; nor do those where the flow is torn.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from imagineid.face.model import (
    CAMERA_Z,
    FOV_DEG,
    NECK_PIVOT,
    REGIONS,
    VIEW_CENTRE,
    posed,
    project,
    rotation,
)
from imagineid.face.raster import Surface, normals, surface

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from imagineid.face.model import FaceModel

    F32 = NDArray[np.float32]

NODES = 49
"""Nodes along a side of the coarse field around the face."""

HAIR_Z = -0.045
"""Depth of the plane that hair and ears lie on, metres."""

PULL_CELL = 0.02
"""One vertex in each square of this side moves the field; share of the picture's side."""

HIDDEN_BY = 0.006
"""A point at most this far behind the first frame's surface counts as visible, metres."""

TORN = 1.5 / 256
"""Neighbouring pixels whose sources lie further apart, as a share of the picture's side, have no
cover: between the lids of a shut eye, what lies between those sources is the open eye."""

SKIN = REGIONS.index("skin")
_PART = np.array(
    [{"eye": 1, "mouth": 2, "teeth": 2, "tongue": 2}.get(name, 0) for name in REGIONS], np.uint8
)
_INNER = [REGIONS.index(name) for name in ("lips", "eye", "mouth", "teeth", "tongue")]


@dataclass(frozen=True, slots=True)
class Flow:
    """Backward flow of a frame.

    Attributes:
        offset: source position minus own position, x and y, (2, N, N), in the units of torch's
            ``grid_sample`` without aligned corners: the picture's side is 2.
        cover: visibility of each pixel in the first frame, (1, N, N) in [0, 1]; 0 off the mesh.
    """

    offset: F32
    cover: F32


def _step(low: float, high: float, x: F32) -> F32:
    """Smooth step from 0 at ``low`` to 1 at ``high``, which may be below ``low``."""
    t = np.clip((x - low) / (high - low), 0, 1)
    return np.asarray(t * t * (3 - 2 * t), np.float32)


class MeshFlow:
    """The flow from one first frame to any later mesh of the same person."""

    def __init__(
        self, model: FaceModel, rest: F32, points: F32, pose: F32, size: int = 256
    ) -> None:
        """Precompute what depends on the first frame only.

        Args:
            model: the face model.
            rest: the person's vertices at rest, (V, 3), see :meth:`FaceModel.neutral`.
            points: the first frame's posed vertices, (V, 3).
            pose: its pose, (6,).
            size: N, side of the flow, pixels.
        """
        self.model, self.size, self.points = model, size, points
        self.first = surface(points, model, size)
        self._seen_first()
        normal = normals(points, model.triangles)[:, 2]
        self.weight = _mesh_weight(model, normal)
        self._plane(rest, pose)
        self._pull(normal)
        place = (np.arange(size, dtype=np.float32) + np.float32(0.5)) * ((NODES - 1) / size)
        self.node = place.astype(np.int32)  # the node before each pixel of a row or column, (N,)
        self.past = place - self.node  # how far it is past that node, nodes

    def _seen_first(self) -> None:
        """Store depth (metres; -9 off the mesh) and part of the first frame, (N * N,)."""
        pixels, first = self.size**2, self.first
        depth = first.interpolate(self.points[:, 2:], self.model.triangles)[:, 0]
        self.depth = np.full(pixels, -9, np.float32)
        self.depth[first.covered] = depth
        self.part = _PART.take(self.model.triangle_region)
        self.first_part = np.zeros(pixels, np.uint8)
        self.first_part[first.covered] = self.part.take(first.triangle)

    def _plane(self, rest: F32, pose: F32) -> None:
        """Place the nodes on the head's plane, in the coordinates of a head at rest."""
        side = np.linspace(0, 1, NODES, dtype=np.float32)
        x, y = np.meshgrid(side, side)
        self.nodes = np.stack([x, y], -1).reshape(-1, 2)
        view = 2 * (CAMERA_Z - HAIR_Z) * float(np.tan(np.radians(FOV_DEG / 2)))
        flat = np.empty((len(self.nodes), 3), np.float32)
        flat[:, 0] = (self.nodes[:, 0] - 0.5) * view + VIEW_CENTRE[0]
        flat[:, 1] = (0.5 - self.nodes[:, 1]) * view + VIEW_CENTRE[1]
        flat[:, 2] = HAIR_Z
        pivot = np.asarray(NECK_PIVOT, np.float32)
        back = (flat - pivot) / np.float32(np.exp(pose[5]))
        back[:, :2] -= pose[3:5]
        head = back @ rotation(*map(float, pose[:3])) + pivot
        chin = float(rest[self.model.landmarks["chin"], 1])
        follow = _step(chin - 0.055, chin + 0.035, head[:, 1])
        self.follow = follow * _step(0.24, 0.11, np.abs(head[:, 0]))
        self.head = np.asarray(head, np.float32)
        self.plane_first = project(posed(self.head, pose, self.follow), 1)

    def _pull(self, normal: F32) -> None:
        """Choose the face's vertices that move nodes, and their weights for each node."""
        model, at = self.model, project(self.points, 1)
        near = (normal > 0.1) & (model.mean[:, 1] > -0.13) & (model.mean[:, 2] > -0.07)
        pool = np.flatnonzero(near & (model.vertex_region == SKIN))
        cell = np.floor(at[pool] / PULL_CELL).astype(np.int64)
        _, one = np.unique(cell[:, 1] * 4096 + cell[:, 0], return_index=True)
        self.pulls = pool[one]
        self.pulled = at[self.pulls]
        away = np.square(self.nodes[:, None] - self.pulled[None]).sum(2)
        nearest = away.min(1, keepdims=True)
        weight = np.exp(-(away - nearest) / (2 * 0.018**2 + 0.5 * nearest))
        weight /= weight.sum(1, keepdims=True)
        self.spread = (weight * np.exp(-nearest / (2 * 0.09**2))).astype(np.float32)

    def _around(self, points: F32, pose: F32) -> F32:
        """The backward field of hair, ears and neck, (NODES, NODES, 2) in picture sides."""
        far = project(posed(self.head, pose, self.follow), 1) - self.plane_first
        shape = (NODES, NODES, 2)
        moved = project(points[self.pulls], 1) - self.pulled
        moved -= _sampled(far.reshape(shape), self.pulled)
        # Not a matrix product: BLAS would split it among threads that wait for busy cores.
        pulled = np.einsum("np,cp->nc", self.spread, np.ascontiguousarray(moved.T))
        forward = (far + pulled).reshape(shape)
        back: F32 = -forward
        for _ in range(5):  # b(p) = -f(p + b(p))
            found = _sampled(forward, self.nodes + back.reshape(-1, 2))
            back = np.negative(found).reshape(shape)
        return np.asarray(back, np.float32)

    def _enlarged(self, field: F32) -> F32:
        """Interpolate a field (2, NODES, NODES) linearly at all pixels, (2, N, N)."""
        upper = field.take(self.node, 1)
        rows = upper + (field.take(self.node + 1, 1) - upper) * self.past[:, None]
        left = rows.take(self.node, 2)
        return np.asarray(left + (rows.take(self.node + 1, 2) - left) * self.past, np.float32)

    def __call__(self, points: F32, pose: F32, visible: Surface | None = None) -> Flow:
        """Return the flow to posed vertices (V, 3) with their pose (6,).

        Args:
            points: the later frame's posed vertices.
            pose: its pose.
            visible: its :func:`surface` at this size, if it is known.
        """
        side, triangles = self.size, self.model.triangles
        now = visible or surface(points, self.model, side)
        back = self._around(points, pose)
        offset = self._enlarged(np.ascontiguousarray(2 * back.transpose(2, 0, 1)))
        known = np.concatenate([self.first.screen, self.points[:, 2:], self.weight[:, None]], 1)
        at = now.interpolate(known, triangles)
        rows, columns = np.divmod(now.covered, side)
        own = np.stack([columns, rows], 1).astype(np.float32) + np.float32(0.5)
        weight = at[:, 3:]
        flat = offset.reshape(2, -1)
        exact = (at[:, :2] - own) * np.float32(2 / side)
        flat[:, now.covered] += (weight * (exact - flat[:, now.covered].T)).T
        inside = (at[:, :2] >= 0).all(1) & (at[:, :2] < side).all(1)
        source = np.clip(at[:, :2], 0, side - 1).astype(np.int32)
        pixel = source[:, 1] * side + source[:, 0]
        in_view = inside & (at[:, 2] > self.depth.take(pixel) - HIDDEN_BY)
        # A lid is too thin for depth to tell whether it hid the eye.
        in_view &= self.part.take(now.triangle) == self.first_part.take(pixel)
        # A triangle that was small in the first frame shows less of itself than it is large now.
        stretched = np.clip(self.first.area / np.minimum(now.area, -1e-4), 0, 1)
        cover = np.zeros(side * side, np.float32)
        cover[now.covered] = in_view * stretched.take(now.triangle).astype(np.float32)
        offset = np.asarray(flat.reshape(2, side, side), np.float32)
        cover[_torn(offset).reshape(-1)] = 0
        return Flow(offset, cover.reshape(1, side, side))


def _torn(offset: F32) -> NDArray[np.bool_]:
    """Pixels whose neighbours come from far away, (N, N); see :data:`TORN`."""
    out = np.zeros(offset.shape[1:], bool)
    across = (np.abs(offset[:, :, 1:] - offset[:, :, :-1]) > 2 * TORN).any(0)
    down = (np.abs(offset[:, 1:] - offset[:, :-1]) > 2 * TORN).any(0)
    out[:, 1:] |= across
    out[:, :-1] |= across
    out[1:] |= down
    out[:-1] |= down
    return out


def _mesh_weight(model: FaceModel, normal: F32) -> F32:
    """Weight of the mesh's own motion at each vertex, smaller at the rim of the face, (V,)."""
    x = model.mean
    weight = _step(0.25, 0.7, normal) * _step(-0.125, -0.105, x[:, 1])
    weight = weight * _step(0.10, 0.075, x[:, 1]) * _step(-0.055, -0.025, x[:, 2])
    weight = weight * model.head_weight
    weight[np.isin(model.vertex_region, _INNER)] = 1
    return np.asarray(weight, np.float32)


def _sampled(field: F32, at: F32) -> F32:
    """Sample a field (NODES, NODES, 2) bilinearly at positions (N, 2) in picture sides, (N, 2)."""
    place = np.clip(at * (NODES - 1), 0, NODES - 1.001)
    low = place.astype(np.int32)
    part: F32 = (place - low).astype(np.float32)
    flat = field.reshape(-1, 2)
    corner = low[:, 1] * NODES + low[:, 0]
    x, y = part[:, :1], part[:, 1:]
    upper = flat.take(corner, 0) * (1 - x) + flat.take(corner + 1, 0) * x
    lower = flat.take(corner + NODES, 0) * (1 - x) + flat.take(corner + NODES + 1, 0) * x
    return np.asarray(upper * (1 - y) + lower * y, np.float32)
