"""Default motion: what a head and its eyes do when nothing but the voice is given.

Everything here looks only backwards in time, so a longer recording begins with the same motion,
and is the same for the same seed. The head drifts and nods while there is speech and comes to
rest in silence; blinks come at human intervals, also in silence.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from imagineid.spec import ARKIT, FPS

if TYPE_CHECKING:
    from numpy.typing import NDArray

    F32 = NDArray[np.float32]

QUIET_DB, LOUD_DB = -50.0, -20.0
"""Levels (dB below full scale) that count as no speech and as full speech."""

SWAY = np.array([0.030, 0.045, 0.018, 0.0022, 0.0012, 0.006])
"""Standard deviation of each pose number while speaking: radians, metres, log."""

BLINKS_A_SECOND = 0.3
BLINK = np.array([0.45, 1.0, 0.9, 0.55, 0.2])
"""How far the lids are closed in the frames of one blink (200 ms)."""

_BLINK_UNITS = [ARKIT.index("eyeBlinkLeft"), ARKIT.index("eyeBlinkRight")]
_LOOK = {
    name: [ARKIT.index(n) for n in units]
    for name, units in {
        "right": ("eyeLookInLeft", "eyeLookOutRight"),
        "left": ("eyeLookOutLeft", "eyeLookInRight"),
        "up": ("eyeLookUpLeft", "eyeLookUpRight"),
        "down": ("eyeLookDownLeft", "eyeLookDownRight"),
    }.items()
}


@dataclass(frozen=True)
class Motion:
    """Pose (F, 6), see :data:`imagineid.face.model.POSE`, and eye units to add, (F, 52)."""

    pose: F32
    eyes: F32


def still(frames: int) -> Motion:
    """Return no motion at all: the head upright, the eyes open and ahead."""
    return Motion(np.zeros((frames, 6), np.float32), np.zeros((frames, len(ARKIT)), np.float32))


def activity(level_db: F32) -> F32:
    """Return how much speech there is at each frame, (F,) in [0, 1], from levels in dB."""
    share = np.clip((level_db - QUIET_DB) / (LOUD_DB - QUIET_DB), 0, 1)
    return _causal(share.astype(np.float64), seconds=0.35).astype(np.float32)


def default_motion(level_db: F32, seed: int) -> Motion:
    """Make the motion of a whole recording.

    Args:
        level_db: loudness of each video frame, (F,) dB below full scale.
        seed: of the random drift, blinks and glances.
    """
    frames = len(level_db)
    speech = activity(level_db).astype(np.float64)[:, None]
    drift_rng, blink_rng, look_rng = np.random.default_rng([seed, 101]).spawn(3)
    drift = _causal(drift_rng.standard_normal((frames, 6)), seconds=0.7)
    drift *= np.sqrt(0.7 * FPS * 4)  # the average shrinks the noise; undo it
    pose = SWAY * drift * (0.12 + 0.88 * speech)
    swing = speech - _causal(speech, seconds=0.5)
    pose[:, :1] += 0.10 * swing  # a nod with each stress
    eyes = np.zeros((frames, len(ARKIT)))
    _glances(eyes, look_rng, frames)
    _blinks(eyes, blink_rng, frames)
    return Motion(pose.astype(np.float32), eyes.astype(np.float32))


def _causal(values: NDArray[np.float64], seconds: float) -> NDArray[np.float64]:
    """Smooth along time with two one-pole filters; ``values`` (F,) or (F, n)."""
    keep = np.exp(-1 / (seconds / 2 * FPS))
    out = np.empty_like(values)
    first = second = values[0] if values.shape[0] else values
    first, second = first * 0.0, second * 0.0
    for i, value in enumerate(values):
        first = keep * first + (1 - keep) * value
        second = keep * second + (1 - keep) * first
        out[i] = second
    return out


def _blinks(eyes: NDArray[np.float64], rng: np.random.Generator, frames: int) -> None:
    chance = rng.random(frames)
    last = -FPS
    for frame in range(5, frames):
        if frame - last > 1.2 * FPS and chance[frame] < BLINKS_A_SECOND / FPS * 1.5:
            last = frame
            stop = min(frames, frame + len(BLINK))
            eyes[frame:stop, _BLINK_UNITS] = BLINK[: stop - frame, None]


def _glances(eyes: NDArray[np.float64], rng: np.random.Generator, frames: int) -> None:
    """Small saccades about the camera, each held for a while."""
    draws = rng.random((frames, 3))
    across = up = 0.0
    for frame in range(frames):
        if draws[frame, 0] < 1.0 / (1.6 * FPS):
            across, up = 0.16 * (draws[frame, 1] - 0.5), 0.10 * (draws[frame, 2] - 0.5)
        eyes[frame, _LOOK["right" if across > 0 else "left"]] = abs(across)
        eyes[frame, _LOOK["up" if up > 0 else "down"]] = abs(up)
