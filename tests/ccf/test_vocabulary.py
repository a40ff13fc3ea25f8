"""The prompt's words."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from imagineid.ccf.vocabulary import (
    Vocabulary,
    age_in_words,
    named_age,
    named_gender,
    opposite_person,
    with_person,
)
from imagineid.spec import MINI

WORDS = Vocabulary(
    ("red", "hair", "long", "glasses", "blue", "eye", "background", "middle-aged"),
    {"ginger": "red", "spectacles": "glasses", "backdrop": "background"},
)


def test_words_become_their_tokens_in_order() -> None:
    tokens = WORDS.tokens("long red hair", MINI)
    assert tokens.dtype == np.int64
    assert tokens.shape == (MINI.text_tokens,)
    assert tokens[:4].tolist() == [3, 1, 2, 0]


def test_case_punctuation_plurals_and_synonyms_do_not_matter() -> None:
    plain = WORDS.tokens("red hair blue eye glasses", MINI)
    assert WORDS.tokens("Ginger HAIR, blue eyes; spectacles!", MINI).tolist() == plain.tolist()


def test_an_unknown_word_is_named_once_with_the_closest_known_one() -> None:
    assert WORDS.unknown("bleu hair, bleu eyes and a zebra") == [
        ("bleu", "blue"),
        ("and", None),
        ("a", None),
        ("zebra", None),
    ]


def test_a_long_prompt_is_cut_and_an_empty_one_is_all_zeros() -> None:
    assert (WORDS.tokens("red " * 100, MINI) == 1).all()
    assert not WORDS.tokens("", MINI).any()


def test_what_is_written_is_read_again(tmp_path: Path) -> None:
    WORDS.write(tmp_path / "words.json")
    assert Vocabulary.read(tmp_path / "words.json") == WORDS


@pytest.mark.parametrize(
    ("typed", "expected"),
    [
        ("a 67 year old man", "a old man"),
        ("25-year-old woman", "young woman"),
        ("woman aged 45", "woman middle-aged"),
        ("middle aged woman", "middle-aged woman"),
        ("age 30, red hair", "young, red hair"),
        ("number 3 on a shirt", "number 3 on a shirt"),
    ],
)
def test_ages_in_numbers_become_the_words_of_captions(typed: str, expected: str) -> None:
    assert age_in_words(typed) == expected


@pytest.mark.parametrize(
    ("prompt", "gender", "age", "whole"),
    [
        ("", "male", 40, "adult man"),
        ("red hair", "female", 30, "young woman, red hair"),
        ("red hair", "male", 9, "boy, red hair"),
        ("a Woman with short hair", "male", 40, "a Woman with short hair"),
        ("manly beard", "male", 60, "old man, manly beard"),
        ("old, red hair", "female", 30, "woman, old, red hair"),
        ("aged 70", "male", 30, "man, aged 70"),
        ("old lady", "male", 40, "old lady"),
    ],
)
def test_the_person_who_was_heard_is_drawn_unless_the_prompt_names_one(
    prompt: str, gender: str, age: float, whole: str
) -> None:
    assert with_person(prompt, gender, age) == whole


@pytest.mark.parametrize(
    ("prompt", "gender"),
    [
        ("old lady", "female"),
        ("bald man, glasses", "male"),
        ("person with red hair", None),
        ("a woman and a man", None),
        ("", None),
    ],
)
def test_a_prompt_may_name_whom_it_is_about(prompt: str, gender: str | None) -> None:
    assert named_gender(prompt) == gender


@pytest.mark.parametrize(
    ("prompt", "years"),
    [("old lady", 70), ("woman, 32 years old", 32), ("Middle-aged man", 50), ("red hair", None)],
)
def test_a_prompt_may_name_an_age(prompt: str, years: float | None) -> None:
    assert named_age(prompt) == years


@pytest.mark.parametrize(
    ("prompt", "gender", "age", "opposite"),
    [
        ("", "male", 50, "young woman"),
        ("red hair", "female", 30, "old man"),
        ("woman, red hair", "male", 50, "young man"),
        ("aged 25", "male", 50, "old woman"),
        ("person with a beard", "male", 50, "young woman"),
    ],
)
def test_guidance_leads_away_from_the_other_sex_and_age(
    prompt: str, gender: str, age: float, opposite: str
) -> None:
    assert opposite_person(prompt, gender, age) == opposite
