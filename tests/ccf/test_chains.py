"""Cutting a video into chains, and putting them together again."""

from __future__ import annotations

import numpy as np
import pytest

from imagineid.ccf.chains import (
    FADE,
    LONGEST,
    SHORTEST,
    WARM,
    Segment,
    crossfade,
    cut_segments,
    jump_at_seams,
    run_chains,
    seams,
)


def levels(frames: int) -> list[tuple[int, float]]:
    """Items (frame, level): loud, with a pause of 8 frames every 70."""
    return [(i, -70.0 if i % 70 < 8 else -20.0) for i in range(frames)]


def cut(frames: int) -> list[tuple[list[tuple[int, float]], int]]:
    return list(cut_segments(levels(frames), lambda item: item[1]))


@pytest.mark.parametrize("frames", [1, SHORTEST, LONGEST, LONGEST + 1, 1000])
def test_stretches_cover_every_frame_once(frames: int) -> None:
    own = [i for items, warm in cut(frames) for i, _ in items[warm:]]
    assert own == list(range(frames))


def test_stretches_are_cut_in_pauses_and_begin_early() -> None:
    found = cut(1000)
    for items, warm in found[1:]:
        assert warm == WARM
        assert items[warm][1] == -70.0
    assert max(len(items) - warm for items, warm in found) <= LONGEST


def test_a_longer_recording_is_cut_the_same_at_its_start() -> None:
    assert cut(1500)[: len(cut(1000)) - 1] == cut(1000)[:-1]


def test_chains_run_in_parallel_and_independently() -> None:
    def stretch(start: int, frames: int) -> Segment:
        meshes = np.arange(start, start + frames, dtype=np.float32).reshape(-1, 1, 1, 1)
        return Segment(meshes, np.zeros((frames, 2, 2), bool), 0)

    def advance(now: Segment, state: float) -> tuple[np.ndarray, float]:
        total = now.meshes + state
        return total[:, 0], total

    outputs = run_chains([stretch(1, 3), stretch(10, 2)], 0.0, advance)
    assert [[float(f.ravel()[0]) for f in own] for own in outputs] == [[1, 3, 6], [10, 21]]


def test_a_tail_fades_into_the_next_stretch() -> None:
    old, new = np.full((2, 2, 3), 0, np.uint8), np.full((2, 2, 3), 120, np.uint8)
    output, tail = crossfade([], [old] * 40, 0)
    assert (len(output), len(tail)) == (40 - FADE, FADE)
    output, tail = crossfade(tail, [new] * (WARM + 30), WARM)
    assert len(output) == FADE + 30 - FADE
    assert [int(f[0, 0, 0]) for f in output[:6]] == [20, 40, 60, 80, 100, 120]
    assert len(tail) == FADE


def test_the_jump_at_seams_is_measured() -> None:
    rng = np.random.default_rng(0)
    frames = list(rng.integers(0, 20, (60, 8, 8, 3), dtype=np.uint8))
    assert jump_at_seams(frames, [30]) == pytest.approx(1, abs=0.2)
    hard = frames[:30] + [f + np.uint8(100) for f in frames[30:]]
    assert jump_at_seams(hard, [30]) > 3


def test_seams_are_where_stretches_begin() -> None:
    found = cut(400)
    assert seams(found) == [items[warm][0] for items, warm in found[1:]]
