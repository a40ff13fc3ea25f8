"""Sound in: any recording to 16 kHz mono, and to the mel windows that PAD hears.

The front end is Wav2Lip's: pre-emphasis, an 800-point Fourier transform every 200 samples, 80 mel
bands, decibels scaled to [-4, 4]. Mel frames are computed in blocks that lie at fixed places of the
recording, so that a window has the same bits however the recording is cut.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import tempfile
import threading
import weakref
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import IO

import numpy as np
from numpy.typing import NDArray

from imagineid.decode import resample
from imagineid.errors import BadOutput
from imagineid.spec import FPS, HOP_SAMPLES, MEL_FRAMES, MELS, SAMPLE_RATE

FFT_SAMPLES = 800
"""Samples of one Fourier transform: 50 ms."""

PRE_EMPHASIS = 0.97
"""y[n] = x[n] - PRE_EMPHASIS x[n-1]."""

MEL_LOW_HZ, MEL_HIGH_HZ = 55.0, 7600.0
"""Edges of the mel bands."""

FLOOR_DB, REFERENCE_DB, RANGE = -100.0, 20.0, 4.0
"""Decibels from FLOOR_DB to 0 (after REFERENCE_DB is taken away) become -RANGE to RANGE."""

MEL_FRAMES_PER_SECOND = SAMPLE_RATE // HOP_SAMPLES
"""80 mel frames a second."""

MIX_S = 30
"""Seconds from which the mix of the channels is decided."""

_BLOCK = 64  # mel frames computed together, always from a multiple of it

Floats = NDArray[np.float32]
Reader = Callable[[int, int], Floats]


def mel(wave: Floats) -> Floats:
    """Turn a recording held in memory into mel frames.

    Args:
        wave: mono sound at 16 kHz, (samples,), in [-1, 1].

    Returns:
        (1 + samples // 200, 80), in [-4, 4]; frame t is centred on sample 200 t and hears zeros
        outside the recording (librosa's ``center=True, pad_mode="constant"``).
    """
    wave = np.ascontiguousarray(wave, dtype=np.float32)
    return _mel_frames(_array_reader(wave), len(wave), 0, 1 + len(wave) // HOP_SAMPLES)


def mel_windows(sound: Sound | Floats, first_frame: int, frames: int) -> Floats:
    """Cut the mel windows of some video frames: the paper's A.

    Args:
        sound: an open recording, or mono sound at 16 kHz, (samples,), in [-1, 1].
        first_frame: the first video frame, at least 0; frames past the end hear silence.
        frames: how many.

    Returns:
        (frames, 1280), in [-4, 4]: video frame i takes the 16 mel frames from ``int(80 i / 25)``,
        laid out band by band, (80, 16).
    """
    if frames <= 0:
        return np.zeros((0, MELS * MEL_FRAMES), dtype=np.float32)
    starts = np.arange(first_frame, first_frame + frames) * MEL_FRAMES_PER_SECOND // FPS
    first = int(starts[0])
    count = int(starts[-1]) + MEL_FRAMES - first
    if isinstance(sound, Sound):
        mels = _mel_frames(sound.read, sound.samples, first, count)
    else:
        wave = np.ascontiguousarray(sound, dtype=np.float32)
        mels = _mel_frames(_array_reader(wave), len(wave), first, count)
    index = (starts - first)[:, None] + np.arange(MEL_FRAMES)  # (frames, 16)
    windows: Floats = mels[index].transpose(0, 2, 1).reshape(frames, MELS * MEL_FRAMES)
    return windows


def mel_edges_hz() -> NDArray[np.float64]:
    """Return the frequencies where the mel bands begin, peak and end, (82,) Hz."""
    return _mel_to_hz(np.linspace(_hz_to_mel(MEL_LOW_HZ), _hz_to_mel(MEL_HIGH_HZ), MELS + 2))


@cache
def mel_filters() -> Floats:
    """Make the bank of triangles that turns a spectrum into mel bands.

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
    """Undo :func:`_hz_to_mel`."""
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


def _mel_frames(read: Reader, samples: int, first: int, count: int) -> Floats:
    """Compute mel frames ``first`` to ``first + count``, (count, 80), whole blocks at a time."""
    out = np.full((count, MELS), -RANGE, dtype=np.float32)
    for block in range(first // _BLOCK * _BLOCK, first + count, _BLOCK):
        if block * HOP_SAMPLES - FFT_SAMPLES // 2 >= samples:
            break  # past the end all is silence
        frames = _mel_block(read, samples, block)
        low, high = max(block, first), min(block + _BLOCK, first + count)
        out[low - first : high - first] = frames[low - block : high - block]
    return out


def _mel_block(read: Reader, samples: int, block: int) -> Floats:
    """Compute the mel frames ``block`` to ``block + 64``, (64, 80), in [-4, 4]."""
    start = block * HOP_SAMPLES - FFT_SAMPLES // 2
    span = (_BLOCK - 1) * HOP_SAMPLES + FFT_SAMPLES
    wave = read(start - 1, span + 1)
    wave = wave[1:] - np.float32(PRE_EMPHASIS) * wave[:-1]
    wave[max(0, samples - start) :] = 0.0  # pre-emphasis would ring one sample past the end
    pieces = np.lib.stride_tricks.sliding_window_view(wave, FFT_SAMPLES)[::HOP_SAMPLES]
    spectrum = np.abs(np.fft.rfft(pieces * _hann(), axis=1)).astype(np.float32)  # (64, 401)
    # Eight rows at a time stay under BLAS's threshold for threads, which wait on a busy machine.
    bands = (spectrum.reshape(_BLOCK // 8, 8, -1) @ mel_filters()).reshape(_BLOCK, MELS)
    bands = np.maximum(bands, np.float32(10.0 ** (FLOOR_DB / 20.0)))
    decibels = 20.0 * np.log10(bands) - np.float32(REFERENCE_DB)
    scaled = 2.0 * RANGE * (decibels - FLOOR_DB) / -FLOOR_DB - RANGE
    return np.asarray(np.clip(scaled, -RANGE, RANGE), dtype=np.float32)


class Sound:
    """A recording as 16 kHz mono, kept in a temporary file without a name.

    Memory does not grow with its length. Channels are kept apart on disk and mixed when read: a
    dead channel is left out and one that is turned upside down is turned back. The file goes with
    a ``with`` block, with :meth:`close`, or at the latest with the object.

    Attributes:
        path: the recording.
        samples: its length at 16 kHz.
    """

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

    def part(self, first_frame: int, frames: int) -> Sound:
        """Return the sound of some video frames as a recording of its own.

        Args:
            first_frame: where it begins.
            frames: how many; it ends at the latest where this one does.

        Returns:
            A view, which lasts as long as this recording is open.
        """
        first = first_frame * SAMPLE_RATE // FPS
        return _Part(self, first, min(frames * SAMPLE_RATE // FPS, self.samples - first))

    def close(self) -> None:
        """Give the temporary file back."""
        self._close()

    def __enter__(self) -> Sound:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


class _Part(Sound):
    """A stretch of another recording; silence lies around it."""

    def __init__(self, whole: Sound, first: int, samples: int) -> None:
        self.path = whole.path
        self.samples = samples
        self._whole = whole
        self._first = first

    def read(self, first_sample: int, count: int) -> Floats:
        out = np.zeros(count, dtype=np.float32)
        low, high = max(first_sample, 0), min(first_sample + count, self.samples)
        if low < high:
            out[low - first_sample : high - first_sample] = self._whole.read(
                self._first + low, high - low
            )
        return out

    def close(self) -> None:
        """Leave the whole recording open."""


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
    path = Path(path)
    spool = tempfile.TemporaryFile(prefix="imagineid-")
    try:
        samples, gram = _spool_channels(path, spool)
    except OSError as error:
        with contextlib.suppress(OSError):  # closing writes once more, to the same full disk
            spool.close()
        raise BadOutput(
            f"No room for a temporary file in {tempfile.gettempdir()}: {error.strerror}.\n"
            f"Name another folder:  TMPDIR=FOLDER imagineid generate {path}"
        ) from error
    except BaseException:
        spool.close()
        raise
    return Sound(path, spool, samples, _mix_weights(gram))


def _spool_channels(path: Path, spool: IO[bytes]) -> tuple[int, NDArray[np.float64]]:
    """Write a recording's channels as 16 kHz int16, interleaved.

    Returns:
        Its samples, and the channels' products summed over its first :data:`MIX_S`, (channels,
        channels): a recording that grows is mixed as it was before.
    """
    gram: NDArray[np.float64] | None = None
    samples = 0
    for frame in resample(path, "s16", lambda first: (first.layout.name, SAMPLE_RATE)):
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


def _mix_weights(gram: NDArray[np.float64]) -> Floats:
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
