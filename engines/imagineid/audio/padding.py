"""Silence added before and after a recording."""

from __future__ import annotations

from imagineid.audio.sound import Floats, Sound
from imagineid.spec import SAMPLE_RATE


class PaddedSound(Sound):
    """A recording with added silence; a view that is valid while the recording is open.

    Args:
        inner: the recording.
        pad_s: seconds of silence at each end.
    """

    def __init__(self, inner: Sound, pad_s: float) -> None:
        self.path, self.track = inner.path, inner.track
        self._pad = round(pad_s * SAMPLE_RATE)
        self.samples = inner.samples + 2 * self._pad
        self._inner = inner

    def read(self, first_sample: int, count: int) -> Floats:
        """Read samples; see :meth:`~imagineid.audio.sound.Sound.read`."""
        return self._inner.read(first_sample - self._pad, count)

    def digest(self) -> str:
        """Return the digest of the recording and its silence."""
        return f"{self._inner.digest()}+{self._pad}"

    def close(self) -> None:
        """Do nothing; the recording stays open."""
