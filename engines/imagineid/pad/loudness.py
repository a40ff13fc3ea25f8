"""Loudness: speech is normalised to one level before PAD encodes it.

Microphones, distances and mixes differ by 40 dB, and none of that moves lips. The gain is one for a
block of a recording (half a minute at most), so that loud and soft parts keep their difference.
"""

from __future__ import annotations

from collections import deque

import numpy as np

from imagineid.spec import FPS, FRAME_SAMPLES

Array = np.ndarray

SPEECH_DB = -20.0
"""Level to which the loudest twentieth of a block's frames is brought, dB below full scale."""

QUIET_DB = -55.0
"""Level up to which a block holds no speech."""

EVERY = 5
"""Frames from one look at the level of running sound to the next."""

MOST_DB = 30.0
"""Greatest change: what is 50 dB below full scale becomes speech, a room's noise does not."""


def frame_levels(wave: Array) -> Array:
    """Return the loudness of each video frame of a wave, dB below full scale, at least -100.

    Args:
        wave: mono sound at 16 kHz, (F * 640,), in [-1, 1].
    """
    power = np.square(wave.reshape(-1, FRAME_SAMPLES)).mean(axis=1)
    return np.asarray(10 * np.log10(power + 1e-10), np.float32)


def speech_level(level_db: Array) -> float:
    """Return the level that only one frame in twenty exceeds, of frames (F,), dB."""
    return float(np.percentile(level_db, 95))


def gain_db(loud: float) -> float:
    """Return the gain for a block whose speech has this level, dB."""
    return float(np.clip(SPEECH_DB - loud, -MOST_DB, MOST_DB))


def factor(gain: float) -> float:
    """Return the factor on samples that ``gain`` decibels are."""
    return float(10 ** (gain / 20))


class Level:
    """The level of speech in a recording that arrives block by block.

    A block has the level of the loudest block before it, so that a recording that has grown sounds
    as it did. Before any speech, it has its own.
    """

    def __init__(self) -> None:
        self._loud = -np.inf

    def next(self, level_db: Array) -> float:
        """Return the level for the next block, whose frames have these levels (F,), dB."""
        own, before = speech_level(level_db), self._loud
        self._loud = max(own, before)
        return before if before > QUIET_DB else own


class RunningLevel:
    """The level of speech in sound that is still coming in: of the last half minute.

    Until there has been speech it is taken to be right as it is.
    """

    def __init__(self) -> None:
        self._levels: deque[float] = deque(maxlen=30 * FPS)
        self._loud = SPEECH_DB
        self._count = 0

    def next(self, level_db: float) -> float:
        """Take the level of one frame more; return the gain for it, dB."""
        self._levels.append(level_db)
        self._count += 1
        if self._count % EVERY == 0:
            loud = speech_level(np.array(self._levels))
            self._loud = loud if loud > QUIET_DB else self._loud
        return gain_db(self._loud)
