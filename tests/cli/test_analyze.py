"""``analyze`` and ``retrieve`` upon the tiny model."""

from __future__ import annotations

import csv
import json
import shutil
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from imagineid.analysis import spans
from support.command import Run
from support.recordings import tone, write_recording


@pytest.fixture(autouse=True)
def voices(run: Run) -> None:
    """High and deep voices."""
    Path("voices").mkdir()
    write_recording(Path("high.wav"), tone(1.5))
    write_recording(Path("voices/also-high.flac"), tone(0.5))
    write_recording(Path("voices/deep.wav"), tone(0.5, hz=220))


def table(path: str) -> list[dict[str, str]]:
    with Path(path).open(newline="") as file:
        return list(csv.DictReader(file))


def test_people_read_what_was_heard(run: Run) -> None:
    result = run("analyze", "high.wav")
    assert result.exit_code == 0, result.stderr
    lines = result.stdout.splitlines()
    assert lines[0] == "high.wav"
    assert any(
        line.split() == "voice female (100% sure), about 34 years old".split() for line in lines
    )
    assert any(line.startswith("happy") and "100%" in line for line in lines)


def test_json_holds_all_of_it(run: Run) -> None:
    result = json.loads(run("analyze", "high.wav", "--json").stdout)
    assert (result["gender"], result["age"], result["emotion"]) == ("female", 34, "happy")
    assert result["frames"] == len(result["curves"]["jawOpen"]) == 38
    assert len(result["curves"]) == 52
    assert len(result["emotions_over_time"]["happy"]) == 38
    assert result["speech"] == [{"start_s": 0.0, "end_s": 1.52, "what": "speech"}]


def test_the_csv_has_blinks_and_can_be_posed_from(run: Run) -> None:
    completed = run("analyze", "high.wav", "--csv", "m.csv", "--fps", 60)
    assert completed.exit_code == 0, completed.stderr
    rows = table("m.csv")
    assert len(rows) == 92
    assert max(float(row["EyeLookInLeft"]) for row in rows) >= 0.25
    result = run("generate", "high.wav", "--pose-from", "m.csv")
    assert result.exit_code == 0, result.stderr
    still = run("analyze", "high.wav", "--csv", "still.csv", "--still")
    assert still.exit_code == 0
    assert {float(row["HeadYaw"]) for row in table("still.csv")} == {0}


def test_the_picture_is_a_picture(run: Run) -> None:
    result = run("analyze", "high.wav", "--plot", "p.png")
    assert result.exit_code == 0, result.stderr
    with Image.open("p.png") as picture:
        assert picture.size[0] == 1400
        assert np.asarray(picture).std() > 10


def test_invalid_options_of_analyze_are_refused(run: Run) -> None:
    for words, why in (
        (("high.wav", "--fps", 30), "--fps 30 is neither"),
        (("high.wav", "--csv", "m.txt"), "does not end in .csv"),
        (("none.wav",), "does not exist"),
        (("high.wav", "--model", "other"), "Unknown model 'other'"),
    ):
        result = run("analyze", *words)
        assert result.exit_code == 2
        assert why in result.stderr
    Path("m.csv").write_text("mine")
    assert run("analyze", "high.wav", "--csv", "m.csv").exit_code == 2
    assert Path("m.csv").read_text() == "mine"


def test_stretches_cover_all_frames_without_gaps() -> None:
    found = spans(np.array([1, 1, 0, 0, 0, 1]), ("silence", "speech"))
    assert [s.what for s in found] == ["speech", "silence", "speech"]
    assert [s.start_s for s in found] == [0, 0.08, 0.2]
    assert found[-1].end_s == 0.24


def test_the_voice_most_alike_comes_first(run: Run) -> None:
    result = run("retrieve", "high.wav", "voices")
    assert result.exit_code == 0, result.stderr
    first, second = result.stdout.splitlines()
    assert first == " 1.000  voices/also-high.flac  (female, about 34)"
    assert "deep.wav  (male" in second


def test_retrieve_draws_a_face_a_voice_and_passes_over_what_is_broken(run: Run) -> None:
    Path("voices/broken.wav").write_bytes(b"RIFF")
    shutil.copy("high.wav", "voices/copy.wav")
    result = run("retrieve", "voices/copy.wav", "voices", "--sheet", "s.png", "--json")
    assert result.exit_code == 0, result.stderr
    output = json.loads(result.stdout)
    assert [Path(row["path"]).name for row in output["alike"]] == ["also-high.flac", "deep.wav"]
    assert output["unread"] == ["voices/broken.wav"]
    assert "Warning" in result.stderr
    with Image.open("s.png") as sheet:
        assert sheet.size == (3 * 64, 64 + 48)


def test_invalid_options_of_retrieve_are_refused(run: Run) -> None:
    Path("empty").mkdir()
    for words, why in (
        (("high.wav", "none"), "The folder none does not exist"),
        (("high.wav", "empty"), "no other recordings"),
        (("high.wav", "voices", "--top", 0), "--top 0"),
        (("none.wav", "voices"), "does not exist"),
        (("high.wav", "voices", "--model", "other"), "Unknown model 'other'"),
    ):
        result = run("retrieve", *words)
        assert result.exit_code == 2
        assert why in result.stderr
