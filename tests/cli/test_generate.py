"""The command, upon the tiny model: everything about it but the faces."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
from typer.testing import Result

from imagineid import pipeline
from imagineid.errors import BackendMissing
from imagineid.plots.contact_sheet import caption_px
from imagineid.video import read_metadata
from support.command import Run, command, environment
from support.recordings import durations_s, read_picture, tone, write_recording


def here() -> list[str]:
    return sorted(path.name for path in Path().iterdir())


# ---- a video


def test_a_recording_becomes_a_video_of_its_name(run: Run, speech: Path) -> None:
    result = run("generate", speech)
    assert result.exit_code == 0, result.stderr
    assert result.stdout == "speech.mp4\n"
    assert here() == ["speech.mp4"]
    lengths = durations_s(Path("speech.mp4"))
    assert lengths["video"] == pytest.approx(lengths["audio"], abs=0.04)


def test_progress_in_a_pipe_is_plain_lines(run: Run, speech: Path) -> None:
    lines = run("generate", speech).stderr.splitlines()
    assert "\x1b" not in "".join(lines)
    assert "heard: female, about 34, happy" in lines
    assert "imagining: 208 frames" in lines
    assert len(lines) < 10


def test_quiet_says_nothing(run: Run, speech: Path) -> None:
    result = run("generate", speech, "--quiet", "--prompt", "blorp")
    assert (result.exit_code, result.stderr) == (0, "")


def test_json_is_one_object(run: Run, speech: Path) -> None:
    result = run("generate", speech, "--json", "--seed", 5, "-o", "ü.mp4")
    output = json.loads(result.stdout)
    assert output["path"] == "ü.mp4"
    assert (output["frames"], output["fps"], output["seed"]) == (208, 25, 5)
    assert output["seconds"] == pytest.approx(8.29)
    assert (output["heard"]["gender"], output["heard"]["age"]) == ("female", 34)
    assert output["heard"]["emotion"] == max(
        output["heard"]["emotions"], key=output["heard"]["emotions"].get
    )
    assert output["engine"] == "arithmetic in numpy"


def test_the_same_seed_makes_the_same_file(run: Run, speech: Path) -> None:
    for name, seed in (("a.mp4", 1), ("b.mp4", 1), ("c.mp4", 2)):
        assert run("generate", speech, "--seed", seed, "-o", name).exit_code == 0
    assert Path("a.mp4").read_bytes() == Path("b.mp4").read_bytes()
    assert Path("a.mp4").read_bytes() != Path("c.mp4").read_bytes()


def test_the_seed_follows_from_voice_and_prompt_and_is_stored(run: Run, speech: Path) -> None:
    result = run("generate", speech)
    seed = read_metadata("speech.mp4")["seed"]
    assert f"seed {seed}\n" in result.stderr
    run("generate", speech, "-o", "again.mp4")
    run("generate", speech, "--prompt", "red hair", "-o", "red.mp4")
    assert read_metadata("again.mp4")["seed"] == seed
    assert read_metadata("red.mp4")["seed"] != seed


def test_a_name_that_is_taken_gets_a_number_and_says_what_was_changed(
    run: Run, speech: Path
) -> None:
    for name in ("speech.mp4", "speech-2.mp4", "speech-3.mp4"):
        assert run("generate", speech, "--quiet").stdout == f"{name}\n"
    changed = run("generate", speech, "--quiet", "--emotion", "happy")
    assert changed.stdout == "speech-happy.mp4\n"
    clear = run("generate", speech, "--quiet", "--background", "transparent")
    assert clear.stdout == "speech.webm\n"


# ---- picture and file


def test_a_tall_video_of_thirty_frames_a_second(run: Run, speech: Path) -> None:
    result = run(
        *("generate", speech, "--size", 256, "--aspect", "9:16", "--fps", 30, "--pad", 0.5),
        *("--json", "-o", "tall.mp4"),
    )
    assert result.exit_code == 0, result.stderr
    output = json.loads(result.stdout)
    assert (output["fps"], output["size_px"]) == (30, 256)
    frames = read_picture(Path("tall.mp4"))
    assert frames[0][1].shape == (456, 256, 3)
    lengths = durations_s(Path("tall.mp4"))
    assert lengths["audio"] == pytest.approx(9.29, abs=0.001)
    assert lengths["video"] == pytest.approx(9.29, abs=1 / 30)


def test_a_folder_of_transparent_frames(run: Run, speech: Path) -> None:
    result = run("generate", speech, "--background", "transparent", "-o", "frames")
    assert result.stdout == "frames\n"
    assert len(list(Path("frames").glob("frame-*.png"))) == 208


def test_an_avatar_is_saved_listed_shown_used_and_removed(run: Run, speech: Path) -> None:
    assert run("generate", speech, "--prompt", "red hair", "-o", "out.mp4").exit_code == 0
    saved = run("avatar", "save", "anna", "out.mp4")
    assert saved.stdout.endswith("anna.avatar\n")
    assert "anna" in run("avatar", "list").stdout
    output = json.loads(run("avatar", "show", "anna", "-o", "anna.png").stdout)
    assert (output["prompt"], output["synthetic"]) == ("red hair", True)
    for place in ("anna", saved.stdout.strip()):
        result = run("generate", speech, "--avatar", place, "--json", "--overwrite")
        assert json.loads(result.stdout)["seed"] == output["seed"], result.stderr
    by_video = run("generate", speech, "--face", "out.mp4", "-o", "face.mp4")
    assert by_video.exit_code == 0, by_video.stderr
    first = [read_picture(Path(name))[0][1].astype(int) for name in ("out.mp4", "face.mp4")]
    assert np.abs(first[0] - first[1]).mean() <= 12
    assert run("avatar", "remove", "anna").exit_code == 0
    gone = run("generate", speech, "--avatar", "anna")
    assert (gone.exit_code, "There is no avatar anna" in gone.stderr) == (2, True)
    both = run("generate", speech, "--avatar", "a", "--face", "out.mp4")
    assert (both.exit_code, "exclude each other" in both.stderr) == (2, True)


def test_like_repeats_a_video(run: Run, speech: Path) -> None:
    wish = ["--prompt", "red hair", "--steps", 4, "--guidance", 2.5]
    assert run("generate", speech, "-o", "a.mp4", *wish).exit_code == 0
    assert run("generate", speech, "-o", "b.mp4", "--like", "a.mp4").exit_code == 0
    assert Path("a.mp4").read_bytes() == Path("b.mp4").read_bytes()
    assert run("generate", speech, "-o", "c.mp4", "--like", "a.mp4", "--seed", 3).exit_code == 0
    a, c = read_metadata("a.mp4"), read_metadata("c.mp4")
    assert c == {**a, "seed": 3, "kept": c["kept"]}


def test_an_emotion_by_name_is_shown_stored_and_repeated(run: Run, speech: Path) -> None:
    result = run("generate", speech, "-o", "a.mp4", "--emotion", "sad", "--strength", 0.5)
    assert result.exit_code == 0, result.stderr
    assert "heard: female, about 34, happy" in result.stderr.splitlines()
    metadata = read_metadata("a.mp4")
    assert (metadata["emotion"], metadata["strength"]) == ("sad", 0.5)
    again = run("generate", speech, "-o", "b.mp4", "--like", "a.mp4", "--seed", metadata["seed"])
    assert again.exit_code == 0, again.stderr
    assert read_metadata("b.mp4") == metadata


def test_words_the_model_does_not_know_are_named(run: Run, speech: Path) -> None:
    result = run("generate", speech, "--prompt", "red glass blorp")
    warnings = [line for line in result.stderr.splitlines() if line.startswith("Warning")]
    assert result.exit_code == 0
    assert len(warnings) == 1
    assert "glass (closest: glasses), blorp" in warnings[0]


def test_a_preview_is_one_sheet_of_faces(run: Run, speech: Path) -> None:
    result = run("generate", speech, "--preview", 5, "--seed", 10)
    assert result.stdout == "speech.preview.png\n"
    assert here() == ["speech.preview.png"]
    sheet, row_px = read_picture(Path("speech.preview.png"))[0][1], 64 + caption_px(["10"])
    assert sheet.shape == (2 * row_px, 3 * 64, 3)
    faces = [sheet[row * row_px + 32, column * 64 + 32] for row in (0, 1) for column in (0, 1, 2)][
        :5
    ]
    assert len(np.unique(faces, axis=0)) == 5


def test_silence_makes_a_video_too(run: Run, tmp_path: Path) -> None:
    wave = np.zeros((1, 16_000), dtype=np.float32)
    path = write_recording(tmp_path / "тишина [b].wav", wave)
    result = run("generate", path)
    assert result.stdout == "тишина [b].mp4\n"


# ---- what can't be used: exit code 2, one clear message, no file left


def refused(result: Result, words: str) -> None:
    assert result.exit_code == 2, result.output
    assert result.stdout == ""
    lines = result.stderr.splitlines()
    assert lines[0].startswith("Error: ")
    assert words in lines[0]
    assert len(lines) <= 2
    assert here() == []


def test_bad_recordings_are_refused(run: Run, tmp_path: Path) -> None:
    (tmp_path / "empty.wav").touch()
    (tmp_path / "text.wav").write_text("Good morning.\n" * 30)
    write_recording(tmp_path / "short.wav", tone(0.1))
    refused(run("generate", tmp_path / "none.wav"), "does not exist")
    refused(run("generate", tmp_path), "is a directory")
    refused(run("generate", tmp_path / "empty.wav"), "is empty")
    refused(run("generate", tmp_path / "text.wav"), "is not a recording")
    refused(run("generate", tmp_path / "short.wav"), "is too short")


def test_bad_places_are_refused(run: Run, speech: Path, tmp_path: Path) -> None:
    refused(run("generate", speech, "-o", "none/out.mp4"), "The folder none does not exist")
    refused(run("generate", speech, "-o", tmp_path), "is a directory")
    refused(run("generate", speech, "-o", "out.avi"), "does not end in one of .mp4, .webm, .mov")
    clear = ("generate", speech, "--background", "transparent", "-o", "out.mp4")
    refused(run(*clear), "does not support transparency")


def test_bad_options_are_refused(run: Run, speech: Path) -> None:
    refused(run("generate", speech, "--seed", -1), "--seed -1 is outside")
    refused(run("generate", speech, "--steps", 0), "--steps 0 is outside")
    refused(run("generate", speech, "--guidance", "nan"), "--guidance nan is outside")
    refused(run("generate", speech, "--guidance", "-1"), "--guidance -1.0 is outside")
    refused(run("generate", speech, "--chains", "many"), "--chains many is neither")
    refused(run("generate", speech, "--size", 500), "The size 500 is not supported")
    refused(run("generate", speech, "--aspect", "4:3"), "The aspect 4:3 is not supported")
    refused(run("generate", speech, "--fps", 29), "The frame rate 29 is not supported")
    refused(run("generate", speech, "--pad", -1), "--pad -1.0 is outside")
    refused(run("generate", speech, "--head", 3), "--head 3.0 is outside")
    refused(run("generate", speech, "--burn-in"), "needs subtitles")
    refused(run("generate", speech, "--chains", 17), "--chains 17 is neither")
    refused(run("generate", speech, "--preview", 0), "--preview 0 is outside")
    refused(run("generate", speech, "--prompt", "red " * 300), "The prompt has 1200 characters")
    refused(run("generate", speech, "--prompt", "red\nhair"), "unprintable")
    refused(run("generate", speech, "--strength", 0.5), "--strength needs an emotion")
    refused(run("generate", speech, "--emotion", "sad", "--strength", 1.5), "--strength 1.5")
    refused(run("generate", speech, "--still", "--pose-from", speech), "exclude each other")
    refused(run("generate", speech, "--pose-from", "none.csv"), "The reference none.csv does not")
    refused(run("generate", speech, "--like", speech), "has no metadata of imagineid")
    refused(run("generate", speech, "--like", "none.mp4"), "The video none.mp4 does not exist")


def test_an_output_that_exists_is_kept(run: Run, speech: Path) -> None:
    Path("speech.mp4").write_bytes(b"mine")
    result = run("generate", speech, "-o", "speech.mp4")
    assert result.exit_code == 2
    assert "speech.mp4 exists already.\nReplace it:  --overwrite" in result.stderr
    assert Path("speech.mp4").read_bytes() == b"mine"
    assert run("generate", speech, "--overwrite").exit_code == 0
    assert Path("speech.mp4").read_bytes() != b"mine"


def test_a_recording_is_never_its_own_output(run: Run) -> None:
    write_recording(Path("a.mp4"), tone(1.0, 44_100), 44_100, picture=True)
    before = Path("a.mp4").read_bytes()
    result = run("generate", "a.mp4", "--overwrite")
    assert result.exit_code == 2
    assert "is the input" in result.stderr
    assert Path("a.mp4").read_bytes() == before


def test_wrong_usage_ends_with_two(run: Run, speech: Path) -> None:
    assert run("generate").exit_code == 2
    assert run("generate", speech, "--nonsense").exit_code == 2
    assert run("generate", speech, "--engine", "steam").exit_code == 2


# ---- what goes wrong inside


def test_a_bug_is_one_line_and_a_traceback_for_those_who_ask(
    run: Run, speech: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PLAIN_BLIND", "1")
    result = run("generate", speech, "--quiet", "--no-cache")
    assert result.exit_code == 1
    assert result.stderr.splitlines() == [
        "Unexpected error (RuntimeError: no frame can be imagined).",
        "For a traceback, run it again with --debug",
    ]
    assert here() == []
    assert "Traceback" in run("generate", speech, "--debug", "--no-cache").stderr


def test_a_missing_engine_ends_with_three(
    run: Run, speech: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def missing(*_: object, **__: object) -> None:
        raise BackendMissing("onnx", "cuda")

    monkeypatch.setattr(pipeline, "load", missing)
    result = run("generate", speech, "--engine", "onnx")
    assert result.exit_code == 3
    assert "pip install 'imagineid[cuda]'" in result.stderr


@pytest.mark.parametrize(
    ("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 128 + signal.SIGTERM)]
)
def test_a_stopped_command_leaves_nothing(
    tmp_path: Path, speech: Path, number: signal.Signals, code: int
) -> None:
    process = subprocess.Popen(
        command("plain_pipeline", "generate", speech),
        cwd=tmp_path,
        env=environment(PLAIN_FRAME_S="0.1"),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    deadline = time.monotonic() + 20
    while not any(part.stat().st_size for part in tmp_path.glob(".imagineid-*.part")):
        assert time.monotonic() < deadline
        time.sleep(0.05)
    process.send_signal(number)
    out, err = process.communicate(timeout=20)
    assert process.returncode == code
    assert out == ""
    assert "Traceback" not in err
    assert list(tmp_path.iterdir()) == []


def test_a_full_disk_is_reported(tmp_path: Path, speech: Path) -> None:
    script = (
        "import resource, runpy; resource.setrlimit(resource.RLIMIT_FSIZE, (300_000, 300_000));"
        "runpy.run_module('support.plain_pipeline', run_name='__main__', alter_sys=True)"
    )
    long = write_recording(tmp_path / "a.flac", np.tile(tone(9.0), 4))
    folder = tmp_path / "here"
    folder.mkdir()
    completed = subprocess.run(
        [sys.executable, "-c", script, "generate", long, "--quiet"],
        cwd=folder,
        env=environment(),
        capture_output=True,
        text=True,
        check=False,
    )
    assert completed.returncode == 2, completed.stderr
    assert completed.stderr.startswith("Error: No space")
    assert list(folder.iterdir()) == []
