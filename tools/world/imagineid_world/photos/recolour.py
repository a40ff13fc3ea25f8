"""Change the colour of hair, skin, irises, clothes and light, keeping what makes them real."""

from __future__ import annotations

from typing import TYPE_CHECKING

import cv2
import numpy as np

from imagineid_world.look import COLOURS, HAIR_COLOURS, IRISES, RGB, SKINS

if TYPE_CHECKING:
    from numpy.typing import NDArray

    F32 = NDArray[np.float32]

MOST_GAIN = 2.6
"""Dark things are lightened at most this much: beyond, only noise would show."""


def to_lab(picture: F32) -> F32:
    """Colours (..., 3) RGB in 0..255 to CIE Lab: L in 0..100."""
    flat = (np.clip(picture, 0, 255) / 255).astype(np.float32)
    lab = cv2.cvtColor(flat.reshape(-1, 1, 3), cv2.COLOR_RGB2LAB)
    return np.asarray(lab, np.float32).reshape(flat.shape)


def to_rgb(lab: F32) -> F32:
    """CIE Lab back to RGB in 0..255."""
    flat = cv2.cvtColor(lab.astype(np.float32).reshape(-1, 1, 3), cv2.COLOR_LAB2RGB)
    return np.asarray(np.clip(flat, 0, 1) * 255, np.float32).reshape(lab.shape)


def lab_of(colour: RGB) -> F32:
    """A displayed colour (r, g, b) in 0..1 as Lab, (3,)."""
    return to_lab(np.array(colour, np.float32) * 255)


def tint(picture: F32, mask: F32, target: F32, keep: float = 0.35, light: float = 1.0) -> F32:
    """Change the mean colour under a mask; its shading stays.

    Args:
        picture: (S, S, 3) RGB 0..255.
        mask: (S, S) 0..1.
        target: mean Lab wanted, (3,).
        keep: share of the old differences in hue that stay.
        light: how far the lightness goes to the target's, 0..1.
    """
    weight = mask[..., None]
    if mask.sum() < 20:
        return picture
    lab = to_lab(picture)
    mean = (lab * weight).sum((0, 1)) / mask.sum()
    target_light = float(mean[0] + light * (target[0] - mean[0]))
    gain = float(np.clip(target_light / max(float(mean[0]), 4.0), 0.25, MOST_GAIN))
    target_light = min(target_light, gain * max(float(mean[0]), 4.0))
    out = np.empty_like(lab)
    # Around the mean light scales; highlights are kept below white, shadows above black.
    out[..., 0] = _rolled(target_light + (lab[..., 0] - mean[0]) * np.clip(gain, 0.75, 1.5))
    near = np.clip(out[..., :1] / max(target_light, 4.0), 0.35, 1.35)
    muted = min(1.0, (target_light + 8) / (float(target[0]) + 8))  # dark things show little colour
    out[..., 1:] = target[1:] * muted * near + (lab[..., 1:] - mean[1:]) * keep
    return np.asarray(picture + (to_rgb(out) - picture) * weight, np.float32)


def _rolled(light: F32) -> F32:
    """Compress L softly into 2..98."""
    return np.asarray(50 + 48 * np.tanh((light - 50) / 48), np.float32)


def shade(picture: F32, mask: F32, gain: F32) -> F32:
    """Multiply light under a mask by a gain (3,) or (S, S, 3), in linear light."""
    linear = (np.clip(picture, 0, 255) / 255) ** 2.2 * gain
    bright = 255 * np.clip(linear, 0, 1) ** (1 / 2.2)
    return np.asarray(picture + (bright - picture) * mask[..., None], np.float32)


def nearest(lab: F32, table: dict[str, RGB], within: float) -> str:
    """Name of the nearest colour of a table, "" if none lies within this distance."""
    away = {name: float(np.linalg.norm(lab - lab_of(colour))) for name, colour in table.items()}
    best = min(away, key=lambda name: away[name])
    return best if away[best] <= within else ""


def colour_name(lab: F32) -> str:
    """Name of a colour of clothes or background, "" where no name fits."""
    return nearest(lab, COLOURS, 24.0)


def iris_name(lab: F32) -> str:
    """Name of an iris' colour by its hue: pictures show them darker than the table."""
    light, a, b = (float(v) for v in lab)
    if light < 6:
        return ""
    if b > 9 and a > 3:
        return "brown"
    if b < -6:
        return "blue"
    if a < -4 and b > 2:
        return "green"
    return ""


def skin_target(name: str, rng: np.random.Generator) -> F32:
    """A skin colour of a word, Lab (3,)."""
    dark, light = SKINS[name]
    share = rng.random()
    mixed = tuple(d + (b - d) * share for d, b in zip(dark, light, strict=True))
    return lab_of((mixed[0], mixed[1], mixed[2]))


def hair_target(name: str, rng: np.random.Generator) -> F32:
    """A hair colour of a word, Lab (3,), about the table's."""
    return np.asarray(lab_of(HAIR_COLOURS[name]) + rng.normal(0, [4, 2.5, 3]), np.float32)


def iris_target(name: str, rng: np.random.Generator) -> F32:
    """An iris colour of a word, Lab (3,)."""
    return np.asarray(lab_of(IRISES[name]) + rng.normal(0, [3, 1.5, 2]), np.float32)


def cloth_target(name: str, rng: np.random.Generator) -> F32:
    """A colour of clothes of a word, Lab (3,)."""
    return np.asarray(lab_of(COLOURS[name]) + rng.normal(0, [4, 2, 2]), np.float32)
