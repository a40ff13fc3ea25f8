"""Listening to recordings of any length, with plain functions for engines."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile

from imagineid.analysis import speaking
from imagineid.audio import Sound, mel_windows, open_sound
from imagineid.pad.conditioning import Conditioning, express
from imagineid.pad.encode import encode, levels
from imagineid.pad.loudness import factor, gain_db, speech_level
from imagineid.spec import EMOTIONS, MINI, SAMPLE_RATE

Record = Callable[[np.ndarray], Sound]


@pytest.fixture
def record(tmp_path: Path) -> Iterator[Record]:
    """Write waves to real files and open them as recordings."""
    opened: list[Sound] = []

    def recorded(wave: np.ndarray) -> Sound:
        path = tmp_path / "voice.wav"
        soundfile.write(path, wave.astype(np.float32), SAMPLE_RATE)
        opened.append(open_sound(path))
        return opened[-1]

    yield recorded
    for sound in opened:
        sound.close()


def voice(seconds: float) -> np.ndarray:
    """A buzz of varying loudness, (n,) in [-1, 1]."""
    time = np.arange(int(seconds * SAMPLE_RATE)) / SAMPLE_RATE
    return np.asarray(0.3 * np.sin(2 * np.pi * 150 * time) * (1 + np.sin(2 * np.pi * 3 * time)) / 2)


def engines() -> dict[str, Any]:
    """Engines whose outputs depend only on each frame's own mel window."""

    def identity(mel: np.ndarray) -> dict[str, Any]:
        b = len(mel)
        return {
            "shape": np.ones((b, MINI.shape), np.float32),
            "identity": np.full((b, MINI.identity), 2, np.float32),
            "traits": np.tile(np.array([1.5, 0.42], np.float32), (b, 1)),
        }

    def emotion(mel: np.ndarray) -> dict[str, Any]:
        logits = np.zeros((len(mel), len(EMOTIONS)), np.float32)
        logits[:, EMOTIONS.index("happy")] = 9
        return {"emotion": np.ones((len(mel), MINI.emotion), np.float32), "emotions": logits}

    def content(mel: np.ndarray) -> dict[str, Any]:
        own = 0.1 + 0.05 * mel.mean(axis=-1, keepdims=True) / 4
        return {"linguistic": np.repeat(own, MINI.linguistic, axis=-1).astype(np.float32)}

    def expression(linguistic: np.ndarray, **_: Any) -> dict[str, Any]:
        return {"expression": np.repeat(linguistic[..., :1], MINI.expression, axis=-1)}

    return {"identity": identity, "emotion": emotion, "content": content, "expression": expression}


def conditioning_of(sound: Sound) -> Conditioning:
    return express(engines(), MINI, encode(engines(), MINI, sound))


@pytest.mark.parametrize("seconds", [0.2, 1.27, 1.28, 1.3, 5.0, 33.3])
def test_every_frame_gets_one_expression(record: Record, seconds: float) -> None:
    sound = record(voice(seconds))
    factors = conditioning_of(sound)
    assert factors.frames == sound.frames
    assert np.isfinite(factors.expression).all()
    assert factors.expression.min() >= 0
    assert factors.expression.max() <= 1


def test_windows_leave_no_seam_where_the_networks_agree(record: Record) -> None:
    sound = record(voice(9.0))
    found = conditioning_of(sound).expression[:, 0]
    times = factor(gain_db(speech_level(levels(sound, 0, sound.frames))))
    mel = mel_windows(sound, 0, sound.frames, times)
    alone = engines()["content"](mel[None])["linguistic"][0, :, 0]
    np.testing.assert_allclose(found, alone, atol=1e-5)


def test_a_quiet_recording_moves_lips_as_a_loud_one_does(record: Record) -> None:
    loud, quiet = record(voice(4.0)), record(voice(4.0) * 10 ** (-30 / 20))
    conditionings = [conditioning_of(one) for one in (loud, quiet)]
    np.testing.assert_allclose(conditionings[0].expression, conditionings[1].expression, atol=2e-3)
    assert conditionings[0].level_db.max() - conditionings[1].level_db.max() == pytest.approx(
        30, abs=0.5
    )


def test_a_voice_is_described_in_words(record: Record) -> None:
    factors = conditioning_of(record(voice(3)))
    assert (factors.gender, factors.label) == ("male", "happy")
    assert factors.age == pytest.approx(42)
    assert factors.emotions.sum() == pytest.approx(1, abs=1e-5)


def test_progress_rises_to_one(record: Record) -> None:
    progress: list[float] = []
    encode(engines(), MINI, record(voice(20)), progress.append)
    assert progress == sorted(progress)
    assert progress[-1] == 1


def test_silence_is_heard_without_fault(record: Record) -> None:
    factors = conditioning_of(record(np.zeros(40_000)))
    assert (factors.level_db <= -99).all()
    assert np.isfinite(factors.emotion).all()


def test_silence_and_speech_are_distinguished() -> None:
    level = np.concatenate([np.full(30, -18.0), np.full(30, -75.0), np.full(30, -18.0)])
    share = speaking(level)
    assert (share[35:55] == 0).all()
    assert (share[:28] == 1).all()
    assert not speaking(np.full(50, -100.0)).any()
