"""The Dockerfile, as far as it can be tried without Docker: its files, its pip lines, its user."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

HERE = Path(__file__).parent.parent
LINES = re.sub(r"\\\n\s*", "", (HERE / "Dockerfile").read_text("utf-8")).splitlines()


def instructions(word: str) -> list[str]:
    """Return what follows a word of the Dockerfile, each time."""
    return [line.partition(" ")[2] for line in LINES if line.startswith(f"{word} ")]


def context(folder: Path) -> Path:
    """Copy what ``.dockerignore`` lets through: it shuts out all, then names what comes."""
    rules = (HERE / ".dockerignore").read_text("utf-8").splitlines()
    rules = [rule for rule in rules if rule and not rule.startswith("#")]
    assert rules[0] == "*"
    for rule in (rule.removeprefix("!") for rule in rules if rule.startswith("!")):
        if (HERE / rule).is_dir():
            shutil.copytree(
                HERE / rule, folder / rule, ignore=shutil.ignore_patterns("__pycache__")
            )
        else:
            shutil.copy(HERE / rule, folder / rule)
    return folder


def test_it_runs_as_nobody_special_and_starts_the_command() -> None:
    assert json.loads(instructions("ENTRYPOINT")[0]) == ["imagineid"]
    words = [line.partition(" ")[0] for line in LINES]
    assert instructions("USER") == ["imagineid"]
    assert words.index("USER") < words.index("ENTRYPOINT")
    assert "useradd" in " ".join(instructions("RUN"))
    minor = int(re.fullmatch(r"python:3\.(\d+)-slim.*", instructions("FROM")[-1])[1])  # type: ignore[index]
    assert f"Python :: 3.{minor}" in (HERE / "pyproject.toml").read_text("utf-8")


@pytest.mark.slow  # builds the wheels and installs them: a minute or two
def test_its_pip_lines_make_a_command_that_makes_a_video(tmp_path: Path) -> None:
    source, wheels, fresh = (tmp_path / name for name in ("src", "wheels", "fresh"))
    source.mkdir()
    context(source)
    subprocess.run([sys.executable, "-m", "venv", fresh], check=True)
    pip_lines = [line for line in instructions("RUN") if "-m pip" in line]
    assert len(pip_lines) == 2
    for line in pip_lines:
        line = line.partition("python -m pip")[2].replace("/src", str(source))
        line = line.replace("/wheels", str(wheels))
        completed = subprocess.run(
            ["sh", "-ec", f"'{fresh}/bin/python' -m pip{line}"], capture_output=True, text=True
        )
        assert completed.returncode == 0, completed.stderr
    work = tmp_path / "work"
    work.mkdir()
    shutil.copy(HERE / "examples" / "speech.flac", work)
    plain = {key: value for key, value in os.environ.items() if not key.startswith("PYTHON")}
    home = {**plain, "HOME": "/nonexistent", "IMAGINEID_HOME": str(tmp_path / "home")}
    for words, output in (
        (["--help"], None),
        (["generate", "speech.flac", "--preview", "1"], "speech.preview.png"),
    ):
        completed = subprocess.run(
            [fresh / "bin" / "imagineid", *words],
            cwd=work, env=home, capture_output=True, text=True,
        )  # fmt: skip
        assert completed.returncode == 0, completed.stderr
        assert output is None or (work / output).stat().st_size > 10_000
