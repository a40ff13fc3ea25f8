"""Work in a subprocess: its result, its errors and how it ends."""

from __future__ import annotations

import os
import signal
from pathlib import Path

import pytest

from imagineid.errors import BackendMissing
from imagineid_bench.subprocess_runner import OnProgress, Setting, run_in_subprocess

SETTING = Setting(Path("a.wav"), Path("a.mp4"), frames=3)


def counted(setting: Setting, tell: OnProgress) -> int:
    for i in range(setting.frames):
        tell(i + 1)
    return os.getpid()


def missing(setting: Setting, tell: OnProgress) -> int:
    raise BackendMissing("paper", "paper")


def mistaken(setting: Setting, tell: OnProgress) -> int:
    raise LookupError("nobody foresaw this")


def killed(setting: Setting, tell: OnProgress) -> int:
    os.kill(os.getpid(), signal.SIGKILL)
    return 0


def test_another_process_works_and_reports_progress() -> None:
    progress: list[float] = []
    assert run_in_subprocess(counted, SETTING, progress.append) != os.getpid()
    assert progress == [1, 2, 3]


def test_a_known_error_is_raised_again_in_the_parent() -> None:
    with pytest.raises(BackendMissing, match=r"pip install 'imagineid\[paper\]'") as excinfo:
        run_in_subprocess(missing, SETTING, print)
    assert excinfo.value.exit_code == 3


def test_an_unexpected_error_keeps_its_traceback() -> None:
    with pytest.raises(RuntimeError, match="nobody foresaw this") as excinfo:
        run_in_subprocess(mistaken, SETTING, print)
    assert str(excinfo.value) == "LookupError: nobody foresaw this"
    assert "in mistaken" in str(excinfo.value.__cause__)


def test_a_killed_process_is_reported() -> None:
    with pytest.raises(RuntimeError, match="was ended with -9"):
        run_in_subprocess(killed, SETTING, print)
