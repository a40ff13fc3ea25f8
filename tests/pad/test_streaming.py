"""A recording of any length, heard in parts: the same numbers as heard whole."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import fields
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import pytest
import soundfile

from imagineid import analysis, pipeline, rendering, swap, swap_store
from imagineid.audio import Sound, open_sound
from imagineid.errors import BadWeights
from imagineid.pad.conditioning import Conditioning, join
from imagineid.pad.factors import REACH, VoiceFactors
from imagineid.pad.windows import stride
from imagineid.request import Request
from imagineid.spec import FPS, SAMPLE_RATE
from imagineid.video import read_metadata


@pytest.fixture(scope="module")
def pipe() -> pipeline.Pipeline:
    try:
        return pipeline.load()
    except BadWeights:
        pytest.skip("runs in a checkout with the embedded weights")


def open_seconds(folder: Path, speech: Path, seconds: float) -> Sound:
    """The reading again and again, in two channels, loud and soft in turn."""
    wave, rate = soundfile.read(speech, dtype="float32")
    assert rate == SAMPLE_RATE
    long = np.resize(wave, round(seconds * rate))
    long = long * (0.55 + 0.45 * np.sin(np.arange(len(long)) * 2 * np.pi / (11 * rate)))
    path = folder / f"{seconds}.wav"
    soundfile.write(path, np.stack([long, 0.5 * long], 1), rate)
    return open_sound(path)


@pytest.fixture(scope="module")
def minute_and_more(speech: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Sound]:
    with open_seconds(tmp_path_factory.mktemp("long"), speech, 70) as sound:
        yield sound


@pytest.fixture(scope="module")
def factors(pipe: pipeline.Pipeline, minute_and_more: Sound) -> VoiceFactors:
    return pipe.encode(minute_and_more)


@pytest.fixture(scope="module")
def expressed(pipe: pipeline.Pipeline, factors: VoiceFactors) -> Conditioning:
    return pipe.express(factors)


def assert_same(one: Conditioning, two: Conditioning) -> None:
    for name in ("shape", "identity", "emotion", "emotions", "expression", "level_db"):
        np.testing.assert_array_equal(getattr(one, name), getattr(two, name), err_msg=name)


def test_every_frame_is_heard_once(expressed: Conditioning, minute_and_more: Sound) -> None:
    assert expressed.frames == minute_and_more.frames == len(expressed.level_db)
    assert np.isfinite(expressed.expression).all()


def test_blocks_give_the_factors_and_curves_of_the_whole_bit_for_bit(
    pipe: pipeline.Pipeline, minute_and_more: Sound, factors: VoiceFactors, expressed: Conditioning
) -> None:
    blocks = list(pipe.encode_blocks(minute_and_more))
    assert len(blocks) == 3
    joined = VoiceFactors.join(blocks).arrays()
    for name, array in factors.arrays().items():
        np.testing.assert_array_equal(joined[name], array, err_msg=name)
    parts = list(pipe.express_blocks(blocks))
    assert len(parts) == 4
    assert_same(join(parts), expressed)


def test_identity_is_the_same_from_every_entry_point(
    pipe: pipeline.Pipeline, minute_and_more: Sound, factors: VoiceFactors
) -> None:
    alone = pipe.encode_identity(minute_and_more)
    np.testing.assert_array_equal(alone.theta, factors.identity.theta)
    np.testing.assert_array_equal(alone.shape, factors.identity.shape)


class RecordingPipeline(pipeline.Pipeline):
    """A pipeline that imagines grey frames, and records its conditioning."""

    imagined: ClassVar[list[Conditioning]] = []

    def imagine(self, conditionings: Any, request: Any, *_: Any, **__: Any) -> Iterator[Any]:
        parts = [conditionings] if isinstance(conditionings, Conditioning) else conditionings
        self.imagined.append(join(list(parts)))
        for _frame in range(self.imagined[-1].frames):
            yield np.full((self.size_px, self.size_px, 3), 128, np.uint8)


def test_generate_swap_analyze_and_the_library_hear_the_same_minute(
    pipe: pipeline.Pipeline,
    minute_and_more: Sound,
    factors: VoiceFactors,
    expressed: Conditioning,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("IMAGINEID_HOME", str(tmp_path))
    watched = RecordingPipeline(**{field.name: getattr(pipe, field.name) for field in fields(pipe)})
    video, recording = tmp_path / "a.mp4", minute_and_more.path
    rendering.render(watched, minute_and_more, video, Request(seed=1), remember=True)
    stored = swap_store.read(read_metadata(video)["kept"])
    assert stored is not None
    for name, array in factors.arrays().items():
        np.testing.assert_array_equal(stored.factors.arrays()[name], array, err_msg=name)
    for source in (video, recording):
        job = swap.prepare(
            source, swap.Swaps(request=Request(still=True)), tmp_path / "b.mp4", True
        )
        swap.swap(watched, job)
    found = analysis.analyze(watched, minute_and_more)
    for conditioning in (*RecordingPipeline.imagined, found.conditioning):
        if conditioning.frames > 1:  # the first frame of a recording is imagined alone
            assert_same(conditioning, expressed)
    assert len(RecordingPipeline.imagined) >= 3


@pytest.mark.parametrize("strength", [0.4, 1.0])
def test_blocks_and_whole_are_mixed_identically(
    pipe: pipeline.Pipeline, minute_and_more: Sound, factors: VoiceFactors, strength: float
) -> None:
    sad = pipe.emotion("sad")
    blocks = (b.with_emotion(sad, strength) for b in pipe.encode_blocks(minute_and_more))
    whole = pipe.express(factors.with_emotion(sad, strength))
    assert_same(join(list(pipe.express_blocks(blocks))), whole)


@pytest.mark.parametrize("seconds", [40, 60.4])
def test_a_recording_that_has_grown_begins_with_the_very_same_factors(
    pipe: pipeline.Pipeline, speech: Path, tmp_path: Path, expressed: Conditioning, seconds: float
) -> None:
    with open_seconds(tmp_path, speech, seconds) as shorter:
        before = pipe.express(pipe.encode(shorter))
    # What hears its end, what feels along with that, and what that touches.
    same = round(seconds * FPS) - 2 * pipe.size.window - REACH * stride(pipe.size.window)
    for name in ("identity", "shape", "emotion", "emotions"):
        np.testing.assert_array_equal(getattr(before, name), getattr(expressed, name))
    np.testing.assert_array_equal(before.expression[:same], expressed.expression[:same])


def test_a_recording_shorter_than_a_window_is_heard(
    pipe: pipeline.Pipeline, speech: Path, tmp_path: Path
) -> None:
    with open_seconds(tmp_path, speech, 0.48) as sound:
        conditioning = pipe.express(pipe.encode(sound))
    assert conditioning.frames == 12 == len(conditioning.level_db)
    assert np.isfinite(conditioning.expression).all()
