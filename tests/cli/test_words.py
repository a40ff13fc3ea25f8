"""Output of the command: help, progress, warnings about a prompt, names of sheets."""

from __future__ import annotations

import time
from pathlib import Path

import pytest

from imagineid_cli import progress
from support.command import Run
from support.recordings import tone, write_recording


def test_help_shows_everyday_options_first_and_those_for_experts_apart(
    run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    help_text = run("generate", "--help").stdout
    places = [
        help_text.index(f"{name} ") for name in ("--prompt", "--emotion", "--avatar", "--size")
    ]
    assert places == sorted(places)
    for name in ("--steps", "--guidance", "--exact", "--chains", "--engine", "--attention"):
        assert help_text.index(f"  {name} ") > places[-1], name


@pytest.mark.parametrize(("seconds", "words"), [(5.04, "5.0 s"), (89, "89.0 s"), (240, "4 min")])
def test_long_times_are_minutes(seconds: float, words: str) -> None:
    assert progress.span(seconds) == words


def test_progress_in_a_log_is_a_line_each_time_without_control_characters(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(progress, "LINE_EVERY_S", 0.0)
    monkeypatch.setattr(time, "monotonic", iter(range(0, 90_000, 60)).__next__)
    with progress.TerminalProgress().stage("imagining", 100, "frames") as advance:
        for done in (10, 50, 100):
            advance(done)
    assert capfd.readouterr().err.splitlines() == [
        "imagining: 100 frames",
        "imagining: 10 of 100 frames, 9 min left",
        "imagining: 50 of 100 frames, 2 min left",
        "imagining: done in 4 min",
    ]


def test_words_of_another_language_are_reported(run: Run, tmp_path: Path) -> None:
    sound = write_recording(tmp_path / "a.wav", tone(0.3))
    warned = run("generate", sound, "--prompt", "Frau mit roten Haaren", "-o", "a.mp4").stderr
    assert "afraid" not in warned
    assert "prompts are English words" in warned
    slip = run("generate", sound, "--prompt", "woman, red glases", "-o", "b.mp4").stderr
    assert "glases (closest: glasses)" in slip
    assert "English" not in slip


def test_a_sheet_has_the_name_that_was_given(run: Run, tmp_path: Path) -> None:
    sound = write_recording(tmp_path / "a.wav", tone(0.3))
    assert run("generate", sound, "--preview", 2, "-o", "p.png").stdout == "p.png\n"
    assert [path.name for path in Path().iterdir()] == ["p.png"]
