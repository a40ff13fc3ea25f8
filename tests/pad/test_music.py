"""A melody under speech does not hold the mouth open, by the embedded model."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import soundfile

from imagineid import load
from imagineid.analysis import analyze
from imagineid.spec import ARKIT

RATE = 16_000


def melody(samples: int) -> np.ndarray:
    """Quarter notes of a scale, each with three overtones, of an RMS of 1."""
    notes = [262, 294, 330, 349, 392, 440, 494, 523]
    time = np.arange(RATE // 4) / RATE
    tones = [sum(np.sin(2 * np.pi * hz * k * time) / k for k in (1, 2, 3)) for hz in notes]
    wave = np.concatenate([tone * np.exp(-3 * time) for tone in tones])
    wave = np.resize(wave, samples)
    return np.asarray(wave / np.sqrt(np.square(wave).mean()), np.float32)


@pytest.mark.slow
def test_a_melody_under_speech_does_not_hold_the_mouth_open(tmp_path: Path, speech: Path) -> None:
    wave, rate = soundfile.read(speech, dtype="float32")
    assert rate == RATE
    wave = np.concatenate([wave, np.zeros(2 * RATE, np.float32)])  # it ends with two quiet seconds
    level = 0.1 * np.sqrt(np.square(wave).mean())  # 20 dB below the voice
    pipe, jaws = load(), []
    for name, under in (("plain", 0.0), ("melody", level)):
        path = tmp_path / f"{name}.wav"
        soundfile.write(path, wave + under * melody(len(wave)), RATE)
        curves = analyze(pipe, path).conditioning.expression
        jaws.append(curves[:, ARKIT.index("jawOpen")])
    plain, under = jaws
    rest, spoken = slice(-40, -5), slice(0, len(plain) - 60)
    assert under[rest].mean() < 0.05
    assert np.corrcoef(plain[spoken], under[spoken])[0, 1] > 0.9
