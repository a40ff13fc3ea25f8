"""One network to one ONNX file that holds its weights, checked before anybody trusts it."""

from __future__ import annotations

import gc
import time
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import onnx
import torch
from torch import nn

from imagineid.backends.onnx import load
from imagineid.backends.parity import COSINE, cosines, errors, random_inputs
from imagineid.errors import BadEngine, BadWeights
from imagineid.nn.networks import Half
from imagineid.spec import Ports
from imagineid_export.graphs import check_ports, traced

OPSET = 21
"""From 21 on GroupNormalization is a function of its own, summed in float32 even in float16."""

MAX_ERROR = 1e-4
"""What onnxruntime may differ by from torch, both in float32."""

BATCHES = (1, 3)
"""Batch sizes a file is tried at; it is traced at 2."""


@dataclass(frozen=True, slots=True)
class Written:
    """The result of exporting one network.

    Attributes:
        network: the name of its ports.
        half: whether it computes in float16.
        error: greatest difference from torch in float32, over all outputs and batches.
        cosine: the least cosine, likewise.
        size_bytes: of the file and its weights.
        took_s: seconds of tracing, writing and checking.
    """

    network: str
    half: bool
    error: float
    cosine: float
    size_bytes: int
    took_s: float

    def __str__(self) -> str:
        """Return the line a user reads."""
        kind = "fp16" if self.half else "fp32"
        accuracy = f"cosine {self.cosine:.6f}" if self.half else f"max error {self.error:.1e}"
        size = f"{self.size_bytes / 1e6:.1f} MB"
        batches = " and ".join(str(batch) for batch in BATCHES)
        return (
            f"{self.network}: {kind}, {size}, {accuracy} against torch at batches of {batches}, "
            f"{self.took_s:.0f} s"
        )


def write(network: str, module: nn.Module, ports: Ports, path: Path, half: bool) -> Written:
    """Write a network and check the file.

    Args:
        network: the name of its ports.
        module: float32, in evaluation mode; it is used up.
        ports: its named inputs and outputs.
        path: an ``.onnx`` file; weights over 2 GB go to ``.onnx.data`` beside it.
        half: compute in float16 between float32 ports.

    Raises:
        BadEngine: the file is not sound, or differs from torch by more than it may.
        OSError: it can't be written.
    """
    start = time.monotonic()
    expected = {batch: _by_torch(module, ports, batch) for batch in BATCHES}
    program = traced(Half(module) if half else module, ports, fold=True, opset=OPSET)
    for node in program.model.graph:  # what only debuggers read
        node.metadata_props.clear()
        node.doc_string = None
    program.save(path)
    del program, module
    gc.collect()
    _check_file(network, path, ports)
    error, cosine = _compare(path, ports, expected)
    if not (cosine >= COSINE if half else error <= MAX_ERROR):
        what = f"cosine {cosine:.4f}, {COSINE} is the least" if half else f"by {error:.1e}"
        raise BadEngine(
            f"{network} in {'fp16' if half else 'fp32'} differs from torch ({what}).\n"
            + ("Export it in full precision:  --fp32" if half else "Report it with:  --debug")
        )
    size = sum(part.stat().st_size for part in path.parent.glob(path.name + "*"))
    return Written(network, half, error, cosine, size, time.monotonic() - start)


def _by_torch(module: nn.Module, ports: Ports, batch: int) -> dict[str, np.ndarray]:
    values = random_inputs(ports, batch).values()
    with torch.inference_mode():
        outputs = module(*(torch.from_numpy(each) for each in values))
    outputs = outputs if isinstance(outputs, tuple) else (outputs,)
    return {port.name: each.numpy() for port, each in zip(ports.outputs, outputs, strict=True)}


def _check_file(network: str, path: Path, ports: Ports) -> None:
    """Check the file as onnx sees it.

    Raises:
        BadEngine: it is no sound graph, or its names and shapes are not those of the ports.
    """
    try:
        onnx.checker.check_model(str(path), full_check=True)
        check_ports(onnx.load(str(path), load_external_data=False), ports)
    except (onnx.checker.ValidationError, ValueError) as error:
        raise BadEngine(f"{network} became no sound graph: {error}\nReport it.") from error


def _compare(
    path: Path, ports: Ports, expected: dict[int, dict[str, np.ndarray]]
) -> tuple[float, float]:
    """Return the greatest error and the least cosine of what onnxruntime makes of the file."""
    try:
        engine = load(path)
    except BadWeights as error:
        raise BadEngine(str(error)) from error
    greatest, least = 0.0, 1.0
    for batch, reference in expected.items():
        found = engine(**random_inputs(ports, batch))
        greatest = max(greatest, *errors(found, reference).values())
        least = min(least, *cosines(found, reference).values())
    return greatest, least
