"""Moments of talking: pairs of neighbouring frames with expression, gaze, blinks and pose."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from imagineid.spec import ARKIT, EMOTIONS, FPS
from imagineid_world.articulation import curves, random_phones

if TYPE_CHECKING:
    from numpy.typing import NDArray

    F32 = NDArray[np.float32]

MOMENTS = 4
"""Moments a person; each gives two neighbouring frames."""

TALK_S = 2.4
"""Seconds of babble that a moment is taken from."""


def units(**values: float) -> F32:
    """An expression (52,) by unit names; a name without a side means both sides."""
    beta = np.zeros(len(ARKIT), np.float32)
    for name, value in values.items():
        sides = [i for i, own in enumerate(ARKIT) if own in (name, f"{name}Left", f"{name}Right")]
        beta[sides] = value
    return beta


def expressions(rng: np.random.Generator) -> tuple[F32, list[str]]:
    """Expressions of all moments, (2 * MOMENTS, 52) in 0..1, and each moment's emotion."""
    rows, words = [], []
    for _ in range(MOMENTS):
        word = str(rng.choice(EMOTIONS, p=[0.30] + [0.10] * 7))
        phones = random_phones(rng, TALK_S)
        frames = int(TALK_S * FPS)
        _, full = curves(phones, word, float(rng.uniform(0.4, 1.0)), rng, frames)
        at = int(rng.integers(FPS // 2, frames - 2))
        rows.append(np.clip(_gaze_and_blink(full[at : at + 2], rng), 0, 1))
        words.append(word)
    return np.concatenate(rows).astype(np.float32), words


def _gaze_and_blink(beta: F32, rng: np.random.Generator) -> F32:
    """Turn both eyes by the same angle, and close them in one moment of ten, (2, 52)."""
    across, up = rng.normal(0, 0.22), rng.normal(0, 0.14)
    if rng.random() < 0.25:
        across, up = rng.normal(0, 0.45), rng.normal(0, 0.3)
    out = beta.astype(np.float32)
    for k in range(2):
        a, b = across + rng.normal(0, 0.008), up + rng.normal(0, 0.008)
        out[k] += units(eyeLookOutLeft=max(a, 0), eyeLookInRight=max(a, 0))
        out[k] += units(eyeLookInLeft=max(-a, 0), eyeLookOutRight=max(-a, 0))
        out[k] += units(eyeLookUp=max(b, 0)) + units(eyeLookDown=max(-b, 0))
    if rng.random() < 0.10:
        first = rng.uniform(0, 1)
        second = np.clip(first + rng.choice([-0.45, 0.45]), 0, 1)
        closed = np.array([first, second], np.float32)[:, None]
        blink = units(eyeBlink=1.0)[None]
        out = np.maximum(
            out * (1 - 0.9 * closed * (units(eyeWide=1.0, eyeSquint=1.0)[None])), closed * blink
        )
    return out


def poses(rng: np.random.Generator) -> F32:
    """Poses of all moments, (2 * MOMENTS, 6); the two of a moment differ by one frame's turn."""
    limit = np.array([np.radians(10), np.radians(20), np.radians(6), 0.012, 0.010, 0.05])
    centre = rng.normal(0, 0.32, 6) * limit
    rows = []
    for _ in range(MOMENTS):
        pose = np.clip(centre + rng.normal(0, 0.38, 6) * limit, -limit, limit)
        speed = rng.normal(0, 0.5, 6) * limit * [1, 1, 1, 0.5, 0.5, 0.4] / FPS
        rows += [pose, pose + speed]
    return np.asarray(rows, np.float32)
