"""The sound of a video: a recording with silence before and after, or live sound in pieces."""

from __future__ import annotations

from collections import deque
from collections.abc import Generator, Iterator
from fractions import Fraction
from pathlib import Path
from typing import cast

import av
import numpy as np
from numpy.typing import NDArray

from imagineid.audio.decode import resample, silence
from imagineid.spec import SAMPLE_RATE


def sound_frames(
    path: Path,
    rates: tuple[int, ...],
    pad_s: float = 0.0,
    sample_format: str = "fltp",
    track: int | None = None,
) -> Generator[av.AudioFrame, None, None]:
    """Decode a recording to mono or stereo, at a sample rate of the encoder.

    Args:
        path: the recording.
        rates: sample rates of the encoder, Hz, ascending; a multiple of its own is preferred.
        pad_s: seconds of silence before and after.
        sample_format: FFmpeg's name of it: "fltp" or "s16".
        track: which of its sound tracks, from 1; None: the one that speaks.

    Yields:
        Frames without timestamps, without gaps.

    Raises:
        BadSound: it can't be read.
    """

    def target(first: av.AudioFrame) -> tuple[str, int]:
        layout = "mono" if first.layout.nb_channels == 1 else "stereo"
        return layout, _rate_for(first.sample_rate, rates)

    frames = resample(path, sample_format, target, track=track)
    try:
        first = next(frames)
        pad_samples = round(pad_s * first.sample_rate)
        yield from silence(pad_samples, first)
        yield first
        yield from frames
        yield from silence(pad_samples, first)
    finally:
        frames.close()


def _rate_for(rate: int, rates: tuple[int, ...]) -> int:
    """Return a multiple of a sample rate, else the next higher one, else the highest."""
    higher = [each for each in rates if each >= rate] or [rates[-1]]
    return next((each for each in higher if each % rate == 0), higher[0])


class LiveSound:
    """Sound that comes in while a video is written; an iterator over what has come in so far.

    Args:
        rate: sample rate of the encoder, Hz.
    """

    layout = "mono"

    def __init__(self, rate: int) -> None:
        self.rate = rate
        self._resampler = av.AudioResampler(format="fltp", layout=self.layout, rate=rate)
        self._waiting: deque[av.AudioFrame] = deque()

    def push(self, samples: NDArray[np.float32]) -> None:
        """Add samples (n,), mono at 16 kHz, in [-1, 1]."""
        frame = av.AudioFrame.from_ndarray(samples[None], format="fltp", layout=self.layout)
        frame.sample_rate = SAMPLE_RATE
        self._waiting.extend(self._resampler.resample(frame))

    def end(self) -> None:
        """Add the samples left in the resampler; nothing is pushed afterwards."""
        self._waiting.extend(self._resampler.resample(None))

    def __iter__(self) -> LiveSound:
        return self

    def __next__(self) -> av.AudioFrame:
        """Return the next frame; stops where none is waiting, and continues after a push."""
        if not self._waiting:
            raise StopIteration
        return self._waiting.popleft()


class SoundTrack:
    """The sound stream of a video that is being written.

    Args:
        container: the container to which the stream is added.
        codec: FFmpeg's name of the encoder.
        frames: frames of the sound, float planes; see :func:`sound_frames` and :class:`LiveSound`.
        rate: their sample rate, Hz.
        layout: FFmpeg's name of their channels: "mono" or "stereo".
    """

    def __init__(
        self,
        container: av.container.OutputContainer,
        codec: str,
        frames: Iterator[av.AudioFrame],
        rate: int,
        layout: str,
    ) -> None:
        self._container, self._frames, self._rate = container, frames, rate
        self._pending: av.AudioFrame | None = None
        self._samples = 0  # that went in
        stream = container.add_stream(codec, rate=rate, layout=layout)
        self._stream = cast("av.AudioStream", stream)
        self._stream.bit_rate = min(96_000, 5 * rate) * (1 if layout == "mono" else 2)

    def write_until(self, time_s: Fraction) -> None:
        """Write sound up to the time of the picture, as far as there is any."""
        while True:
            frame = next(self._frames, None) if self._pending is None else self._pending
            self._pending = frame
            room = int(time_s * self._rate) - self._samples
            if frame is None or room <= 0:
                return
            frame, self._pending = _cut(frame, room) if frame.samples > room else (frame, None)
            frame.pts, frame.time_base = self._samples, Fraction(1, self._rate)
            self._samples += frame.samples
            self._container.mux(self._stream.encode(frame))

    def finish(self) -> None:
        """Flush the encoder."""
        self._container.mux(self._stream.encode(None))


def _cut(frame: av.AudioFrame, samples: int) -> tuple[av.AudioFrame, av.AudioFrame]:
    """Split a frame of float planes after ``samples``."""
    planes = np.asarray(frame.to_ndarray(), dtype=np.float32)  # (channels, samples)
    halves = []
    for part in (planes[:, :samples], planes[:, samples:]):
        half = av.AudioFrame.from_ndarray(
            np.ascontiguousarray(part), format="fltp", layout=frame.layout.name
        )
        half.sample_rate = frame.sample_rate
        halves.append(half)
    return halves[0], halves[1]
