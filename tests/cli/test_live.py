"""``imagineid live``, from a pipe to a stream, as it is typed."""

from __future__ import annotations

import io
import subprocess
from pathlib import Path

import av
import numpy as np
import soundfile

from support.command import Run, command, environment


def pcm(speech: Path, seconds: float) -> bytes:
    wave, rate = soundfile.read(speech, dtype="int16")
    assert rate == 16_000
    return np.asarray(wave[: round(seconds * rate)], "<i2").tobytes()


def streamed(folder: Path, speech: Path, *words: str) -> subprocess.CompletedProcess[bytes]:
    return subprocess.run(
        command("plain_pipeline", "live", "-", "--pcm", "16000", "-o", "-", *words),
        cwd=folder,
        env=environment(IMAGINEID_HOME=str(folder / "home")),
        input=pcm(speech, 3.0),
        capture_output=True,
        check=False,
    )


def test_sound_that_comes_in_becomes_a_video_that_goes_out(tmp_path: Path, speech: Path) -> None:
    done = streamed(tmp_path, speech, "--every-frame", "--seed", "7")
    assert done.returncode == 0, done.stderr.decode()
    with av.open(io.BytesIO(done.stdout)) as container:
        assert "Synthetic" in container.metadata["description"]
        assert len(list(container.decode(video=0))) == 75


def test_raw_frames_go_out(tmp_path: Path, speech: Path) -> None:
    done = streamed(tmp_path, speech, "--every-frame", "--format", "raw")
    assert done.returncode == 0, done.stderr.decode()
    assert len(done.stdout) % 75 == 0


def test_a_file_becomes_a_file(run: Run, speech: Path) -> None:
    result = run("live", speech, "-o", "out.mp4", "--every-frame", "--quiet")
    assert (result.exit_code, result.stdout) == (0, "out.mp4\n"), result.stderr
    with av.open("out.mp4") as container:
        assert len(list(container.decode(video=0))) == 208


def test_impossible_options_are_refused(run: Run, speech: Path) -> None:
    commands = {
        "--pcm 48000x2": ("live", speech, "-o", "out.mp4", "--pcm", "fast"),
        "can't be opened": ("live", "none.wav", "-o", "out.mp4"),
        "imagineid avatar list": ("live", speech, "-o", "out.mp4", "--avatar", "nobody"),
        "does not end in .mp4": ("live", speech, "-o", "out.avi"),
        "outside 0 to 2": ("live", speech, "-o", "out.mp4", "--mouth", 3),
    }
    for words, typed in commands.items():
        result = run(*typed)
        assert result.exit_code == 2, result.stderr
        assert words in result.stderr
    assert list(Path().iterdir()) == []
