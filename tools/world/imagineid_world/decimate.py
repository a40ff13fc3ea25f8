"""Fewer triangles over a subset of the same vertices.

Half-edge collapses in the order of their quadric error, so that shape components and expression
units of the vertices that stay need no change.

Source:
    Garland and Heckbert 1997, Surface simplification using quadric error metrics.
"""

from __future__ import annotations

import heapq
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray


def _quadrics(
    points: NDArray[np.float32], triangles: NDArray[np.int32]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Squared-distance quadrics (V, 4, 4), weighted by area, and triangle normals (T, 3)."""
    a, b, c = (points[triangles[:, k]].astype(np.float64) for k in range(3))
    normal = np.cross(b - a, c - a)
    area = np.linalg.norm(normal, axis=1, keepdims=True)
    normal /= np.maximum(area, 1e-12)
    plane = np.concatenate([normal, -(normal * a).sum(1, keepdims=True)], 1)
    each = np.einsum("ti,tj->tij", plane, plane) * area[:, :, None]
    total = np.zeros((len(points), 4, 4))
    for k in range(3):
        np.add.at(total, triangles[:, k], each)
    return total, normal


def _importance(point: NDArray[np.float32]) -> float:
    """How much an error matters here: eyes and mouth most, scalp and neck least."""
    x, y, z = (float(v) for v in point)
    if z > 0 and abs(x) < 0.06 and -0.1 < y < 0.035:
        return 40.0
    return 1.0


def decimate(
    points: NDArray[np.float32],
    triangles: NDArray[np.int32],
    region: NDArray[np.uint8],
    most: int,
    fixed: set[int],
) -> tuple[NDArray[np.int32], NDArray[np.uint8]]:
    """Collapse edges until at most ``most`` triangles are left.

    Args:
        points: (V, 3) metres.
        triangles: (T, 3) into the points.
        region: (T,) label; a border between labels stays.
        most: triangles wanted.
        fixed: vertices that must stay.

    Returns:
        Triangles and their labels; the points are untouched.
    """
    quadric, normals = _quadrics(points, triangles)
    faces = [list(map(int, t)) for t in triangles]
    alive = [True] * len(faces)
    around: dict[int, set[int]] = {}
    edges: dict[tuple[int, int], int] = {}
    for f, corners in enumerate(faces):
        for k, v in enumerate(corners):
            around.setdefault(v, set()).add(f)
            w = corners[(k + 1) % 3]
            edges[min(v, w), max(v, w)] = edges.get((min(v, w), max(v, w)), 0) + 1
    locked = set(fixed)
    for (v, w), count in edges.items():
        if count != 2:
            locked |= {v, w}
    for v, own in around.items():
        if len({int(region[f]) for f in own}) > 1:
            locked.add(v)

    def cost(v: int, w: int) -> float:
        place = np.append(points[w], 1.0)
        shape = float(place @ (quadric[v] + quadric[w]) @ place)
        length = float(np.sum((points[v] - points[w]) ** 2))
        return (shape + 1e-6 * length) * _importance(points[v])

    heap = [(cost(v, w), v, w) for e in edges for v, w in (e, e[::-1]) if v not in locked]
    heapq.heapify(heap)
    remaining = len(faces)
    gone: set[int] = set()
    while remaining > most and heap:
        _, v, w = heapq.heappop(heap)
        if v in gone or w in gone:
            continue
        ring = {u for f in around[v] for u in faces[f]} - {v}
        if w not in ring:
            continue
        other = {u for f in around[w] for u in faces[f]} - {w}
        shared = [f for f in around[v] if w in faces[f]]
        if len(ring & other) != 2 or len(shared) != 2:
            continue
        moved = [f for f in around[v] if w not in faces[f]]
        if any(_flips(points, faces[f], v, w, normals[f]) for f in moved):
            continue
        for f in shared:
            alive[f] = False
            for u in faces[f]:
                around[u].discard(f)
        for f in moved:
            faces[f][faces[f].index(v)] = w
            around[w].add(f)
        quadric[w] += quadric[v]
        gone.add(v)
        remaining -= 2
        for u in {u for f in around[w] for u in faces[f]} - {w}:
            if u not in locked:
                heapq.heappush(heap, (cost(u, w), u, w))
            if w not in locked:
                heapq.heappush(heap, (cost(w, u), w, u))
    keep = np.array(alive)
    return np.array(faces, np.int32)[keep], region[keep]


def _flips(
    points: NDArray[np.float32], face: list[int], v: int, w: int, normal: NDArray[np.float64]
) -> bool:
    """Whether moving corner ``v`` of a face to ``w`` would turn the face over or flatten it."""
    a, b, c = (points[w if u == v else u].astype(np.float64) for u in face)
    turned = np.cross(b - a, c - a)
    size = np.linalg.norm(turned)
    longest = max(np.sum((a - b) ** 2), np.sum((b - c) ** 2), np.sum((c - a) ** 2))
    return bool(turned @ normal < 0.5 * size or size < 0.12 * longest)
