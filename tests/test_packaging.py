"""Dependencies are consistent: each extra resolves, and no package is installed twice."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from pathlib import Path

import pytest

HERE = Path(__file__).parent.parent


def extras() -> dict[str, list[str]]:
    """Return the requirements of each extra, as ``pyproject.toml`` writes them."""
    text = (HERE / "pyproject.toml").read_text("utf-8")
    table = text.partition("[project.optional-dependencies]")[2].partition("\n[")[0]
    found = re.findall(r"^(\w+) = \[(.*?)\n?\](?:\s*#.*)?$", table, re.M | re.S)
    return {name: re.findall(r'"([^"]+)"', body) for name, body in found}


def names(requirements: list[str]) -> set[str]:
    return {re.split(r"[<>=!~; \[]", each, maxsplit=1)[0].lower() for each in requirements}


def test_no_extra_brings_a_second_onnxruntime() -> None:
    assert {"torch", "rtx", "cuda", "export", "train", "world"} <= set(extras())
    for extra, requirements in extras().items():
        assert not any(name.startswith("onnxruntime") for name in names(requirements)), extra


@pytest.mark.slow  # asks the package index, a minute or more each
@pytest.mark.parametrize("extra", sorted(extras()))
def test_an_extra_resolves_with_one_onnxruntime(tmp_path: Path, extra: str) -> None:
    words = ("install", "--dry-run", "--ignore-installed", "--quiet", "--report")
    report = tmp_path / "report.json"
    pip = [sys.executable, "-m", "pip", *words, str(report), f"{HERE}[{extra}]"]
    completed = subprocess.run(pip, capture_output=True, text=True)
    assert completed.returncode == 0, completed.stderr
    found = [each["metadata"]["name"] for each in json.loads(report.read_text())["install"]]
    assert len([name for name in found if name.lower().startswith("onnxruntime")]) == 1
