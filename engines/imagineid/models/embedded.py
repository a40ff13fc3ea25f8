"""The embedded model, a subfolder of this one.

It has a graph for each network (``unet.onnx``) and one file of weights, ``weights.safetensors``.
The graphs refer to that file, so that torch, onnxruntime and TensorRT read the same bytes.
"""

from __future__ import annotations

from pathlib import Path

from imagineid.errors import BadInput, BadWeights
from imagineid.spec import SIZES, ports

DIRECTORY = Path(__file__).parent
"""Folder with one subfolder per model."""

STORE = "weights.safetensors"
"""File with all weights of a model."""


def embedded_folder(model: str) -> Path:
    """Return the folder of an embedded model.

    Raises:
        BadInput: the model is unknown.
        BadWeights: some of its files are missing.
    """
    if model not in SIZES:
        raise BadInput(f"Unknown model {model!r}.\nUse:  --model mini")
    path = DIRECTORY / model
    names = [f"{name}.onnx" for name in ports(SIZES[model])] + [
        STORE,
        "words.json",
        "face.npz",
        "emotions.npy",
        "voices.npz",
        "people.npz",
    ]
    missing = [name for name in names if not (path / name).exists()]
    if missing:
        raise BadWeights(
            f"The {model} model lacks {', '.join(missing)}.\n"
            "Install again:  pip install --force-reinstall imagineid"
        )
    return path
