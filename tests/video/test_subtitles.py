"""Subtitles: read from files, and drawn into frames."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from imagineid.errors import BadInput
from imagineid.video.subtitles import Cue, burnt_in, read_subtitles, shifted

SRT = """1
00:00:00,500 --> 00:00:01,250
Hello <i>there</i>,
you

2
00:01:02,000 --> 00:01:03,000
Äpfel & Öl
"""


def test_an_srt_file_is_read_without_its_styles(tmp_path: Path) -> None:
    path = tmp_path / "words.srt"
    path.write_text(SRT, encoding="utf-8")
    first, second = read_subtitles(path)
    assert first == Cue(0.5, 1.25, "Hello there,\nyou")
    assert second == Cue(62.0, 63.0, "Äpfel & Öl")


def test_a_webvtt_file_is_read_too(tmp_path: Path) -> None:
    path = tmp_path / "words.vtt"
    path.write_text("WEBVTT\n\n00:01.000 --> 00:02.000\nHello\n", encoding="utf-8")
    assert read_subtitles(path) == (Cue(1.0, 2.0, "Hello"),)


@pytest.mark.parametrize("text", ["", "no cue at all", "1\n00:00:01,000 --> 00:00:02,000\n\n"])
def test_a_file_without_cues_is_refused(tmp_path: Path, text: str) -> None:
    path = tmp_path / "words.srt"
    path.write_text(text)
    with pytest.raises(BadInput, match="--subtitles FILE.srt"):
        read_subtitles(path)


def test_a_file_that_is_not_there_is_refused(tmp_path: Path) -> None:
    with pytest.raises(BadInput, match="does not exist"):
        read_subtitles(tmp_path / "words.srt")


@pytest.mark.parametrize("channels", [3, 4])
def test_a_cue_is_seen_while_it_lasts_at_the_foot_of_the_frame(channels: int) -> None:
    frame = np.full((256, 320, channels), 90, np.uint8)
    cues = (Cue(1.0, 2.0, "Hello"),)
    assert burnt_in(frame, cues, 0.96) is frame
    assert burnt_in(frame, cues, 2.0) is frame
    burnt = burnt_in(frame, cues, 1.0)
    assert burnt.shape == frame.shape
    changed = np.flatnonzero((burnt != frame).any(axis=(1, 2)))
    assert changed.min() > 200
    assert changed.max() < 250
    assert burnt.max() == 255


def test_a_long_line_is_broken_within_the_frame() -> None:
    frame = np.full((256, 256, 3), 90, np.uint8)
    burnt = burnt_in(frame, (Cue(0, 1, "many words that do not fit in one line of a frame"),), 0.5)
    changed = np.flatnonzero((burnt != frame).any(axis=(0, 2)))
    assert changed.min() >= 5
    assert changed.max() <= 250


def test_cues_move_with_the_sound() -> None:
    assert shifted((Cue(1, 2, "a"),), 0.5) == (Cue(1.5, 2.5, "a"),)
