"""Hair, ears, neck and clothes: a smooth field that carries the photograph along with the head.

Far from the face the picture moves as a plane at the head's depth would; near the face it joins
the mesh. The field lives on a coarse grid of nodes and is inverted there.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import cv2
import numpy as np

from imagineid.face import project
from imagineid.face.model import CAMERA_Z, FOV_DEG, NECK_PIVOT, VIEW_CENTRE, rotation
from imagineid_world.photos.anatomy import SKIN, Anatomy, normals, smoothstep

if TYPE_CHECKING:
    from numpy.typing import NDArray

    F32 = NDArray[np.float32]

NODES = 49
"""Nodes along a side of the field."""

DEPTH_M = -0.045
"""Where the plane of hair and ears lies."""

_INVERSIONS = 5


class OuterField:
    """The field of one photograph.

    Args:
        face: the anatomy.
        rest: resting vertices of the person, (V, 3).
        points: the photograph's posed vertices, (V, 3).
        pose: the photograph's pose, (6,).
        places: where each vertex lies in the photograph, (V, 2) pixels.
        side: side of the photograph, pixels.
    """

    def __init__(
        self, face: Anatomy, rest: F32, points: F32, pose: F32, places: F32, side: int
    ) -> None:
        self.side = side
        line = np.linspace(0, side, NODES, dtype=np.float32)
        self._line = line
        nodes = np.stack(np.meshgrid(line, line), -1).reshape(-1, 2)
        self._plane = _unposed(_lifted(nodes, side), pose)
        chin = float(rest[face.model.landmarks["chin"], 1])
        self._weight = smoothstep(chin - 0.055, chin + 0.035, self._plane[:, 1]) * smoothstep(
            0.24, 0.11, np.abs(self._plane[:, 0])
        )
        self._at_rest = project(posed(self._plane, pose, self._weight), side)
        self._pulls = _thinned(face, points, places, side)
        self._places = places[self._pulls]
        squared_distance = ((nodes[:, None] - self._places[None]) ** 2).sum(2)
        near = squared_distance.min(1, keepdims=True)
        kernel = np.exp(-(squared_distance - near) / (2 * (side * 0.018) ** 2 + 0.5 * near))
        kernel /= kernel.sum(1, keepdims=True)
        self._spread = (kernel * np.exp(-near / (2 * (side * 0.09) ** 2))).astype(np.float32)

    def sources(self, points: F32, pose: F32, size: int) -> F32:
        """Where each pixel of a frame comes from in the photograph, (size, size, 2) pixels."""
        side = self.side
        plane = project(posed(self._plane, pose, self._weight), side) - self._at_rest
        lacking = project(points[self._pulls], side) - self._places
        lacking -= self._sampled(plane, self._places)
        moved = (plane + self._spread @ lacking).reshape(NODES, NODES, 2).astype(np.float32)
        back = _inverted(moved, self._line, side)
        fine = (np.arange(size, dtype=np.float32) + 0.5) * (NODES - 1) / size
        across, down = np.meshgrid(fine, fine)
        off = cv2.remap(back, across, down, cv2.INTER_CUBIC, borderMode=cv2.BORDER_REPLICATE)
        line = (np.arange(size, dtype=np.float32) + 0.5) * side / size
        return np.asarray(off + np.stack(np.meshgrid(line, line), -1), np.float32)

    def _sampled(self, values: F32, at: F32) -> F32:
        """Node values (NODES², 2) at places (N, 2) of the photograph."""
        grid = (at * ((NODES - 1) / self.side)).astype(np.float32)
        field = values.reshape(NODES, NODES, 2).astype(np.float32)
        found = cv2.remap(
            field, grid[:, :1], grid[:, 1:], cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE
        )
        return np.asarray(found[:, 0])


def posed(points: F32, pose: F32, weight: F32) -> F32:
    """Pose points (N, 3) that follow the head by ``weight`` (N,), as ``FaceModel.posed`` does."""
    pivot = np.asarray(NECK_PIVOT, np.float32)
    share = weight[:, None]
    turned = (points - pivot) @ rotation(*map(float, pose[:3])).T + pivot
    moved = points + share * (turned - points)
    moved[:, :2] += pose[3:5] * (0.4 + 0.6 * share)
    return np.asarray((moved - pivot) * np.exp(pose[5]) + pivot, np.float32)


def _lifted(nodes: F32, side: int) -> F32:
    """Points (N, 3) of the plane seen at pixels (N, 2)."""
    metres = (CAMERA_Z - DEPTH_M) * 2 * np.tan(np.radians(FOV_DEG / 2)) / side
    x = (nodes[:, 0] - side / 2) * metres + VIEW_CENTRE[0]
    y = -(nodes[:, 1] - side / 2) * metres + VIEW_CENTRE[1]
    return np.stack([x, y, np.full(len(nodes), DEPTH_M)], 1).astype(np.float32)


def _unposed(points: F32, pose: F32) -> F32:
    """Points (N, 3) of the posed head in the resting head's place."""
    pivot = np.asarray(NECK_PIVOT)
    out = (points - pivot) / np.exp(pose[5]) + pivot
    out[:, :2] -= pose[3:5]
    out = (out - pivot) @ rotation(*map(float, pose[:3])) + pivot
    return np.asarray(out, np.float32)


def _thinned(face: Anatomy, points: F32, places: F32, side: int) -> NDArray[np.int64]:
    """Vertices of the face's front that pull the field along, at least 2 % of the side apart."""
    mean = face.model.mean
    facing = normals(points, face.model.triangles)[:, 2] > 0.1
    pool = np.flatnonzero(
        (face.region == SKIN) & facing & (mean[:, 1] > -0.13) & (mean[:, 2] > -0.07)
    )
    spread: list[int] = []
    for i in np.random.default_rng(0).permutation(pool):
        away = np.linalg.norm(places[spread] - places[i], axis=1)
        if not spread or away.min() > 0.02 * side:
            spread.append(int(i))
    return np.array(spread)


def _inverted(moved: F32, line: F32, side: int) -> F32:
    """Displacements that undo those of the nodes, (NODES, NODES, 2), by fixed-point iteration."""
    across, down = np.meshgrid(line, line)
    scale = (NODES - 1) / side
    back = -moved
    for _ in range(_INVERSIONS):
        x, y = (across + back[..., 0]) * scale, (down + back[..., 1]) * scale
        found = cv2.remap(moved, x, y, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
        back = -np.asarray(found, np.float32)
    return back
