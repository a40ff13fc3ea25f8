"""The milestone: trained weights become the embedded model's files."""

from __future__ import annotations

from torch import nn

from imagineid.ccf.text import Prompt
from imagineid.spec import Size, ports
from imagineid.weights import DIRECTORY
from imagineid_export.graphs import write
from imagineid_export.networks import networks
from imagineid_train.base import vocabulary
from imagineid_train.loop import load_into
from imagineid_train.mba import autoencoder

SOURCES = {
    "identity": ("identity", "identity"),
    "content": ("content", "content"),
    "emotion": ("emotion", "emotion"),
    "expression": ("emotion", "expression"),
    "sca": ("sca", "adapter"),
    "unet": ("base", "unet"),
    "matte": ("matte", "matte"),
}
"""Network: the stage that trained it, and its prefix there."""


def trained(size: Size) -> dict[str, nn.Module]:
    """Return every network with its last averaged checkpoint.

    Raises:
        FileNotFoundError: a stage has not been trained.
    """
    made = networks(size, len(vocabulary()))
    for name, (stage, prefix) in SOURCES.items():
        load_into(made[name], stage, prefix)
    made["encoder"], made["decoder"] = autoencoder(size)
    prompt = made["text"]
    assert isinstance(prompt, Prompt)
    load_into(prompt.inversion, "tia", "inversion")
    load_into(prompt.encoder, "base", "text")
    return made


def ship(size: Size) -> None:
    """Write the model's folder inside the package: weights, graphs and vocabulary."""
    folder = DIRECTORY / size.name
    write(trained(size), ports(size), folder)
    vocabulary().write(folder / "words.json")
    total = sum(file.stat().st_size for file in folder.iterdir())
    print(f"{folder}: {total / 1e6:.1f} MB")
