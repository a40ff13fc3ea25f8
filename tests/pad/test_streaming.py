"""Listening block by block, with the embedded networks where they are in the tree."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import soundfile

from imagineid import pipeline
from imagineid.audio import Sound, open_sound
from imagineid.errors import BadWeights
from imagineid.pad.conditioning import Conditioning
from imagineid.pad.streaming import BLOCK, MARGIN
from imagineid.spec import ARKIT, FPS, MOUTH, SAMPLE_RATE

BROWS = [i for i in range(len(ARKIT)) if i not in MOUTH]
"""Units that no loudness gates."""


@pytest.fixture(scope="module")
def pipe() -> pipeline.Pipeline:
    try:
        return pipeline.load()
    except BadWeights:
        pytest.skip("runs in a checkout with the embedded weights")


@pytest.fixture(scope="module")
def minute_and_more(speech: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Sound]:
    """70 s: the reading again and again, in two channels, loud and soft in turn."""
    wave, rate = soundfile.read(speech, dtype="float32")
    assert rate == SAMPLE_RATE
    long = np.resize(wave, 70 * rate)
    long = long * (0.55 + 0.45 * np.sin(np.arange(len(long)) * 2 * np.pi / (11 * rate)))
    path = tmp_path_factory.mktemp("long") / "seventy.wav"
    soundfile.write(path, np.stack([long, 0.5 * long], 1), rate)
    with open_sound(path) as sound:
        yield sound


@pytest.fixture(scope="module")
def heard(pipe: pipeline.Pipeline, minute_and_more: Sound) -> Conditioning:
    return pipe.encode_conditioning(minute_and_more)


def test_blocks_cover_every_frame_once(heard: Conditioning, minute_and_more: Sound) -> None:
    assert heard.frames == minute_and_more.frames == len(heard.level_db)
    assert np.isfinite(heard.expression).all()


@pytest.mark.parametrize("seconds", [60, 60.4])
def test_a_recording_that_has_grown_begins_with_the_very_same_factors(
    pipe: pipeline.Pipeline, minute_and_more: Sound, heard: Conditioning, seconds: float
) -> None:
    shorter = minute_and_more.part(0, round(seconds * FPS))
    before = pipe.encode_conditioning(shorter)
    same = shorter.frames - 2 * pipe.size.window  # what hears its end, and what that touches
    for name in ("identity", "shape", "emotion", "emotions"):
        np.testing.assert_array_equal(getattr(before, name), getattr(heard, name))
    np.testing.assert_array_equal(before.level_db[:-1], heard.level_db[: shorter.frames - 1])
    np.testing.assert_array_equal(before.expression[:same], heard.expression[:same])


def test_blocks_leave_no_seam(
    pipe: pipeline.Pipeline, minute_and_more: Sound, heard: Conditioning
) -> None:
    across = slice(BLOCK - 40, BLOCK + 40)
    part = pipe.encode(minute_and_more.part(BLOCK - 120, 240))
    who = pipe.encode(minute_and_more.part(0, BLOCK + MARGIN)).identity
    alone = pipe.express(replace(part, identity=who))
    np.testing.assert_allclose(
        heard.expression[across, BROWS], alone.expression[80:160, BROWS], atol=1e-6
    )


def test_a_recording_of_one_block_is_heard_as_a_whole(
    pipe: pipeline.Pipeline, speech: Path
) -> None:
    with open_sound(speech) as sound:
        only, whole = pipe.encode_conditioning(sound), pipe.express(pipe.encode(sound))
    np.testing.assert_array_equal(only.expression, whole.expression)
    np.testing.assert_array_equal(only.identity, whole.identity)
