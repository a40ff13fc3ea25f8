"""Augmentation of mel windows for training: levels, noise, breaths, vocal tracts."""

from __future__ import annotations

import numpy as np

from imagineid.audio import mel_edges_hz, mel_spectrogram
from imagineid.pad.loudness import factor, frame_levels, gain_db, speech_level
from imagineid.spec import FPS, FRAME_SAMPLES, HOP_SAMPLES, MEL_FRAMES, MELS, SAMPLE_RATE
from imagineid_train.sound import coloured_noise, music, tone

MELS_A_SECOND = SAMPLE_RATE // HOP_SAMPLES

DB_A_UNIT = 12.5
"""Decibels that one step of A stands for."""

BREATHE, PAUSE_FRAMES = 0.4, 5
"""Share of windows in which a pause of so many frames is not still."""


def mels_under(frames: int) -> int:
    """Return how many mel frames ``frames`` video frames hear."""
    return MELS_A_SECOND * (frames - 1) // FPS + MEL_FRAMES


def windowed(mels: np.ndarray, frames: int) -> np.ndarray:
    """Cut mel frames (B, T, 80) into A, (B, frames, 1280)."""
    at = (MELS_A_SECOND * np.arange(frames) // FPS)[:, None] + np.arange(MEL_FRAMES)
    cut = mels[:, at]  # (B, frames, 16, 80)
    return np.asarray(cut.transpose(0, 1, 3, 2).reshape(len(mels), frames, MELS * MEL_FRAMES))


def floored(rng: np.random.Generator, mels: np.ndarray) -> np.ndarray:
    """Lay a steady noise under half of the mel frames (B, T, 80): no real pause is empty."""
    loud = np.percentile(mels, 95, axis=(1, 2), keepdims=True)
    under = rng.uniform(15, 65, loud.shape) / DB_A_UNIT
    slope = rng.uniform(-12, 4, loud.shape) / DB_A_UNIT * np.linspace(0, 1, MELS)
    ripple = np.cumsum(rng.normal(0, 0.08, (len(mels), 1, MELS)), axis=2)
    noise = loud - under + slope + ripple + rng.normal(0, 0.3, mels.shape)
    some = rng.random(loud.shape) < 0.5
    out: np.ndarray = np.where(some, np.maximum(mels, noise), mels)
    return out


def breathed(rng: np.random.Generator, mels: np.ndarray, phone: np.ndarray) -> np.ndarray:
    """Let some speakers breathe in or smack their lips in a pause; their mouths rest all the same.

    Args:
        rng: source of what is heard.
        mels: (B, T, 80) in [-4, 4].
        phone: what is said in each video frame, (B, F); 0 is nothing.
    """
    out: np.ndarray = mels.copy()
    loud = np.percentile(mels, 95, axis=(1, 2))
    for row in np.flatnonzero(rng.random(len(mels)) < BREATHE):
        pauses = _runs(phone[row] == 0, PAUSE_FRAMES)
        if not pauses:
            continue
        first, last = pauses[int(rng.integers(len(pauses)))]
        wide = int(rng.integers(3, min(last - first, 14) + 1)) if rng.random() < 0.7 else 1
        begin = int(rng.integers(first, last - wide + 1))
        low, high = (MELS_A_SECOND * at // FPS for at in (begin, begin + wide))
        hump = np.sin(np.pi * (np.arange(high - low) + 0.5) / (high - low))[:, None]
        level = loud[row] - rng.uniform(15, 45) / DB_A_UNIT
        slope = rng.uniform(-12, 6) / DB_A_UNIT * np.linspace(0, 1, MELS)
        ripple = np.cumsum(rng.normal(0, 0.08, MELS))
        sigh = level + slope + ripple + 15 * np.log10(hump + 1e-3) / DB_A_UNIT
        sigh = sigh + rng.normal(0, 0.35, (high - low, MELS))
        out[row, low:high] = np.maximum(out[row, low:high], sigh)
    return out


def _runs(true: np.ndarray, least: int) -> list[tuple[int, int]]:
    """Return where ``true`` (F,) holds for at least ``least`` in a row: first and one past last."""
    edges = np.flatnonzero(np.diff(np.concatenate([[0], true.astype(np.int8), [0]])))
    return [(int(a), int(b)) for a, b in edges.reshape(-1, 2) if b - a >= least]


def warped(mels: np.ndarray, stretch: np.ndarray) -> np.ndarray:
    """Stretch the frequencies of mel windows: the same speech from a smaller or larger body.

    Args:
        mels: (B, T, 80) in [-4, 4].
        stretch: factor on every frequency, (B,); 1.1 is a tenth higher.

    Source:
        Jaitly and Hinton 2013, vocal tract length perturbation.
    """
    edges = mel_edges_hz()[1:-1]  # the middle of each band
    source_bins = np.interp(edges[None] / stretch[:, None], edges, np.arange(MELS))  # (B, 80)
    low = np.minimum(source_bins.astype(np.int64), MELS - 2)
    share = (source_bins - low).astype(np.float32)[:, None]
    below = np.take_along_axis(mels, low[:, None], axis=2)
    above = np.take_along_axis(mels, low[:, None] + 1, axis=2)
    out: np.ndarray = below * (1 - share) + above * share
    return out


def levelled(wave: np.ndarray, samples: int) -> np.ndarray:
    """Normalise a wave to PAD's input level, measured on its first ``samples``."""
    whole = wave[: max(FRAME_SAMPLES, samples // FRAME_SAMPLES * FRAME_SAMPLES)]
    out: np.ndarray = wave * np.float32(factor(gain_db(speech_level(frame_levels(whole)))))
    return out


def without_speech(rng: np.random.Generator, frames: int) -> np.ndarray:
    """A for ``frames`` frames without speech: silence, noise, tones or music.

    Half of it is as loud as it gets where a whole recording holds nothing else.
    """
    samples = frames * FRAME_SAMPLES + MEL_FRAMES * HOP_SAMPLES
    kind = rng.integers(5)
    if kind == 0:
        wave = np.zeros(samples, np.float32)
    elif kind == 1:
        wave = coloured_noise(rng, samples)
    elif kind == 2:
        wave = music(rng, samples)
    elif kind == 3:
        wave = tone(rng, samples)
    else:
        hum = np.sin(2 * np.pi * rng.choice([50, 60, 100, 120]) * np.arange(samples) / SAMPLE_RATE)
        wave = (hum + 0.2 * coloured_noise(rng, samples)).astype(np.float32)
    loud = rng.random() < 0.5
    wave = levelled(wave, len(wave)) if loud else wave * factor(-rng.uniform(20, 80))
    mel = mel_spectrogram(np.asarray(wave, np.float32))
    return np.asarray(windowed(mel[None, : mels_under(frames)], frames)[0], np.float32)
