"""Backends: what runs the networks, each in a file of its own, chosen here.

A new backend is a file with a ``backend(name)`` function, see :class:`base.Backend`, and a line in
:data:`BACKENDS`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from imagineid.backends.base import Backend, LazyBackend, Options
from imagineid.errors import BackendMissing, BadEngine, BadInput, BadWeights

if TYPE_CHECKING:
    from typing import Any

    from imagineid.engine import Engine, Opener
    from imagineid.models import Model

BACKENDS = (
    LazyBackend("onnx", "onnx", exported=True),
    LazyBackend("torch", "torch"),
    LazyBackend("tensorrt", "tensorrt", exported=True),
    LazyBackend("tensorrt-rtx", "tensorrt", exported=True),
)
"""Every backend, the one that runs anywhere first; ``auto`` takes the last that is available."""

ENGINES = ("auto", *(backend.name for backend in BACKENDS))
"""Names of the backends."""

EXPORTED = tuple(backend.name for backend in BACKENDS if backend.exported)
"""What ``imagineid export`` writes files for."""

ATTENTION = ("auto", "sdpa", "xformers")
"""How the torch backend's UNet attends."""


def choose(engine: str, model: Model, attention: str = "auto") -> tuple[Opener, str]:
    """Return what opens a model's networks, and one line that says what will run them.

    ``auto`` takes torch for adapters, else a TensorRT whose engines were built for the GPU here,
    else torch where it can use the GPU, else onnxruntime, which says in its line where it can't use
    a GPU that is there.

    Args:
        engine: one of :data:`ENGINES`.
        model: whose networks.
        attention: one of :data:`ATTENTION`, for the torch backend.

    Raises:
        BadInput: there is no such engine, or it has no choice of attention.
        BackendMissing, NoGpu: its package, driver or GPU is missing.
        BadEngine, BadWeights: a file it needs is missing, stale or damaged.
    """
    if engine not in ENGINES:
        raise BadInput(f"Unknown backend {engine!r}.\nUse:  --engine {ENGINES[0]}")
    if attention not in ATTENTION:
        raise BadInput(f"Unknown attention {attention!r}.\nUse:  --attention auto")
    if attention != "auto" and engine != "torch":
        raise BadInput(
            f"--attention {attention} is for the torch backend only.\n"
            f"Add:  --engine torch --attention {attention}"
        )
    if model.precision == "adapters" and engine not in ("auto", "torch"):
        raise BadInput(
            f"{model.name} is a base with adapters, which only torch runs as they are.\n"
            f"Export it first:  imagineid export --fp16 --model {model.folder}"
        )
    opener, line = _opened(engine, model, Options(attention))
    return lambda network: finite(opener(network), network, model.remedy), line


def _opened(engine: str, model: Model, options: Options) -> tuple[Opener, str]:
    by_name: dict[str, Backend] = {backend.name: backend for backend in BACKENDS}
    if engine != "auto":
        return by_name[engine].open(model, options)
    *preferred, last = [b for b in reversed(BACKENDS) if b.available(model)]
    note = ""
    for backend in preferred:
        try:
            opener, line = backend.open(model, options)
            return opener, f"{line}{note}"
        except (BadEngine, BackendMissing) as error:  # say why it is slower
            note = note or f" ({str(error).splitlines()[0]})"
    opener, line = last.open(model, options)
    return opener, f"{line}{note}"


def finite(engine: Engine, network: str, remedy: str) -> Engine:
    """Return an engine that raises an error if an output is NaN or infinite.

    The cause is damaged weights, or an overflow in float16.

    Args:
        engine: the engine.
        network: its name.
        remedy: what the user can type.

    Raises:
        BadWeights: when it is called, an output contains NaN or infinity.
    """
    import numpy as np  # imported late: the command line imports this module at start-up

    def run(**inputs: Any) -> dict[str, Any]:
        outputs = engine(**inputs)
        for output in outputs.values():
            if not np.isfinite(output.sum()):
                raise BadWeights(f"The network {network} returned NaN or infinity.\n{remedy}")
        return outputs

    return run
