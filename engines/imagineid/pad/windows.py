"""Windows: a recording of any length goes through networks that see L frames at once."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np

Array = np.ndarray
BATCH = 4
"""Windows that go through the networks together: more are no faster, and take more memory."""


def window_starts(frames: int, window: int) -> list[int]:
    """First frames of windows that cover the recording, half overlapping, the last one whole.

    They are whole multiples of 5 frames apart, where mel frames and video frames begin together.
    """
    if frames <= window:
        return [0]
    starts = list(range(0, frames - window, window // 10 * 5))
    return [*starts, frames - window]


def batches(items: Sequence[int]) -> Iterator[list[int]]:
    """Yield ``items``, :data:`BATCH` at a time."""
    for i in range(0, len(items), BATCH):
        yield list(items[i : i + BATCH])


def fill_batch(some: Sequence[int]) -> list[int]:
    """Repeat the last of a group until it is :data:`BATCH` long.

    A network's bits change a little with the batch; so each window always goes through in as many.
    """
    return [*some, *[some[-1]] * (BATCH - len(some))]


class OverlapAdd:
    """Windows of rows laid over each other, each counting most in its middle.

    Args:
        frames: rows of the outcome; those of the last window beyond them are dropped.
        window: L, rows of each.
        width: numbers of a row.
    """

    def __init__(self, frames: int, window: int, width: int) -> None:
        ramp = np.minimum(np.arange(1, window + 1), np.arange(window, 0, -1))
        self._fade = np.asarray(ramp / ramp.max(), np.float32)[:, None]
        self._total = np.zeros((frames, width), np.float32)
        self._weight = np.zeros((frames, 1), np.float32)

    def add(self, start: int, made: Array) -> None:
        """Add a window (L, width) whose first row is the outcome's ``start``."""
        room = min(len(made), len(self._total) - start)
        self._total[start : start + room] += made[:room] * self._fade[:room]
        self._weight[start : start + room] += self._fade[:room]

    def done(self) -> Array:
        """Return the outcome, (frames, width)."""
        return self._total / self._weight
