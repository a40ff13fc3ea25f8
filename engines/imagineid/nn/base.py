"""The frozen base: Stable Diffusion's own files laid into our networks.

A base is a folder as diffusers writes it: ``unet``, ``vae`` and ``text_encoder``, each with a
safetensors file. What the method adds, TIA and MBA's blend, is not in it and stays as it is.
"""

from __future__ import annotations

from pathlib import Path

from safetensors import SafetensorError
from safetensors.torch import load_file
from torch import nn

from imagineid.errors import BadWeights

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
"""Network: the file that holds it, and what a name begins with there and here."""

ADDED = ("blend.", "inversion.")
"""What a name begins with here that no base holds."""

_OLD = {"query": "to_q", "key": "to_k", "value": "to_v", "proj_attn": "to_out.0"}
"""Names of attention in files from before diffusers 0.17, as Stable Diffusion 1.5's are."""


def load_base(module: nn.Module, network: str, folder: Path) -> bool:
    """Load what ``folder`` holds of a network; return whether it holds any.

    Args:
        module: the network, changed in place; float32.
        network: the name of its ports.
        folder: a base; it need not exist.

    Raises:
        BadWeights: the file is damaged, or is of another network.
    """
    stem, names = PARTS.get(network, ("", {}))
    files = [folder / f"{stem}{kind}.safetensors" for kind in (".fp16", "")]
    path = next((file for file in files if stem and file.is_file()), None)
    if path is None:
        return False
    try:
        stored = load_file(path)
        found = {
            _now(here + key.removeprefix(there)): value.float()
            for key, value in stored.items()
            for there, here in names.items()
            if key.startswith(there)
        }
        lacks, _ = module.load_state_dict(found, strict=False)
        good = bool(found) and all(name.startswith(ADDED) for name in lacks)
    except (OSError, SafetensorError, RuntimeError):  # RuntimeError: other shapes
        good = False
    if not good:
        raise BadWeights(
            f"{path} is damaged, or no {network} of this size.\nCheck it:  imagineid weights verify"
        )
    return True


def _now(name: str) -> str:
    """Return what diffusers calls a weight today."""
    parts = name.split(".")
    if "attentions" in parts and len(parts) > 1:
        parts[-2] = _OLD.get(parts[-2], parts[-2])
    return ".".join(parts)
