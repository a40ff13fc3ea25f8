"""The roofline: work counted right, and limits that are a machine's."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from imagineid_bench.roofline import Cost, Limits, cost_of, flops_of


def write_model(folder: Path) -> Path:
    """A graph of one convolution, a transposed one, a matrix product of two inputs, and a Gemm."""
    onnx = pytest.importorskip("onnx", reason="runs where onnx is: pip install -e '.[export]'")
    from onnx import TensorProto, helper, numpy_helper

    def weights(name: str, *shape: int) -> Any:
        return numpy_helper.from_array(np.ones(shape, np.float32), name)

    def port(name: str, *dims: int | str) -> Any:
        return helper.make_tensor_value_info(name, TensorProto.FLOAT, dims)

    nodes = [
        helper.make_node("Conv", ["x", "filter"], ["a"], group=2, strides=[2, 2], pads=[1] * 4),
        helper.make_node("ConvTranspose", ["a", "spread"], ["wide"], strides=[2, 2]),
        helper.make_node("MatMul", ["left", "right"], ["product"]),
        helper.make_node("Gemm", ["flat", "matrix"], ["dense"], transB=1),
    ]
    graph = helper.make_graph(
        nodes,
        "made",
        [
            port("x", "b", 4, 8, 8),
            port("left", "b", 3, 5),
            port("right", "b", 5, 7),
            port("flat", "b", 10),
        ],
        [port("wide", "b", 2, 8, 8), port("product", "b", 3, 7), port("dense", "b", 6)],
        [weights("filter", 6, 2, 3, 3), weights("spread", 6, 2, 2, 2), weights("matrix", 6, 10)],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    onnx.save(model, str(folder / "made.onnx"))
    return folder / "made.onnx"


def test_work_is_counted_as_by_hand(tmp_path: Path) -> None:
    b = 3
    inputs = {
        "x": np.zeros((b, 4, 8, 8), "f4"),
        "left": np.zeros((b, 3, 5), "f4"),
        "right": np.zeros((b, 5, 7), "f4"),
        "flat": np.zeros((b, 10), "f4"),
    }
    cost = cost_of(write_model(tmp_path), inputs)
    conv = 2 * b * 6 * 4 * 4 * (2 * 3 * 3)
    spread = 2 * b * 6 * 4 * 4 * (2 * 2 * 2)
    assert cost.flops == pytest.approx(conv + spread + 2 * b * 3 * 5 * 7 + 2 * b * 10 * 6)
    weights = 6 * 2 * 9 + 6 * 2 * 4 + 60
    ports = b * (4 * 64 + 15 + 35 + 10 + 2 * 64 + 21 + 6)
    assert cost.moved_bytes == 4 * (weights + ports)


def test_small_work_is_not_counted() -> None:
    shape = [{"float": [1, 2]}]
    assert flops_of({"op_name": "Add", "input_type_shape": shape * 2}) == 0


def test_the_roof_is_the_lower_of_the_two() -> None:
    top = Limits("paper", flops_s=1e9, bytes_s=1e6)
    assert top.bound_s(Cost(flops=2e9, moved_bytes=1e6)) == 2.0
    assert top.bound_s(Cost(flops=1e9, moved_bytes=5e6)) == 5.0
