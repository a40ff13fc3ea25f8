"""Glasses and earrings, built of tubes and balls in the resting head's coordinates."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from imagineid.face.raster import normals

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from imagineid.face.model import FaceModel
    from imagineid_world.look import RGB, Look

    F32 = NDArray[np.float32]
    F64 = NDArray[np.float64]


@dataclass(frozen=True)
class Prop:
    """A small solid: points and normals (V, 3), triangles (T, 3), colour, metal 0..1."""

    points: F32
    normals: F32
    triangles: NDArray[np.int32]
    colour: RGB
    metal: float


def tube(path: F64, radius: float, closed: bool, sides: int = 6) -> tuple[F64, NDArray[np.int32]]:
    """A round tube along a path (N, 3): vertices (N * sides, 3) and triangles."""
    count = len(path)
    if closed:
        tangent = np.roll(path, -1, 0) - np.roll(path, 1, 0)
    else:
        tangent = np.gradient(path, axis=0)
    tangent /= np.linalg.norm(tangent, axis=1, keepdims=True)
    first = np.cross(tangent, [0.13, 0.2, 0.97])
    first /= np.linalg.norm(first, axis=1, keepdims=True) + 1e-9
    second = np.cross(tangent, first)
    angle = np.arange(sides) / sides * 2 * np.pi
    ring = first[:, None] * np.cos(angle)[:, None] + second[:, None] * np.sin(angle)[:, None]
    points = (path[:, None] + radius * ring).reshape(-1, 3)
    i = np.arange(count if closed else count - 1)[:, None]
    j = np.arange(sides)[None]
    a, b = i * sides + j, i * sides + (j + 1) % sides
    c, d = ((i + 1) % count) * sides + j, ((i + 1) % count) * sides + (j + 1) % sides
    quads = np.stack([a, c, b, b, c, d], -1).reshape(-1, 3)
    return points, quads.astype(np.int32)


def _joined(parts: list[tuple[F64, NDArray[np.int32]]], colour: RGB, metal: float) -> Prop:
    points, triangles, start = [], [], 0
    for own, faces in parts:
        points.append(own)
        triangles.append(faces + start)
        start += len(own)
    merged = np.concatenate(points).astype(np.float32)
    faces = np.concatenate(triangles)
    return Prop(merged, normals(merged, faces), faces, colour, metal)


def _glasses(look: Look, model: FaceModel, rest: F32) -> Prop:
    marks = model.landmarks
    outer = [rest[marks[f"eye_outer_{s}"]] for s in ("left", "right")]
    inner = [rest[marks[f"eye_inner_{s}"]] for s in ("left", "right")]
    front = rest[(np.abs(rest[:, 1]) < 0.02) & (np.abs(rest[:, 0]) < 0.05), 2].max()
    wide = np.abs(rest[(np.abs(rest[:, 1]) < 0.03), 0]).max()
    angle = np.linspace(0, 2 * np.pi, 36, endpoint=False)
    power = 1.0 if look.glasses == "round" else 0.55
    half = 0.0235 if look.glasses == "round" else 0.026
    tall = 0.0215 if look.glasses == "round" else 0.0175
    parts = []
    rims = []
    for k, sign in enumerate((-1, 1)):
        middle = (outer[k] + inner[k]) / 2
        x = np.sign(np.cos(angle)) * np.abs(np.cos(angle)) ** power * half
        y = np.sign(np.sin(angle)) * np.abs(np.sin(angle)) ** power * tall
        cx = sign * max(abs(float(middle[0])), half + 0.006)
        z = front + 0.002 - 2.2 * (x + cx) ** 2
        rim = np.stack([x + cx, y + middle[1] - 0.003, z], 1).astype(np.float64)
        rims.append(rim)
        parts.append(tube(rim, 0.0013, closed=True))
        side = rim[np.argmax(rim[:, 0] * sign)] + [0, 0.006, 0]
        ear = np.array([sign * (wide - 0.007), side[1] + 0.002, -0.09])
        bend = side + [sign * 0.004, 0, -0.006]
        parts.append(tube(np.stack([side, bend, (bend + ear) / 2, ear]), 0.0012, closed=False))
    t = np.linspace(0, 1, 8)[:, None]
    left, right = rims[0][np.argmax(rims[0][:, 0])], rims[1][np.argmin(rims[1][:, 0])]
    bridge = left * (1 - t) + right * t + np.array([0, 0.003, 0.002]) * np.sin(t * np.pi)
    bridge[:, 1] += 0.004
    parts.append(tube(bridge, 0.0012, closed=False))
    return _joined(parts, look.glasses_rgb, 0.3)


def _earrings(look: Look, rest: F32) -> Prop:
    parts = []
    for sign in (-1, 1):
        near = rest[(rest[:, 0] * sign > 0.065) & (rest[:, 1] < 0.0) & (rest[:, 1] > -0.06)]
        lobe = near[np.argmin(near[:, 1] - 0.5 * np.abs(near[:, 0]))].astype(np.float64)
        angle = np.linspace(0, 2 * np.pi, 20, endpoint=False)
        if look.earrings == "hoop":
            ring = np.stack(
                [0.003 * np.sin(angle), -0.009 + 0.010 * np.cos(angle), 0.010 * np.sin(angle)], 1
            )
            parts.append(tube(lobe + ring, 0.0009, closed=True))
        else:
            dot = np.stack([0 * angle, 0.0011 * np.cos(angle), 0.0011 * np.sin(angle)], 1)
            parts.append(tube(lobe + [sign * 0.001, 0.002, 0.003] + dot, 0.0016, closed=True))
    return _joined(parts, (0.86, 0.72, 0.40) if look.seed % 2 else (0.85, 0.86, 0.88), 1.0)


def build(look: Look, model: FaceModel, rest: F32) -> list[Prop]:
    """The things a look wears on resting vertices (V, 3)."""
    worn = []
    if look.glasses != "none":
        worn.append(_glasses(look, model, rest))
    if look.earrings != "none":
        worn.append(_earrings(look, rest))
    return worn
