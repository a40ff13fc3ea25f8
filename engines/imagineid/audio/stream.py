"""Sound of unknown length: samples arrive in chunks, and the latest seconds can be read."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from imagineid.audio.sound import Floats, Sound
from imagineid.spec import SAMPLE_RATE

KEPT_S = 8
"""Seconds that are buffered; older samples are dropped."""


class StreamSound(Sound):
    """Mono sound at 16 kHz of unknown length, in constant memory.

    Attributes:
        path: ``-``.
        samples: number of samples received so far.
    """

    def __init__(self) -> None:
        self.path, self.samples = Path("-"), 0
        self._ring: Floats = np.zeros(KEPT_S * SAMPLE_RATE, np.float32)

    def push(self, samples: Floats) -> None:
        """Append sound.

        Args:
            samples: new samples, (n,), in [-1, 1].
        """
        size = len(self._ring)
        for start in range(0, len(samples), size):
            piece = samples[start : start + size]
            at = (self.samples + np.arange(len(piece))) % size
            self._ring[at] = piece
            self.samples += len(piece)

    def read(self, first_sample: int, count: int) -> Floats:
        """Read samples as :meth:`~imagineid.audio.sound.Sound.read` does; later samples are zero.

        Raises:
            ValueError: the samples were dropped already.
        """
        out = np.zeros(count, np.float32)
        low, high = max(first_sample, 0), min(first_sample + count, self.samples)
        if low < high:
            if low < self.samples - len(self._ring):
                raise ValueError(f"sample {low} of {self.samples} was dropped")
            out[low - first_sample : high - first_sample] = self._ring[
                np.arange(low, high) % len(self._ring)
            ]
        return out

    def close(self) -> None:
        """Do nothing; there is no file to close."""
