"""``imagineid doctor``: true about what is here, and a command for what is not."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from typer.testing import CliRunner

from imagineid import backends, diagnosis, models, pipeline
from imagineid.errors import BackendMissing, BadWeights
from imagineid.models import embedded, find
from imagineid.selftest import Outcome
from imagineid_cli.main import app
from support import plain_pipeline

Findings = list[dict[str, Any]]


@pytest.fixture
def examine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[], tuple[int, Findings]]:
    """Return the exit code and what was found, with the self-test left out."""
    monkeypatch.setenv("IMAGINEID_HOME", str(tmp_path / "home"))
    monkeypatch.setattr("imagineid.selftest.run_selftest", lambda: Outcome("", 1.0, 0.04))

    def run() -> tuple[int, Findings]:
        result = CliRunner().invoke(app, ["doctor", "--json"])
        output = json.loads(result.stdout)
        assert output["works"] == (result.exit_code == 0)
        return result.exit_code, output["findings"]

    return run


def about(findings: Findings, area: str) -> Findings:
    return [finding for finding in findings if finding["area"] == area]


def problems(findings: Findings) -> Findings:
    return [finding for finding in findings if finding["level"] == "problem"]


def test_a_sound_machine_gets_a_clean_bill(examine: Callable[..., Any]) -> None:
    code, findings = examine()
    assert (code, problems(findings)) == (0, [])
    areas = ["python", "packages", "extras", "engine", "weights", "disk", "memory", "test"]
    assert [area for area in areas if not about(findings, area)] in ([], ["extras"], ["memory"])
    assert backends.choose("auto", find("mini"))[1] in about(findings, "engine")[0]["text"]
    assert "a minute of speech takes about 60 s" in about(findings, "test")[0]["text"]


def test_a_missing_package_is_named_with_the_command_that_installs_it(
    examine: Callable[..., Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    needs = {"": ["numpy", "nosuchpackage"], "torch": ["nosuchtorch"], "half": ["numpy", "nosuch"]}
    monkeypatch.setattr(diagnosis, "_requirements", lambda: needs)
    code, findings = examine()
    assert code == 3
    (problem,) = problems(findings)
    assert problem["fix"] == "Install:  pip install nosuchpackage"
    extras = {finding["fix"] for finding in about(findings, "extras")}
    assert extras == {
        "Complete it:  pip install 'imagineid[half]'",
        "If you want one:  pip install 'imagineid[torch]'",
    }


def test_a_missing_engine_is_a_problem(
    examine: Callable[..., Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    def choose(engine: str, model: Any) -> tuple[Any, str]:
        raise BackendMissing("onnxruntime", "cpu")

    monkeypatch.setattr(backends, "choose", choose)
    code, findings = examine()
    assert code == 3
    assert about(findings, "engine")[0]["fix"] == "Install it:  pip install 'imagineid[cpu]'"


def test_missing_weights_are_a_problem(
    examine: Callable[..., Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(embedded, "DIRECTORY", tmp_path)
    code, findings = examine()
    assert code == 3
    (problem,) = problems(findings)
    assert "The mini model lacks" in problem["text"]
    assert "pip install --force-reinstall imagineid" in problem["fix"]


def test_a_half_fetched_download_is_a_note(examine: Callable[..., Any], tmp_path: Path) -> None:
    part = tmp_path / "home/weights/sd15/matting/onnx/model.onnx.part"
    part.parent.mkdir(parents=True)
    part.write_bytes(bytes(12_944_320))
    code, findings = examine()
    (note,) = [f for f in about(findings, "weights") if f["level"] == "note"]
    assert code == 0
    assert note["text"] == "sd15/matting: 50% here"
    assert note["fix"] == "Complete it:  imagineid weights pull sd15/matting"


def test_a_model_that_makes_nonsense_is_found_out(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def grey(**_: object) -> dict[str, np.ndarray]:
        return {"image": np.zeros((5, 3, 64, 64), np.float32)}

    def load(**_: object) -> pipeline.Pipeline:
        pipe = plain_pipeline.load()
        return replace(pipe, engines={**pipe.engines, "decoder": grey})

    monkeypatch.setattr(pipeline, "load", load)
    monkeypatch.setenv("IMAGINEID_HOME", str(tmp_path))
    result = CliRunner().invoke(app, ["doctor"])
    assert result.exit_code == 3
    assert "the embedded model ran, but a frame has a single colour" in result.stderr
    assert result.stdout == "generate does not work here.\n"


def test_a_bug_in_a_check_is_a_finding_and_not_a_traceback(
    examine: Callable[..., Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    def explode() -> Outcome:
        raise RuntimeError("a bug of ours")

    monkeypatch.setattr("imagineid.selftest.run_selftest", explode)
    code, findings = examine()
    assert code == 3
    assert about(findings, "test")[0]["text"] == "RuntimeError: a bug of ours"


def test_the_embedded_model_passes_the_real_self_test(tmp_path: Path) -> None:
    try:
        models.embedded_folder("mini")
    except BadWeights:
        pytest.skip("runs in a checkout with the embedded weights")
    completed = subprocess.run(
        [sys.executable, "-m", "imagineid_cli", "doctor"],
        capture_output=True,
        text=True,
        check=False,
        env={**os.environ, "IMAGINEID_HOME": str(tmp_path), "TMPDIR": str(tmp_path)},
    )
    assert completed.returncode == 0, completed.stderr
    assert completed.stdout == "generate works here.\n"
    assert "the embedded model runs: loaded in" in completed.stderr
    # nothing else of ours, and no .ses of onnxruntime's reports
    assert [path.name for path in tmp_path.iterdir()] == ["checked.json"]


def test_conflicting_packages_are_named(
    examine: Callable[..., Any], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    for name, version, more in (
        ("onnxruntime", "1.20.0", ""),
        ("onnxruntime-gpu", "1.20.0", ""),
        ("nosuchmotion", "0.1", "Requires-Dist: numpy<1.0"),
    ):
        folder = tmp_path / "site" / f"{name.replace('-', '_')}-{version}.dist-info"
        folder.mkdir(parents=True)
        head = f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n"
        (folder / "METADATA").write_text(f"{head}{more}\n")
    monkeypatch.syspath_prepend(tmp_path / "site")
    monkeypatch.setenv("PYTHONPATH", str(tmp_path / "site"), prepend=os.pathsep)
    monkeypatch.setattr(diagnosis, "_requirements", lambda: {"": ["numpy"], "m": ["nosuchmotion"]})
    code, findings = examine()
    assert code == 3
    (twins,) = problems(findings)
    assert twins["text"].startswith("onnxruntime and onnxruntime-gpu are both installed")
    assert twins["fix"].startswith("Leave one:  pip uninstall -y onnxruntime onnxruntime-gpu")
    (torn,) = [each for each in about(findings, "packages") if each["level"] == "note"]
    assert torn["text"].startswith("nosuchmotion 0.1 has requirement numpy<1.0, but you have")
    assert torn["fix"] == "If it fails:  pip install 'numpy<1.0'"
