"""Modules to ONNX graphs without weights in them: the weights stay in one safetensors file.

An ONNX initialiser may lie in another file at an offset; a safetensors file is its tensors' bytes
behind a header. So the graphs point into ``weights.safetensors``, and torch, onnxruntime and
TensorRT all read the same bytes. Weights are stored as float16 and widened by a ``Cast`` that
onnxruntime folds away when it loads.
"""

from __future__ import annotations

import inspect
import json
import logging
import warnings
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import onnx
import torch
from onnx import TensorProto, helper
from safetensors.torch import save_file
from torch import Tensor, nn

from imagineid.spec import Ports
from imagineid_export.networks import sample

if TYPE_CHECKING:
    from collections.abc import Mapping

OPSET = 20
INLINE_NUMBERS = 64
"""Constants of the code, which are nobody's weights, have at most so many numbers."""


def store(modules: Mapping[str, nn.Module], path: Path) -> None:
    """Write all weights, ``network.name`` each, as float16 into one safetensors file."""
    named: dict[str, Tensor] = {}
    for network, module in modules.items():
        for key, value in module.state_dict().items():
            half = value.detach().to(torch.float16) if value.is_floating_point() else value
            if not torch.isfinite(half).all():
                raise ValueError(f"{network}.{key} does not fit float16")
            named[f"{network}.{key}"] = half.contiguous()
    temporary = path.with_suffix(".part")
    save_file(named, temporary)
    temporary.chmod(0o644)
    temporary.replace(path)


def load_stored(modules: Mapping[str, nn.Module], path: Path) -> None:
    """Load what :func:`store` wrote back into ``modules``, as float32."""
    from safetensors.torch import load_file

    found = load_file(path)
    for network, module in modules.items():
        own = {k: found[f"{network}.{k}"] for k in module.state_dict()}
        wide = {k: v.float() if v.is_floating_point() else v for k, v in own.items()}
        module.load_state_dict(wide)


def graph(module: nn.Module, ports: Ports) -> onnx.ModelProto:
    """Trace ``module`` into an ONNX graph whose only free axis is the batch.

    Args:
        module: in evaluation mode, float32.
        ports: its named inputs and outputs.

    Raises:
        ValueError: an axis that should be free is not, or one is free that should not be.
    """
    # Folding would write transposed copies of weights into the graph.
    model: onnx.ModelProto = traced(module, ports, fold=False).model_proto
    check_ports(model, ports)
    _bare(model)
    return model


def traced(
    module: nn.Module, ports: Ports, fold: bool, opset: int = OPSET
) -> torch.onnx.ONNXProgram:
    """Trace ``module`` with its ports' names and shapes; ``fold`` computes constants ahead."""
    batch = torch.export.Dim("batch", min=1, max=256)
    free = [{0: batch} for _ in ports.inputs]
    takes = inspect.signature(module.forward).parameters.values()
    named = sum(each.kind is not inspect.Parameter.VAR_POSITIONAL for each in takes)
    rest = free[named:]  # what goes into ``*args`` is one tuple there
    # The exporter tells of torchvision's operators, which no network here has.
    logging.getLogger("torch.onnx").setLevel(logging.ERROR)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        program = torch.onnx.export(
            module,
            sample(ports, batch=2),  # 0 and 1 would be taken for constants
            dynamo=True,
            verbose=False,
            opset_version=opset,
            optimize=fold,
            dynamic_shapes=(*free[:named], tuple(rest)) if rest else tuple(free),
            input_names=[p.name for p in ports.inputs],
            output_names=[p.name for p in ports.outputs],
        )
    assert program is not None
    return program


def check_ports(model: onnx.ModelProto, ports: Ports) -> None:
    """Compare a graph's inputs and outputs with the ports.

    Raises:
        ValueError: a name differs, or an axis that should be free is not, or the other way round.
    """
    for values, declared in (
        (model.graph.input, ports.inputs),
        (model.graph.output, ports.outputs),
    ):
        for value, port in zip(values, declared, strict=True):
            dims = [d.dim_param or d.dim_value for d in value.type.tensor_type.shape.dim]
            if value.name != port.name or dims != list(port.dims):
                raise ValueError(f"the graph has {value.name} {dims}, the port is {port}")


def _bare(model: onnx.ModelProto) -> None:
    """Take out what only debuggers read."""
    del model.metadata_props[:]
    model.doc_string = ""
    for node in model.graph.node:
        del node.metadata_props[:]
        node.doc_string = ""
    del model.graph.value_info[:]


def point(model: onnx.ModelProto, network: str, weights: Path) -> None:
    """Replace the graph's float weights by pointers into ``weights``, widened by ``Cast``.

    Raises:
        ValueError: a large initialiser is not among the stored weights.
    """
    offsets = _offsets(weights)
    casts = []
    for tensor in model.graph.initializer:
        if tensor.data_type != TensorProto.FLOAT:
            continue
        key = f"{network}.{tensor.name}"
        if key not in offsets:
            if int(np.prod(tensor.dims)) <= INLINE_NUMBERS:
                continue  # a constant of the code, not a weight
            raise ValueError(f"{key} {list(tensor.dims)} is in the graph but not stored")
        begin, end, shape = offsets[key]
        if list(tensor.dims) != shape:
            raise ValueError(f"{key} is {list(tensor.dims)} in the graph, {shape} stored")
        wide, narrow = tensor.name, f"{tensor.name}.half"
        tensor.Clear()
        tensor.name, tensor.data_type = narrow, TensorProto.FLOAT16
        tensor.dims.extend(shape)
        tensor.data_location = TensorProto.EXTERNAL
        for name, value in (("location", weights.name), ("offset", begin), ("length", end - begin)):
            tensor.external_data.add(key=name, value=str(value))
        casts.append(helper.make_node("Cast", [narrow], [wide], to=TensorProto.FLOAT))
    nodes = [*casts, *model.graph.node]
    del model.graph.node[:]
    model.graph.node.extend(nodes)


def _offsets(path: Path) -> dict[str, tuple[int, int, list[int]]]:
    """Return where each tensor's bytes lie in a safetensors file, and its shape."""
    with path.open("rb") as file:
        length = int.from_bytes(file.read(8), "little")
        header = json.loads(file.read(length))
    start = 8 + length
    return {
        name: (start + entry["data_offsets"][0], start + entry["data_offsets"][1], entry["shape"])
        for name, entry in header.items()
        if name != "__metadata__"
    }


def write(modules: Mapping[str, nn.Module], ports: Mapping[str, Ports], folder: Path) -> None:
    """Write a whole model: ``weights.safetensors`` and one graph a network."""
    folder.mkdir(parents=True, exist_ok=True)
    weights = folder / "weights.safetensors"
    store(modules, weights)
    for network, module in modules.items():
        model = graph(module, ports[network])
        point(model, network, weights)
        (folder / f"{network}.onnx").write_bytes(model.SerializeToString())
