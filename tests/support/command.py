"""The command as tests run it: in this process, or in one of its own."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

from typer.testing import CliRunner, Result

from imagineid_cli.main import app

TESTS = Path(__file__).parent.parent
Run = Callable[..., Result]
"""``run("generate", ...)``, upon the tiny model: a fixture of ``tests/cli``."""


def invoke(*words: object) -> Result:
    """Run it here."""
    return CliRunner().invoke(app, [str(word) for word in words])


def command(pipeline: str, *words: object) -> list[str]:
    """Return what starts it upon ``plain_pipeline``."""
    return [sys.executable, "-m", f"support.{pipeline}", *(str(word) for word in words)]


def environment(**more: str) -> dict[str, str]:
    """Return the variables with which that finds its modules."""
    paths = os.pathsep.join([str(TESTS), os.environ.get("PYTHONPATH", "")])
    return {**os.environ, "PYTHONPATH": paths, **more}


def plain(folder: Path, *words: object, **more: str) -> subprocess.CompletedProcess[str]:
    """Run it upon plain functions, in a process of its own."""
    return subprocess.run(
        command("plain_pipeline", *words),
        cwd=folder,
        env=environment(**more),
        capture_output=True,
        text=True,
        check=False,
    )
