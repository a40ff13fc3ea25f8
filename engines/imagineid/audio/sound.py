"""Sound in: any recording to 16 kHz mono."""

from __future__ import annotations

import contextlib
import hashlib
import os
import tempfile
import threading
import weakref
from collections import deque
from collections.abc import Callable, Generator
from pathlib import Path
from typing import IO, Protocol

import numpy as np
from numpy.typing import NDArray

from imagineid.audio.decode import resample
from imagineid.audio.survey import mix_weights
from imagineid.errors import BadOutput, BadSound
from imagineid.spec import FPS, SAMPLE_RATE

MIX_S = 30
"""Seconds from which the mix of the channels is decided."""

LONG_S = 1800
"""A recording longer than this is decoded again as it is read; shorter ones are decoded once, to a
temporary file of 32 kB a second and channel."""

HELD_S = 240
"""Seconds of a long recording that are held: windows are read several times."""

Floats = NDArray[np.float32]
Shorts = NDArray[np.int16]


class Store(Protocol):
    """Source of a recording's samples, with separate channels."""

    def read(self, low: int, high: int) -> Shorts:
        """Return the samples ``low`` to ``high``, (samples, channels)."""

    def close(self) -> None:
        """Release its resources."""


class Spool:
    """Samples in a temporary file without a name, interleaved int16."""

    def __init__(self, file: IO[bytes], channels: int) -> None:
        self._file, self._channels = file, channels

    def read(self, low: int, high: int) -> Shorts:
        """Return samples; see :class:`Store`."""
        self._file.seek(low * self._channels * 2)
        data = self._file.read((high - low) * self._channels * 2)
        return np.frombuffer(data, dtype=np.int16).reshape(-1, self._channels)

    def close(self) -> None:
        """Remove the file."""
        self._file.close()


class Redecoded:
    """Samples of a long recording, decoded again as they are read.

    The last :data:`HELD_S` are held; going further back begins at the start again.
    """

    def __init__(self, path: Path, track: int | None = None) -> None:
        self._path, self._track = path, track
        self._blocks: deque[Shorts] = deque()
        self._first = self._end = 0
        self._source: Generator[Shorts, None, None] = _decoded(path, track=track)

    def read(self, low: int, high: int) -> Shorts:
        """Return samples; see :class:`Store`.

        Raises:
            BadSound: the recording is no longer as long as it was.
        """
        if low < self._first:
            self.close()
            self._source = _decoded(self._path, track=self._track)
            self._first = self._end = 0
        while self._end < high:
            block = next(self._source, None)
            if block is None:
                raise BadSound(
                    f"{self._path} was changed while it was read.\n"
                    f"Run it again:  imagineid generate {self._path}"
                )
            self._blocks.append(block)
            self._end += len(block)
            oldest = min(low, self._end - HELD_S * SAMPLE_RATE)
            while self._first + len(self._blocks[0]) <= oldest:
                self._first += len(self._blocks.popleft())
        held = np.concatenate(self._overlapping(low, high))
        return held[: high - low]

    def _overlapping(self, low: int, high: int) -> list[Shorts]:
        """Return the held blocks that overlap ``low`` to ``high``, the first one cut at ``low``."""
        out, at = [], self._first
        for block in self._blocks:
            if at + len(block) > low and at < high:
                out.append(block[max(0, low - at) :])
            at += len(block)
        return out

    def close(self) -> None:
        """Close the recording."""
        self._source.close()
        self._blocks.clear()


class Sound:
    """A recording as 16 kHz mono.

    Neither memory nor temporary files grow with its length beyond :data:`LONG_S`. Channels are kept
    apart and mixed when read: a dead channel is left out and one that is turned upside down is
    turned back. What it holds goes with a ``with`` block, with :meth:`close`, or at the latest with
    the object.

    Attributes:
        path: the recording.
        samples: its length at 16 kHz.
        notes: notes for the user, a line each.
        track: the requested sound track, from 1; None: none was requested.
    """

    notes: tuple[str, ...] = ()
    track: int | None = None

    def __init__(
        self, path: Path, store: Store, samples: int, mix: Floats, digest: str = ""
    ) -> None:
        self.path = path
        self.samples = samples
        self._store = store
        self._lock = threading.Lock()
        self._mix = mix  # (channels,): the weight of each
        self._digest = digest
        self._close = weakref.finalize(self, store.close)

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
            with self._lock:
                block = self._store.read(low, high)
            out[low - first_sample : high - first_sample] = _mixed(block, self._mix)
        return out

    def digest(self) -> str:
        """Return the digest of the recording's samples."""
        if not self._digest:
            digest = _new_digest()
            for first in range(0, self.samples, 1 << 20):
                digest.update(self.read(first, min(1 << 20, self.samples - first)).tobytes())
            self._digest = digest.hexdigest()
        return self._digest

    def close(self) -> None:
        """Release its resources."""
        self._close()

    def __enter__(self) -> Sound:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def open_sound(
    path: str | os.PathLike[str],
    on_progress: Callable[[float], None] | None = None,
    track: int | None = None,
) -> Sound:
    """Open a recording, decoding it once from end to end.

    Args:
        path: anything PyAV reads as sound: wav, flac, mp3, ogg, m4a, the sound of a video; any
            rate, any channels.
        on_progress: called with the share of the file that is read, 0 to 1.
        track: which of its sound tracks, from 1; None: the first, unless only another one speaks.

    Returns:
        The recording, at least 0.2 s of it. Silence is not an error.

    Raises:
        BadSound: it can't be read, or there is nothing to hear.
        BadOutput: there is no room for its temporary file.
    """
    path, notes = Path(path), list[str]()
    spool = tempfile.TemporaryFile(prefix="imagineid-")
    try:
        sound = _first_pass(path, spool, notes, on_progress, track)
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
    sound.notes, sound.track = tuple(notes), track
    return sound


def _first_pass(
    path: Path,
    spool: IO[bytes],
    notes: list[str],
    on_progress: Callable[[float], None] | None,
    track: int | None,
) -> Sound:
    """Read a recording to its end, spooling its channels unless it is long.

    Channels are mixed as its first :data:`MIX_S` ask for: a recording that grows is mixed as it was
    before.
    """
    gram: NDArray[np.float64] | None = None
    samples, channels = 0, 1
    mix, digest = np.zeros(0, np.float32), None
    for block in _decoded(path, notes, on_progress, track):
        if gram is None or samples < MIX_S * SAMPLE_RATE:
            wide = block[: MIX_S * SAMPLE_RATE - samples].astype(np.float64)
            gram = wide.T @ wide if gram is None else gram + wide.T @ wide
            channels = block.shape[1]
        samples += len(block)
        if digest is not None:
            digest.update(_mixed(block, mix).tobytes())
            continue
        spool.write(block.tobytes())
        if samples > LONG_S * SAMPLE_RATE:
            mix = mix_weights(gram)
            digest = _spooled_digest(spool, samples, mix)
            spool.close()
    assert gram is not None  # a recording has one frame at least
    if digest is not None:
        return Sound(path, Redecoded(path, track), samples, mix, digest.hexdigest())
    spool.flush()
    return Sound(path, Spool(spool, channels), samples, mix_weights(gram))


def _decoded(
    path: Path,
    notes: list[str] | None = None,
    on_progress: Callable[[float], None] | None = None,
    track: int | None = None,
) -> Generator[Shorts, None, None]:
    """Yield a recording's channels at 16 kHz, (samples, channels) a block."""
    frames = resample(
        path, "s16", lambda first: (first.layout.name, SAMPLE_RATE), notes, on_progress, track
    )
    with contextlib.closing(frames):
        for frame in frames:
            samples = np.asarray(frame.to_ndarray(), np.int16)
            yield samples.reshape(-1, frame.layout.nb_channels)


def _mixed(block: Shorts, mix: Floats) -> Floats:
    """Return channels (samples, channels) as mono in [-1, 1]."""
    mono = block[:, 0] * mix[0]
    for channel in range(1, len(mix)):
        mono = mono + block[:, channel] * mix[channel]
    return np.asarray(mono / np.float32(32768.0), np.float32)


def _new_digest() -> hashlib.blake2b:
    return hashlib.blake2b(digest_size=20)


def _spooled_digest(file: IO[bytes], samples: int, mix: Floats) -> hashlib.blake2b:
    """Return the digest of the samples spooled so far, to be updated."""
    digest, spool = _new_digest(), Spool(file, len(mix))
    file.flush()
    for first in range(0, samples, 1 << 20):
        digest.update(_mixed(spool.read(first, min(first + (1 << 20), samples)), mix).tobytes())
    return digest
