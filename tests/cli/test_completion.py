"""Shells complete commands, options and the names of weights."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

SCRIPT = "import sys; sys.argv[0] = 'imagineid'; from imagineid_cli.main import run; run()"


def completed(words: str, folder: Path) -> list[str]:
    """What bash is offered at the end of ``words``."""
    completed_run = subprocess.run(
        [sys.executable, "-c", SCRIPT],
        env={
            **os.environ,
            "IMAGINEID_HOME": str(folder),
            "_IMAGINEID_COMPLETE": "complete_bash",
            "COMP_WORDS": words,
            "COMP_CWORD": str(len(words.split(" ")) - 1),
        },
        capture_output=True,
        text=True,
        check=False,
    )
    assert completed_run.stderr == ""
    return completed_run.stdout.split()


@pytest.mark.parametrize(
    ("words", "offered"),
    [
        ("imagineid we", ["weights"]),
        ("imagineid doc", ["doctor"]),
        ("imagineid weights pu", ["pull"]),
        ("imagineid weights pull sd15/m", ["sd15/matting"]),
        ("imagineid generate --prev", ["--preview"]),
    ],
)
def test_bash_is_offered_what_fits(words: str, offered: list[str], tmp_path: Path) -> None:
    assert completed(words, tmp_path) == offered


def test_the_script_for_a_shell_is_shown() -> None:
    completed_run = subprocess.run(
        [sys.executable, "-m", "imagineid_cli", "--help"],
        capture_output=True,
        text=True,
        check=True,
    )
    assert "--install-completion" in completed_run.stdout
    assert "--show-completion" in completed_run.stdout
