"""Default motion."""

from __future__ import annotations

import numpy as np
import pytest

from imagineid.face.motion import (
    BLINK_UNITS,
    BLINKS_A_SECOND,
    activity,
    default_motion,
    frame_motions,
)
from imagineid.spec import ARKIT, FPS

BLINK = ARKIT.index("eyeBlinkLeft")


def levels(seconds: float, db: float) -> np.ndarray:
    return np.full(int(seconds * FPS), db, np.float32)


def test_the_same_seed_moves_the_same_way_and_another_does_not() -> None:
    voice = levels(10, -18)
    one, two, other = (default_motion(voice, seed) for seed in (3, 3, 4))
    assert (one.pose == two.pose).all()
    assert (one.eyes == two.eyes).all()
    assert not np.allclose(one.pose, other.pose)


def test_a_longer_recording_begins_with_the_same_motion() -> None:
    short = default_motion(levels(8, -18), 1)
    long = default_motion(levels(20, -18), 1)
    np.testing.assert_array_equal(long.pose[: len(short.pose)], short.pose)
    np.testing.assert_array_equal(long.eyes[: len(short.eyes)], short.eyes)


def test_the_head_is_stiller_in_silence_than_in_speech() -> None:
    speaking, silent = (default_motion(levels(60, db), 5).pose for db in (-18, -90))
    assert silent[FPS:].std(axis=0).max() < 0.25 * speaking[FPS:].std(axis=0).max()
    assert np.abs(np.degrees(speaking[:, :3])).max() < 20


def test_blinks_come_at_human_intervals_also_in_silence() -> None:
    closed = default_motion(levels(120, -90), 2).eyes[:, BLINK] > 0.9
    blinks = int((closed[1:] & ~closed[:-1]).sum())
    assert 120 / 8 < blinks < 120 / 1.5


def test_activity_follows_the_level_between_nothing_and_one() -> None:
    active = activity(np.concatenate([levels(4, -90), levels(4, -15), levels(4, -90)]))
    assert active[4 * FPS - 1] == 0
    assert active[8 * FPS - 1] > 0.98
    assert active[-1] < 0.02


@pytest.mark.parametrize(("amount", "low", "high"), [(0, 0, 0), (0.5, 0.3, 0.75), (2, 1.5, 2.6)])
def test_lids_close_as_often_as_asked_for(amount: float, low: float, high: float) -> None:
    def blinks(rate: float) -> int:
        levels = np.full(25 * 300, -20.0)
        lids = [m.eyes[BLINK_UNITS[0]] for m in frame_motions(levels, 5, rate)]
        return int((np.diff((np.array(lids) > 0.8).astype(int)) > 0).sum())

    share = blinks(amount * BLINKS_A_SECOND) / blinks(BLINKS_A_SECOND)
    assert low <= share <= high
