"""The shell scripts of examples/ run as typed, with plain functions as networks.

"train-your-own.sh" trains real ones: tests/train/test_sd15.py runs it.
"""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from imagineid.video import read_metadata
from support.recordings import durations_s, tone, write_recording

TESTS = Path(__file__).parent
EXAMPLES = TESTS.parent / "examples"


@pytest.fixture
def here(tmp_path: Path) -> Path:
    """A folder with three recordings, and a folder of two."""
    for name in ("a.wav", "b.wav", "c.wav"):
        write_recording(tmp_path / name, tone(0.3))
    (tmp_path / "in").mkdir()
    for name in ("one.flac", "two.flac"):
        write_recording(tmp_path / "in" / name, tone(0.3))
    return tmp_path


def sh(folder: Path, name: str, *words: str) -> subprocess.CompletedProcess[str]:
    """Run an example where ``imagineid`` is the command upon plain functions."""
    bin_ = folder / "bin"
    bin_.mkdir(exist_ok=True)
    command = bin_ / "imagineid"
    command.write_text(f'#!/bin/sh\nexec "{sys.executable}" -m support.plain_pipeline "$@"\n')
    command.chmod(0o755)
    return subprocess.run(
        ["sh", str(EXAMPLES / name), *words],
        cwd=folder,
        env={
            **os.environ,
            "PATH": f"{bin_}{os.pathsep}{os.environ['PATH']}",
            "PYTHONPATH": os.pathsep.join([str(TESTS), os.environ.get("PYTHONPATH", "")]),
        },
        capture_output=True,
        text=True,
        check=False,
    )


def test_every_example_is_run_here() -> None:
    text = Path(__file__).read_text(encoding="utf-8")
    assert [p.name for p in EXAMPLES.glob("*.sh") if f'"{p.name}"' not in text] == []


def test_batch(here: Path) -> None:
    completed = sh(here, "batch.sh", "in", "out")
    assert (completed.returncode, completed.stdout) == (0, "out/one.mp4\nout/two.mp4\nall done\n")
    (here / "in" / "broken.wav").write_text("no recording")
    again = sh(here, "batch.sh", "in", "out")
    assert (again.returncode, again.stdout) == (0, "some failed; see above\n"), again.stderr


def test_pick(here: Path) -> None:
    completed = sh(here, "pick.sh", "a.wav")
    assert (completed.returncode, completed.stdout) == (0, "a.preview.png\n"), completed.stderr
    assert sh(here, "pick.sh", "a.wav", "3").stdout == "a.mp4\n"
    assert read_metadata(here / "a.mp4")["seed"] == 3


def test_series(here: Path) -> None:
    completed = sh(here, "series.sh", "a.wav", "b.wav", "c.wav")
    assert (completed.returncode, completed.stdout) == (0, "b.mp4\nc.mp4\n"), completed.stderr
    metadata = [read_metadata(here / name) for name in ("a.mp4", "b.mp4", "c.mp4")]
    assert metadata[0] == metadata[1] == metadata[2]
    assert sh(here, "series.sh", "a.wav", "b.wav", "c.wav").returncode == 0, "a second time, too"


def test_stream(here: Path) -> None:
    completed = sh(here, "stream.sh", "a.wav", "streamed.mp4")
    assert completed.returncode == 0, completed.stderr
    assert durations_s(here / "streamed.mp4").keys() == {"video", "audio"}
    assert read_metadata(here / "streamed.mp4")["seed"] == 1


def test_json(here: Path) -> None:
    assert sh(here, "json.sh", "a.wav").stdout == "a.mp4\n"
    assert sh(here, "json.sh", "a.wav").stdout == "a.mp4\n", "a second time, too"
