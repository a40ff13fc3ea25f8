"""The roofline: what each network would take if only arithmetic or only memory held it up.

Source:
    Williams, Waterman and Patterson 2009, https://doi.org/10.1145/1498765.1498785
"""

from __future__ import annotations

import contextlib
import json
import math
import tempfile
import time
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from imagineid.backends import gpu
from imagineid.backends.onnx import threads

Array = np.ndarray

GEMM, COPY_BYTES = 1536, 1 << 27
"""Side of the matrices and size of the array with which a processor's limits are measured."""

CARD_GEMM, CARD_COPY_BYTES = 8192, 1 << 29
"""The same for a card."""

ROUNDS, LEAST_S = 5, 0.3
"""A time is the best of so many rounds, or of as many as fit in so many seconds."""


@dataclass(frozen=True)
class Cost:
    """The cost of one call of a network.

    Attributes:
        flops: of its convolutions and matrix products, a multiply-add being two.
        moved_bytes: its weights, inputs and outputs, each once.
    """

    flops: float
    moved_bytes: float


@dataclass(frozen=True)
class Limits:
    """What a machine can do at most, measured: FLOP a second in matrix products, bytes a second."""

    where: str
    flops_s: float
    bytes_s: float

    def bound_s(self, cost: Cost) -> float:
        """Return the least time a call can take."""
        return max(cost.flops / self.flops_s, cost.moved_bytes / self.bytes_s)


def cost_of(graph: Path, inputs: Mapping[str, Array]) -> Cost:
    """Count a network's work by running its graph once, unfused, in onnxruntime's profiler.

    Args:
        graph: an ``.onnx`` file.
        inputs: arrays by the names of its inputs; their batch is the one that is counted.
    """
    import onnxruntime

    with tempfile.TemporaryDirectory(prefix="imagineid-bench-") as folder:
        options = onnxruntime.SessionOptions()
        options.enable_profiling = True
        options.profile_file_prefix = str(Path(folder) / "profile")
        options.log_severity_level = 4
        options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_ENABLE_BASIC
        options.add_session_config_entry("session.disable_prepacking", "1")  # it hides weights
        session = onnxruntime.InferenceSession(
            str(graph), options, providers=["CPUExecutionProvider"]
        )
        outputs = session.run(None, dict(inputs))
        events = json.loads(Path(session.end_profiling()).read_text(encoding="utf-8"))
    nodes = [e["args"] for e in events if e["name"].endswith("_kernel_time")]
    weights = sum(int(node["parameter_size"]) for node in nodes)
    ports = sum(array.nbytes for array in [*inputs.values(), *outputs])
    return Cost(sum(flops_of(node) for node in nodes), weights + ports)


def flops_of(node: Mapping[str, Any]) -> float:
    """Return the FLOP of one node from onnxruntime's profile; 0 for small work."""
    kind = node["op_name"]
    if kind not in ("Conv", "ConvTranspose", "MatMul", "Gemm"):
        return 0.0
    shapes = [*node["input_type_shape"][:2], node["output_type_shape"][0]]
    a, b, out = ([int(side) for side in next(iter(shape.values()))] for shape in shapes)
    if kind == "Conv":  # each output is a sum over a filter's channels and taps
        return 2.0 * math.prod(out) * math.prod(b[1:])
    if kind == "ConvTranspose":  # each input is spread over a filter's channels and taps
        return 2.0 * math.prod(a) * math.prod(b[1:])
    if kind == "MatMul":
        return 2.0 * math.prod(out) * a[-1]
    # (m k)(k n)(m n) is (m k n) squared, whichever of the two is transposed
    return 2.0 * math.sqrt(math.prod(a) * math.prod(b) * math.prod(out))


def best_s(work: Callable[[], object]) -> float:
    """Return the shortest time ``work`` took in some rounds, after one that is not counted."""
    work()
    took: list[float] = []
    while len(took) < ROUNDS or sum(took) < LEAST_S:
        start = time.perf_counter()
        work()
        took.append(time.perf_counter() - start)
    return min(took)


def limits() -> Limits:
    """Measure the card if there is one and torch to measure it with, else the processor."""
    if gpu.present():
        with contextlib.suppress(ImportError):
            return of_card()
    return of_processor()


def of_processor() -> Limits:
    """Measure numpy's float32 matrix product, and copying in as many threads as there are cores."""
    a = np.random.default_rng(0).standard_normal((GEMM, GEMM)).astype(np.float32)
    product = np.empty_like(a)
    gemm_s = best_s(lambda: np.matmul(a, a, out=product))
    count = threads()
    parts = [np.ones(COPY_BYTES // count // 4, np.float32) for _ in range(count)]
    copies = [np.empty_like(part) for part in parts]
    with ThreadPoolExecutor(count) as pool:
        copy_s = best_s(lambda: list(pool.map(np.copyto, copies, parts)))
    moved = 2 * sum(part.nbytes for part in parts)  # read and written
    return Limits(f"{count} cores, float32", 2 * GEMM**3 / gemm_s, moved / copy_s)


def of_card() -> Limits:
    """Measure the card's float16 matrix product, and copying in its memory."""
    import torch

    a = torch.randn(CARD_GEMM, CARD_GEMM, dtype=torch.float16, device="cuda")
    product = torch.empty_like(a)
    source = torch.ones(CARD_COPY_BYTES, dtype=torch.uint8, device="cuda")
    target = torch.empty_like(source)

    def done(work: Callable[[], object]) -> Callable[[], object]:
        return lambda: (work(), torch.cuda.synchronize())

    gemm_s = best_s(done(lambda: torch.matmul(a, a, out=product)))
    copy_s = best_s(done(lambda: target.copy_(source)))
    name = torch.cuda.get_device_name()
    return Limits(f"{name}, float16", 2 * CARD_GEMM**3 / gemm_s, 2 * CARD_COPY_BYTES / copy_s)
