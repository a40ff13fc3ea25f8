"""What unlucky users and attackers do, to the command in a process of its own."""

from __future__ import annotations

import json
import os
import pty
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import soundfile

from imagineid.video import read_metadata
from support.command import command, environment, plain
from support.recordings import tone, write_recording


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("IMAGINEID_HOME", str(tmp_path / "home"))
    folder = tmp_path / "here"
    folder.mkdir()
    write_recording(folder / "a.wav", tone(0.3))
    return folder


def test_resume_remakes_a_replaced_recording_of_an_older_date(here: Path) -> None:
    words = ("generate", "a.wav", "--seed", 1, "--resume", "--overwrite")
    assert plain(here, *words).returncode == 0
    again = plain(here, *words)
    assert "is already finished" in again.stderr
    before = read_metadata(here / "a.mp4")
    write_recording(here / "a.wav", tone(0.3, hz=300))
    os.utime(here / "a.wav", (1, 1))
    other = plain(here, *words)
    assert "is already finished" not in other.stderr
    assert other.returncode == 0, other.stderr
    assert read_metadata(here / "a.mp4")["recording"] != before["recording"]
    chained = plain(here, *words, "--chains", 2)
    assert "is already finished" not in chained.stderr
    assert plain(here, "swap", "a.mp4", "--emotion", "sad", "-o", "b.mp4").returncode == 0
    shutil.move(here / "b.mp4", here / "a.mp4")
    assert "is already finished" not in plain(here, *words).stderr


@pytest.mark.slow
def test_a_batch_into_its_own_folder_makes_no_videos_of_its_videos(here: Path) -> None:
    for _ in range(2):
        completed = plain(here, "batch", ".", "-o", ".", "--resume")
        assert completed.returncode == 0, completed.stderr
    assert "1 left out: videos of imagineid, such as a.mp4" in completed.stderr
    assert "not recordings" not in completed.stderr
    for name in ("notes.txt", "._a.wav", "cover.jpg"):
        (here / name).write_text("no sound")
    stderr = plain(here, "batch", ".", "-o", "out").stderr
    assert "2 left out: not recordings, such as cover.jpg" in stderr
    assert "1 already finished" in completed.stderr
    assert {path.name for path in here.glob("*.*4")} == {"a.mp4"}


@pytest.mark.parametrize("place", ["../../x.mp4", "/ABSOLUTE/x.mp4"])
def test_a_list_names_no_place_outside_the_folder(here: Path, place: str) -> None:
    place = place.replace("/ABSOLUTE", str(here.parent))
    (here / "list.jsonl").write_text(json.dumps({"audio": "a.wav", "out": place}))
    completed = plain(here, "batch", "list.jsonl", "-o", "out/deep")
    assert completed.returncode == 2
    assert "outside out/deep" in completed.stderr
    assert not list(here.parent.rglob("x.mp4"))
    if place.startswith("/"):
        assert plain(here, "batch", "list.jsonl", "-o", "out", "--anywhere").returncode == 0
        assert (here.parent / "x.mp4").exists()


@pytest.mark.slow
def test_lists_of_spreadsheets_and_odd_folders_are_read(here: Path) -> None:
    odd = here / "Talks [2024]"
    odd.mkdir()
    for name in ("b.wav", "._b.wav"):
        shutil.copy(here / "a.wav", odd / name)
    write_recording(odd / "c.m4a", tone(0.3)).rename(odd / "c.m4b")
    (here / "list.csv").write_bytes("\ufeffaudio;seed\r\na.wav;7\r\n".encode())
    (here / "wide.csv").write_bytes("audio\tseed\tout\r\na.wav\t8\tw.mp4\r\n".encode("utf-16"))
    completed = plain(here, "batch", odd, "list.csv", "wide.csv", f"{odd}/*.wav", "-o", "out")
    assert "would all be written to" in completed.stderr  # b.wav is named twice
    completed = plain(here, "batch", f"{odd}/*", "list.csv", "wide.csv", "-o", "out", "--quiet")
    videos = sorted(path.name for path in (here / "out").iterdir())
    assert videos == ["a.mp4", "b.mp4", "c.mp4", "w.mp4"], completed.stderr
    assert read_metadata(here / "out" / "a.mp4")["seed"] == 7


@pytest.mark.parametrize(
    "seed", [1.9, *(pytest.param(s, marks=pytest.mark.slow) for s in (10**400, True, "1e3"))]
)
def test_a_seed_that_is_no_whole_number_is_refused(here: Path, seed: object) -> None:
    (here / "list.jsonl").write_text(json.dumps({"audio": "a.wav", "seed": seed}))
    completed = plain(here, "batch", "list.jsonl", "-o", "out")
    assert completed.returncode == 2
    assert "Line 1 of list.jsonl" in completed.stderr
    assert "went wrong" not in completed.stderr


@pytest.mark.slow
def test_one_odd_file_does_not_end_a_search(here: Path) -> None:
    folder = here / "many"
    folder.mkdir()
    shutil.copy(here / "a.wav", folder / "good.wav")
    soundfile.write(folder / "slow.wav", np.zeros(99), 1)
    soundfile.write(folder / "wide.wav", np.tile(tone(0.3).T, 63), 16_000, subtype="PCM_16")
    soundfile.write(folder / "loud.wav", 3e38 * tone(0.3)[0], 16_000, subtype="FLOAT")
    (folder / "text.wav").write_text("Good morning.\n" * 30)
    completed = plain(here, "retrieve", "a.wav", "many", "--json")
    assert completed.returncode == 0, completed.stderr
    found = json.loads(completed.stdout)
    assert {Path(one["path"]).stem for one in found["alike"]} == {"good", "wide", "loud"}
    assert {Path(path).stem for path in found["unread"]} == {"slow", "text"}


def test_names_and_metadata_do_not_steer_a_terminal(here: Path) -> None:
    evil = "x\x1b]0;owned\x07\x1b[2J\u202ewav.\x9b1m.wav"
    (here / evil).write_text("no recording")
    for words in (("generate", evil), ("batch", evil, "-o", "out"), ("analyze", evil)):
        completed = plain(here, *words)
        assert completed.returncode in (2, 4)
        assert not set("\x1b\x07\x9b\u202e") & set(completed.stderr)
        assert "\\x1b" in completed.stderr


def test_results_do_not_steer_a_terminal(here: Path) -> None:
    ours, theirs = pty.openpty()
    name = "x\x1b]0;owned\x07.mp4"
    words = command("plain_pipeline", "generate", "a.wav", "-o", name, "--quiet")
    completed = subprocess.run(words, cwd=here, env=environment(), stdout=theirs, check=False)
    os.close(theirs)
    printed = os.read(ours, 4096)
    os.close(ours)
    assert completed.returncode == 0
    assert printed == b"x\\x1b]0;owned\\x07.mp4\r\n"
    assert (here / name).exists()


@pytest.mark.slow
def test_a_name_that_is_not_utf8_gets_its_video(here: Path) -> None:
    odd = "caf\udce9.wav"
    os.rename(here / "a.wav", here / odd)
    deep = here / "d\udce9"
    deep.mkdir()
    for output in ((), ("-o", f"{deep}/x.mp4")):
        completed = subprocess.run(
            command("plain_pipeline", "generate", odd, *output),
            cwd=here,
            env=environment(PYTHONUTF8="0", LC_ALL="C.UTF-8"),
            capture_output=True,
            check=False,
        )
        assert completed.returncode == 0, completed.stderr
    assert completed.stdout == os.fsencode(f"{deep}/x.mp4\n")
    assert (here / "caf\udce9.mp4").exists()
    assert (deep / "x.mp4").exists()


def test_a_terminal_without_width_still_shows_errors(here: Path) -> None:
    for width in ("0", "wide"):
        completed = plain(here, "generate", "missing.wav", COLUMNS=width)
        assert completed.returncode == 2
        assert "missing.wav does not exist" in completed.stderr


def test_a_prompt_is_understood_where_the_locale_has_fewer_letters(here: Path) -> None:
    completed = subprocess.run(
        command("plain_pipeline", "generate", "a.wav", "--prompt", "r\udcc3\udca9d hair"),
        cwd=here,
        env=environment(PYTHONUTF8="0", PYTHONCOERCECLOCALE="0", LC_ALL="C"),
        capture_output=True,
        check=False,
    )
    assert completed.returncode == 0, completed.stderr
    assert read_metadata(here / "a.mp4")["prompt"] == "réd hair"


def test_closed_and_full_streams_do_not_cost_the_video(here: Path) -> None:
    words = " ".join(command("plain_pipeline", "generate", "a.wav", "--overwrite"))
    for redirected in ("2>&-", "2>/dev/full"):
        (here / "a.mp4").unlink(missing_ok=True)
        completed = subprocess.run(
            f"{words} {redirected}", shell=True, cwd=here, env=environment(), check=False,
            stdout=subprocess.PIPE,
        )  # fmt: skip
        assert (completed.returncode, completed.stdout) == (0, b"a.mp4\n"), redirected
        assert (here / "a.mp4").exists()
    closed = subprocess.run(
        f"{words} -o - >&-", shell=True, cwd=here, env=environment(), check=False,
        stderr=subprocess.PIPE,
    )  # fmt: skip
    assert closed.returncode == 2
    assert b"Standard output is closed" in closed.stderr


def test_a_name_with_a_line_break_stays_one_line(here: Path) -> None:
    (here / "list.csv").write_text('audio,out\n"a\n.wav",x.mp4\n')
    listed = plain(here, "batch", "list.csv", "-o", "out")
    assert listed.returncode == 2
    assert "has an invalid file name in audio" in listed.stderr
    folder = here / "many"
    folder.mkdir()
    (folder / "bro\nken.wav").write_text("no sound")
    (here / "a.wav").rename(folder / "go\nod.wav")
    completed = plain(here, "batch", "many", "-o", "out")
    assert completed.returncode == 4
    assert "Failed: many/bro\\nken.wav: many/bro\\nken.wav is not a recording" in completed.stderr
    assert "1 of 2: many/bro" not in completed.stderr
    assert "2 of 2: many/go\\nod.wav" in completed.stderr


def test_the_longest_name_is_refused_before_the_work(here: Path) -> None:
    long = "n" * 244 + ".wav"  # the name fits, that of the sheet does not
    (here / "a.wav").rename(here / long)
    completed = plain(here, "generate", long, "--preview", 2)
    assert completed.returncode == 2
    assert "Name another:  -o OUT.png" in completed.stderr


@pytest.mark.slow
def test_too_little_memory_is_one_clear_error(here: Path) -> None:
    limit = "import resource, runpy; resource.setrlimit(resource.RLIMIT_AS, (900_000_000,) * 2);"
    for words in (["generate", "a.wav"], ["analyze", "a.wav"]):
        completed = subprocess.run(
            [sys.executable, "-c", f"{limit} import sys; sys.argv = ['imagineid', *{words!r}];"
             "runpy.run_module('imagineid_cli', run_name='__main__')"],
            cwd=here, env=environment(), capture_output=True, text=True, check=False,
        )  # fmt: skip
        assert completed.returncode == 3, completed.stderr
        assert "There is not enough memory" in completed.stderr
        assert completed.stdout == ""
    assert sorted(path.name for path in here.iterdir()) == ["a.wav"]


@pytest.mark.slow
def test_the_mode_of_a_video_is_kept(here: Path) -> None:
    assert plain(here, "generate", "a.wav", "--seed", 1).returncode == 0
    (here / "a.mp4").chmod(0o600)
    assert plain(here, "generate", "a.wav", "--seed", 2, "--overwrite").returncode == 0
    assert (here / "a.mp4").stat().st_mode & 0o777 == 0o600


@pytest.mark.slow
def test_no_pipe_under_a_name_of_ours_is_waited_for(here: Path) -> None:
    home = here.parent / "home"
    (home / "cache" / "frames").mkdir(parents=True)
    for name in ("last-video.json", "checked.json", "licences.json"):
        os.mkfifo(home / name)
    os.mkfifo(here / ".imagineid-0-0-0.part")
    completed = plain(here, "generate", "a.wav", "--seed", 1)
    assert completed.returncode == 0, completed.stderr
    assert plain(here, "weights", "list").returncode == 0


@pytest.mark.slow
def test_an_unwritable_home_does_not_stop_a_video(here: Path) -> None:
    completed = plain(here, "generate", "a.wav", IMAGINEID_HOME="/proc/nowhere")
    assert completed.returncode == 0, completed.stderr
    assert completed.stderr.count("Warning") == 1
    nobody = plain(here, "generate", "a.wav", "-o", "b.mp4", IMAGINEID_HOME="~nobody-at-all")
    assert nobody.returncode == 2
    assert "IMAGINEID_HOME" in nobody.stderr


def test_forget_removes_stored_voices(here: Path) -> None:
    assert plain(here, "generate", "a.wav", "--seed", 1).returncode == 0
    home = here.parent / "home"
    assert list(home.rglob("*.npz"))
    completed = plain(here, "forget")
    assert completed.returncode == 0, completed.stderr
    assert f"removed: {home}/videos/" in completed.stderr
    assert not list(home.rglob("*.npz"))
    assert not list(home.rglob("*.mp4"))
    assert (here / "a.mp4").exists()


def test_standard_input_is_a_recording_too(here: Path) -> None:
    data = (here / "a.wav").read_bytes()
    for words in (("generate", "-"), ("generate", "-", "-o", "b.mp4"), ("analyze", "-", "--json")):
        completed = subprocess.run(
            command("plain_pipeline", *words), cwd=here, env=environment(TMPDIR=str(here)),
            input=data, capture_output=True, check=False,
        )  # fmt: skip
        assert completed.returncode == 0, completed.stderr
    names = sorted(path.name for path in here.iterdir())
    assert names == ["a.wav", "b.mp4", "standard-input.mp4"]
    empty = subprocess.run(
        command("plain_pipeline", "generate", "-"), cwd=here, env=environment(),
        input=b"", capture_output=True, check=False,
    )  # fmt: skip
    assert empty.returncode == 2
    assert b"standard-input is empty" in empty.stderr


@pytest.mark.slow
def test_every_command_says_what_was_odd_in_a_recording(here: Path) -> None:
    soundfile.write(here / "loud.wav", 20_000 * tone(0.5)[0], 16_000, subtype="FLOAT")
    assert plain(here, "generate", "a.wav", "-o", "base.mp4").returncode == 0
    for words in (
        ("generate", "loud.wav", "-o", "loud.mp4"),
        ("analyze", "loud.wav"),
        ("swap", "base.mp4", "--emotion-from", "loud.wav"),
        ("batch", "loud.wav", "-o", "out"),
    ):
        completed = plain(here, *words)
        assert completed.returncode == 0, completed.stderr
        assert completed.stderr.count("Warning: loud.wav: its samples reach") == 1, words
