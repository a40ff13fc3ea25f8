"""Glasses drawn on a photograph: rims, bridge and temples in the model's space."""

from __future__ import annotations

from typing import TYPE_CHECKING

import cv2
import numpy as np

from imagineid.face import project
from imagineid_world.photos.outer import posed

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from imagineid_world.photos.person import Geometry

    F32 = NDArray[np.float32]

FRAMES: dict[str, tuple[int, int, int]] = {
    "black": (22, 21, 22),
    "brown": (84, 52, 34),
    "gold": (176, 138, 72),
    "silver": (158, 160, 164),
    "red": (138, 30, 34),
    "blue": (34, 52, 110),
}
"""Colours of rims, RGB 0..255."""

SHAPES: dict[str, tuple[float, float, float]] = {
    "round": (0.0225, 0.0215, 2.0),
    "square": (0.0260, 0.0190, 5.0),
    "oval": (0.0255, 0.0180, 2.4),
}
"""Half width and half height of a rim (metres) and its superellipse's power."""

_FORWARD_M, _DOWN_M = 0.016, 0.004
"""How far rims stand before the eyes, and below their middle."""

_SHADOW = 0.18


def put_on(picture: F32, shape: Geometry, form: str, colour: str, rng: np.random.Generator) -> F32:
    """Draw glasses on a photograph.

    Args:
        picture: (S, S, 3) RGB 0..255.
        shape: where the mesh lies in it.
        form: a key of :data:`SHAPES`.
        colour: a key of :data:`FRAMES`.
        rng: decides the rims' thickness.

    Returns:
        A new picture.
    """
    thin = colour in ("gold", "silver")
    width_px = float(rng.uniform(1.0, 1.5) if thin else rng.uniform(1.8, 3.0)) * shape.side / 256
    lines = _outlines(shape, form)
    ink = _stroked(lines, shape.side, width_px)
    fallen = [line + np.array([0.0, 2.2 * shape.side / 256]) for line in lines]
    shadow = cv2.GaussianBlur(_stroked(fallen, shape.side, 1.5 * width_px), (0, 0), width_px)
    out = picture * (1 - _SHADOW * shadow[..., None])
    light = float(np.clip(picture[_near(shape)].mean() / 150, 0.35, 1.1))
    lit = np.array(FRAMES[colour], np.float32) * light
    gloss = cv2.GaussianBlur(np.roll(ink, -1, 0) * (1 - ink), (0, 0), 0.6)[..., None]
    out = out + (lit - out) * ink[..., None]
    return np.asarray(np.clip(out + 60 * light * gloss * ink[..., None], 0, 255), np.float32)


def _near(shape: Geometry) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Pixels of the cheeks, whose light falls on the rims, too."""
    at = np.clip(shape.skin_places(), 0, shape.side - 1).astype(np.int64)
    return at[:, 1], at[:, 0]


def _outlines(shape: Geometry, form: str) -> list[F32]:
    """Rims, bridge and temples as lines of pixels (N, 2) of the photograph."""
    model, rest = shape.face.model, shape.rest
    eyes = {
        side: rest[[model.landmarks[f"eye_{end}_{side}"] for end in ("inner", "outer")]].mean(0)
        for side in ("left", "right")
    }
    wide, high, power = SHAPES[form]
    eye_distance = abs(float(eyes["left"][0] - eyes["right"][0]))
    wide, high = wide * eye_distance / 0.063, high * eye_distance / 0.063
    front = max(float(eye[2]) for eye in eyes.values()) + _FORWARD_M
    turn = np.linspace(0, 2 * np.pi, 65)
    cos, sin = np.cos(turn), np.sin(turn)
    rim_x = wide * np.sign(cos) * np.abs(cos) ** (2 / power)
    rim_y = high * np.sign(sin) * np.abs(sin) ** (2 / power)
    lines, inner = [], []
    for eye in eyes.values():
        sign = np.sign(eye[0])
        middle = np.array([sign * max(abs(float(eye[0])), wide + 0.008), eye[1] - _DOWN_M, front])
        bow = -0.004 * np.abs(rim_x / wide + sign) / 2
        lines.append(middle + np.stack([rim_x, rim_y, bow], 1))
        inner.append(middle + [-sign * wide, 0.25 * high, 0.0])
        hinge = middle + [sign * wide, 0.45 * high, -0.004]
        ear = np.array([sign * (abs(hinge[0]) + 0.016), eye[1] + 0.004, front - 0.085])
        lines.append(hinge + np.linspace(0, 1, 9)[:, None] ** 0.8 * (ear - hinge))
    along = np.linspace(0, 1, 9)[:, None]
    bridge = inner[0] + along * (inner[1] - inner[0])
    bridge[:, 1] += 0.004 * np.sin(np.pi * along[:, 0])
    lines.append(bridge)
    ones = np.ones(len(turn), np.float32)
    return [
        project(posed(line.astype(np.float32), shape.fit.pose, ones[: len(line)]), shape.side)
        for line in lines
    ]


def _stroked(lines: list[F32], side: int, width_px: float) -> F32:
    """Anti-aliased lines, (S, S) 0..1; drawn at four times the size."""
    big = np.zeros((4 * side, 4 * side), np.uint8)
    for line in lines:
        points = np.round(line * 4 * 16).astype(np.int32)
        cv2.polylines(big, [points], False, 255, max(1, round(4 * width_px)), cv2.LINE_AA, 4)
    return np.asarray(cv2.resize(big, (side, side), interpolation=cv2.INTER_AREA) / 255, np.float32)
