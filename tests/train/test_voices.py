"""Windows of voices hold pauses as real recordings do, and their targets stay in step."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from imagineid.pad.loudness import SPEECH_DB, frame_levels
from imagineid.spec import MELS, SAMPLE_RATE
from imagineid_train import voices
from imagineid_train.sound import tone
from imagineid_train.spectrograms import (
    BREATHE,
    MELS_A_SECOND,
    breathed,
    levelled,
    mels_under,
    windowed,
)
from imagineid_train.voices import ADULT, Voices, Windows, expected
from imagineid_world.people import Tie
from imagineid_world.recordings import FIRST_SPEAKER, KNOWN

FRAMES, LENGTH = 60, 32
HEARD = 4
"""The band whose level says in which utterance and mel frame one is."""


@pytest.fixture
def two() -> Voices:
    """Two utterances of 60 frames by one speaker, silent for their first and last 10."""
    each = MELS_A_SECOND * FRAMES // 25 + 17
    mels = np.full((voices.VERSIONS, 2 * each, MELS), -3, np.float16)
    mels[:, :, HEARD] = np.concatenate([np.arange(each) / 100, 2 + np.arange(each) / 100])
    phone = np.tile(np.r_[np.zeros(10), np.full(40, 5), np.zeros(10)], 2).astype(np.int64)
    at = np.arange(2 * FRAMES, dtype=np.float32)
    curves = np.repeat(at[:, None], 52, axis=1)
    return Voices(
        mels=mels,
        content=curves,
        full=curves,
        phone=phone,
        bounds=np.array([0, FRAMES, 2 * FRAMES]),
        mel_bounds=np.array([0, each, 2 * each]),
        speaker=np.zeros(2, np.int64),
        emotion=np.zeros(2, np.int64),
        traits=np.tile(np.array([1, 40, 115, 1, 0, 0], np.float32), (2, 1)),
        shapes=np.zeros((2, 80), np.float32),
        known=np.ones((2, 4), bool),
    )


@pytest.fixture(autouse=True)
def tie(monkeypatch: pytest.MonkeyPatch) -> None:
    nothing = Tie(np.zeros((31, 80)), np.eye(80), np.zeros((81, 3)), np.ones(80))
    monkeypatch.setattr(voices, "load_tie", lambda: nothing)


def test_a_joined_window_is_an_end_and_a_beginning_in_step(two: Voices) -> None:
    draw = Windows(two, LENGTH, 0, augment=False, joined=1.0)
    for _ in range(20):
        batch = draw.batch([0, 1])
        rows = batch.content[..., 0].numpy()[0].astype(int)
        cut = int(np.argmax(rows >= FRAMES))
        assert 8 <= cut < LENGTH - 8
        np.testing.assert_array_equal(rows[:cut], np.arange(FRAMES - cut, FRAMES))
        np.testing.assert_array_equal(rows[cut:], FRAMES + np.arange(LENGTH - cut))
        values = batch.mel[0].numpy().reshape(LENGTH, MELS, -1)[:, HEARD, 0]
        of_second = values >= 2
        assert of_second[cut:].all()
        assert not of_second[:cut].any()
        expected = 2 + MELS_A_SECOND * np.arange(LENGTH - cut) // 25 / 100
        assert np.abs(values[cut:] - expected).max() <= 0.021  # a mel frame or two


def test_breaths_come_in_pauses_only() -> None:
    rng = np.random.default_rng(0)
    mels = np.full((400, mels_under(LENGTH), MELS), -4.0)
    mels[:, :40] = 1.0
    phone = np.zeros((400, LENGTH), np.int64)
    phone[:, :12] = 5
    breathing = breathed(rng, mels, phone)
    changed = (breathing != mels).any(axis=2)
    assert not changed[:, : MELS_A_SECOND * 12 // 25].any()
    assert changed.any(axis=1).mean() == pytest.approx(BREATHE, abs=0.1)
    assert breathing.max() <= 4
    assert windowed(breathing, LENGTH).shape == (400, LENGTH, 1280)


def test_as_many_recorded_voices_are_drawn_as_asked_and_half_of_them_calm(two: Voices) -> None:
    each = 8
    repeated = replace(
        two,
        bounds=np.arange(each + 1) * FRAMES,
        speaker=np.r_[np.arange(4), FIRST_SPEAKER + np.arange(4)],
        emotion=np.array([0, 1, 2, 3, 0, 0, 5, 6]),
        known=np.ones((each, 4), bool),
    )
    draw = Windows(repeated, LENGTH, 0, real=0.75)
    chosen = np.array(draw.choose(4000, same_emotion=True))
    assert (chosen >= 4).mean() == pytest.approx(0.75, abs=0.02)
    assert (repeated.emotion[chosen[chosen >= 4]] == 0).mean() == pytest.approx(0.5, abs=0.03)
    pairs = repeated.emotion[chosen].reshape(-1, 2)
    np.testing.assert_array_equal(pairs[:, 0], pairs[:, 1])


def test_only_utterances_are_drawn_of_which_enough_is_known(two: Voices) -> None:
    two.known[1, KNOWN.index("content")] = False
    draw = Windows(two, LENGTH, 0, knowing="content")
    assert set(draw.choose(20)) == {0}
    assert draw.batch([0, 1]).known[:, 0].tolist() == [1, 0]


def test_a_voice_without_an_age_gets_the_mean_face_of_grown_up_ages() -> None:
    tie = Tie(np.random.default_rng(0).normal(size=(31, 80)), np.eye(80), np.ones((81, 3)), 9)
    traits = np.array([1, 40, 115, 1, 0, 0], np.float32)
    mean_shapes = [
        expected(tie, np.r_[1, age, traits[2:]].astype(np.float32), np.ones(4)) for age in ADULT
    ]
    unknown = expected(tie, traits, np.array([1, 1, 1, 0]))
    np.testing.assert_allclose(unknown, np.mean(mean_shapes, axis=0), rtol=1e-5)


@pytest.mark.parametrize("seed", range(5))
def test_where_nobody_speaks_loud_sounds_are_heard_as_loud_as_speech(seed: int) -> None:
    wave = tone(np.random.default_rng(seed), 2 * SAMPLE_RATE) * 0.003
    level = frame_levels(levelled(wave, len(wave)))
    assert np.percentile(level, 95) == pytest.approx(SPEECH_DB, abs=0.5)
