"""The milestone: trained weights become the embedded model's files, and the way back."""

from __future__ import annotations

import numpy as np
from safetensors.torch import load_file, save_file
from torch import Tensor, nn

from imagineid.models import Model, write_model_file
from imagineid.models.embedded import DIRECTORY, STORE
from imagineid.nn.emotion import EmotionEncoder
from imagineid.nn.expression import ExpressionDecoder
from imagineid.nn.networks import stored as stored_network
from imagineid.nn.text import Prompt
from imagineid.pad.prototypes import FILE as EMOTIONS_FILE
from imagineid.spec import EMOTIONS, Size, ports
from imagineid_export.graphs import write
from imagineid_export.networks import networks
from imagineid_train.loop import LAID_OUT, ROOT, SEED, load_into
from imagineid_train.mba import autoencoder
from imagineid_train.prompts import vocabulary
from imagineid_train.prototypes import VIVID, carried, measured

NEUTRAL = EMOTIONS.index("neutral")

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

PARTS = {
    "text.encoder": ("base", "text"),
    "text.inversion": ("tia", "inversion"),
    "encoder": ("latents", "encoder"),
    "decoder": ("latents", "decoder"),
    "decoder.blend": ("mba", "blend"),
}
"""The same for what several stages trained, or one stage for several networks."""


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
    """Write the model's folder inside the package: weights, graphs, vocabulary and emotions."""
    folder, made = DIRECTORY / size.name, trained(size)
    encoder, decoder = made["emotion"], made["expression"]
    assert isinstance(encoder, EmotionEncoder)
    assert isinstance(decoder, ExpressionDecoder)
    emotions = measured(encoder, size)
    carried(decoder, emotions[NEUTRAL], VIVID)
    write(made, ports(size), folder)
    vocabulary().write(folder / "words.json")
    np.save(folder / EMOTIONS_FILE, emotions)
    sums(size)
    total = sum(file.stat().st_size for file in folder.iterdir())
    print(f"{folder}: {total / 1e6:.1f} MB")


def sums(size: Size) -> None:
    """Write the embedded ``model.json`` anew: the sums of the files as they are, numbers, seeds."""
    write_model_file(Model(size.name, DIRECTORY / size.name, size, "stored"), {"training": SEED})


def _expression_as_trained(size: Size) -> dict[str, Tensor]:
    """Return the embedded decoder's weights as they were before :func:`carried`."""
    folder = DIRECTORY / size.name
    decoder = stored_network("expression", size, folder / STORE)
    assert isinstance(decoder, ExpressionDecoder)
    carried(decoder, np.load(folder / EMOTIONS_FILE)[NEUTRAL], 1 / VIVID)
    return {f"expression.{name}": value for name, value in decoder.state_dict().items()}


def unship(size: Size) -> None:
    """Lay the embedded weights out as checkpoints, so that training goes on in a new checkout.

    Stages that have checkpoints already are left alone. The optimiser starts afresh, and so does
    what of a stage is not embedded: the mouth of ``content``.
    """
    stages: dict[str, dict[str, Tensor]] = {}
    stored = load_file(DIRECTORY / size.name / STORE) | _expression_as_trained(size)
    for network, (stage, prefix) in (SOURCES | PARTS).items():
        for name, value in stored.items():
            if name.startswith(network + "."):
                key = prefix + name.removeprefix(network)
                stages.setdefault(stage, {})[key] = value.float()
    for stage, tensors in stages.items():
        folder = ROOT / stage
        if not folder.exists():
            folder.mkdir(parents=True)
            save_file(tensors, folder / LAID_OUT)
            print(f"{folder}: {len(tensors)} tensors")
