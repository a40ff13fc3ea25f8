"""Live encoding: the same expression however sound comes in, and with bounded memory."""

from __future__ import annotations

import tracemalloc
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest

from imagineid import pipeline
from imagineid.audio import open_sound
from imagineid.audio.stream import KEPT_S, StreamSound
from imagineid.pad.live import LOOK_AHEAD, LiveEncoder, LiveFrame, delay_samples
from imagineid.pipeline import Pipeline
from imagineid.spec import ARKIT, FPS, FRAME_SAMPLES, MOUTH, SAMPLE_RATE
from support import plain_pipeline

Wave = np.ndarray


@pytest.fixture(scope="module")
def pipe() -> Pipeline:
    """The embedded networks: they must bear being heard frame by frame."""
    return pipeline.load()


@pytest.fixture(scope="module")
def wave(speech: Path) -> Wave:
    with open_sound(speech) as sound:
        return sound.read(0, sound.samples)


def encoder(pipe: Pipeline, look_ahead: int = LOOK_AHEAD) -> LiveEncoder:
    who = pipe.encode_identity(spoken(np.zeros(SAMPLE_RATE, np.float32)))
    return LiveEncoder(pipe.engines, pipe.size, who, pipe.emotion("neutral"), look_ahead=look_ahead)


def spoken(wave: Wave) -> StreamSound:
    sound = StreamSound()
    sound.push(wave)
    return sound


def live_frames(live: LiveEncoder, wave: Wave, cuts: list[int]) -> list[LiveFrame]:
    frames = [f for a, b in pairwise([0, *cuts, len(wave)]) for f in live.push(wave[a:b])]
    return [*frames, *live.finish()]


def curves(frames: list[LiveFrame]) -> np.ndarray:
    return np.stack([frame.expression for frame in frames])


@pytest.mark.parametrize("look_ahead", [0, 1, 3])
def test_streaming_output_equals_whole_output(pipe: Pipeline, wave: Wave, look_ahead: int) -> None:
    part = wave[: 2 * SAMPLE_RATE + 77]
    whole = live_frames(encoder(pipe, look_ahead), part, [])
    cut = np.random.default_rng(1).integers(1, 1600, 200).cumsum()
    pieces = live_frames(encoder(pipe, look_ahead), part, [int(c) for c in cut if c < len(part)])
    assert [f.number for f in whole] == [f.number for f in pieces] == list(range(51))
    np.testing.assert_array_equal(curves(pieces), curves(whole))
    assert [f.level_db for f in pieces] == [f.level_db for f in whole]


@pytest.mark.parametrize("look_ahead", [0, 1, 3])
def test_no_frame_waits_longer_than_the_delay(look_ahead: int) -> None:
    live = encoder(plain_pipeline.load(), look_ahead)
    rng, sent = np.random.default_rng(2), 0
    while sent < 3 * SAMPLE_RATE:
        count = 40
        sent += count
        for frame in live.push(rng.standard_normal(count) / 10):
            waited = sent - frame.number * FRAME_SAMPLES
            assert waited <= delay_samples(look_ahead) + count
    assert delay_samples(0) <= 0.22 * SAMPLE_RATE
    assert delay_samples(look_ahead) - delay_samples(0) <= (look_ahead + 0.3) * FRAME_SAMPLES


def test_live_lips_follow_those_of_the_whole_recording(pipe: Pipeline, speech: Path) -> None:
    with open_sound(speech) as sound:
        whole = pipe.express(pipe.encode(sound))
        wave = sound.read(0, sound.samples)
    frames = live_frames(encoder(pipe), wave, [])
    mine, theirs = curves(frames), whole.expression
    assert mine.shape == theirs.shape
    likeness = {
        i: np.corrcoef(mine[:, i], theirs[:, i])[0, 1] for i in MOUTH if theirs[:, i].std() > 0.03
    }
    assert likeness[ARKIT.index("jawOpen")] >= 0.9
    assert np.mean(list(likeness.values())) >= 0.7, "what is felt is heard as it comes"


def test_memory_stays_flat(pipe: Pipeline) -> None:
    live = encoder(plain_pipeline.load())
    noise = (np.random.default_rng(3).standard_normal(SAMPLE_RATE) / 10).astype(np.float32)
    tracemalloc.start()
    for _ in range(10):
        list(live.push(noise))
    before, _ = tracemalloc.get_traced_memory()
    for _ in range(40):
        list(live.push(noise))
    after, _ = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert after - before < 50_000


def test_silence_ends_the_last_word(pipe: Pipeline) -> None:
    live = encoder(pipe)
    assert list(live.push(np.zeros(100))) == []
    assert [frame.number for frame in live.finish()] == [0]
    assert list(encoder(pipe).finish()) == []


def test_a_stream_is_read_as_a_recording_until_it_is_forgotten(wave: Wave) -> None:
    sound = StreamSound()
    for piece in np.array_split(wave, 37):
        sound.push(piece)
    assert sound.samples == len(wave)
    recent = sound.read(len(wave) - SAMPLE_RATE, 2 * SAMPLE_RATE)
    np.testing.assert_array_equal(recent[:SAMPLE_RATE], wave[-SAMPLE_RATE:])
    assert not recent[SAMPLE_RATE:].any()
    sound.push(np.zeros((KEPT_S + 1) * SAMPLE_RATE, np.float32))
    with pytest.raises(ValueError, match="was dropped"):
        sound.read(0, FPS)
