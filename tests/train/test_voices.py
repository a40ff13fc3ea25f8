"""Windows of voices hold pauses as real recordings do, and their targets stay in step."""

from __future__ import annotations

import numpy as np
import pytest

from imagineid.spec import MELS
from imagineid_train import voices
from imagineid_train.voices import MELS_A_SECOND, Voices, Windows, breathed, mels_under, windowed
from imagineid_world.people import Tie

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
        heard = batch.mel[0].numpy().reshape(LENGTH, MELS, -1)[:, HEARD, 0]
        of_second = heard >= 2
        assert of_second[cut:].all()
        assert not of_second[:cut].any()
        expected = 2 + MELS_A_SECOND * np.arange(LENGTH - cut) // 25 / 100
        assert np.abs(heard[cut:] - expected).max() <= 0.021  # a mel frame or two


def test_breaths_come_in_pauses_only() -> None:
    rng = np.random.default_rng(0)
    mels = np.full((400, mels_under(LENGTH), MELS), -4.0)
    mels[:, :40] = 1.0
    phone = np.zeros((400, LENGTH), np.int64)
    phone[:, :12] = 5
    heard = breathed(rng, mels, phone)
    changed = (heard != mels).any(axis=2)
    assert not changed[:, : MELS_A_SECOND * 12 // 25].any()
    assert changed.any(axis=1).mean() == pytest.approx(voices.BREATHE, abs=0.1)
    assert heard.max() <= 4
    assert windowed(heard, LENGTH).shape == (400, LENGTH, 1280)
