"""TensorRT and TensorRT-RTX: engines built by ``imagineid export``, run on an NVIDIA card.

The two share one interface. Buffers are bound once, all networks work on one stream, and each
batch size becomes a CUDA graph: TensorRT-RTX records it itself and keeps the kernels it compiles
in a cache beside the engine; for TensorRT it is recorded here. On its first use on a card every
engine is compared with onnxruntime, and refused if the two differ.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING, Any

import numpy as np

from imagineid.backends import engine_cache, gpu, onnx
from imagineid.backends.cuda import Stream
from imagineid.backends.parity import COSINE, cosines, random_inputs
from imagineid.errors import BadEngine
from imagineid.spec import Ports

if TYPE_CHECKING:
    from imagineid.backends.base import Options
    from imagineid.engine import Engine, Opener
    from imagineid.models import Model


def backend(name: str) -> TensorRTBackend:
    """Return one of the two backends."""
    return TensorRTBackend(name)


@dataclass(frozen=True)
class TensorRTBackend:
    """TensorRT or TensorRT-RTX; see :class:`imagineid.backends.base.Backend`."""

    name: str

    def available(self, model: Model) -> bool:
        """Tell whether ``auto`` may take it: where there are engines, and a GPU to run them."""
        return any(model.folder.glob(f"*.{self.name}")) and gpu.present()

    def open(self, model: Model, options: Options) -> tuple[Opener, str]:
        """Return what opens a network, and one line naming what runs it; see :func:`choose`."""
        return choose(model, self.name)


def choose(model: Model, engine: str) -> tuple[Opener, str]:
    """Return what opens a network, and one line naming what runs it.

    Args:
        model: an exported folder with engines for the card.
        engine: ``tensorrt`` or ``tensorrt-rtx``.

    Raises:
        BackendMissing: the package or cuda-bindings is not installed.
        NoGpu: there is no card or no driver.
        BadEngine: an engine is missing or stale.
    """
    flavour = engine_cache.FLAVOURS[engine]
    trt = flavour.load()
    found = gpu.find()
    version = engine_cache.version_of(trt)
    paths = {
        network: engine_cache.find_engine(model, network, flavour, version, found.target)
        for network in model.networks
    }
    stream = Stream()

    def open_network(network: str) -> Engine:
        path = paths[network]
        remedy = f"Build it again:  {engine_cache.rebuild_command(model, flavour, found.target)}"
        made = TensorRTEngine(trt, path, model.ports(network), stream, remedy)
        stamp = f"{found.name}, CUDA {found.driver}, {flavour.name} {version}"
        check_once(made, path, model.graph(network), model.ports(network), stamp, remedy)
        made.keep_cache()
        return made

    return open_network, f"{flavour.name} {version} on {found.name}, {model.precision}"


def check_once(
    engine: Engine, path: Path, graph: Path, ports: Ports, stamp: str, remedy: str
) -> None:
    """Compare an engine with onnxruntime on its first use on this card.

    Args:
        engine: what is to be trusted.
        path: its file; that it was checked is noted beside it.
        graph: what it was built from.
        ports: of the network.
        stamp: what the check holds for: card, driver, version.
        remedy: what to type if it fails.

    Raises:
        BadEngine: the two differ.
    """
    note = path.with_name(path.name + ".checked")
    if note.is_file() and note.read_text(encoding="utf-8") == stamp:
        return
    given = random_inputs(ports, batch=1)
    worst = min(cosines(engine(**given), onnx.load(graph)(**given)).values())
    if not worst >= COSINE:
        raise BadEngine(
            f"The engine {path.name} differs from onnxruntime on this card "
            f"(cosine {worst:.4f}, {COSINE} is the least): it is not used.\n{remedy}"
        )
    with contextlib.suppress(OSError):  # a folder of somebody else's is checked every time
        note.write_text(stamp, encoding="utf-8")


class TensorRTEngine:
    """One engine on the card: arrays in, arrays out.

    Args:
        trt: the package of its flavour.
        path: the engine's file.
        ports: names and shapes.
        stream: where it works, the same for all networks.
        remedy: what to type if the file can't be loaded.

    Raises:
        BadEngine: the file is damaged or not for this card.
    """

    def __init__(
        self, trt: ModuleType, path: Path, ports: Ports, stream: Stream, remedy: str
    ) -> None:
        self._ports, self._stream = ports, stream
        log = trt.Logger(trt.Logger.INTERNAL_ERROR)
        self._runtime = trt.Runtime(log)  # must outlive the engine
        self._engine = self._runtime.deserialize_cuda_engine(path.read_bytes())
        if self._engine is None:
            raise BadEngine(f"The engine {path.name} is damaged or not for this card.\n{remedy}")
        name = ports.inputs[0].name
        self._most = int(self._engine.get_tensor_profile_shape(name, 0)[2][0])
        self._cache_file = path.with_name(path.name + ".cache")
        self._cache: Any = None
        # TensorRT 11 has runtime configurations too; only TensorRT-RTX records graphs in them.
        self._records = hasattr(trt, "CudaGraphStrategy")
        self._config = self._recording(trt) if self._records else None
        self._address: dict[str, int] = {}
        self._held: dict[str, Any] = {}
        self._launch: dict[int, Callable[[], None]] = {}
        self._contexts: dict[int, Any] = {}
        self._shaped: dict[int, int] = {}
        self._room = 0
        self._context(1)

    def _recording(self, trt: ModuleType) -> Any:
        config = self._engine.create_runtime_config()
        config.cuda_graph_strategy = trt.CudaGraphStrategy.WHOLE_GRAPH_CAPTURE
        self._cache = config.create_runtime_cache()
        if self._cache_file.is_file():  # one of another driver or version is left aside
            self._cache.deserialize(self._cache_file.read_bytes())
        config.set_runtime_cache(self._cache)
        return config

    def keep_cache(self) -> None:
        """Keep the kernels compiled so far, so that the next start does not compile them again."""
        if self._cache is not None and not self._cache_file.is_file():
            part = self._cache_file.with_name(self._cache_file.name + ".part")
            with contextlib.suppress(OSError):  # a folder of somebody else's
                part.write_bytes(memoryview(self._cache.serialize()))
                part.replace(self._cache_file)

    def __call__(self, **inputs: Any) -> dict[str, Any]:
        """Run the network; a batch greater than the engine takes goes through in pieces."""
        batch, step = len(inputs[self._ports.inputs[0].name]), self._most
        with self._stream.lock:  # threads share the stream, and this engine's buffers
            return self._in_pieces(inputs, batch, step)

    def _in_pieces(self, inputs: dict[str, Any], batch: int, step: int) -> dict[str, Any]:
        if batch <= step:
            return self._run(inputs, batch)
        # The last piece is filled up with its last row: one size, one graph.
        rows = [np.minimum(np.arange(i, i + step), batch - 1) for i in range(0, batch, step)]
        pieces = [self._run({n: a[row] for n, a in inputs.items()}, step) for row in rows]
        return {n: np.concatenate([piece[n] for piece in pieces])[:batch] for n in pieces[0]}

    def _slot(self, batch: int) -> int:
        """Return which context a batch size uses.

        TensorRT-RTX has one for all sizes. For TensorRT a recorded graph needs a context of its
        own: https://github.com/NVIDIA/TensorRT/issues/3798
        """
        return 0 if self._records else batch

    def _context(self, batch: int) -> Any:
        """Return the context of a batch size.

        Raises:
            BadEngine: the card has no room for another one.
        """
        slot = self._slot(batch)
        if slot not in self._contexts:
            given = () if self._config is None else (self._config,)
            context = self._engine.create_execution_context(*given)
            if context is None:
                what = f"The card has no room for {self._cache_file.stem}."
                raise BadEngine(f"{what}\nLook what fills it:  nvidia-smi")
            for name, address in self._address.items():
                context.set_tensor_address(name, address)
            self._contexts[slot] = context
        return self._contexts[slot]

    def _bind(self, batch: int) -> None:
        """Take buffers for ``batch`` and bind them: once, unless a greater batch comes."""
        for address in self._address.values():
            self._stream.free(address)
        for port in (*self._ports.inputs, *self._ports.outputs):
            address = self._stream.buffer(self._shape(port.dims, batch), np.dtype(port.dtype))
            for context in self._contexts.values():
                context.set_tensor_address(port.name, address)
            self._address[port.name] = address
        self._held.clear()
        self._launch.clear()
        self._room = batch

    def _run(self, inputs: dict[str, Any], batch: int) -> dict[str, Any]:
        if batch > self._room:
            self._bind(batch)
        context, slot = self._context(batch), self._slot(batch)
        for port in self._ports.inputs:
            given = inputs[port.name]
            if self._held.get(port.name) is not given:  # the same array is on the card already
                array = np.ascontiguousarray(given, port.dtype)
                self._stream.put(self._address[port.name], array)
                self._held[port.name] = given
            if batch != self._shaped.get(slot):
                context.set_input_shape(port.name, self._shape(port.dims, batch))
        self._shaped[slot] = batch
        self._launcher(batch)()
        made = {}
        for port in self._ports.outputs:
            made[port.name] = np.empty(self._shape(port.dims, batch), port.dtype)
            self._stream.get(self._address[port.name], made[port.name])
        self._stream.wait()
        return made

    def _launcher(self, batch: int) -> Callable[[], None]:
        """Return what starts the network at ``batch``."""
        enqueue = partial(self._enqueue, self._context(batch))
        if self._records:  # TensorRT-RTX replays its own graph
            return enqueue
        if batch not in self._launch:
            enqueue()  # what a new shape changes is settled by a run, not in a graph
            self._launch[batch] = self._stream.record(enqueue)
        return self._launch[batch]

    def _enqueue(self, context: Any) -> None:
        if not context.execute_async_v3(self._stream.handle):
            raise BadEngine("The engine stopped.\nLook at the card:  nvidia-smi")

    @staticmethod
    def _shape(dims: tuple[int | str, ...], batch: int) -> tuple[int, ...]:
        return tuple(batch if isinstance(d, str) else d for d in dims)
