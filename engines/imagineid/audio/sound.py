"""Sound in: any recording to 16 kHz mono."""

from __future__ import annotations

import contextlib
import hashlib
import os
import tempfile
import threading
import weakref
from pathlib import Path
from typing import IO

import numpy as np
from numpy.typing import NDArray

from imagineid.audio.decode import resample
from imagineid.audio.survey import mix_weights
from imagineid.errors import BadOutput
from imagineid.spec import FPS, SAMPLE_RATE

MIX_S = 30
"""Seconds from which the mix of the channels is decided."""

Floats = NDArray[np.float32]


class Sound:
    """A recording as 16 kHz mono, kept in a temporary file without a name.

    Memory does not grow with its length. Channels are kept apart on disk and mixed when read: a
    dead channel is left out and one that is turned upside down is turned back. The file goes with
    a ``with`` block, with :meth:`close`, or at the latest with the object.

    Attributes:
        path: the recording.
        samples: its length at 16 kHz.
        notes: what the user should know of it, a line each.
    """

    notes: tuple[str, ...] = ()

    def __init__(self, path: Path, spool: IO[bytes], samples: int, mix: Floats) -> None:
        self.path = path
        self.samples = samples
        self._spool = spool
        self._lock = threading.Lock()
        self._mix = mix  # (channels,): the weight of each
        self._close = weakref.finalize(self, spool.close)

    @property
    def duration_s(self) -> float:
        """Length in seconds."""
        return self.samples / SAMPLE_RATE

    @property
    def frames(self) -> int:
        """Video frames that cover the recording: its length at 25 a second, rounded up."""
        return max(1, -(-self.samples * FPS // SAMPLE_RATE))

    def read(self, first_sample: int, count: int) -> Floats:
        """Read samples.

        Args:
            first_sample: where to start; may be negative.
            count: how many.

        Returns:
            (count,), in [-1, 1]; zeros outside the recording.
        """
        out = np.zeros(count, dtype=np.float32)
        low, high = max(first_sample, 0), min(first_sample + count, self.samples)
        if low < high:
            channels = len(self._mix)
            with self._lock:
                self._spool.seek(low * channels * 2)
                data = self._spool.read((high - low) * channels * 2)
            block = np.frombuffer(data, dtype=np.int16).reshape(-1, channels)
            mono = block[:, 0] * self._mix[0]
            for channel in range(1, channels):
                mono = mono + block[:, channel] * self._mix[channel]
            out[low - first_sample : high - first_sample] = mono / np.float32(32768.0)
        return out

    def digest(self) -> str:
        """Return what the recording is, by its samples."""
        digest = hashlib.blake2b(digest_size=20)
        for first in range(0, self.samples, 1 << 20):
            digest.update(self.read(first, min(1 << 20, self.samples - first)).tobytes())
        return digest.hexdigest()

    def close(self) -> None:
        """Give the temporary file back."""
        self._close()

    def __enter__(self) -> Sound:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def open_sound(path: str | os.PathLike[str]) -> Sound:
    """Open a recording, decoding it once to 16 kHz.

    Args:
        path: anything PyAV reads as sound: wav, flac, mp3, ogg, m4a, the sound of a video; any
            rate, any channels.

    Returns:
        The recording, at least 0.2 s of it. Silence is not an error.

    Raises:
        BadSound: it can't be read, or there is nothing to hear.
        BadOutput: there is no room for its temporary file.
    """
    path, notes = Path(path), list[str]()
    spool = tempfile.TemporaryFile(prefix="imagineid-")
    try:
        samples, gram = _spool_channels(path, spool, notes)
    except OSError as error:
        with contextlib.suppress(OSError):  # closing writes once more, to the same full disk
            spool.close()
        raise BadOutput(
            f"No space for a temporary file in {tempfile.gettempdir()}: {error.strerror}.\n"
            f"Name another folder:  TMPDIR=FOLDER imagineid generate {path}"
        ) from error
    except BaseException:
        spool.close()
        raise
    sound = Sound(path, spool, samples, mix_weights(gram))
    sound.notes = tuple(notes)
    return sound


def _spool_channels(
    path: Path, spool: IO[bytes], notes: list[str]
) -> tuple[int, NDArray[np.float64]]:
    """Write a recording's channels as 16 kHz int16, interleaved.

    Returns:
        Its samples, and the channels' products summed over its first :data:`MIX_S`, (channels,
        channels): a recording that grows is mixed as it was before.
    """
    gram: NDArray[np.float64] | None = None
    samples = 0
    for frame in resample(path, "s16", lambda first: (first.layout.name, SAMPLE_RATE), notes):
        channels = frame.layout.nb_channels
        block = frame.to_ndarray().reshape(-1, channels)  # (samples, channels) int16
        spool.write(block.tobytes())
        if gram is None or samples < MIX_S * SAMPLE_RATE:
            wide = block[: MIX_S * SAMPLE_RATE - samples].astype(np.float64)
            gram = wide.T @ wide if gram is None else gram + wide.T @ wide
        samples += len(block)
    spool.flush()
    assert gram is not None  # a recording has one frame at least
    return samples, gram
