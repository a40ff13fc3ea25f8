"""Live: pictures while sound comes in, in step, in bounded memory, the same however it is cut."""

from __future__ import annotations

import tracemalloc
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest

from imagineid.audio import open_sound
from imagineid.audio.stream import StreamSound
from imagineid.avatars import Avatar
from imagineid.live import SETTLE_S, LivePicture, live
from imagineid.pad.live import delay_samples
from imagineid.pipeline import Pipeline
from imagineid.request import Request
from imagineid.spec import FRAME_SAMPLES, SAMPLE_RATE
from support import plain_pipeline

Wave = np.ndarray
REQUEST = Request(prompt="red hair", seed=3)


@pytest.fixture(scope="module")
def pipe() -> Pipeline:
    return plain_pipeline.load()


@pytest.fixture(scope="module")
def wave(speech: Path) -> Wave:
    with open_sound(speech) as sound:
        return sound.read(0, 3 * SAMPLE_RATE + 333)


@pytest.fixture(scope="module")
def anna(pipe: Pipeline, speech: Path) -> Avatar:
    spoken = StreamSound()
    with open_sound(speech) as sound:
        spoken.push(sound.read(0, 2 * SAMPLE_RATE))
    who = pipe.encode_identity(spoken)
    side = pipe.size_px
    first = np.full((side, side, 3), 90, np.uint8)
    first[side // 4 : -side // 4, side // 3 : -side // 3] = 200
    return Avatar(first, who, 7, "", pipe.model, "")


def pieces(wave: Wave, count: int = 320) -> Iterator[Wave]:
    for start in range(0, len(wave), count):
        yield wave[start : start + count]


def test_streaming_output_equals_whole_output(pipe: Pipeline, wave: Wave) -> None:
    part = wave[: int(2.4 * SAMPLE_RATE)]
    whole = list(live(pipe, [part], REQUEST))
    cut = np.random.default_rng(1).integers(1, 2000, 100).cumsum()
    at = [0, *(int(c) for c in cut if c < len(part)), len(part)]
    parts = list(live(pipe, [part[a:b] for a, b in pairwise(at)], REQUEST))
    assert [p.number for p in parts] == list(range(60))
    for one, two in zip(whole, parts, strict=True):
        np.testing.assert_array_equal(one.frame, two.frame)
        np.testing.assert_array_equal(one.sound, two.sound)


def test_every_sample_is_heard_beside_its_frame(pipe: Pipeline, wave: Wave, anna: Avatar) -> None:
    pictures = list(live(pipe, pieces(wave), avatar=anna))
    played = np.concatenate([picture.sound for picture in pictures])
    assert len(pictures) == -(-len(wave) // FRAME_SAMPLES)
    np.testing.assert_array_equal(played[: len(wave)], wave)
    assert not played[len(wave) :].any()
    assert len({picture.frame.tobytes() for picture in pictures}) > 40


def test_with_an_avatar_frames_come_after_the_look_ahead(
    pipe: Pipeline, wave: Wave, anna: Avatar
) -> None:
    consumed = 0

    def source() -> Iterator[Wave]:
        nonlocal consumed
        for piece in pieces(wave[:SAMPLE_RATE], 160):
            consumed += len(piece)
            yield piece

    waits = []
    for picture in live(pipe, source(), avatar=anna):
        if consumed < SAMPLE_RATE:
            waits.append(consumed - picture.number * FRAME_SAMPLES)
    assert max(waits) <= delay_samples() + 160


def test_without_an_avatar_the_first_seconds_tell_who_speaks(pipe: Pipeline, wave: Wave) -> None:
    consumed = 0

    def source() -> Iterator[Wave]:
        nonlocal consumed
        for piece in pieces(wave, 160):
            consumed += len(piece)
            yield piece

    first = next(live(pipe, source(), REQUEST))
    assert first.number == 0
    assert SETTLE_S * SAMPLE_RATE <= consumed < len(wave)


def test_an_avatar_is_the_face_whoever_speaks(pipe: Pipeline, wave: Wave, anna: Avatar) -> None:
    one = next(live(pipe, pieces(wave[:8000]), avatar=anna))
    two = next(live(pipe, pieces(wave[16_000:24_000][::-1].copy()), avatar=anna))
    assert np.abs(one.frame.astype(int) - two.frame).mean() <= 12


def test_where_sound_waits_the_last_picture_is_shown_again_and_nothing_slips(
    pipe: Pipeline, wave: Wave, anna: Avatar
) -> None:
    late = iter([False] * 60 + [True] * 30 + [False] * 1000)
    pictures = list(
        live(pipe, pieces(wave), avatar=anna, waiting_s=lambda: 1.0 if next(late) else 0.0)
    )
    assert [p.number for p in pictures] == list(range(len(pictures)))
    repeats = [p.number for p in pictures if p.repeated]
    assert len(repeats) == 15
    assert repeats == list(range(repeats[0], repeats[0] + 15))
    by_number: dict[int, LivePicture] = {p.number: p for p in pictures}
    assert all(by_number[n].frame is by_number[repeats[0] - 1].frame for n in repeats)
    played = np.concatenate([picture.sound for picture in pictures])
    np.testing.assert_array_equal(played[: len(wave)], wave)


def test_silence_and_empty_input_are_accepted(pipe: Pipeline, anna: Avatar) -> None:
    assert list(live(pipe, [], avatar=anna)) == []
    quiet = list(live(pipe, [np.zeros(5000, np.float32)], REQUEST))
    assert len(quiet) == 8


@pytest.mark.slow
def test_memory_stays_flat_over_minutes(pipe: Pipeline, wave: Wave, anna: Avatar) -> None:
    def source(seconds: int) -> Iterator[Wave]:
        for number in range(seconds * 10):
            yield wave[(number % 20) * 1600 : (number % 20 + 1) * 1600]

    pictures = live(pipe, source(120), avatar=anna)
    tracemalloc.start()
    sizes = []
    for picture in pictures:
        if picture.number in (250, 2900):
            sizes.append(tracemalloc.get_traced_memory()[0])
    tracemalloc.stop()
    assert abs(sizes[1] - sizes[0]) < 300_000
