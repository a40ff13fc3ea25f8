"""Stopped at any moment, by any signal: soon at an end, and nothing is left of it.

``IMAGINEID_TEST_INTERRUPTS`` says at how many random moments each command is stopped.
"""

from __future__ import annotations

import contextlib
import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from support.command import command, environment
from support.recordings import tone, write_recording

MOMENTS = int(os.environ.get("IMAGINEID_TEST_INTERRUPTS", "2"))
ENDS_S = 10.0
"""A command that is stopped ends within so many seconds."""

SLOWLY = {"PLAIN_FRAME_S": "0.05"}
COMMANDS = [
    "generate a.wav -o new.mp4 --overwrite",
    "generate a.wav --preview 9 -o new.mp4 --overwrite",
    "batch talks -o out --overwrite --no-cache",
    "batch talks -o out --overwrite --workers 2",
    "swap a.wav --emotion-from talks/0.wav -o new.mp4 --overwrite",
    "analyze a.wav --csv new.csv --plot new.png --overwrite",
    "retrieve a.wav talks --sheet new.png --overwrite",
]


@pytest.fixture
def here(tmp_path: Path) -> Path:
    write_recording(tmp_path / "a.wav", tone(4.0))
    (tmp_path / "talks").mkdir()
    for i in range(4):
        write_recording(tmp_path / "talks" / f"{i}.wav", tone(2.0, hz=200 + 50 * i))
    return tmp_path


def started(here: Path, typed: str) -> subprocess.Popen[str]:
    """Start a command in a process group of its own, as a terminal does."""
    return subprocess.Popen(
        command("plain_pipeline", *typed.split()),
        cwd=here,
        env=environment(IMAGINEID_HOME=str(here / "home"), **SLOWLY),
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )


def wait_for_handlers(process: subprocess.Popen[str]) -> None:
    """Wait until the command takes signals: what Python does before is not ours."""
    while process.poll() is None:
        status = Path(f"/proc/{process.pid}/status").read_text()
        caught_signals = int(
            next(line for line in status.splitlines() if "SigCgt" in line).split()[1], 16
        )
        if caught_signals >> (signal.SIGUSR1 - 1) & 1:
            return
        time.sleep(0.01)


def members(group: int) -> list[int]:
    """Return the processes of a group that still run."""
    found = []
    for stat in Path("/proc").glob("[0-9]*/stat"):
        with contextlib.suppress(OSError):
            state, _, its_group = stat.read_text().rpartition(")")[2].split()[:3]
            if int(its_group) == group and state != "Z":
                found.append(int(stat.parent.name))
    return found


def leftovers(here: Path) -> list[Path]:
    """Return half-written files, and results that are not whole."""
    parts = [path for path in here.rglob("*") if ".part" in path.name or path.name[0] == "."]
    return [path for path in parts if path.is_file()]


def is_gone(group: int) -> bool:
    """Wait a little for the processes of a group to end."""
    deadline = time.monotonic() + ENDS_S
    while members(group):
        if time.monotonic() > deadline:
            return False
        time.sleep(0.05)
    return True


@pytest.mark.slow
@pytest.mark.parametrize("typed", COMMANDS)
def test_ctrl_c_at_any_moment_leaves_nothing(typed: str, here: Path) -> None:
    chance = random.Random(typed)
    for _ in range(MOMENTS):
        process = started(here, typed)
        wait_for_handlers(process)
        time.sleep(chance.uniform(0.0, 6.0))
        os.killpg(process.pid, signal.SIGINT)
        if twice := chance.random() < 0.5:
            time.sleep(0.05)
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGINT)
        began = time.monotonic()
        try:
            _, stderr = process.communicate(timeout=4 * ENDS_S)
            gone = is_gone(process.pid)
        finally:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
        assert time.monotonic() - began < ENDS_S
        assert process.returncode in (0, 130, -signal.SIGINT), (twice, stderr)
        assert "Traceback" not in stderr
        assert "Unexpected error" not in stderr
        assert gone
        assert leftovers(here) == []


LOST = """
import os, signal, time
from imagineid import signals
signals.install()
def generator():
    try:
        yield
    finally:
        os.kill(os.getpid(), signal.SIGINT)
        time.sleep(0.01)
one = generator()
next(one)
del one
time.sleep(3)
print("went on")
"""


def test_a_signal_that_comes_in_a_destructor_is_not_lost() -> None:
    completed = subprocess.run(
        [sys.executable, "-c", LOST], capture_output=True, text=True, check=False
    )
    assert (completed.returncode, completed.stdout, completed.stderr) == (130, "", "")


ENDING = ["SIGINT", "SIGTERM", "SIGHUP", "SIGQUIT", "SIGUSR1", "SIGABRT"]


def wait_for_part(here: Path, process: subprocess.Popen[str], count: int = 1) -> None:
    deadline = time.monotonic() + 120
    while len(list(here.rglob(".imagineid-*.part"))) < count:
        assert process.poll() is None, "it ended before it was stopped"
        assert time.monotonic() < deadline
        time.sleep(0.02)


@pytest.mark.parametrize(
    "name",
    [pytest.param(n, marks=[] if n in ("SIGHUP", "SIGTERM") else pytest.mark.slow) for n in ENDING],
)
def test_a_signal_sent_twice_ends_with_one_line(name: str, here: Path) -> None:
    number = getattr(signal, name)
    process = started(here, COMMANDS[0])
    wait_for_part(here, process)
    process.send_signal(number)
    time.sleep(0.05)
    process.send_signal(number)
    _, stderr = process.communicate(timeout=4 * ENDS_S)
    assert process.returncode == 128 + number, stderr
    assert stderr.splitlines()[-1] == "Stopped. No incomplete file is left."
    assert "Traceback" not in stderr
    assert leftovers(here) == []
    assert not (here / "new.mp4").exists()


@pytest.mark.parametrize("name", ["SIGKILL", "SIGHUP"])
def test_workers_end_with_their_parent(name: str, here: Path) -> None:
    process = started(here, "batch talks -o out --workers 2 --no-cache")
    wait_for_part(here, process, 2)
    process.send_signal(getattr(signal, name))
    process.communicate(timeout=4 * ENDS_S)
    assert is_gone(process.pid)
    assert leftovers(here) == []


def test_what_a_killed_run_left_is_swept_by_the_next(here: Path) -> None:
    process = started(here, COMMANDS[0])
    wait_for_part(here, process)
    process.kill()
    process.communicate()
    assert leftovers(here)
    again = started(here, "generate talks/0.wav -o other.mp4")
    _, stderr = again.communicate(timeout=120)
    assert again.returncode == 0, stderr
    assert leftovers(here) == []
