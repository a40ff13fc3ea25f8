"""The smallest size with all networks, and models of that size on disk."""

from __future__ import annotations

import shutil
from dataclasses import replace
from pathlib import Path
from typing import Any

from imagineid.ccf.vocabulary import Vocabulary
from imagineid.face.model import FACE_FILE
from imagineid.models import Model, write_model_file
from imagineid.spec import Size, ports

TINY = Size(
    name="tiny",
    frame_px=64,
    window=10,
    pad_dim=32,
    pad_layers=1,
    stages=(16, 24, 32),
    text_dim=32,
    text_layers=1,
    text_heads=2,
    unet=(32, 32),
    unet_groups=8,
    sca=(16, 24),
    sca_layers=1,
    matte=8,
)

TINY_SD = replace(
    TINY,
    name="tiny-sd",
    autoencoder="kl",
    patch=1,
    stages=(16, 32, 32, 32),
    latent_channels=4,
    text="clip",
    unet=(32, 32, 64, 64),
    unet_levels_without_cross_attention=1,
    unet_heads=2,
    sca=(16, 16, 24, 24),
)
"""The families of ``sd15``, small."""

VOCABULARY = Vocabulary(
    tuple("red hair blue eyes dark skin old young beard glasses smile".split()), {}
)


def tiny_modules(seed: int = 0) -> dict[str, Any]:
    """Every network of :data:`TINY`, drawn at random so that nothing is zero."""
    import torch

    from imagineid.nn.networks import network, redraw_zeros

    torch.manual_seed(seed)
    return {name: redraw_zeros(network(name, TINY, len(VOCABULARY))) for name in ports(TINY)}


def tiny_model(folder: Path) -> Model:
    """Write a model of :data:`TINY` as torch reads it; its graphs are a few bytes."""
    from imagineid_export.graphs import store

    model = card_only(folder, "stored")
    store(tiny_modules(), folder / "weights.safetensors")
    VOCABULARY.write(folder / "words.json")
    shutil.copyfile(FACE_FILE, folder / "face.npz")
    return model


def card_only(folder: Path, precision: Any = "fp16") -> Model:
    """A model whose graphs are a few bytes: enough for names and refusals."""
    folder.mkdir(exist_ok=True)
    for name in ports(TINY):
        (folder / f"{name}.onnx").write_bytes(b"graph of " + name.encode())
    model = Model("tiny", folder, TINY, precision)
    write_model_file(model)
    return model
