"""Engines: one loaded network each, behind one protocol; only this package knows which runs."""

from __future__ import annotations

from typing import TYPE_CHECKING

from imagineid.errors import BackendMissing, BadEngine, BadInput, BadWeights

if TYPE_CHECKING:
    from typing import Any

    from imagineid.engine import Engine, Opener
    from imagineid.models import Model

ENGINES = ("auto", "onnx", "torch", "tensorrt", "tensorrt-rtx")
"""What may run the networks, as a user names it."""

ATTENTION = ("auto", "sdpa", "xformers")
"""How the torch engine's UNet attends."""


def choose(engine: str, model: Model, attention: str = "auto") -> tuple[Opener, str]:
    """Return what opens a model's networks, and one line that says what will run them.

    ``auto`` takes torch for adapters, else a TensorRT whose engines were built for the card here,
    else torch where it can use the card, else onnxruntime, which says in its line where it can't
    use a card that is there.

    Args:
        engine: one of :data:`ENGINES`.
        model: whose networks.
        attention: one of :data:`ATTENTION`, for the torch engine.

    Raises:
        BadInput: there is no such engine, or it has no choice of attention.
        BackendMissing, NoGpu: its package, driver or card is missing.
        BadEngine, BadWeights: a file it needs is missing, stale or damaged.
    """
    if engine not in ENGINES:
        raise BadInput(f"There is no engine called {engine!r}.\nUse:  --engine {ENGINES[0]}")
    if attention not in ATTENTION:
        raise BadInput(f"There is no attention called {attention!r}.\nUse:  --attention auto")
    if attention != "auto" and engine != "torch":
        raise BadInput(
            f"--attention {attention} is for the torch engine only.\n"
            f"Use it so:  --engine torch --attention {attention}"
        )
    opener, line = _chosen(engine, model, attention)
    return lambda network: finite(opener(network), network, model.remedy), line


def finite(engine: Engine, network: str, remedy: str) -> Engine:
    """Return an engine that refuses to go on with what is no number.

    Args:
        engine: what may say such things: damaged weights, or float16 that overflows.
        network: its name.
        remedy: what to type then.

    Raises:
        BadWeights: when it is called, an output holds NaN or infinity.
    """
    import numpy as np  # not above: the command line reads the names of engines when it starts

    def run(**inputs: Any) -> dict[str, Any]:
        outputs = engine(**inputs)
        for output in outputs.values():
            if not np.isfinite(output.sum()):
                raise BadWeights(f"The network {network} gave what is no number.\n{remedy}")
        return outputs

    return run


def _chosen(engine: str, model: Model, attention: str) -> tuple[Opener, str]:
    if model.precision == "adapters" and engine not in ("auto", "torch"):
        raise BadInput(
            f"{model.name} is a base with adapters, which only torch runs as they are.\n"
            f"Export it first:  imagineid export --fp16 --model {model.folder}"
        )
    if engine == "torch" or model.precision == "adapters":
        from imagineid.backends import torch

        return torch.choose(model, attention)
    if engine in ("tensorrt", "tensorrt-rtx"):
        from imagineid.backends import tensorrt

        return tensorrt.choose(model, engine)
    if engine == "auto" and (built := _built_for(model)):
        from imagineid.backends import tensorrt

        try:
            return tensorrt.choose(model, built)
        except (BadEngine, BackendMissing) as error:  # never silently slower
            opener, line = _without_engines(model)
            return opener, f"{line} ({str(error).splitlines()[0]})"
    return _without_engines(model) if engine == "auto" else _onnx(model)


def _without_engines(model: Model) -> tuple[Opener, str]:
    """Take torch where it can use a card and the model has what torch needs, else onnxruntime."""
    from imagineid.backends import gpu

    if gpu.present() and (model.folder / "weights.safetensors").is_file():
        from imagineid.backends import torch

        if torch.sees_card():
            return torch.choose(model, "auto")
    return _onnx(model)


def _built_for(model: Model) -> str | None:
    """Return the TensorRT that this model has engines of, if there is a card to run them."""
    from imagineid.backends import gpu

    for flavour in ("tensorrt-rtx", "tensorrt"):
        if any(model.folder.glob(f"*.{flavour}")) and gpu.present():
            return flavour
    return None


def _onnx(model: Model) -> tuple[Opener, str]:
    from imagineid.backends import onnx

    return onnx.choose(model)
