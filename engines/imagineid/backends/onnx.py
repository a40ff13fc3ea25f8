"""The onnxruntime backend, on a CPU, or on a GPU with onnxruntime-gpu."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from imagineid.backends import gpu
from imagineid.errors import BackendMissing, BadEngine, BadWeights, ImagineIDError, OutOfMemory

if TYPE_CHECKING:
    from pathlib import Path

    from imagineid.backends.base import Options
    from imagineid.engine import Engine, Opener
    from imagineid.models import Model
    from imagineid.spec import Ports

CPU = ("CPUExecutionProvider",)
CUDA = ("CUDAExecutionProvider", "CPUExecutionProvider")


_NO_MEMORY = ("bad_alloc", "Failed to allocate memory", "annot allocate memory")


def threads() -> int:
    """Return the number of CPU cores that this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def backend(name: str) -> OnnxBackend:
    """Return the backend."""
    return OnnxBackend(name)


@dataclass(frozen=True)
class OnnxBackend:
    """onnxruntime; see :class:`imagineid.backends.base.Backend`."""

    name: str

    def available(self, model: Model) -> bool:
        """Return whether ``auto`` may choose it: for any model that has graphs."""
        return model.precision != "adapters"

    def open(self, model: Model, options: Options) -> tuple[Opener, str]:
        """Return what opens a network, and one line naming what runs it; see :func:`choose`."""
        return choose(model)


def choose(model: Model) -> tuple[Opener, str]:
    """Return a function that loads networks, and a line that describes the backend.

    Raises:
        BackendMissing: onnxruntime is not installed.
        BadWeights: there is a GPU, but the model can't be loaded on it.
    """
    try:
        import onnxruntime
    except ModuleNotFoundError as error:
        raise BackendMissing("onnxruntime", "cpu") from error
    except ImportError as error:  # it is there: torn, or there is no memory for it
        raise BadEngine(
            f"onnxruntime can't be loaded: {error}.\nLook:  imagineid doctor"
        ) from error
    providers: Sequence[str] = CPU
    line = f"onnxruntime {onnxruntime.__version__}"
    if not gpu.present():
        line = f"{line} on CPU, {_count_threads()}"
    elif CUDA[0] not in onnxruntime.get_available_providers():
        line = f"{line} on CPU, {_count_threads()} (for the card: pip install 'imagineid[torch]')"
    elif not _runs_on_card(model):
        line = f"{line} on CPU, {_count_threads()} (no CUDA libraries were found for the GPU)"
    else:
        providers, line = CUDA, f"{line} on {gpu.find().name}"

    def opener(network: str) -> Engine:
        return load(model.graph(network), providers, model.remedy, model.ports(network))

    return opener, line


def _count_threads() -> str:
    count = threads()
    return f"{count} thread" if count == 1 else f"{count} threads"


def _runs_on_card(model: Model) -> bool:
    """Return whether CUDA is really used: onnxruntime falls back to the CPU silently."""
    return CUDA[0] in _session(model.graph(model.networks[-1]), CUDA, model.remedy).get_providers()


def load(
    graph: Path,
    providers: Sequence[str] = CPU,
    remedy: str = "Report it.",
    ports: Ports | None = None,
) -> Engine:
    """Load a network.

    Args:
        graph: an ``.onnx`` file; its weights may be in another file of the folder.
        providers: execution providers of onnxruntime.
        remedy: what the user can type if it can't be loaded.
        ports: expected inputs and outputs; None to skip the check.

    Raises:
        BadWeights: the file is missing, has other ports, or can't be run by onnxruntime.
    """
    session = _session(graph, providers, remedy)
    if ports is not None:
        _check_ports(session, ports, graph, remedy)
    names = [output.name for output in session.get_outputs()]

    def run(**inputs: Any) -> dict[str, Any]:
        try:
            return dict(zip(names, session.run(names, inputs), strict=True))
        except Exception as error:  # see _session
            raise _broken(graph, error, remedy) from error

    return run


def _check_ports(session: Any, ports: Ports, graph: Path, remedy: str) -> None:
    """Compare a graph's inputs and outputs with those of the model's size.

    Raises:
        BadWeights: they differ.
    """
    for nodes, declared in (
        (session.get_inputs(), ports.inputs),
        (session.get_outputs(), ports.outputs),
    ):
        found = {node.name: list(node.shape) for node in nodes}
        for port in declared:
            dims = found.get(port.name, [])
            pairs = zip(dims, port.dims, strict=False)
            free = (str, type(None))
            if len(dims) != len(port.dims) or any(
                not isinstance(has, free) and has != expected for has, expected in pairs
            ):
                raise BadWeights(
                    f"{graph.name} does not match the model's size: {port.name} is {dims}, "
                    f"not {list(port.dims)}.\n{remedy}"
                )


def input_names(graph: Path, remedy: str = "Report it.") -> tuple[str, ...]:
    """Return the names of a graph's inputs, in order; for networks that are not of our ports.

    Raises:
        BadWeights: see :func:`load`.
    """
    return tuple(each.name for each in _session(graph, CPU, remedy).get_inputs())


def _session(graph: Path, providers: Sequence[str], remedy: str) -> Any:
    """Create a session.

    Raises:
        BadWeights: see :func:`load`.
    """
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads()
    options.inter_op_num_threads = 1
    options.log_severity_level = 4 if CUDA[0] in providers else 3
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    try:
        return onnxruntime.InferenceSession(str(graph), options, providers=list(providers))
    except Exception as error:  # onnxruntime's errors have no common base class
        raise _broken(graph, error, remedy) from error


def _broken(graph: Path, error: Exception, remedy: str) -> ImagineIDError:
    """Return the error for a network that onnxruntime can't run."""
    reason = (str(error).splitlines() or [type(error).__name__])[0]
    if any(words in reason for words in _NO_MEMORY):
        return OutOfMemory(graph.stem)
    return BadWeights(f"{graph.name} can't be run: {reason}\n{remedy}")
