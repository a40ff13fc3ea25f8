"""The networks of a model as torch modules, by name.

Imported only by code that needs torch: the torch backend, export and training.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from torch import Tensor, nn

from imagineid.errors import BadWeights
from imagineid.nn.autoencoder import Decoder, Encoder
from imagineid.nn.content import ContentEncoder
from imagineid.nn.emotion import EmotionEncoder
from imagineid.nn.expression import ExpressionDecoder
from imagineid.nn.first_decoder import FirstDecoder
from imagineid.nn.frame_decoder import FrameDecoder
from imagineid.nn.identity import IdentityEncoder
from imagineid.nn.matte import Matte
from imagineid.nn.mesh_encoder import MeshEncoder
from imagineid.nn.sca import SpatialAdapter
from imagineid.nn.text import Prompt
from imagineid.nn.unet import BaseUNet

if TYPE_CHECKING:
    from imagineid.spec import Size

PAD = {
    "identity": IdentityEncoder,
    "content": ContentEncoder,
    "emotion": EmotionEncoder,
    "expression": ExpressionDecoder,
}
"""The networks of PAD, which are small and always computed in float32."""


OTHERS = {
    "sca": SpatialAdapter,
    "unet": BaseUNet,
    "matte": Matte,
    "mesh_encoder": MeshEncoder,
    "frame_decoder": FrameDecoder,
}


def network(name: str, size: Size, words: int) -> nn.Module:
    """Return an untrained network in evaluation mode; ``words`` is the vocabulary's size.

    Raises:
        KeyError: the name is unknown.
    """
    module: nn.Module
    if name in PAD:
        module = PAD[name](size)
    elif name == "text":
        module = Prompt(size, words)
    elif name in ("encoder", "decoder"):
        module = _autoencoder(size)[name](size)
    else:
        module = OTHERS[name](size)
    return module.eval()


def _autoencoder(size: Size) -> dict[str, type[nn.Module]]:
    if size.autoencoder == "kl":
        from imagineid.nn.kl import KLDecoder, KLEncoder

        return {"encoder": KLEncoder, "decoder": KLDecoder}
    return {"encoder": Encoder, "decoder": FirstDecoder if size.first_decoder else Decoder}


def stored(name: str, size: Size, path: Path) -> nn.Module:
    """Return a network with its weights from a model's ``weights.safetensors``, as float32.

    Raises:
        BadWeights: the file is missing or damaged, or has weights of another network.
    """
    found = prefixed(name, path, "Use the embedded model:  --model mini")
    embedding = found.get("encoder.embedding.weight")
    module = network(name, size, 0 if embedding is None else len(embedding))
    wide = {key: v.float() if v.is_floating_point() else v for key, v in found.items()}
    try:
        module.load_state_dict(wide, assign=True)
    except RuntimeError as error:
        raise BadWeights(
            f"The weights of {name} in {path} are of another version.\n"
            "Install again:  pip install --force-reinstall imagineid"
        ) from error
    return module.requires_grad_(False)


def prefixed(name: str, path: Path, remedy: str) -> dict[str, Tensor]:
    """Return the tensors of a safetensors file whose names begin with ``name.``, without it.

    Raises:
        BadWeights: the file is missing or damaged; ``remedy`` is what to type then.
    """
    from safetensors import SafetensorError, safe_open

    try:
        with safe_open(path, framework="pt") as file:
            keys = [key for key in file.keys() if key.startswith(f"{name}.")]  # noqa: SIM118
            return {key.removeprefix(f"{name}."): file.get_tensor(key) for key in keys}
    except (OSError, SafetensorError) as error:
        raise BadWeights(f"{path} can't be read: {error}\n{remedy}") from error


def redraw_zeros(module: nn.Module) -> nn.Module:
    """Replace parameters that are zero by small random numbers, so that tests see their effect."""
    for parameter in module.parameters():
        if not parameter.detach().any():
            nn.init.normal_(parameter, std=0.02)
    return module


class Half(nn.Module):
    """A network computed in float16 between float32 ports.

    Inputs with one number per item, such as the time, stay float32, because the sinusoids of its
    embedding need more precision than float16 has.
    """

    def __init__(self, module: nn.Module) -> None:
        super().__init__()
        self.module = module.half()

    def forward(self, *inputs: Tensor) -> Tensor | tuple[Tensor, ...]:
        """Return what the module returns, as float32."""
        outputs = self.module(
            *(x.half() if x.is_floating_point() and x.ndim > 1 else x for x in inputs)
        )
        return outputs.float() if isinstance(outputs, Tensor) else tuple(y.float() for y in outputs)
