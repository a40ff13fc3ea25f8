"""Long work: killed runs that resume, videos that stream, frames that are cached."""

from __future__ import annotations

import contextlib
import io
import json
import random
import signal
import subprocess
import time
from pathlib import Path

import av
import numpy as np
import pytest
import soundfile

from imagineid.video import read_metadata
from support.command import command, environment, plain
from support.recordings import durations_s, read_picture, tone, write_recording


@pytest.fixture(autouse=True)
def cache(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder of each test's own cache."""
    folder = tmp_path_factory.mktemp("own")
    monkeypatch.setenv("IMAGINEID_HOME", str(folder))
    return folder / "cache"


@pytest.fixture
def sound(tmp_path: Path) -> Path:
    """2.5 s of varying loudness."""
    wave = tone(2.5) * (1 + np.sin(np.arange(40_000) / 3000))[None] / 2
    return write_recording(tmp_path / "a.wav", wave.astype(np.float32))


def kill_after(folder: Path, after_s: float, *words: object) -> int:
    """Start the command, kill it (-9) after a while; return how it ended."""
    process = subprocess.Popen(
        command("plain_pipeline", *words),
        cwd=folder,
        env=environment(PLAIN_FRAME_S="0.02"),
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        process.wait(after_s)
    except subprocess.TimeoutExpired:
        process.kill()
    return process.wait()


def same_frames(one: Path, two: Path) -> bool:
    pairs = zip(read_picture(one), read_picture(two), strict=True)
    return all((a == b).all() for (_, a), (_, b) in pairs)


def test_a_killed_run_resumes_to_the_same_video(tmp_path: Path, sound: Path, cache: Path) -> None:
    process = subprocess.Popen(
        command("plain_pipeline", "generate", sound, "-o", "killed.mp4", "--prompt", "red hair"),
        cwd=tmp_path,
        env=environment(PLAIN_FRAME_S="0.03"),
        stderr=subprocess.DEVNULL,
    )
    deadline = time.monotonic() + 60
    while len(list(cache.rglob("*.mp4"))) < 2:  # the first frame, and a second
        assert process.poll() is None, "it ended before it was killed"
        assert time.monotonic() < deadline
        time.sleep(0.01)
    process.kill()
    process.wait()
    assert not (tmp_path / "killed.mp4").exists()
    wish = ("--prompt", "red hair")
    completed = plain(tmp_path, "generate", sound, "-o", "killed.mp4", *wish, "--resume")
    assert completed.returncode == 0, completed.stderr
    seed = read_metadata(tmp_path / "killed.mp4")["seed"]  # nobody named it: it was found again
    through = ("generate", sound, "-o", "through.mp4", *wish, "--seed", seed, "--no-cache")
    assert plain(tmp_path, *through).returncode == 0
    assert (tmp_path / "killed.mp4").read_bytes() == (tmp_path / "through.mp4").read_bytes()
    assert list(cache.rglob("*.json")) == [], "what is done is forgotten"


@pytest.mark.slow
def test_killed_at_any_moment_it_ends_the_same(tmp_path: Path, sound: Path) -> None:
    chance = random.Random(7)
    whole = plain(tmp_path, "generate", sound, "-o", "whole.mp4", "--seed", 1, "--no-cache")
    assert whole.returncode == 0
    for i in range(10):
        words = ("generate", sound, "-o", f"{i}.mp4", "--seed", 1)
        kill_after(tmp_path, chance.uniform(0.3, 4.0), *words)
        completed = plain(tmp_path, *words, "--resume")
        assert completed.returncode == 0, completed.stderr
        assert same_frames(tmp_path / f"{i}.mp4", tmp_path / "whole.mp4")


def test_resume_of_what_is_done_does_nothing(tmp_path: Path, sound: Path) -> None:
    words = ("generate", sound, "-o", "a.mp4", "--prompt", "glasses")
    assert plain(tmp_path, *words).returncode == 0
    before = (tmp_path / "a.mp4").read_bytes()
    again = plain(tmp_path, *words, "--resume")
    assert (again.returncode, again.stdout) == (0, "a.mp4\n")
    assert "a.mp4 is already finished" in again.stderr
    assert (tmp_path / "a.mp4").read_bytes() == before
    other = plain(tmp_path, *words[:-1], "beard", "--resume")
    assert other.returncode == 2
    assert "exists already" in other.stderr


def test_resume_needs_kept_frames_and_a_file(tmp_path: Path, sound: Path) -> None:
    for more in (["--no-cache"], ["-o", "-"], ["--preview", "2"]):
        completed = plain(tmp_path, "generate", sound, "--resume", *more)
        assert completed.returncode == 2
        assert completed.stderr.startswith("Error: --resume continues")


def test_a_video_streams_into_a_pipe_while_it_is_made(tmp_path: Path, sound: Path) -> None:
    process = subprocess.Popen(
        command(
            "plain_pipeline", "generate", sound, "-o", "-", "--seed", 2, "--no-cache", "--quiet"
        ),
        cwd=tmp_path,
        env=environment(PLAIN_FRAME_S="0.05"),
        stdout=subprocess.PIPE,
    )
    assert process.stdout is not None
    head = process.stdout.read(24)
    assert process.poll() is None, "the first bytes come before the last frame"
    film = head + process.stdout.read()
    process.stdout.close()
    assert process.wait() == 0
    assert plain(tmp_path, "generate", sound, "-o", "b.mp4", "--seed", 2).returncode == 0
    with av.open(io.BytesIO(film)) as container:
        assert len(list(container.decode(video=0))) == 63
        assert json.loads(container.metadata["comment"])["seed"] == 2
    (tmp_path / "a.mp4").write_bytes(film)
    assert durations_s(tmp_path / "b.mp4")["video"] == pytest.approx(2.5, abs=0.04)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a.mp4", "a.wav", "b.mp4"]


def test_a_reader_that_goes_away_is_reported_in_one_line(tmp_path: Path, sound: Path) -> None:
    process = subprocess.Popen(
        command("plain_pipeline", "generate", sound, "-o", "-", "--no-cache", "--quiet"),
        cwd=tmp_path,
        env=environment(),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert process.stdout is not None
    process.stdout.close()
    assert process.stderr is not None
    err = process.stderr.read()
    process.stderr.close()
    assert process.wait() == 2
    assert err.splitlines() == [
        "Error: Nobody reads the video any more.",
        "Write to a file:  -o OUT.mp4",
    ]


def test_ctrl_c_leaves_whole_pieces_and_nothing_else(
    tmp_path: Path, sound: Path, cache: Path
) -> None:
    process = subprocess.Popen(
        command("plain_pipeline", "generate", sound, "-o", "a.mp4"),
        cwd=tmp_path,
        env=environment(PLAIN_FRAME_S="0.1"),
        stderr=subprocess.PIPE,
        text=True,
    )
    deadline = time.monotonic() + 60
    while not any(part.stat().st_size for part in tmp_path.glob(".imagineid-*.part")):
        assert time.monotonic() < deadline
        time.sleep(0.02)
    process.send_signal(signal.SIGINT)
    _, err = process.communicate(timeout=30)
    assert process.returncode == 130
    assert err.splitlines()[-1] == "Stopped. No incomplete file is left."
    assert [path.name for path in tmp_path.iterdir()] == ["a.wav"]
    assert not list(cache.rglob("*.part"))


def test_the_cache_can_be_measured_and_cleared(tmp_path: Path, sound: Path, cache: Path) -> None:
    assert plain(tmp_path, "generate", sound, "--quiet").returncode == 0
    output = json.loads(plain(tmp_path, "cache", "size", "--json").stdout)
    assert output["pieces"] == 4, "the first frame, and three pieces of a second at most"
    assert output["path"].startswith(str(cache))
    assert "4 pieces" in plain(tmp_path, "cache", "size").stdout
    assert plain(tmp_path, "cache", "clear").returncode == 0
    assert json.loads(plain(tmp_path, "cache", "size", "--json").stdout)["bytes"] == 0


def test_without_cache_nothing_is_kept(tmp_path: Path, sound: Path, cache: Path) -> None:
    assert plain(tmp_path, "generate", sound, "--quiet", "--no-cache").returncode == 0
    assert not cache.exists()


def test_a_swap_is_kept_too_and_comes_again_without_being_imagined(
    tmp_path: Path, sound: Path, cache: Path
) -> None:
    assert plain(tmp_path, "generate", sound, "-o", "a.mp4", "--quiet").returncode == 0
    words = ("swap", "a.mp4", "--emotion", "sad", "--quiet", "-o")
    assert plain(tmp_path, *words, "once.mp4").returncode == 0
    again = plain(tmp_path, *words, "again.mp4", PLAIN_BLIND="1")
    assert again.returncode == 0, again.stderr
    assert same_frames(tmp_path / "once.mp4", tmp_path / "again.mp4")
    assert not same_frames(tmp_path / "once.mp4", tmp_path / "a.mp4")
    without = plain(tmp_path, *words, "not.mp4", "--no-cache", PLAIN_BLIND="1")
    assert without.returncode == 1
    assert not (tmp_path / "not.mp4").exists()


def test_resume_data_with_an_invalid_seed_is_ignored(tmp_path: Path, sound: Path) -> None:
    from imagineid import resume
    from imagineid.request import Request

    output, request = tmp_path / "a.mp4", Request()
    resume.begin(sound, output, Request(seed=3))
    note = resume._note(output)
    assert resume.with_begun_seed(sound, output, request).seed == 3
    note.write_text(json.dumps(json.loads(note.read_text()) | {"seed": float("inf")}))
    assert resume.with_begun_seed(sound, output, request).seed is None


@pytest.mark.slow
def test_twelve_hours_are_read_with_progress_and_without_a_large_file(tmp_path: Path) -> None:
    """Progress from the first seconds on; decoded sound does not pile up on the disk."""
    path, temporary = tmp_path / "long.flac", tmp_path / "tmp"
    temporary.mkdir()
    _write_hours(path, 12)
    with (tmp_path / "told").open("w") as file:
        process = subprocess.Popen(
            command("plain_pipeline", "generate", path, "-o", "out.mp4"),
            cwd=tmp_path,
            env=environment(TMPDIR=str(temporary), PLAIN_FRAME_S="0.01"),
            stderr=file,
        )
    started, largest, begins = time.monotonic(), 0, dict[str, float]()
    while time.monotonic() - started < 240 and "imagining" not in begins:
        stderr = (tmp_path / "told").read_text()
        for word in ("reading", "imagining"):
            if word in stderr:
                begins.setdefault(word, time.monotonic() - started)
        largest = max(largest, _open_bytes(process.pid))
        assert process.poll() is None, stderr
        time.sleep(0.02)
    process.send_signal(signal.SIGINT)
    assert process.wait(20) == 130
    assert begins.keys() == {"reading", "imagining"}
    assert begins["reading"] < 8
    assert largest < 100e6


def _write_hours(path: Path, hours: int) -> None:
    """Write a minute of a tone that comes and goes, again and again."""
    minute = (
        np.sin(np.arange(8000 * 60) / 9) * 3000 * (np.arange(8000 * 60) % 8000 > 4000)
    ).astype(np.int16)
    with soundfile.SoundFile(path, "w", 8000, 1, subtype="PCM_16") as file:
        for _ in range(60 * hours):
            file.write(minute)


def _open_bytes(pid: int) -> int:
    """Return the size of the deleted files that a process holds open."""
    total = 0
    for link in Path(f"/proc/{pid}/fd").glob("*"):
        with contextlib.suppress(OSError):
            if "(deleted)" in str(link.readlink()):
                total += link.stat().st_size
    return total
