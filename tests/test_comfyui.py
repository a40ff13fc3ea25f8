"""The ComfyUI node, as ComfyUI loads and calls it."""

from __future__ import annotations

import importlib.util
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pytest
import soundfile

from support import plain_pipeline

torch = pytest.importorskip("torch", reason="runs where torch is: pip install -e '.[torch]'")
FOLDER = Path(__file__).parent.parent / "examples" / "comfyui_imagineid"


@pytest.fixture(scope="module")
def node() -> ModuleType:
    """The folder, imported by its path as ComfyUI does."""
    spec = importlib.util.spec_from_file_location("comfyui_imagineid", FOLDER / "__init__.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_the_node_says_what_comfyui_asks_of_it(node: ModuleType) -> None:
    for name, kind in node.NODE_CLASS_MAPPINGS.items():
        assert name in node.NODE_DISPLAY_NAME_MAPPINGS
        inputs = kind.INPUT_TYPES()["required"]
        assert inputs["audio"] == ("AUDIO",)
        assert len(kind.RETURN_TYPES) == len(kind.RETURN_NAMES)
        assert callable(getattr(kind(), kind.FUNCTION))
        assert isinstance(kind.CATEGORY, str)


@pytest.mark.parametrize("emotion", ["as heard", "happy"])
def test_the_node_returns_images_and_its_sound(
    node: ModuleType, speech: Path, monkeypatch: pytest.MonkeyPatch, emotion: str
) -> None:
    monkeypatch.setattr(node, "_pipeline", plain_pipeline.load)
    wave, rate = soundfile.read(speech, dtype="float32")
    sound: dict[str, Any] = {
        "waveform": torch.from_numpy(wave[: 2 * rate])[None, None],
        "sample_rate": rate,
    }
    frames, audio, fps = node.ImagineTalkingFace().imagine(sound, "red hair", 7, emotion, "none")
    assert frames.shape[0] == 50
    assert frames.shape[3] == 3
    assert frames.dtype == torch.float32
    assert 0 <= float(frames.min()) <= float(frames.max()) <= 1
    assert audio is sound
    assert fps == 25.0
    assert np.isfinite(frames.numpy()).all()
