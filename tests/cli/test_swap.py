"""``swap`` with the tiny model: what stays, what changes, and what is refused."""

from __future__ import annotations

import json
import os
from pathlib import Path

import av
import numpy as np
import pytest
from typer.testing import Result

from imagineid import swap_store
from imagineid.video import read_metadata
from support.command import Run
from support.recordings import durations_s, read_picture, tone, write_recording


@pytest.fixture(autouse=True)
def voices(run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A high and a deep voice, a.wav and b.wav, and a home of the test's own."""
    monkeypatch.setenv("IMAGINEID_HOME", str(tmp_path / "home"))
    write_recording(Path("a.wav"), tone(1.0))
    write_recording(Path("b.wav"), tone(0.6, hz=220))


def run_checked(run: Run, *words: object) -> Result:
    """Run a command that must end well."""
    result = run(*words)
    assert result.exit_code == 0, result.stderr
    return result


def colour(path: str) -> np.ndarray:
    """The mean of the first frame's middle."""
    return read_picture(Path(path))[0][1][16:48, 16:48].mean(axis=(0, 1))


def same_face(a: str, b: str) -> bool:
    return bool(np.abs(colour(a) - colour(b)).max() <= 4)


def test_the_issue_s_line_works_after_a_generate(run: Run) -> None:
    run_checked(run, "generate", "a.wav", "--seed", 5)
    result = run_checked(run, "swap", "--emotion-from", "b.wav")
    assert result.stdout == "a-swapped.mp4\n"
    lines = result.stderr.splitlines()
    assert lines[0].startswith("base: ")
    assert lines[0].endswith("a.mp4 (the last video made)")
    assert "it becomes: female, about 34, sad" in lines
    assert same_face("a.mp4", "a-swapped.mp4")
    assert durations_s(Path("a-swapped.mp4"))["video"] == durations_s(Path("a.mp4"))["video"]
    metadata = read_metadata("a-swapped.mp4")
    assert metadata["swapped"] == {"base": "a.mp4", "emotion_from": "b.wav"}
    assert metadata["seed"] == 5


def test_other_words_decide_length_and_sound_and_keep_the_face(run: Run) -> None:
    run_checked(run, "generate", "a.wav")
    output = json.loads(
        run_checked(run, "swap", "a.mp4", "--content-from", "b.wav", "--json").stdout
    )
    assert output["frames"] == 15
    assert output["after"] == "female, about 34, happy"
    assert not output["new_face"]
    assert same_face("a.mp4", "a-swapped.mp4")
    assert durations_s(Path("a-swapped.mp4"))["audio"] == pytest.approx(0.6, abs=0.04)


def test_another_identity_prompt_or_seed_is_another_face(run: Run) -> None:
    run_checked(run, "generate", "a.wav", "--seed", 5)
    for words in (("--identity-from", "b.wav"), ("--seed", 6)):
        result = run_checked(run, "swap", "a.mp4", *words, "-o", "c.mp4", "--overwrite", "--json")
        assert json.loads(result.stdout)["new_face"]
        assert not same_face("a.mp4", "c.mp4")
    run_checked(run, "swap", "a.mp4", "--prompt", "red hair", "-o", "d.mp4")
    assert read_metadata("d.mp4")["prompt"] == "red hair"


def test_a_recording_can_be_the_base(run: Run) -> None:
    run_checked(run, "swap", "a.wav", "--emotion", "angry", "--strength", 1)
    metadata = read_metadata("a-swapped.mp4")
    assert (metadata["emotion"], metadata["strength"]) == ("angry", 1.0)


def test_swaps_of_swaps_add_up_and_nothing_is_overwritten(run: Run) -> None:
    run_checked(run, "generate", "a.wav")
    assert run_checked(run, "swap", "--content-from", "b.wav").stdout == "a-swapped.mp4\n"
    again = run_checked(run, "swap", "--emotion", "sad", "--json")
    output = json.loads(again.stdout)
    assert output["path"] == "a-swapped-2.mp4"
    assert output["frames"] == 15
    assert output["after"] == "female, about 34, sad"
    assert same_face("a.mp4", "a-swapped-2.mp4")


def test_strength_0_keeps_the_emotion(run: Run) -> None:
    run_checked(run, "generate", "a.wav")
    for strength, after in ((0, "happy"), (0.2, "happy"), (0.8, "sad"), (1, "sad")):
        words = ("--emotion-from", "b.wav", "--strength", strength, "--json")
        output = json.loads(run_checked(run, "swap", "a.mp4", *words).stdout)
        assert output["after"] == f"female, about 34, {after}"


def test_without_stored_factors_the_video_itself_is_enough(run: Run, tmp_path: Path) -> None:
    run_checked(run, "generate", "a.wav", "--emotion", "fear", "-o", "a.mp4")
    for file in (tmp_path / "home" / "videos").iterdir():
        file.unlink()
    result = run_checked(run, "swap", "a.mp4", "--still", "--json")
    assert "its stored factors were deleted" in result.stderr
    assert json.loads(result.stdout)["after"] == "female, about 34, fear"
    assert same_face("a.mp4", "a-swapped.mp4")


@pytest.mark.parametrize("damage", [b"", b"nothing", b"PK\x03\x04"])
def test_damaged_stored_factors_are_ignored(run: Run, tmp_path: Path, damage: bytes) -> None:
    run_checked(run, "generate", "a.wav")
    for file in (tmp_path / "home" / "videos").iterdir():
        file.write_bytes(damage)
    assert "stored factors were deleted" in run_checked(run, "swap", "--emotion", "sad").stderr


def test_a_place_that_can_t_be_written_costs_no_video(run: Run, tmp_path: Path) -> None:
    (tmp_path / "home").write_text("a file where the folder should be")
    run_checked(run, "generate", "a.wav")
    refused(run("swap", "--emotion", "sad"), "There is no last video")


def test_the_oldest_stored_factors_are_deleted_first(
    run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(swap_store, "MOST_VIDEOS", 2)
    for seed in range(4):
        run_checked(run, "generate", "a.wav", "--seed", seed, "-o", f"{seed}.mp4")
        for age, file in enumerate((tmp_path / "home" / "videos").iterdir()):
            os.utime(file, (seed * 10 + age, seed * 10 + age))
    stored = {file.stem for file in (tmp_path / "home" / "videos").iterdir()}
    assert len(stored) == 2
    assert read_metadata("3.mp4")["kept"] in stored


def refused(result: Result, words: str) -> None:
    assert result.exit_code == 2, result.output
    assert result.stdout == ""
    (line,) = (line for line in result.stderr.splitlines() if line.startswith("Error: "))
    assert words in line


def test_what_makes_no_sense_is_refused(run: Run) -> None:
    refused(run("swap", "--emotion", "sad"), "There is no last video")
    refused(run("swap", "a.wav"), "Nothing is swapped")
    refused(run("swap", "a.wav", "--strength", 0.5), "--strength blends")
    refused(run("swap", "a.wav", "--emotion", "sad", "--strength", 2), "--strength 2.0 is outside")
    refused(run("swap", "a.wav", "--emotion", "sad", "--emotion-from", "b.wav"), "exclude")
    refused(run("swap", "a.wav", "--emotion-from", "none.wav"), "does not exist")
    refused(run("swap", "none.mp4", "--emotion", "sad"), "does not exist")
    refused(
        run("swap", "a.wav", "--emotion", "sad", "-o", "out.avi"),
        "does not end in one of .mp4, .webm, .mov",
    )
    assert sorted(p.name for p in Path().iterdir()) == ["a.wav", "b.wav"]


def test_the_base_is_never_its_own_output(run: Run) -> None:
    run_checked(run, "generate", "a.wav")
    before = Path("a.mp4").read_bytes()
    refused(run("swap", "--emotion", "sad", "-o", "a.mp4", "--overwrite"), "which would be lost")
    assert Path("a.mp4").read_bytes() == before


def test_a_swapped_video_without_stored_factors_is_refused(run: Run, tmp_path: Path) -> None:
    run_checked(run, "generate", "a.wav")
    run_checked(run, "swap", "--content-from", "b.wav")
    for file in (tmp_path / "home" / "videos").iterdir():
        file.unlink()
    refused(run("swap", "--emotion", "sad"), "is itself the result of a swap")


def test_another_model_can_be_named(run: Run) -> None:
    refused(run("swap", "a.wav", "--emotion", "sad", "--model", "other"), "Unknown model 'other'")


def shape(path: str) -> tuple[int, int, float]:
    """Width, height and frames a second of a video."""
    with av.open(path) as video:
        stream = video.streams.video[0]
        return stream.width, stream.height, float(stream.average_rate or 0)


def test_size_aspect_and_frame_rate_stay_unless_asked_otherwise(run: Run) -> None:
    run_checked(run, "generate", "a.wav", "-o", "square.mp4")
    run_checked(
        run, "generate", "a.wav", "--aspect", "9:16", "--fps", 30, "--size", 256, "-o", "tall.mp4"
    )
    assert shape("tall.mp4")[1] > shape("tall.mp4")[0] == 256
    run_checked(run, "swap", "tall.mp4", "--emotion-from", "b.wav", "-o", "swapped.mp4")
    assert shape("swapped.mp4") == shape("tall.mp4")
    run_checked(run, "swap", "swapped.mp4", "--head", 0.5, "-o", "again.mp4")
    assert shape("again.mp4") == shape("tall.mp4"), "a swap's own shape is known, too"
    run_checked(run, "swap", "tall.mp4", "--aspect", "1:1", "--fps", 25, "-o", "back.mp4")
    assert shape("back.mp4") == (256, 256, 25)
    run_checked(run, "swap", "square.mp4", "--emotion-from", "b.wav", "-o", "plain.mp4")
    assert shape("plain.mp4") == shape("square.mp4")
