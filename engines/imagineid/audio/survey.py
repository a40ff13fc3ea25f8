"""A first look into a recording: which of its tracks speaks, how loud it is, what channels live."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path

import av
import numpy as np
from numpy.typing import NDArray

from imagineid.containers import open_media
from imagineid.errors import BadInput

SURVEY_S = 30.0
"""So much of the beginning is looked at."""

NAMED_CHANNELS = 8
"""More channels than that have no layout that could be mixed."""

PLANES = 8
"""From so many planes on they are not read, see :func:`packed`."""

SILENT_RMS = 1e-3
"""A track quieter than this (-60 dB) does not speak."""

LOUDEST = 4.0
"""Float samples beyond this are numbers of another scale, not of [-1, 1]."""

SCALES = (2.0**15, 2.0**23, 2.0**31)
"""What integers of 16, 24 and 32 bits reach."""

_WIDTHS = {"u8": 2.0**7, "s16": 2.0**15, "s32": 2.0**31, "s64": 2.0**63}


@dataclass(frozen=True)
class Survey:
    """How a recording is to be read.

    Attributes:
        track: the sound stream that is taken, counted among those of sound.
        gain: what samples are multiplied with.
        weights: of each channel in a mix; None: the channels are kept.
        notes: notes for the user, a line each.
    """

    track: int = 0
    gain: float = 1.0
    weights: tuple[float, ...] | None = None
    notes: tuple[str, ...] = ()


def survey(path: Path, track: int | None = None) -> Survey:
    """Look into a recording, where its kind makes that necessary; once for each state of it.

    Args:
        path: the recording.
        track: the requested sound track, from 1, which exists; None: one is chosen.
    """
    status = path.stat()
    return _survey(os.path.realpath(path), status.st_size, status.st_mtime_ns, track)


def packed(frame: av.AudioFrame) -> av.AudioFrame:
    """Return a frame whose samples can be read: with many planes, interleaved.

    FFmpeg has room for eight pointers to planes, and PyAV counts planes up to the first pointer
    that is null, so that it reads foreign memory where there are eight or more.
    """
    if not frame.format.is_planar or frame.layout.nb_channels < PLANES:
        return frame
    to = av.AudioResampler(frame.format.packed.name, frame.layout.name, frame.sample_rate)
    pts, frame.pts = frame.pts, None
    (resampled,) = to.resample(frame)
    frame.pts = pts
    return resampled


def samples_of(frame: av.AudioFrame) -> NDArray[np.float32]:
    """Return a frame's samples, (channels, samples), with integers scaled to [-1, 1]."""
    frame = packed(frame)
    array = frame.to_ndarray()
    if not frame.format.is_planar:
        array = array.reshape(-1, frame.layout.nb_channels).T
    kind = frame.format.name.removesuffix("p")
    if kind in _WIDTHS:
        wide = array.astype(np.float64) - (128.0 if kind == "u8" else 0.0)
        return np.asarray(wide / _WIDTHS[kind], np.float32)
    return np.asarray(array, np.float32)


@dataclass
class _Track:
    """Statistics of one track so far."""

    seconds: float = 0.0
    peak: float = 0.0
    gram: NDArray[np.float64] = field(default_factory=lambda: np.zeros((0, 0)))  # of channels

    def add(self, frame: av.AudioFrame) -> None:
        block = np.nan_to_num(samples_of(frame).astype(np.float64))
        if len(self.gram) != len(block):
            self.gram = np.zeros((len(block), len(block)))
        self.seconds += frame.samples / frame.sample_rate
        self.peak = max(self.peak, float(np.abs(block).max(initial=0.0)))
        block = np.clip(block, -1e9, 1e9)
        self.gram += block @ block.T / frame.sample_rate

    @property
    def rms(self) -> float:
        """Of its loudest channel."""
        return float(np.sqrt(self.gram.max(initial=0.0) / max(self.seconds, 1e-9)))


@lru_cache(maxsize=64)
def _survey(name: str, _size: int, _date: int, requested: int | None) -> Survey:
    unseen = Survey((requested or 1) - 1)
    try:
        with open_media(Path(name)) as container:
            streams = container.streams.audio
            if any(stream.codec_context is None for stream in streams):  # of no known codec
                return unseen
            several = len(streams) > 1 and requested is None
            if not any(_is_odd(stream) for stream in streams) and not several:
                return unseen
            tracks = _look(container, streams)
    except (av.FFmpegError, OSError, ValueError, BadInput):  # decoding will report it
        return unseen
    notes = []
    track = _choose(tracks) if requested is None else unseen.track
    if track and requested is None:
        notes.append(f"the first of its {len(tracks)} tracks is silent: track {track + 1} is taken")
    chosen = tracks[track]
    gain = 1.0
    if chosen.peak > LOUDEST:
        gain = 1 / next((scale for scale in SCALES if chosen.peak <= 1.01 * scale), chosen.peak)
        notes.append(f"its samples reach {chosen.peak:.4g} and not 1: they are made smaller")
    return Survey(track, gain, _weights(streams[track], chosen), tuple(notes))


def _is_odd(stream: av.AudioStream) -> bool:
    """Return whether a stream has to be examined before it is decoded."""
    name = stream.format.name if stream.format else ""
    return (
        name.startswith(("flt", "dbl"))
        and stream.codec.name.startswith("pcm")
        or (_is_unnamed(stream))
    )


def _is_unnamed(stream: av.AudioStream) -> bool:
    count = stream.layout.nb_channels
    return count > NAMED_CHANNELS or (count > 2 and stream.layout.name.endswith("channels"))


def _look(
    container: av.container.InputContainer, streams: Sequence[av.AudioStream]
) -> list[_Track]:
    tracks = {stream.index: _Track() for stream in streams}
    for packet in container.demux(*streams):
        try:
            frames = packet.decode()
        except av.FFmpegError:
            continue
        for frame in frames:
            if isinstance(frame, av.AudioFrame) and frame.samples and frame.sample_rate:
                tracks[packet.stream.index].add(frame)
        if max(track.seconds for track in tracks.values()) > SURVEY_S:
            break
    return [tracks[stream.index] for stream in streams]


def _choose(tracks: Sequence[_Track]) -> int:
    """Return the first track, unless it is silent and another is not."""
    if tracks[0].rms > SILENT_RMS:
        return 0
    loudest = max(range(len(tracks)), key=lambda i: tracks[i].rms)
    return loudest if tracks[loudest].rms > max(SILENT_RMS, 4 * tracks[0].rms) else 0


def _weights(stream: av.AudioStream, track: _Track) -> tuple[float, ...] | None:
    """Mix the channels that live, where they are too many to have a place each."""
    if not _is_unnamed(stream) or not len(track.gram):
        return None
    return tuple(map(float, mix_weights(track.gram)))


def mix_weights(gram: NDArray[np.float64]) -> NDArray[np.float32]:
    """Weigh the channels: live ones evenly, dead ones not at all, inverted ones negatively.

    Args:
        gram: products of the channels summed over time, (channels, channels).

    Returns:
        (channels,), whose absolute values add up to 1.
    """
    power = np.diag(gram)
    loudest = int(power.argmax())
    live = power >= max(1e-4 * float(power[loudest]), 1e-9)  # 40 dB under the loudest is dead
    if not live.any():
        return np.full(len(power), 1.0 / len(power), dtype=np.float32)
    likeness = gram[loudest] / np.sqrt(np.maximum(power * power[loudest], 1e-9))
    signs = np.where(likeness < -0.5, -1.0, 1.0)
    return np.asarray(np.where(live, signs / live.sum(), 0.0), dtype=np.float32)
