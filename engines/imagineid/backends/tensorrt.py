"""The TensorRT and TensorRT-RTX backends, for engines built by ``imagineid export``.

Both have the same interface. Buffers are bound once, all networks run on one stream, and each
batch size runs as a CUDA graph: TensorRT-RTX records it itself and caches compiled kernels in a
file next to the engine; for TensorRT it is recorded here. When an engine is first used on a GPU, it
is compared with onnxruntime and rejected if they differ.
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
        """Return whether ``auto`` may choose it: where there are engines, and a GPU to run them."""
        return any(model.folder.glob(f"*.{self.name}")) and gpu.present()

    def open(self, model: Model, options: Options) -> tuple[Opener, str]:
        """Return what opens a network, and one line naming what runs it; see :func:`choose`."""
        return choose(model, self.name)


def choose(model: Model, engine: str) -> tuple[Opener, str]:
    """Return a function that loads networks, and a line that describes the backend.

    Args:
        model: an exported folder with engines for the GPU.
        engine: ``tensorrt`` or ``tensorrt-rtx``.

    Raises:
        BackendMissing: the package or cuda-bindings is not installed.
        NoGpu: there is no GPU or no driver.
        BadEngine: an engine is missing or outdated.
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
        engine = TensorRTEngine(trt, path, model.ports(network), stream, remedy)
        stamp = f"{found.name}, CUDA {found.driver}, {flavour.name} {version}"
        check_once(engine, path, model.graph(network), model.ports(network), stamp, remedy)
        engine.keep_cache()
        return engine

    return open_network, f"{flavour.name} {version} on {found.name}, {model.precision}"


def check_once(
    engine: Engine, path: Path, graph: Path, ports: Ports, stamp: str, remedy: str
) -> None:
    """Compare an engine with onnxruntime on its first use on this GPU.

    Args:
        engine: the engine.
        path: its file; a file next to it records that it was checked.
        graph: the graph that it was built from.
        ports: ports of the network.
        stamp: GPU, driver and version for which the check is valid.
        remedy: what the user can type if it fails.

    Raises:
        BadEngine: the outputs differ.
    """
    note = path.with_name(path.name + ".checked")
    if note.is_file() and note.read_text(encoding="utf-8") == stamp:
        return
    inputs = random_inputs(ports, batch=1)
    worst = min(cosines(engine(**inputs), onnx.load(graph)(**inputs)).values())
    if not worst >= COSINE:
        raise BadEngine(
            f"The engine {path.name} differs from onnxruntime on this GPU "
            f"(cosine {worst:.4f}, at least {COSINE} is required) and is not used.\n{remedy}"
        )
    with contextlib.suppress(OSError):  # in a read-only folder, the check is repeated every time
        note.write_text(stamp, encoding="utf-8")


class TensorRTEngine:
    """A TensorRT engine on the GPU.

    Args:
        trt: the package of its flavour.
        path: the engine's file.
        ports: names and shapes.
        stream: CUDA stream, shared by all networks.
        remedy: what the user can type if the file can't be loaded.

    Raises:
        BadEngine: the file is damaged or not for this GPU.
    """

    def __init__(
        self, trt: ModuleType, path: Path, ports: Ports, stream: Stream, remedy: str
    ) -> None:
        self._ports, self._stream = ports, stream
        log = trt.Logger(trt.Logger.INTERNAL_ERROR)
        self._runtime = trt.Runtime(log)  # must outlive the engine
        self._engine = self._runtime.deserialize_cuda_engine(path.read_bytes())
        if self._engine is None:
            raise BadEngine(f"The engine {path.name} is damaged or not for this GPU.\n{remedy}")
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
        if self._cache_file.is_file():  # a cache of another driver or version is ignored
            self._cache.deserialize(self._cache_file.read_bytes())
        config.set_runtime_cache(self._cache)
        return config

    def keep_cache(self) -> None:
        """Save compiled kernels, so that the next start does not compile them again."""
        if self._cache is not None and not self._cache_file.is_file():
            part = self._cache_file.with_name(self._cache_file.name + ".part")
            with contextlib.suppress(OSError):  # a read-only folder
                part.write_bytes(memoryview(self._cache.serialize()))
                part.replace(self._cache_file)

    def __call__(self, **inputs: Any) -> dict[str, Any]:
        """Run the network; a batch larger than the engine's limit is split."""
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
            arguments = () if self._config is None else (self._config,)
            context = self._engine.create_execution_context(*arguments)
            if context is None:
                what = f"The card has no room for {self._cache_file.stem}."
                raise BadEngine(f"{what}\nFind what uses it:  nvidia-smi")
            for name, address in self._address.items():
                context.set_tensor_address(name, address)
            self._contexts[slot] = context
        return self._contexts[slot]

    def _bind(self, batch: int) -> None:
        """Allocate and bind buffers for ``batch``, once unless a larger batch comes."""
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
            value = inputs[port.name]
            if self._held.get(port.name) is not value:  # this array is on the GPU already
                array = np.ascontiguousarray(value, port.dtype)
                self._stream.put(self._address[port.name], array)
                self._held[port.name] = value
            if batch != self._shaped.get(slot):
                context.set_input_shape(port.name, self._shape(port.dims, batch))
        self._shaped[slot] = batch
        self._launcher(batch)()
        outputs = {}
        for port in self._ports.outputs:
            outputs[port.name] = np.empty(self._shape(port.dims, batch), port.dtype)
            self._stream.get(self._address[port.name], outputs[port.name])
        self._stream.wait()
        return outputs

    def _launcher(self, batch: int) -> Callable[[], None]:
        """Return a function that launches the network for ``batch``."""
        enqueue = partial(self._enqueue, self._context(batch))
        if self._records:  # TensorRT-RTX replays its own graph
            return enqueue
        if batch not in self._launch:
            enqueue()  # a new shape needs a run before it is recorded
            self._launch[batch] = self._stream.record(enqueue)
        return self._launch[batch]

    def _enqueue(self, context: Any) -> None:
        if not context.execute_async_v3(self._stream.handle):
            raise BadEngine("The engine failed.\nCheck the GPU:  nvidia-smi")

    @staticmethod
    def _shape(dims: tuple[int | str, ...], batch: int) -> tuple[int, ...]:
        return tuple(batch if isinstance(d, str) else d for d in dims)
