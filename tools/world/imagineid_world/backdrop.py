"""Painted backgrounds: plain, gradient, blurred rooms, landscapes and lights."""

from __future__ import annotations

from typing import TYPE_CHECKING

import cv2
import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from imagineid_world.look import Look

    F32 = NDArray[np.float32]


def _noise(rng: np.random.Generator, size: int, cells: int) -> F32:
    """Smooth noise (size, size), about -1..1."""
    small = rng.normal(size=(cells, cells)).astype(np.float32)
    return np.asarray(cv2.resize(small, (size, size), interpolation=cv2.INTER_CUBIC))


def _room(rng: np.random.Generator, wall: F32, size: int) -> F32:
    """A wall with a window, shelves, a picture, a lamp and a floor, out of focus."""
    down = np.linspace(0, 1, size, dtype=np.float32)[:, None, None]
    across = np.linspace(-1, 1, size, dtype=np.float32)[None, :, None]
    picture = np.broadcast_to(wall * 0.7 + 0.12, (size, size, 3)).copy()
    picture = picture * (1.05 - 0.25 * down - 0.1 * across * rng.choice([-1, 1]))

    def box(x: float, y: float, w: float, h: float, colour: F32) -> None:
        a, b = (round(v * size) for v in (x, y))
        c, d = (round(v * size) for v in (x + w, y + h))
        cv2.rectangle(picture, (a, b), (c, d), [float(v) for v in colour], -1)

    if rng.random() < 0.75:
        x, w = rng.uniform(-0.1, 0.75), rng.uniform(0.25, 0.42)
        sky = np.array([0.86, 0.92, 0.98], np.float32) * rng.uniform(0.8, 1.05)
        box(x, 0.04, w, 0.55, wall * 0.35 + 0.6)
        box(x + 0.02, 0.06, w / 2 - 0.03, 0.50, sky)
        box(x + w / 2 + 0.01, 0.06, w / 2 - 0.03, 0.50, sky)
    if rng.random() < 0.7:
        x = rng.uniform(-0.05, 0.8)
        wood = np.array([0.40, 0.27, 0.18], np.float32) * rng.uniform(0.6, 1.4)
        for shelf in range(4):
            y = 0.18 + 0.2 * shelf
            box(x, y, 0.32, 0.022, wood)
            at = x
            while at < x + 0.28:
                w, h = rng.uniform(0.012, 0.035), rng.uniform(0.07, 0.15)
                box(at, y - h, w, h, rng.uniform(0.1, 0.8, 3).astype(np.float32))
                at += w + 0.004
    if rng.random() < 0.5:
        box(rng.uniform(0, 0.7), 0.12, 0.24, 0.22, rng.uniform(0.15, 0.8, 3).astype(np.float32))
    if rng.random() < 0.6:
        x = rng.uniform(-0.1, 0.7)
        box(x, 0.72, 0.45, 0.4, rng.uniform(0.15, 0.6, 3).astype(np.float32))
    if rng.random() < 0.5:
        centre = (round(rng.uniform(0.05, 0.95) * size), round(rng.uniform(0.25, 0.5) * size))
        cv2.circle(picture, centre, size // 14, (1.0, 0.9, 0.7), -1)
    if rng.random() < 0.4:
        x = rng.uniform(0, 0.9)
        for _ in range(14):
            leaf = (round((x + rng.normal(0, 0.06)) * size), round(rng.normal(0.62, 0.08) * size))
            cv2.ellipse(
                picture,
                leaf,
                (size // 26, size // 9),
                float(rng.uniform(-70, 70)),
                0,
                360,
                (0.12, 0.32 + 0.1 * rng.random(), 0.14),
                -1,
            )
    return np.asarray(cv2.GaussianBlur(picture, (0, 0), size * rng.uniform(0.012, 0.03)))


def _landscape(rng: np.random.Generator, size: int) -> F32:
    """Sky, hills, trees and ground, out of focus."""
    rows = np.linspace(0, 1, size, dtype=np.float32)[:, None, None]
    skies = np.array(
        [
            [[0.42, 0.62, 0.88], [0.80, 0.88, 0.95]],
            [[0.55, 0.50, 0.66], [0.97, 0.72, 0.5]],
            [[0.66, 0.70, 0.74], [0.85, 0.86, 0.87]],
        ],
        np.float32,
    )
    top, low = skies[int(rng.integers(3))]
    picture = (top * (1 - rows) + low * rows) * np.ones((size, size, 1), np.float32)
    cloud = np.clip(_noise(rng, size, 6) * 0.5, 0, 1)[:, :, None] * (1 - rows)
    picture = picture * (1 - 0.5 * cloud) + 0.5 * cloud
    columns = np.linspace(0, 1, size)
    line = rng.uniform(0.42, 0.6)
    green = np.array(
        [[0.25, 0.42, 0.22], [0.45, 0.42, 0.25], [0.30, 0.38, 0.30]][int(rng.integers(3))]
    )
    height = np.arange(size)[:, None]
    for layer in range(4):
        wave = np.zeros(size)
        for k in range(3):
            wave += np.sin(columns * rng.uniform(3, 14) + rng.uniform(0, 6.3)) / (k + 1)
        edge = (line + 0.10 * layer + 0.028 * wave) * size
        haze = 0.55 - 0.18 * layer
        colour = green * rng.uniform(0.75, 1.15) * (1 - haze) + low * haze
        picture[height > edge[None]] = colour
    for _ in range(int(rng.integers(0, 40))):
        x, y = rng.uniform(0, 1), line + rng.uniform(-0.05, 0.35)
        shade = (green * rng.uniform(0.4, 1.0)).tolist()
        cv2.circle(
            picture,
            (round(x * size), round(y * size)),
            round(size * rng.uniform(0.02, 0.09)),
            shade,
            -1,
        )
    return np.asarray(cv2.GaussianBlur(picture, (0, 0), size * rng.uniform(0.012, 0.028)))


def _lights(rng: np.random.Generator, base: F32, size: int) -> F32:
    """Discs of light in the dark, as a lens shows a street at night."""
    picture = np.broadcast_to(base * 0.22, (size, size, 3)).astype(np.float32).copy()
    for _ in range(int(rng.integers(14, 40))):
        disc = np.zeros_like(picture)
        at = (round(rng.uniform(0, 1) * size), round(rng.uniform(0, 1) * size))
        tint = base * 0.5 + rng.uniform(0.2, 0.8, 3) * np.array([1.0, 0.8, 0.6])
        cv2.circle(disc, at, round(size * rng.uniform(0.02, 0.06)), tint.tolist(), -1, cv2.LINE_AA)
        picture += disc * rng.uniform(0.2, 0.55)
    return np.asarray(cv2.GaussianBlur(picture, (0, 0), size * 0.008))


def paint(look: Look, size: int) -> F32:
    """The backdrop of a look, (size, size, 3), 0..1 RGB as displayed."""
    rng = np.random.default_rng(look.seed + 2)
    base = np.asarray(look.backdrop_rgb, np.float32)
    rows, columns = np.mgrid[0:size, 0:size].astype(np.float32) / size - 0.5
    if look.backdrop == "plain":
        picture = np.broadcast_to(base, (size, size, 3)).copy()
    elif look.backdrop == "gradient":
        angle = rng.uniform(0, 6.3)
        ramp = (rows * np.cos(angle) + columns * np.sin(angle) + 0.5)[:, :, None]
        other = np.clip(base * rng.uniform(0.25, 0.6) + rng.uniform(0, 0.12, 3), 0, 1)
        picture = base * (1 - ramp) + other.astype(np.float32) * ramp
    elif look.backdrop == "studio":
        glow = np.exp(-((columns - rng.normal(0, 0.1)) ** 2 + (rows + 0.05) ** 2) / 0.12)
        picture = base * (0.35 + 0.75 * glow[:, :, None])
    elif look.backdrop == "room":
        picture = _room(rng, base, size)
    elif look.backdrop == "landscape":
        picture = _landscape(rng, size)
    else:
        picture = _lights(rng, base, size)
    return np.asarray(np.clip(picture, 0, 1), np.float32)
