"""What people really record: noise, rooms, phone bands, music under the voice, clipping.

Every function maps a 16 kHz mono wave, float32 (n,) in about [-1, 1], to another of its length.
"""

from __future__ import annotations

import numpy as np
from scipy import signal

from imagineid.spec import SAMPLE_RATE

Wave = np.ndarray


def coloured_noise(rng: np.random.Generator, samples: int) -> Wave:
    """Noise with a spectrum falling as f^-k, k from 0 (white) to 2 (brown); unit power."""
    spectrum = np.fft.rfft(rng.standard_normal(samples))
    frequency = np.maximum(np.fft.rfftfreq(samples, 1 / SAMPLE_RATE), 30.0)
    noise = np.fft.irfft(spectrum * frequency ** (-rng.uniform(0, 2) / 2), samples)
    out: Wave = (noise / (noise.std() + 1e-9)).astype(np.float32)
    return out


def music(rng: np.random.Generator, samples: int) -> Wave:
    """Plucked chords with harmonics, a beat under them; unit power."""
    time = np.arange(samples) / SAMPLE_RATE
    out = np.zeros(samples)
    beat = rng.uniform(0.25, 0.8)
    root = rng.uniform(80, 220)
    scale = np.array([0, 3, 5, 7, 10]) if rng.random() < 0.5 else np.array([0, 2, 4, 7, 9])
    for start in np.arange(0, samples / SAMPLE_RATE, beat):
        first = int(start * SAMPLE_RATE)
        span = time[: max(1, min(samples - first, int(2 * beat * SAMPLE_RATE)))]
        for note in rng.choice(scale, rng.integers(1, 4)):
            pitch = root * 2 ** (note / 12 + rng.integers(0, 3))
            tone = sum(np.sin(2 * np.pi * pitch * k * span) / k**1.3 for k in range(1, 6))
            out[first : first + len(span)] += tone * np.exp(-span * rng.uniform(2, 8))
    result: Wave = (out / (out.std() + 1e-9)).astype(np.float32)
    return result


def tone(rng: np.random.Generator, samples: int) -> Wave:
    """A steady or swelling tone with harmonics, as of a horn or an alarm; unit power."""
    time = np.arange(samples) / SAMPLE_RATE
    pitch = np.exp(rng.uniform(np.log(80), np.log(2500)))
    depth, rate = rng.uniform(0, 0.9), rng.uniform(0.5, 6)
    swell = 1 - depth * (0.5 + 0.5 * np.sin(2 * np.pi * rate * time + rng.uniform(0, 6.3)))
    fall = rng.uniform(0.5, 3)
    parts = range(1, int(rng.integers(2, 9)))
    out = swell * sum(np.sin(2 * np.pi * pitch * k * time) / k**fall for k in parts)
    result: Wave = (out / (out.std() + 1e-9)).astype(np.float32)
    return result


def room(rng: np.random.Generator, wave: Wave) -> Wave:
    """Convolve with a synthetic room, near or far: RT60 0.15-0.7 s."""
    length = int(rng.uniform(0.15, 0.7) * SAMPLE_RATE)
    tail = rng.standard_normal(length) * np.exp(-6.9 * np.arange(length) / length)
    tail[: int(0.004 * SAMPLE_RATE)] = 0
    impulse = tail * rng.uniform(0.02, 0.25)
    impulse[0] = 1.0
    wet = signal.fftconvolve(wave, impulse)[: len(wave)]
    out: Wave = (wet * (wave.std() / (wet.std() + 1e-9))).astype(np.float32)
    return out


def band(rng: np.random.Generator, wave: Wave) -> Wave:
    """A telephone (300-3400 Hz) or a low sampling rate (cut-off 3.4-7 kHz)."""
    if rng.random() < 0.5:
        sos = signal.butter(4, [300, 3400], "bandpass", fs=SAMPLE_RATE, output="sos")
    else:
        sos = signal.butter(6, rng.uniform(3400, 7000), fs=SAMPLE_RATE, output="sos")
    out: Wave = signal.sosfilt(sos, wave).astype(np.float32)
    return out


def recorded(rng: np.random.Generator, wave: Wave, others: Wave) -> Wave:
    """Put ``wave`` through a random recording; ``others`` is speech for babble, any length."""
    if rng.random() < 0.4:
        wave = room(rng, wave)
    level = float(np.sqrt(np.mean(wave**2))) + 1e-6
    if rng.random() < 0.6:
        wave = wave + coloured_noise(rng, len(wave)) * level * 10 ** (-rng.uniform(8, 45) / 20)
    if rng.random() < 0.2:
        under = music(rng, len(wave)) if rng.random() < 0.7 else tone(rng, len(wave))
        wave = wave + under * level * 10 ** (-rng.uniform(6, 30) / 20)
    if rng.random() < 0.15:
        babble = np.resize(others, len(wave)) + np.roll(np.resize(others, len(wave)), 7919)
        babble = babble + np.roll(babble, 33331)
        wave = wave + babble / (babble.std() + 1e-6) * level * 10 ** (-rng.uniform(12, 30) / 20)
    if rng.random() < 0.3:
        wave = band(rng, wave)
    if rng.random() < 0.5:  # microphones tilt the spectrum
        first = rng.uniform(-0.5, 0.5)
        wave = signal.lfilter([1, first], [1 + abs(first)], wave)
    wave = wave * (rng.uniform(0.05, 0.9) / (np.abs(wave).max() + 1e-6))
    if rng.random() < 0.1:
        wave = np.clip(wave * rng.uniform(1, 3), -0.5, 0.5)
    return np.asarray(wave, np.float32)
