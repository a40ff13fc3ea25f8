"""Choice of an engine: one line reports it, and a slower fallback is never silent."""

from __future__ import annotations

import json
import shutil
from dataclasses import replace
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from imagineid import backends, models
from imagineid.backends import engine_cache, gpu
from imagineid.errors import BackendMissing, BadEngine, BadInput, BadWeights, NoGpu
from imagineid.models import MODEL_FILE, Model, find
from imagineid.spec import MINI
from support.tiny import TINY, card_only


@pytest.fixture
def model(tmp_path: Path) -> Model:
    return card_only(tmp_path / "tiny")


@pytest.fixture
def with_card(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(gpu, "present", lambda: True)
    monkeypatch.setattr(gpu, "find", lambda: gpu.Gpu("Paper RTX", "sm89", "12.8"))


@pytest.fixture
def without_card(monkeypatch: pytest.MonkeyPatch) -> None:
    def none() -> gpu.Gpu:
        raise NoGpu("No NVIDIA driver is installed.\nUse the CPU:  --engine onnx")

    monkeypatch.setattr(gpu, "present", lambda: False)
    monkeypatch.setattr(gpu, "find", none)


@pytest.mark.usefixtures("without_card")
def test_without_a_card_it_is_onnxruntime_on_the_processor(model: Model) -> None:
    _, line = backends.choose("auto", model)
    assert line.startswith("onnxruntime ")
    assert " on CPU, " in line
    assert "(" not in line


@pytest.mark.usefixtures("with_card")
def test_a_card_that_is_not_used_is_named(model: Model) -> None:
    _, line = backends.choose("auto", model)
    assert line.endswith("(for the card: pip install 'imagineid[torch]')")


@pytest.mark.usefixtures("with_card")
def test_a_card_that_torch_can_use_is_used_without_engines(
    model: Model, monkeypatch: pytest.MonkeyPatch
) -> None:
    from imagineid.backends import torch

    def choose(model: Model, attention: str) -> tuple[Any, str]:
        return None, "torch on Paper RTX"

    monkeypatch.setattr(torch, "sees_card", lambda: True)
    monkeypatch.setattr(torch, "choose", choose)
    assert "onnxruntime" in backends.choose("auto", model)[1]  # graphs only
    (model.folder / models.STORE).write_bytes(b"weights")
    assert backends.choose("auto", model)[1] == "torch on Paper RTX"
    assert "onnxruntime" in backends.choose("onnx", model)[1]
    (model.folder / "unet.sm89.0123.tensorrt-rtx").write_bytes(b"of long ago")
    monkeypatch.setattr(
        engine_cache.Flavour, "load", lambda self: type("trt", (), {"__version__": "9"})
    )
    line = backends.choose("auto", model)[1]
    assert line.startswith("torch on Paper RTX (There is no tensorrt-rtx engine")


@pytest.mark.usefixtures("with_card")
def test_auto_says_why_engines_are_not_used(model: Model, monkeypatch: pytest.MonkeyPatch) -> None:
    (model.folder / "unet.sm89.0123.tensorrt-rtx").write_bytes(b"of long ago")
    monkeypatch.setattr(
        engine_cache.Flavour, "load", lambda self: type("trt", (), {"__version__": "9"})
    )
    _, line = backends.choose("auto", model)
    assert line.startswith("onnxruntime ")
    assert "engine of identity for sm89" in line
    with pytest.raises(BadEngine, match="There is no tensorrt-rtx engine of identity for sm89"):
        backends.choose("tensorrt-rtx", model)


@pytest.mark.usefixtures("without_card")
@pytest.mark.skipif(find_spec("tensorrt_rtx") is None, reason="runs where tensorrt-rtx is: .[rtx]")
def test_tensorrt_rtx_without_a_card_is_refused(model: Model) -> None:
    with pytest.raises(NoGpu, match="No NVIDIA driver") as excinfo:
        backends.choose("tensorrt-rtx", model)
    assert excinfo.value.exit_code == 3


@pytest.mark.parametrize(("engine", "module"), [("tensorrt", "tensorrt"), ("torch", "torch")])
def test_an_engine_whose_package_is_missing_is_refused(
    model: Model, engine: str, module: str
) -> None:
    if find_spec(module) is not None:
        pytest.skip(f"runs where {module} is not installed")
    with pytest.raises(BackendMissing, match=f"The {engine} backend is not installed"):
        backends.choose(engine, model)


def test_an_unknown_engine_is_refused(model: Model) -> None:
    with pytest.raises(BadInput, match="Unknown backend 'steam'"):
        backends.choose("steam", model)
    with pytest.raises(BadInput, match="Unknown attention 'rapt'"):
        backends.choose("torch", model, "rapt")
    with pytest.raises(BadInput, match="for the torch backend only"):
        backends.choose("onnx", model, "xformers")


def test_a_damaged_graph_error_says_what_to_do(model: Model) -> None:
    opener, _ = backends.choose("onnx", model)
    with pytest.raises(BadWeights, match=r"unet.onnx can't be run: .*\nExport it again: "):
        opener("unet")


def test_a_network_that_returns_nan_error_says_what_to_do(tmp_path: Path) -> None:
    folder = shutil.copytree(models.embedded_folder(MINI.name), tmp_path / "damaged")
    store = folder / models.STORE
    damaged = bytearray(store.read_bytes())
    begin = 8 + int.from_bytes(damaged[:8], "little")
    for name, about in json.loads(damaged[8:begin]).items():
        if name.startswith("matte."):
            first, last = (begin + at for at in about["data_offsets"])
            damaged[first:last] = b"\x00\x7e" * ((last - first) // 2)  # NaN, as float16
    store.write_bytes(damaged)
    opener, _ = backends.choose("onnx", Model("mini", folder, MINI, "stored"))
    with pytest.raises(BadWeights, match=r"matte returned NaN or infinity.\nInstall again: "):
        opener("matte")(image=np.zeros((1, 3, MINI.frame_px, MINI.frame_px), np.float32))


# ---- models on disk


def test_a_folder_carries_all_its_numbers(model: Model) -> None:
    found = find(str(model.folder))
    assert (found.size, found.precision, found.name) == (TINY, "fp16", "tiny")


def test_the_embedded_model_wins_over_a_folder_of_its_name(
    model: Model, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    model.folder.rename(tmp_path / "mini")
    monkeypatch.chdir(tmp_path)
    assert find("mini").precision == "stored"
    assert find("./mini").size == TINY


@pytest.mark.parametrize("text", ["", "{", "[]", "{}", '{"name": "a", "precision": "fp16"}'])
def test_a_damaged_card_is_refused(model: Model, text: str) -> None:
    (model.folder / MODEL_FILE).write_text(text)
    with pytest.raises(BadWeights, match="is damaged, or another version wrote it"):
        find(str(model.folder))


def test_a_model_that_is_not_there_is_refused(model: Model, tmp_path: Path) -> None:
    model.graph("sca").unlink()
    with pytest.raises(BadWeights, match="lacks sca.onnx"):
        find(str(model.folder))
    with pytest.raises(BadInput, match="is not a model"):
        find(str(tmp_path))
    with pytest.raises(BadInput, match="Unknown model 'maxi'"):
        find("maxi")
    with pytest.raises(BadWeights, match="There are no adapters for sd15 here"):
        find("sd15")


def test_random_weights_make_no_video(model: Model) -> None:
    from imagineid import pipeline

    with pytest.raises(BadWeights, match=r"has no words.json and no face.npz"):
        pipeline.load(str(model.folder))
    assert replace(model, precision="stored").remedy.startswith("Install again")
