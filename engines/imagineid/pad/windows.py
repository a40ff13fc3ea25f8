"""Overlapping windows of L frames that cover a recording of any length."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np

Array = np.ndarray
BATCH = 4
"""Windows per batch; larger batches are not faster and need more memory."""


def stride(window: int) -> int:
    """Return the frames from one window to the next: they overlap by a half.

    Whole multiples of 5 frames, where mel frames and video frames begin together.
    """
    return window // 10 * 5


def window_starts(frames: int, window: int) -> list[int]:
    """First frames of windows that cover the recording, the last one whole."""
    if frames <= window:
        return [0]
    starts = list(range(0, frames - window, stride(window)))
    return [*starts, frames - window]


def batches(items: Sequence[int], most: int = BATCH) -> Iterator[list[int]]:
    """Yield ``items``, ``most`` at a time."""
    for i in range(0, len(items), most):
        yield list(items[i : i + most])


def fill_batch(some: Sequence[int]) -> list[int]:
    """Repeat the last of a batch until it is :data:`BATCH` long.

    A network's bits change a little with the batch; so each window always goes through in as many.
    """
    return [*some, *[some[-1]] * (BATCH - len(some))]


class OverlapAdd:
    """Windows of rows laid over each other, each counting most in its middle.

    Args:
        window: L, rows of each.
        width: numbers of a row.
    """

    def __init__(self, window: int, width: int) -> None:
        ramp = np.minimum(np.arange(1, window + 1), np.arange(window, 0, -1))
        self.window = window
        self._fade = np.asarray(ramp / ramp.max(), np.float32)[:, None]
        self._first = 0  # the row of the outcome that the sums begin with
        self._total = np.zeros((0, width), np.float32)
        self._weight = np.zeros((0, 1), np.float32)

    def add(self, start: int, rows: Array) -> None:
        """Add a window (L, width) whose first row is row ``start`` of the result."""
        low = start - self._first
        if (lacks := low + self.window - len(self._total)) > 0:
            more = max(lacks, len(self._total))  # so that a long recording is not copied often
            self._total = np.pad(self._total, ((0, more), (0, 0)))
            self._weight = np.pad(self._weight, ((0, more), (0, 0)))
        self._total[low : low + self.window] += rows * self._fade
        self._weight[low : low + self.window] += self._fade

    def take(self, stop: int) -> Array:
        """Return the rows up to ``stop`` that were not taken before, and forget them."""
        count = stop - self._first
        out: Array = self._total[:count] / self._weight[:count]
        self._total, self._weight = self._total[count:].copy(), self._weight[count:].copy()
        self._first = stop
        return out
