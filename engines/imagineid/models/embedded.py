"""Where weights are: the embedded model's lie in this folder.

A model is a folder with a graph for each network (``unet.onnx``), whose weights are in
``weights.safetensors`` beside them: the graphs point into that file, so that torch, onnxruntime
and TensorRT read the same bytes.
"""

from __future__ import annotations

from pathlib import Path

from imagineid.errors import BadInput, BadWeights
from imagineid.spec import SIZES, ports

DIRECTORY = Path(__file__).parent
"""Holds one folder a model."""

STORE = "weights.safetensors"
"""The file that holds all weights of a model."""


def embedded_folder(model: str) -> Path:
    """Return the folder of an embedded model.

    Raises:
        BadInput: there is no such model.
        BadWeights: some of its files are missing.
    """
    if model not in SIZES:
        raise BadInput(f"There is no model called {model!r}.\nUse:  --model mini")
    path = DIRECTORY / model
    wanted = [f"{name}.onnx" for name in ports(SIZES[model])] + [
        STORE,
        "words.json",
        "face.npz",
        "emotions.npy",
    ]
    missing = [name for name in wanted if not (path / name).exists()]
    if missing:
        raise BadWeights(
            f"The {model} model lacks {', '.join(missing)}.\n"
            "Install again:  pip install --force-reinstall imagineid"
        )
    return path
