"""Mel windows, the input of PAD.

The front end is Wav2Lip's: pre-emphasis, an 800-point Fourier transform every 200 samples, 80 mel
bands, decibels scaled to [-4, 4]. Mel frames are computed in blocks at fixed positions of the
recording, so that a window has the same bits however the recording is split.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cache

import numpy as np
from numpy.typing import NDArray

from imagineid.audio.sound import Sound
from imagineid.spec import FPS, HOP_SAMPLES, MEL_FRAMES, MELS, SAMPLE_RATE

FFT_SAMPLES = 800
"""Samples of one Fourier transform: 50 ms."""

PRE_EMPHASIS = 0.97
"""y[n] = x[n] - PRE_EMPHASIS x[n-1]."""

MEL_LOW_HZ, MEL_HIGH_HZ = 55.0, 7600.0
"""Edges of the mel bands."""

FLOOR_DB = -100.0
REFERENCE_DB = 20.0
RANGE = 4.0
"""Decibels from FLOOR_DB to 0 (minus REFERENCE_DB) are scaled to -RANGE to RANGE."""

MEL_FRAMES_PER_SECOND = SAMPLE_RATE // HOP_SAMPLES
"""80 mel frames a second."""

_BLOCK = 64  # mel frames per block; blocks start at multiples of it
_ROWS = 8  # rows per matrix product

Floats = NDArray[np.float32]
Reader = Callable[[int, int], Floats]


def mel_spectrogram(wave: Floats) -> Floats:
    """Return the mel frames of a recording in memory.

    Args:
        wave: mono sound at 16 kHz, (samples,), in [-1, 1].

    Returns:
        (1 + samples // 200, 80), in [-4, 4]; frame t is centred on sample 200 t, with zeros
        outside the recording (librosa's ``center=True, pad_mode="constant"``).
    """
    wave = np.ascontiguousarray(wave, dtype=np.float32)
    return _mel_frames(_array_reader(wave), len(wave), 0, 1 + len(wave) // HOP_SAMPLES)


def mel_windows(
    sound: Sound | Floats, first_frame: int, frames: int, factor: float = 1.0
) -> Floats:
    """Return the mel windows of some video frames: the paper's A.

    Args:
        sound: an open recording, or mono sound at 16 kHz, (samples,), in [-1, 1].
        first_frame: the first video frame, at least 0; frames past the end are silent.
        frames: number of video frames.
        factor: on the samples, before they are heard.

    Returns:
        (frames, 1280), in [-4, 4]: video frame i takes the 16 mel frames from ``int(80 i / 25)``,
        laid out band by band, (80, 16).
    """
    if frames <= 0:
        return np.zeros((0, MELS * MEL_FRAMES), dtype=np.float32)
    starts = np.arange(first_frame, first_frame + frames) * MEL_FRAMES_PER_SECOND // FPS
    first = int(starts[0])
    count = int(starts[-1]) + MEL_FRAMES - first
    read: Reader
    if isinstance(sound, Sound):
        read, samples = sound.read, sound.samples
    else:
        wave = np.ascontiguousarray(sound, dtype=np.float32)
        read, samples = _array_reader(wave), len(wave)
    mels = _mel_frames(_scaled(read, factor), samples, first, count)
    index = (starts - first)[:, None] + np.arange(MEL_FRAMES)  # (frames, 16)
    windows: Floats = mels[index].transpose(0, 2, 1).reshape(frames, MELS * MEL_FRAMES)
    return windows


def mel_edges_hz() -> NDArray[np.float64]:
    """Return the edges and centres of the mel bands, (82,) Hz."""
    return _mel_to_hz(np.linspace(_hz_to_mel(MEL_LOW_HZ), _hz_to_mel(MEL_HIGH_HZ), MELS + 2))


@cache
def mel_filters() -> Floats:
    """Return the triangular mel filter bank.

    Returns:
        (401, 80): Slaney's mel scale, each triangle of unit area (librosa's default), read-only.

    Source:
        Slaney, Auditory Toolbox, 1998.
    """
    edges_hz = mel_edges_hz()
    bins_hz = np.fft.rfftfreq(FFT_SAMPLES, 1.0 / SAMPLE_RATE)[:, None]  # (401, 1)
    low, middle, high = edges_hz[:-2], edges_hz[1:-1], edges_hz[2:]
    rising = (bins_hz - low) / (middle - low)
    falling = (high - bins_hz) / (high - middle)
    bank = np.maximum(0.0, np.minimum(rising, falling)) * (2.0 / (high - low))
    filters = np.ascontiguousarray(bank, dtype=np.float32)
    filters.setflags(write=False)
    return filters


def _hz_to_mel(hz: float) -> float:
    """Slaney's scale: linear to 1 kHz (15 mel), logarithmic above (27 mel a factor of 6.4)."""
    return hz * 3.0 / 200.0 if hz < 1000.0 else 15.0 + 27.0 * float(np.log(hz / 1000.0) / _LOG64)


def _mel_to_hz(mels: NDArray[np.float64]) -> NDArray[np.float64]:
    """Inverse of :func:`_hz_to_mel`."""
    above = 1000.0 * np.exp((mels - 15.0) * _LOG64 / 27.0)
    return np.where(mels < 15.0, mels * 200.0 / 3.0, above)


_LOG64 = float(np.log(6.4))


@cache
def _hann() -> Floats:
    """Make the periodic Hann window, (800,)."""
    phase = 2.0 * np.pi * np.arange(FFT_SAMPLES) / FFT_SAMPLES
    return np.asarray(0.5 - 0.5 * np.cos(phase), dtype=np.float32)


def _array_reader(wave: Floats) -> Reader:
    """Read an array as :meth:`Sound.read` reads a recording: zeros outside."""

    def read(first: int, count: int) -> Floats:
        out = np.zeros(count, dtype=np.float32)
        low, high = max(first, 0), min(first + count, len(wave))
        if low < high:
            out[low - first : high - first] = wave[low:high]
        return out

    return read


def _scaled(read: Reader, factor: float) -> Reader:
    """Read with every sample multiplied by ``factor``."""
    if factor == 1.0:
        return read
    return lambda first, count: read(first, count) * np.float32(factor)


def _mel_frames(read: Reader, samples: int, first: int, count: int) -> Floats:
    """Compute mel frames ``first`` to ``first + count``, (count, 80), whole blocks at a time.

    Rows have the same bits in blocks of any size.
    """
    out = np.full((count, MELS), -RANGE, dtype=np.float32)
    rows = _BLOCK if count >= _BLOCK else _ROWS
    for block in range(first // rows * rows, first + count, rows):
        if block * HOP_SAMPLES - FFT_SAMPLES // 2 >= samples:
            break  # silence past the end
        frames = _mel_block(read, samples, block, rows)
        low, high = max(block, first), min(block + rows, first + count)
        out[low - first : high - first] = frames[low - block : high - block]
    return out


def _mel_block(read: Reader, samples: int, block: int, rows: int) -> Floats:
    """Compute the mel frames ``block`` to ``block + rows``, (rows, 80), in [-4, 4]."""
    start = block * HOP_SAMPLES - FFT_SAMPLES // 2
    span = (rows - 1) * HOP_SAMPLES + FFT_SAMPLES
    wave = read(start - 1, span + 1)
    wave = wave[1:] - np.float32(PRE_EMPHASIS) * wave[:-1]
    wave[max(0, samples - start) :] = 0.0  # pre-emphasis would ring one sample past the end
    pieces = np.lib.stride_tricks.sliding_window_view(wave, FFT_SAMPLES)[::HOP_SAMPLES]
    spectrum = np.abs(np.fft.rfft(pieces * _hann(), axis=1)).astype(np.float32)  # (rows, 401)
    # Eight rows at a time stay under BLAS's threshold for threads, which wait on a busy machine.
    bands = (spectrum.reshape(-1, _ROWS, spectrum.shape[1]) @ mel_filters()).reshape(rows, MELS)
    bands = np.maximum(bands, np.float32(10.0 ** (FLOOR_DB / 20.0)))
    decibels = 20.0 * np.log10(bands) - np.float32(REFERENCE_DB)
    scaled = 2.0 * RANGE * (decibels - FLOOR_DB) / -FLOOR_DB - RANGE
    return np.asarray(np.clip(scaled, -RANGE, RANGE), dtype=np.float32)
