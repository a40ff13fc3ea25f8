"""Waves to recordings: everything is heard through the program's own front door."""

from __future__ import annotations

import contextlib
import tempfile
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import soundfile

from imagineid.audio import Sound, open_sound
from imagineid.spec import SAMPLE_RATE

Wave = np.ndarray
"""(samples,) float32 in [-1, 1] at 16 kHz."""


@contextlib.contextmanager
def as_sound(wave: Wave) -> Iterator[Sound]:
    """Write ``wave`` as a 16-bit wav and open it as the program opens any recording."""
    with tempfile.TemporaryDirectory(prefix="imagineid-evaluate-") as folder:
        path = Path(folder) / "sound.wav"
        soundfile.write(path, np.clip(wave, -1, 1), SAMPLE_RATE, subtype="PCM_16")
        with open_sound(path) as sound:
            yield sound


def wave_of(path: Path) -> Wave:
    """Read a recording as mono at 16 kHz, the way the program hears it."""
    with open_sound(path) as sound:
        return sound.read(0, sound.samples)


def room_noise(seconds: float, level_db: float, seed: int = 0) -> Wave:
    """Return noise that falls 6 dB an octave above 100 Hz, as a quiet room's does.

    Args:
        seconds: how long.
        level_db: its power, dB below full scale.
        seed: of the noise.
    """
    samples = int(seconds * SAMPLE_RATE)
    spectrum = np.fft.rfft(np.random.default_rng(seed).standard_normal(samples))
    frequency_hz = np.maximum(np.fft.rfftfreq(samples, 1 / SAMPLE_RATE), 100.0)
    noise = np.fft.irfft(spectrum / frequency_hz, samples)
    return np.asarray(noise / noise.std() * 10 ** (level_db / 20), np.float32)


def repeated(wave: Wave, seconds: float) -> Wave:
    """Return ``wave`` again and again, cut at ``seconds``."""
    return np.resize(wave, int(seconds * SAMPLE_RATE))
