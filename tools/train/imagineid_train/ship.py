"""The milestone: trained weights become the embedded model's files, and the way back."""

from __future__ import annotations

from collections.abc import Callable, Container
from typing import Any

import numpy as np
import torch
from safetensors.torch import load_file, save_file
from torch import Tensor, nn

from imagineid.face.population import FILE as PEOPLE_FILE
from imagineid.models import Model, write_model_file
from imagineid.models.embedded import DIRECTORY, STORE
from imagineid.nn.content import ContentEncoder
from imagineid.nn.emotion import EmotionEncoder
from imagineid.nn.expression import ExpressionDecoder
from imagineid.nn.identity import IdentityEncoder
from imagineid.nn.networks import PAD, network
from imagineid.nn.networks import stored as stored_network
from imagineid.pad.average_voices import FILE as VOICES_FILE
from imagineid.pad.prototypes import FILE as EMOTIONS_FILE
from imagineid.spec import EMOTIONS, Size, ports
from imagineid_export.graphs import write
from imagineid_export.networks import networks
from imagineid_train import population
from imagineid_train.average_voices import averaged
from imagineid_train.loop import LAID_OUT, ROOT, SEED, load_into, trained
from imagineid_train.prompts import vocabulary
from imagineid_train.prototypes import VIVID, carried, measured
from imagineid_train.vivid import calm_speech, strengthened

NEUTRAL = EMOTIONS.index("neutral")

LEANINGS = {
    "neutral": 0.5,
    "angry": 0.5,
    "contempt": -0.25,
    "disgusted": 1.0,
    "fear": 0.5,
    "happy": 0.0,
    "sad": 0.5,
    "surprised": 0.25,
}
"""Added to the logits of emotions; chosen on val, where made and recorded voices feel each as often
as people do, and not as often as in training."""

SOURCES = {
    "identity": (("identity", "identity"),),
    "content": (("content", "content"),),
    "emotion": (("emotion", "emotion"),),
    "expression": (("emotion", "expression"),),
    "text.encoder": (("mini/base", "text"),),
    "text.inversion": (("mini/tia", "inversion"),),
    "encoder": (("mini/latents", "encoder"),),
    "decoder": (("mini/restoration", "decoder"), ("mini/first_decoder", "decoder")),
    "frame_decoder": (("mini/frame_decoder", "decoder"),),
    "mesh_encoder": (("mini/mesh_encoder", "encoder"),),
    "matte": (("mini/matte", "matte"),),
    "unet": (("mini/base", "unet"),),
    "sca": (("mini/student", "adapter"), ("mini/sca", "adapter"), ("mini/base", "adapter")),
}
"""Network, or part of one: the stages that trained it and its prefix there, the last one first."""


def trained_networks(size: Size, but: Container[str] = ()) -> dict[str, nn.Module]:
    """Return every network with its last averaged checkpoint.

    Args:
        size: of the networks.
        but: networks that are left untrained.

    Raises:
        FileNotFoundError: a stage has not been trained.
    """
    modules = networks(size, len(vocabulary()))
    for name, stages in SOURCES.items():
        network, _, part = name.partition(".")
        if network not in but:
            stage, prefix = next((each for each in stages if trained(each[0])), stages[-1])
            load_into(modules[network].get_submodule(part), stage, prefix)
    return modules


def ship(size: Size) -> None:
    """Write the model's folder inside the package: weights, graphs, vocabulary and emotions."""
    folder, modules = DIRECTORY / size.name, trained_networks(size)
    beside = _beside_the_voice(modules, size)
    write(modules, ports(size), folder)
    _beside_the_face(size)
    beside()
    sums(size)
    total = sum(file.stat().st_size for file in folder.iterdir())
    print(f"{folder}: {total / 1e6:.1f} MB")


def ship_faces(size: Size) -> None:
    """Renew all networks but those that listen, which keep their bytes."""
    folder, modules = DIRECTORY / size.name, trained_networks(size, but=PAD)
    for name in PAD:
        modules[name] = stored_network(name, size, folder / STORE)
    write(modules, ports(size), folder)
    _beside_the_face(size)
    sums(size)


def ship_voices(size: Size) -> None:
    """Renew the networks that listen in the embedded model; all others keep their bytes."""
    folder = DIRECTORY / size.name
    modules: dict[str, nn.Module] = {}
    for name in PAD:
        modules[name] = network(name, size, words=0)
        load_into(modules[name], *SOURCES[name][0])
    beside = _beside_the_voice(modules, size)
    stored = load_file(folder / STORE)
    for name, module in modules.items():
        for key, value in module.state_dict().items():
            stored[f"{name}.{key}"] = value.to(stored[f"{name}.{key}"].dtype).contiguous()
    part = (folder / STORE).with_suffix(".part")
    save_file(stored, part)
    part.chmod(0o644)
    part.replace(folder / STORE)
    beside()
    sums(size)


def _beside_the_face(size: Size) -> None:
    """Write the vocabulary and the model of people around the mean face of a voice."""
    folder = DIRECTORY / size.name
    vocabulary().write(folder / "words.json")
    np.savez_compressed(folder / PEOPLE_FILE, **dict[str, Any](population.measured(size)))


def _beside_the_voice(modules: dict[str, nn.Module], size: Size) -> Callable[[], None]:
    """Finish the networks that listen, in place; return what writes the files beside them."""
    identity, content = modules["identity"], modules["content"]
    encoder, decoder = modules["emotion"], modules["expression"]
    assert isinstance(identity, IdentityEncoder)
    assert isinstance(content, ContentEncoder)
    assert isinstance(encoder, EmotionEncoder)
    assert isinstance(decoder, ExpressionDecoder)
    with torch.no_grad():
        for name, leaning in LEANINGS.items():
            encoder.to_emotions.bias[EMOTIONS.index(name)] += leaning
    emotions = measured(encoder, size)
    carried(decoder, emotions[NEUTRAL], VIVID)
    emotions = strengthened(decoder, emotions, *calm_speech(size, identity, content))
    voices = averaged(identity, size)

    def write_files() -> None:
        folder = DIRECTORY / size.name
        np.save(folder / EMOTIONS_FILE, emotions)
        np.savez(folder / VOICES_FILE, **dict[str, Any](voices))

    return write_files


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


def _calm_mouth(expression: dict[str, Tensor], size: Size) -> dict[str, Tensor]:
    """Return Phi_D^c's weights that do what Phi_D^e does with the theta_e of neutral."""
    neutral = torch.from_numpy(np.load(DIRECTORY / size.name / EMOTIONS_FILE)[NEUTRAL])
    mouth = {k.removeprefix("expression."): v.clone() for k, v in expression.items()}
    added = mouth.pop("from_emotion.weight") @ neutral + mouth.pop("from_emotion.bias")
    mouth["from_shape.2.bias"] = mouth["from_shape.2.bias"] + added
    return {f"mouth.{k}": v for k, v in mouth.items()}


def unship(size: Size) -> None:
    """Lay the embedded weights out as checkpoints, so that training continues in a new checkout.

    Stages that have checkpoints already are left alone. The optimiser starts afresh. The spatial
    adapter is laid out for ``base``, the first stage that trains it: ``sca`` begins with what
    ``base`` makes of it, and ``ship`` takes no older one. So is the first frame's decoder for
    ``first_decoder``, with which ``restoration`` begins. The mouth of ``content`` is not embedded;
    it begins as the expression of a calm voice.
    """
    expression = _expression_as_trained(size)
    stages: dict[str, dict[str, Tensor]] = {"content": _calm_mouth(expression, size)}
    stored = load_file(DIRECTORY / size.name / STORE) | expression
    for own, (*_, (stage, prefix)) in SOURCES.items():
        for name, value in stored.items():
            if name.startswith(own + "."):
                key = prefix + name.removeprefix(own)
                stages.setdefault(stage, {})[key] = value.float()
    for stage, tensors in stages.items():
        folder = ROOT / stage
        if not folder.exists():
            folder.mkdir(parents=True)
            save_file(tensors, folder / LAID_OUT)
            print(f"{folder}: {len(tensors)} tensors")
