"""TensorRT engines, tested with a fake TensorRT and a fake GPU."""

from __future__ import annotations

import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from imagineid.backends import gpu
from imagineid.backends import onnx as onnx_engine
from imagineid.backends.tensorrt import TensorRTEngine, check_once
from imagineid.errors import BadEngine
from support.fake_gpu import PORTS, Memory, tensorrt


@pytest.fixture(params=[False, True], ids=["tensorrt", "tensorrt-rtx"])
def rtx(request: pytest.FixtureRequest) -> bool:
    return bool(request.param)


def open_engine(tmp_path: Path, rtx: bool) -> tuple[TensorRTEngine, Memory, Any]:
    path = tmp_path / "unet.sm89.0.tensorrt"
    path.write_bytes(b"engine")
    memory = Memory()
    trt = tensorrt(memory, rtx)
    return TensorRTEngine(trt, path, PORTS, memory, "Build it again"), memory, trt  # type: ignore[arg-type]


def inputs(batch: int, seed: int = 0) -> dict[str, np.ndarray]:
    draw = np.random.default_rng(seed)
    return {
        "x": draw.random((batch, 3), np.float32),
        "held": draw.random((batch, 2), np.float32),
    }


def truth(x: np.ndarray, held: np.ndarray) -> np.ndarray:
    return 2 * x + held.sum(axis=1, keepdims=True)


@pytest.mark.parametrize("batches", [(1, 1, 2, 1, 4, 3), (11, 1)])
def test_every_batch_size_is_computed(tmp_path: Path, rtx: bool, batches: tuple[int, ...]) -> None:
    engine, _, _ = open_engine(tmp_path, rtx)
    for seed, batch in enumerate(batches):
        batch_inputs = inputs(batch, seed)
        np.testing.assert_allclose(engine(**batch_inputs)["y"], truth(**batch_inputs), rtol=1e-6)


def test_a_large_batch_is_split_into_pieces_of_one_size(tmp_path: Path, rtx: bool) -> None:
    engine, _, trt = open_engine(tmp_path, rtx)
    batch_inputs = inputs(6)
    np.testing.assert_allclose(engine(**batch_inputs)["y"], truth(**batch_inputs), rtol=1e-6)
    assert {context.shapes["x"][0] for context in trt.contexts if context.shapes} == {4}


def test_buffers_are_bound_once_for_one_batch_size(tmp_path: Path, rtx: bool) -> None:
    engine, memory, _ = open_engine(tmp_path, rtx)
    for seed in range(5):
        engine(**inputs(2, seed))
    assert len(memory.arrays) == 3


def test_inputs_already_on_the_gpu_are_not_copied_again(tmp_path: Path, rtx: bool) -> None:
    engine, memory, _ = open_engine(tmp_path, rtx)
    first_inputs = inputs(1)
    for seed in range(4):
        fresh = {"x": inputs(1, seed)["x"], "held": first_inputs["held"]}
        np.testing.assert_allclose(engine(**fresh)["y"], truth(**fresh), rtol=1e-6)
    assert len(memory.puts) == 4 + 1


def test_threads_do_not_mix_their_inputs(
    tmp_path: Path, rtx: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    engine, memory, _ = open_engine(tmp_path, rtx)
    put = memory.put

    def slowly(address: int, array: np.ndarray) -> None:
        put(address, array)
        time.sleep(0.002)  # lets another thread in

    monkeypatch.setattr(memory, "put", slowly)
    requests = [inputs(1 + seed % 3, seed) for seed in range(30)]
    with ThreadPoolExecutor(4) as pool:
        results = list(pool.map(lambda each: engine(**each)["y"], requests))
    for each, y in zip(requests, results, strict=True):
        np.testing.assert_allclose(y, truth(**each), rtol=1e-6)


def test_a_graph_is_recorded_once_a_batch_size(tmp_path: Path, rtx: bool) -> None:
    engine, memory, trt = open_engine(tmp_path, rtx)
    for batch in (2, 2, 1, 2, 1):
        engine(**inputs(batch))
    assert memory.recorded == (0 if rtx else 2)
    assert len(trt.contexts) == (1 if rtx else 2), "a captured graph has a context to itself"
    if rtx:  # it records its own
        assert trt.config.cuda_graph_strategy == "whole"


def test_compiled_kernels_are_cached_beside_the_engine(tmp_path: Path) -> None:
    engine, _, trt = open_engine(tmp_path, rtx=True)
    assert trt.cache.serialized is None
    engine.keep_cache()
    _, _, again = open_engine(tmp_path, rtx=True)
    assert again.cache.serialized == b"kernels"


def test_a_damaged_engine_is_refused(tmp_path: Path, rtx: bool) -> None:
    path = tmp_path / "unet.sm89.0.tensorrt"
    path.write_bytes(b"eng")
    memory = Memory()
    with pytest.raises(BadEngine, match="is damaged or not for this GPU.\nBuild it again"):
        TensorRTEngine(tensorrt(memory, rtx), path, PORTS, memory, "Build it again")  # type: ignore[arg-type]


def test_an_engine_with_wrong_outputs_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "unet.sm89.0.tensorrt"
    calls = []

    def right(**inputs_of_call: Any) -> dict[str, Any]:
        calls.append(inputs_of_call)
        return {"y": truth(**inputs_of_call)}

    monkeypatch.setattr(onnx_engine, "load", lambda graph: right)

    def check(engine: Any, stamp: str = "card, driver, version") -> None:
        check_once(engine, path, tmp_path / "unet.onnx", PORTS, stamp, "Build it again")

    wrong = [
        lambda **feeds: {"y": truth(**feeds) * np.float32([1, 1, 0.5])},
        lambda **feeds: {"y": truth(**feeds) * np.nan},
        lambda **feeds: {"y": truth(**feeds) * 0},
    ]
    for engine in wrong:
        with pytest.raises(BadEngine, match="differs from onnxruntime on this GPU"):
            check(engine)
    check(right)
    calls.clear()
    check(right)
    assert not calls  # trusted from now on
    check(right, "card, another driver, version")
    assert calls


@pytest.mark.skipif(gpu.present(), reason="runs on a machine without an NVIDIA card")
def test_a_failing_gpu_is_reported() -> None:
    from imagineid.backends.cuda import Stream

    pytest.importorskip(
        "cuda.bindings", reason="runs where cuda-python is: pip install cuda-python"
    )
    with pytest.raises(
        BadEngine, match="The CUDA call cudaStreamCreate failed: InsufficientDriver"
    ):
        Stream()
