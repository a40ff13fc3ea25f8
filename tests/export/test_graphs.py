"""Networks to graphs that point into one file of weights: what torch says, onnxruntime says."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import numpy as np
import onnx
import onnxruntime
import pytest
import torch
from torch import nn

from imagineid.spec import Ports, ports
from imagineid_export.graphs import graph, load_stored, point, store, write
from imagineid_export.networks import sample
from support.tiny import TINY, tiny_modules


@pytest.fixture(scope="module")
def exported(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Mapping[str, nn.Module]]:
    """A whole model of the smallest size, weights drawn at random so that nothing is zero."""
    modules = tiny_modules()
    folder = tmp_path_factory.mktemp("model")
    write(modules, ports(TINY), folder)
    load_stored(modules, folder / "weights.safetensors")  # both sides compute with half weights
    return folder, modules


@pytest.mark.parametrize("network", list(ports(TINY)))
@pytest.mark.parametrize("batch", [1, 3])
def test_onnxruntime_agrees_with_torch(
    exported: tuple[Path, Mapping[str, nn.Module]], network: str, batch: int
) -> None:
    folder, modules = exported
    declared: Ports = ports(TINY)[network]
    inputs = sample(declared, batch, seed=1)
    with torch.no_grad():
        outputs = modules[network](*inputs)
    outputs = outputs if isinstance(outputs, tuple) else (outputs,)
    session = onnxruntime.InferenceSession(str(folder / f"{network}.onnx"))
    feeds = {p.name: v.numpy() for p, v in zip(declared.inputs, inputs, strict=True)}
    found = session.run([p.name for p in declared.outputs], feeds)
    for port, a, b in zip(declared.outputs, outputs, found, strict=True):
        assert b.shape == tuple(batch if isinstance(d, str) else d for d in port.dims)
        np.testing.assert_allclose(b, a.numpy(), atol=1e-4)


def test_weights_are_in_one_file_and_not_in_the_graphs(
    exported: tuple[Path, Mapping[str, nn.Module]],
) -> None:
    folder, modules = exported
    stored = (folder / "weights.safetensors").stat().st_size
    numbers = sum(v.numel() for m in modules.values() for v in m.state_dict().values())
    assert stored < 2.2 * numbers + 100_000
    for network in modules:
        model = onnx.load(str(folder / f"{network}.onnx"), load_external_data=False)
        inline = sum(len(t.raw_data) for t in model.graph.initializer)
        assert inline < 20_000, network


def test_a_graph_is_refused_other_weights(
    exported: tuple[Path, Mapping[str, nn.Module]], tmp_path: Path
) -> None:
    _, modules = exported
    other = tmp_path / "weights.safetensors"
    store({"encoder": modules["encoder"]}, other)
    model = graph(modules["matte"], ports(TINY)["matte"])
    with pytest.raises(ValueError, match="not stored"):
        point(model, "matte", other)


def test_a_weight_too_large_for_half_precision_is_refused(tmp_path: Path) -> None:
    module = nn.Linear(2, 2)
    nn.init.constant_(module.weight, 1e6)
    with pytest.raises(ValueError, match="does not fit float16"):
        store({"layer": module}, tmp_path / "weights.safetensors")
