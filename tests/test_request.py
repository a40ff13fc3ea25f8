"""Requests: extended prompts, seeds that follow from a voice, ranges."""

from __future__ import annotations

from pathlib import Path

import pytest

from imagineid.audio import open_sound
from imagineid.errors import BadInput
from imagineid.request import PROMPT_CHARACTERS, Request, joined_prompt
from imagineid.video.framing import Framing
from imagineid.video.output import OutputOptions


@pytest.mark.parametrize(
    ("before", "more", "joined"),
    [
        ("", "red hair", "red hair"),
        ("red hair, glasses", "long black hair", "glasses, long black hair"),
        ("red hair", "glasses, beard", "red hair, glasses, beard"),
        ("Red Hair ,", " black hair", "black hair"),
        ("a" * PROMPT_CHARACTERS, "glasses", "glasses"),
    ],
)
def test_a_prompt_is_added_to_and_the_same_thing_is_replaced(
    before: str, more: str, joined: str
) -> None:
    assert joined_prompt(before, more) == joined


def test_the_same_voice_and_words_have_the_same_seed(speech: Path) -> None:
    with open_sound(speech) as sound:
        seeds = [Request(prompt=words).with_seed(sound).seed for words in ("", "", "red hair")]
    assert seeds[0] == seeds[1] != seeds[2]
    assert Request(seed=5).with_seed().seed == 5


def test_still_is_no_head_motion_and_lids_stay_alive() -> None:
    amounts = Request(still=True, mouth=0.5).amounts
    assert (amounts.head, amounts.blink, amounts.mouth) == (0, 1, 0.5)
    assert Request(still=True).motion(10) is None


def test_only_what_was_asked_for_is_written_down() -> None:
    metadata = Request(seed=1, head=0.5, avatar="/home/me/anna.avatar").metadata()
    assert metadata["head"] == 0.5
    assert metadata["avatar"] == "anna.avatar"
    assert "size_px" not in metadata
    tall = Request(output=OutputOptions(Framing(512, "9:16"), fps=30))
    assert tall.metadata().items() >= {"size_px": 512, "aspect": "9:16", "fps": 30}.items()


@pytest.mark.parametrize("request_", [Request(head=3), Request(output=OutputOptions(fps=29))])
def test_what_is_out_of_range_is_refused(request_: Request) -> None:
    with pytest.raises(BadInput):
        request_.check()
