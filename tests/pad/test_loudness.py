"""Speech is normalised to one level, whatever the recording's."""

from __future__ import annotations

import numpy as np
import pytest

from imagineid.audio import mel_windows
from imagineid.pad.loudness import (
    MOST_DB,
    SPEECH_DB,
    Level,
    RunningLevel,
    factor,
    frame_levels,
    gain_db,
    speech_level,
)
from imagineid.spec import FRAME_SAMPLES, SAMPLE_RATE


def buzz(seconds: float = 2.0) -> np.ndarray:
    time = np.arange(int(seconds * SAMPLE_RATE)) / SAMPLE_RATE
    return np.asarray(0.3 * np.sign(np.sin(2 * np.pi * 140 * time)), np.float32)


@pytest.mark.parametrize("level_db", [-6, -20, -45])
def test_speech_of_any_level_is_brought_to_the_same(level_db: float) -> None:
    wave = buzz() / 0.3 * 10 ** (level_db / 20)
    found = frame_levels(wave)
    assert found == pytest.approx(np.full(len(found), level_db), abs=0.3)
    assert level_db + gain_db(speech_level(found)) == pytest.approx(SPEECH_DB, abs=0.3)


def test_a_rooms_noise_does_not_become_speech() -> None:
    assert gain_db(-70) == MOST_DB
    assert gain_db(-100) == MOST_DB
    assert factor(20.0) == pytest.approx(10.0)


def test_pauses_do_not_change_the_gain() -> None:
    speech = np.full(50, -30, np.float32)
    assert speech_level(np.r_[speech, np.full(200, -90, np.float32)]) == speech_level(speech)


def test_a_block_is_levelled_by_the_speech_before_it() -> None:
    level = Level()
    silence, soft, loud = (np.full(50, db, np.float32) for db in (-80, -40, -20))
    blocks = (silence, soft, silence, loud, soft)
    assert [level.next(b) for b in blocks] == [-80, -40, -40, -40, -20]


def test_a_quiet_recording_is_heard_like_a_loud_one() -> None:
    loud, quiet = buzz(), buzz() / 50
    times = [factor(gain_db(speech_level(frame_levels(wave)))) for wave in (loud, quiet)]
    mels = [mel_windows(w, 0, 20, t) for w, t in zip((loud, quiet), times, strict=True)]
    np.testing.assert_allclose(mels[0], mels[1], atol=2e-3)
    assert len(loud) % FRAME_SAMPLES == 0


def test_running_sound_is_brought_to_the_level_of_speech_within_a_second() -> None:
    running = RunningLevel()
    assert [running.next(-80) for _ in range(50)] == [0] * 50  # nobody has spoken yet
    gains = [running.next(-40) for _ in range(50)]
    assert gains[10] == pytest.approx(20)
    assert gains[-1] == pytest.approx(20)
