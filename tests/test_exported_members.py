"""The front door: what ``import imagineid`` hands out, and the README's example of it."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

import imagineid
from imagineid import testing
from support.recordings import durations_s, tone, write_recording

README = Path(__file__).parents[1] / "README.md"

EXPORTED = [
    "Cache",
    "Pipeline",
    "Rendered",
    "Request",
    "__version__",
    "errors",
    "load",
    "render",
]


def test_the_package_exports_exactly_these_names() -> None:
    assert imagineid.__all__ == EXPORTED
    assert dir(imagineid) == sorted(EXPORTED)
    for name in EXPORTED:
        assert getattr(imagineid, name) is not None
    with pytest.raises(AttributeError, match="no attribute 'nothing'"):
        imagineid.nothing  # noqa: B018


def test_names_stay_what_they_are_once_their_modules_are_imported() -> None:
    from imagineid import rendering, request

    assert imagineid.render is rendering.render
    assert imagineid.Request is request.Request


def test_importing_it_is_light() -> None:
    heavy = "numpy torch onnxruntime av rich typer"
    script = f"import sys, imagineid; print([m for m in '{heavy}'.split() if m in sys.modules])"
    completed = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=True
    )
    assert completed.stdout == "[]\n"


def test_the_readme_s_example_writes_a_video_with_sound(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (example,) = re.findall(r"```python\n(.*?)```", README.read_text(encoding="utf-8"), re.S)
    assert len([line for line in example.splitlines() if line]) == 4
    monkeypatch.setattr("imagineid.pipeline.load", testing.load)
    monkeypatch.chdir(tmp_path)
    write_recording(tmp_path / "speech.wav", tone(0.6))
    exec(compile(example, "README.md", "exec"), {})
    lengths = durations_s(tmp_path / "out.mp4")
    assert lengths["video"] == pytest.approx(0.6, abs=0.04)
    assert lengths["audio"] == pytest.approx(0.6, abs=0.04)
