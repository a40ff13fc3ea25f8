"""The PyTorch backend: float16 on a GPU, with xformers if it works; float32 on a CPU."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from imagineid.backends import gpu
from imagineid.errors import BackendMissing, BadEngine, BadWeights
from imagineid.models import STORE

if TYPE_CHECKING:
    from imagineid.backends.base import Options
    from imagineid.engine import Engine, Opener
    from imagineid.models import Model


def backend(name: str) -> TorchBackend:
    """Return the backend."""
    return TorchBackend(name)


@dataclass(frozen=True)
class TorchBackend:
    """PyTorch; see :class:`imagineid.backends.base.Backend`."""

    name: str

    def available(self, model: Model) -> bool:
        """Return whether ``auto`` may choose it: for adapters, or where it can use a GPU."""
        if model.precision == "adapters":
            return True
        return gpu.present() and (model.folder / STORE).is_file() and sees_card()

    def open(self, model: Model, options: Options) -> tuple[Opener, str]:
        """Return what opens a network, and one line naming what runs it; see :func:`choose`."""
        return choose(model, options.attention)


def choose(model: Model, attention: str) -> tuple[Opener, str]:
    """Return a function that loads networks, and a line with device, precision and attention.

    Args:
        model: the embedded model, or a folder with ``weights.safetensors``.
        attention: ``auto`` uses xformers if it works, and says why if it does not.

    Raises:
        BackendMissing: torch, or the requested xformers, is not installed.
        BadEngine: xformers was requested and does not work.
        BadWeights: the model holds graphs only.
    """
    try:
        import diffusers
        import safetensors
        import torch
    except ImportError as error:
        raise BackendMissing("torch", "torch") from error
    del diffusers, safetensors  # only to check that they are installed
    store = model.folder / STORE
    if model.precision != "adapters" and not store.is_file():
        raise BadWeights(
            f"{model.folder} holds graphs but no {STORE}, which torch needs.\n"
            "Use another engine:  --engine onnx"
        )
    attend = "sdpa" if attention == "sdpa" else "xformers"
    note = ""
    if attend == "xformers" and (fault := xformers_fault()):
        if attention == "xformers":
            raise fault
        attend, note = "sdpa", f" ({str(fault).splitlines()[0].rstrip('.')})"
    device = "cuda" if torch.cuda.is_available() else "cpu"
    where = torch.cuda.get_device_name() if device == "cuda" else "CPU"
    line = f"torch {torch.__version__} on {where}, {attend} attention{note}"
    return lambda network: load(model, network, device, attend), line


def sees_card() -> bool:
    """Return whether torch and diffusers are installed, and torch can use a GPU."""
    try:
        import diffusers  # noqa: F401
        import torch
    except ImportError:
        return False
    return bool(torch.cuda.is_available())


def xformers_fault() -> BackendMissing | BadEngine | None:
    """Return why xformers can't be used, or None; it is tried on a small attention layer."""
    import torch
    from diffusers.models.attention_processor import Attention

    try:
        import xformers.ops  # noqa: F401
    except ImportError:
        return BackendMissing("xformers", "cuda")
    except OSError as error:  # built for another version of torch
        return BadEngine(f"xformers can't be loaded: {error}.\nUse:  --attention sdpa")
    try:
        layer = Attention(query_dim=64, heads=1, dim_head=64).to("cuda", torch.float16)
        layer.set_use_memory_efficient_attention_xformers(True)
        layer(torch.zeros(1, 16, 64, dtype=torch.float16, device="cuda"))
    except Exception as error:  # torch, xformers and diffusers have different errors
        reason = str(error).splitlines()[0]
        return BadEngine(f"xformers does not work here: {reason}\nUse:  --attention sdpa")
    return None


def load(model: Model, network: str, device: str, attention: str, half: bool = True) -> Engine:
    """Load a network.

    Args:
        model: see :func:`choose`.
        network: name of the network.
        device: ``cuda`` or ``cpu``.
        attention: ``sdpa`` or ``xformers``, for a UNet.
        half: whether a GPU may compute in float16.

    Raises:
        BadEngine: diffusers did not accept the attention.
        BadWeights: the weights are damaged or of another version.
    """
    import torch

    from imagineid.nn.networks import PAD, Half
    from imagineid.nn.stored import load_network

    module = load_network(network, model)
    if attention == "xformers":
        use_xformers(module)
    if half and device == "cuda" and network not in PAD:
        module = Half(module)
    module = module.to(device)
    ports = model.ports(network)

    def run(**inputs: Any) -> dict[str, Any]:
        tensors = [torch.from_numpy(np.asarray(inputs[p.name])).to(device) for p in ports.inputs]
        with torch.inference_mode():
            outputs = module(*tensors)
        outputs = outputs if isinstance(outputs, tuple) else (outputs,)
        return {p.name: y.cpu().numpy() for p, y in zip(ports.outputs, outputs, strict=True)}

    return run


def use_xformers(module: Any) -> None:
    """Enable xformers in every diffusers model of a module.

    Raises:
        BadEngine: an attention layer has another processor, which diffusers may leave silently.
    """
    from diffusers import ModelMixin

    for part in module.modules():
        if not isinstance(part, ModelMixin):
            continue
        model: Any = part
        model.enable_xformers_memory_efficient_attention()
        processors = {type(p).__name__ for p in model.attn_processors.values()}
        if any("XFormers" not in name for name in processors):
            raise BadEngine(
                f"diffusers uses {', '.join(sorted(processors))} although xformers was requested.\n"
                "Use:  --attention sdpa"
            )
