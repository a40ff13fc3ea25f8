"""Random head and eye motion, driven by the loudness of the voice.

It is causal, so a longer recording begins with the same motion, and depends on the seed only. The
head drifts and nods during speech and comes to rest in silence; blinks have human intervals, also
in silence.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from imagineid.spec import ARKIT, FPS

if TYPE_CHECKING:
    from numpy.typing import NDArray

    F32 = NDArray[np.float32]

QUIET_DB, LOUD_DB = -50.0, -20.0
"""Levels of no speech and of full speech, dB below full scale."""

SWAY = np.array([0.030, 0.045, 0.018, 0.0022, 0.0012, 0.006])
"""Standard deviation of each pose number while speaking: radians, metres, log."""

BLINKS_A_SECOND = 0.3
BLINK = np.array([0.45, 1.0, 0.9, 0.55, 0.2])
"""Closure of the lids in the frames of one blink (200 ms)."""

BLINK_UNITS = [ARKIT.index("eyeBlinkLeft"), ARKIT.index("eyeBlinkRight")]
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
    """Return no motion: the head upright, the eyes open and looking ahead."""
    return Motion(np.zeros((frames, 6), np.float32), np.zeros((frames, len(ARKIT)), np.float32))


@dataclass(frozen=True)
class FrameMotion:
    """The motion of one frame: pose (6,), see :data:`imagineid.face.model.POSE`, and eyes (52,)."""

    pose: F32
    eyes: F32


def activity(level_db: F32) -> F32:
    """Return the speech activity of each frame, (F,) in [0, 1], from levels in dB."""
    smooth = _Smooth(0.35)
    return np.array([_speech(smooth, level) for level in level_db], np.float32)


def default_motion(level_db: F32, seed: int) -> Motion:
    """Return the motion of a whole recording, see :func:`frame_motions`.

    Args:
        level_db: loudness of each video frame, (F,) dB below full scale.
        seed: seed of drift, blinks and gaze.
    """
    motions = list(frame_motions(level_db, seed))
    return Motion(np.stack([m.pose for m in motions]), np.stack([m.eyes for m in motions]))


def frame_motions(
    level_db: Iterable[float], seed: int, blinks_a_second: float = BLINKS_A_SECOND
) -> Iterator[FrameMotion]:
    """Yield the motion frame by frame, for a recording of any length.

    Args:
        level_db: loudness of each video frame, dB below full scale.
        seed: seed of drift, blinks and gaze.
        blinks_a_second: mean frequency of blinks.
    """
    drift_rng, blink_rng, look_rng = np.random.default_rng([seed, 101]).spawn(3)
    loud, drifting, stressed = _Smooth(0.35), _Smooth(0.7), _Smooth(0.5)
    loudness = np.sqrt(0.7 * FPS * 4)  # the average shrinks the noise; undo it
    glances, blinks = _glances(look_rng), _blinks(blink_rng, blinks_a_second)
    for level in level_db:
        speech = _speech(loud, level)
        drift = drifting.next(drift_rng.standard_normal(6)) * loudness
        pose = SWAY * drift * (0.12 + 0.88 * speech)
        pose[0] += 0.10 * (speech - stressed.next(speech))  # a nod with each stress
        eyes = next(glances)
        eyes[BLINK_UNITS] = next(blinks)
        yield FrameMotion(pose.astype(np.float32), eyes.astype(np.float32))


def _speech(smooth: _Smooth, level_db: float) -> float:
    """Return the speech activity, [0, 1], from the levels of this frame and those before."""
    share = np.clip((level_db - QUIET_DB) / (LOUD_DB - QUIET_DB), 0, 1)
    return float(np.float32(smooth.next(float(share))))


class _Smooth:
    """Two causal one-pole low-pass filters in series."""

    def __init__(self, seconds: float) -> None:
        self._keep = float(np.exp(-1 / (seconds / 2 * FPS)))
        self._first: Any = 0.0
        self._second: Any = 0.0

    def next(self, value: Any) -> Any:
        """Filter one more value, a number or an array."""
        keep = self._keep
        self._first = keep * self._first + (1 - keep) * value
        self._second = keep * self._second + (1 - keep) * self._first
        return self._second


def _blinks(rng: np.random.Generator, blinks_a_second: float) -> Iterator[float]:
    """Yield the closure of the lids by blinks, frame by frame."""
    last = -FPS
    gap_frames = 1.2 * FPS * min(1.0, BLINKS_A_SECOND / max(blinks_a_second, 1e-6))
    for frame in itertools.count():
        chance = rng.random()
        may = frame >= 5 and frame - last > gap_frames
        if may and chance < blinks_a_second / FPS * 1.5:
            last = frame
        yield float(BLINK[frame - last]) if frame - last < len(BLINK) else 0.0


def _glances(rng: np.random.Generator) -> Iterator[NDArray[np.float64]]:
    """Yield eye units (52,): small saccades around the camera, each held for a while."""
    across = up = 0.0
    while True:
        chance, x, y = rng.random(3)
        if chance < 1.0 / (1.6 * FPS):
            across, up = 0.16 * (x - 0.5), 0.10 * (y - 0.5)
        eyes = np.zeros(len(ARKIT))
        eyes[_LOOK["right" if across > 0 else "left"]] = abs(across)
        eyes[_LOOK["up" if up > 0 else "down"]] = abs(up)
        yield eyes
