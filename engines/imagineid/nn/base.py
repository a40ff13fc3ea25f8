"""The frozen base: Stable Diffusion's own files laid into our networks, and adapters joined to it.

A base is a folder as diffusers writes it: ``unet``, ``vae`` and ``text_encoder``, each with a
safetensors file. What the method adds, TIA and MBA's blend, is not in it and stays as it is.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import load_file
from torch import nn

from imagineid.errors import BadWeights
from imagineid.nn.networks import network, prefixed

if TYPE_CHECKING:
    from imagineid.spec import Size

_TEXT = "text_model."

PARTS: dict[str, tuple[str, dict[str, str]]] = {
    "unet": ("unet/diffusion_pytorch_model", {"": "model."}),
    "encoder": (
        "vae/diffusion_pytorch_model",
        {"encoder.": "layers.", "quant_conv.": "quant."},
    ),
    "decoder": (
        "vae/diffusion_pytorch_model",
        {"decoder.": "layers.", "post_quant_conv.": "quant."},
    ),
    "text": (
        "text_encoder/model",
        {
            f"{_TEXT}embeddings.token_embedding.": "encoder.embedding.",
            f"{_TEXT}embeddings.position_embedding.": "encoder.position.",
            f"{_TEXT}encoder.": "encoder.encoder.",
            f"{_TEXT}final_layer_norm.": "encoder.norm.",
        },
    ),
}
"""For each network: its file, and the prefix of names in that file and in our module."""

ADDED = ("blend.", "inversion.")
"""Prefixes of our names that are not in a base."""

_OLD = {"query": "to_q", "key": "to_k", "value": "to_v", "proj_attn": "to_out.0"}
"""Names of attention layers in files older than diffusers 0.17, such as Stable Diffusion 1.5's."""


def load_base(module: nn.Module, network: str, folder: Path) -> bool:
    """Load the weights of a network from a base; return whether it has any.

    Args:
        module: the network, changed in place; float32.
        network: name of the network.
        folder: a base; it need not exist.

    Raises:
        BadWeights: the file is damaged, or of another network.
    """
    path = base_file(network, folder)
    if path is None:
        return False
    _, names = PARTS[network]
    try:
        stored = load_file(path)
        found = {
            _now(own_prefix + key.removeprefix(stored_prefix)): value.float()
            for key, value in stored.items()
            for stored_prefix, own_prefix in names.items()
            if key.startswith(stored_prefix)
        }
        missing, _ = module.load_state_dict(found, strict=False, assign=True)
        good = bool(found) and all(name.startswith(ADDED) for name in missing)
    except (OSError, SafetensorError, RuntimeError):  # RuntimeError: other shapes
        good = False
    if not good:
        raise BadWeights(
            f"{path} is damaged, or not a {network} of this size.\n"
            "Check it:  imagineid weights verify"
        )
    return True


def base_file(network: str, folder: Path) -> Path | None:
    """Return the file of a base that holds a network, in half precision where there are two."""
    stem, _ = PARTS.get(network, ("", {}))
    files = [folder / f"{stem}{kind}.safetensors" for kind in (".fp16", "")]
    return next((file for file in files if stem and file.is_file()), None)


def joined(name: str, size: Size, base: Path, adapters: Path) -> nn.Module:
    """Return one network with the weights of a base and of its adapters, as float32.

    Args:
        name: of its ports.
        size: its numbers.
        base: a base's folder.
        adapters: ``adapters.safetensors``; what it holds of the base's own weights, where the UNet
            was trained too, stands above the base's.

    Raises:
        BadWeights: a file is missing or damaged, or one is not of the other.
    """
    own = prefixed(name, adapters, "Check it:  imagineid weights verify")
    words = vocabulary_size(base) if name == "text" else 0
    with torch.device("meta" if base_file(name, base) else "cpu"):
        module = network(name, size, words)
    load_base(module, name, base)
    wide = {
        key: value.float() if value.is_floating_point() else value for key, value in own.items()
    }
    try:
        _, unknown = module.load_state_dict(wide, strict=False, assign=True)
        unknown += [key for key, value in module.state_dict().items() if value.is_meta]
        if base_file(name, base) is None:
            unknown += sorted(set(module.state_dict()) - set(wide))
    except RuntimeError as error:  # other shapes
        unknown = [str(error).splitlines()[-1].strip()]
    if unknown:
        raise BadWeights(
            f"{adapters} does not fit {base}: {name}.{unknown[0]}.\n"
            "Use the base it was trained upon, which its model.json names."
        )
    return module.eval().requires_grad_(False)


def vocabulary_size(base: Path) -> int:
    """Return how many tokens a base's text encoder knows, 0 if it has none."""
    path = base_file("text", base)
    if path is None:
        return 0
    with safe_open(path, framework="pt") as file:
        return int(file.get_slice(f"{_TEXT}embeddings.token_embedding.weight").get_shape()[0])


def _now(name: str) -> str:
    """Return the current name of a weight in diffusers."""
    parts = name.split(".")
    if "attentions" in parts and len(parts) > 1:
        parts[-2] = _OLD.get(parts[-2], parts[-2])
    return ".".join(parts)
