"""The voice of a speaker can be corrected by sex and age."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from imagineid.batch_inputs import find_items
from imagineid.errors import BadInput, BadWeights
from imagineid.pad.average_voices import FILE, AverageVoices, Speaker, parse, read
from imagineid.pad.factors import Identity
from imagineid.request import Request, request_of


@pytest.fixture
def voices() -> AverageVoices:
    rng = np.random.default_rng(0)
    return AverageVoices(
        np.array([10.0, 30.0, 60.0]), rng.normal(size=(2, 3, 80)), rng.normal(size=(2, 3, 512))
    )


def someone(logit: float, age: float) -> Identity:
    rng = np.random.default_rng(1)
    shape, theta = (rng.normal(size=n).astype(np.float32) for n in (80, 512))
    return Identity(shape, theta, np.array([logit, age / 100], np.float32))


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("woman, 25", Speaker("female", 25.0)),
        ("Man", Speaker("male", None)),
        ("60", Speaker(None, 60.0)),
        ("70 years old male", Speaker("male", 70.0)),
        ("girl", Speaker("female", 10.0)),
        ("boy 8", Speaker("male", 8.0)),
    ],
)
def test_a_voice_is_parsed_from_plain_words(text: str, expected: Speaker) -> None:
    assert parse(text) == expected


@pytest.mark.parametrize("text", ["", "robot", "woman, 250", "woman man", "25 30", "woman, -3"])
def test_an_invalid_voice_is_refused_with_an_example(text: str) -> None:
    with pytest.raises(BadInput, match='--voice "woman, 25"'):
        parse(text)


def test_a_corrected_voice_has_the_given_sex_and_age(voices: AverageVoices) -> None:
    voice = someone(1.5, 60)
    other = voices.correct(voice, Speaker("female", 30.0))
    assert (other.gender, other.age) == ("female", pytest.approx(30))
    moved = voices.shape[0, 1] - voices.shape[1, 2]
    np.testing.assert_allclose(other.shape - voice.shape, moved, atol=1e-5)


def test_uncorrected_traits_stay_as_estimated(voices: AverageVoices) -> None:
    voice = someone(1.5, 45)
    older = voices.correct(voice, Speaker(None, 60.0))
    assert older.gender == "male"
    assert older.traits[0] == voice.traits[0]
    same = voices.correct(voice, Speaker("male", 45.0))
    np.testing.assert_allclose(same.shape, voice.shape, atol=1e-5)
    np.testing.assert_allclose(same.theta, voice.theta, atol=1e-5)


def test_ages_between_and_beyond_the_table_are_read(voices: AverageVoices) -> None:
    shape, _ = voices.at("male", 45)
    np.testing.assert_allclose(shape, voices.shape[1, 1:].mean(axis=0))
    np.testing.assert_allclose(voices.at("male", 90)[0], voices.shape[1, 2])
    np.testing.assert_allclose(voices.at("female", 5)[1], voices.identity[0, 0])


def test_a_request_remembers_the_voice_and_refuses_one_that_makes_no_sense(tmp_path: Path) -> None:
    request = Request(seed=1, voice="woman, 25")
    request.check()
    again = request_of(request.metadata(), tmp_path / "out.mp4")
    assert again.voice == "woman, 25"
    with pytest.raises(BadInput, match="not understood"):
        Request(voice="robot").check()
    with pytest.raises(BadInput, match="not understood"):
        request_of({"seed": 1, "voice": "robot"}, tmp_path / "out.mp4")


def test_a_list_names_a_voice_for_each_recording(tmp_path: Path) -> None:
    (tmp_path / "list.csv").write_text('audio,voice\na.wav,"woman, 25"\nb.wav,\n')
    items = find_items([str(tmp_path / "list.csv")], tmp_path, Request(seed=1, voice="man"))
    assert [item.request.voice for item in items] == ["woman, 25", "man"]


def test_a_file_of_average_voices_is_read_and_a_broken_one_refused(
    voices: AverageVoices, tmp_path: Path
) -> None:
    with pytest.raises(BadWeights, match="leave out --voice"):
        read(tmp_path)
    arrays = {"ages": voices.ages, "shape": voices.shape, "identity": voices.identity}
    np.savez(tmp_path / FILE, **arrays)
    np.testing.assert_array_equal(read(tmp_path).shape, voices.shape)
    np.savez(tmp_path / FILE, **(arrays | {"ages": voices.ages[::-1]}))
    with pytest.raises(BadWeights, match="do not belong together"):
        read(tmp_path)
