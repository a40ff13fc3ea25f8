"""The sound of a video: a recording in a format of the encoder, with silence before and after."""

from __future__ import annotations

from collections.abc import Generator, Iterator
from fractions import Fraction
from pathlib import Path
from typing import cast

import av
import numpy as np

from imagineid.audio.decode import resample, silence


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


class SoundTrack:
    """The sound stream of a video that is being written.

    Args:
        container: the container to which the stream is added.
        codec: FFmpeg's name of the encoder.
        frames: frames of the sound, float planes; see :func:`sound_frames`.
    """

    def __init__(
        self,
        container: av.container.OutputContainer,
        codec: str,
        frames: Iterator[av.AudioFrame],
    ) -> None:
        self._container, self._frames = container, frames
        self._pending: av.AudioFrame | None = next(frames)
        self._samples = 0  # that went in
        first, rate = self._pending, self._pending.sample_rate
        stream = container.add_stream(codec, rate=rate, layout=first.layout.name)
        self._stream = cast("av.AudioStream", stream)
        self._stream.bit_rate = min(96_000, 5 * rate) * first.layout.nb_channels

    def write_until(self, time_s: Fraction) -> None:
        """Write sound up to the time of the picture."""
        while self._pending is not None:
            frame = self._pending
            room = int(time_s * frame.sample_rate) - self._samples
            if room <= 0:
                return
            if frame.samples > room:
                frame, self._pending = _cut(frame, room)
            else:
                self._pending = next(self._frames, None)
            frame.pts, frame.time_base = self._samples, Fraction(1, frame.sample_rate)
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
