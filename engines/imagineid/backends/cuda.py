"""The parts of CUDA that engines need: a stream, buffers, copies and graphs."""

from __future__ import annotations

import math
import threading
from collections.abc import Callable
from typing import Any

import numpy as np

from imagineid.errors import BackendMissing, BadEngine


class Stream:
    """A CUDA stream.

    Attributes:
        handle: the stream's handle, for TensorRT.
        lock: must be held from the first copy to :meth:`wait`.

    Raises:
        BackendMissing: cuda-bindings is not installed.
        BadEngine: a CUDA call failed, now or later.
    """

    def __init__(self) -> None:
        try:
            from cuda.bindings import runtime
        except ImportError as error:
            raise BackendMissing("cuda-bindings", "rtx") from error
        self._cuda: Any = runtime
        self.handle: int = int(self._do("cudaStreamCreate"))
        self.lock = threading.Lock()

    def _do(self, name: str, *arguments: Any) -> Any:
        """Call the CUDA runtime; return its result without the error code."""
        fault, *results = getattr(self._cuda, name)(*arguments)
        if int(fault):
            what = fault.name.removeprefix("cudaError")
            raise BadEngine(f"The CUDA call {name} failed: {what}.\nCheck the GPU:  nvidia-smi")
        return results[0] if results else None

    def buffer(self, shape: tuple[int, ...], dtype: np.dtype[Any]) -> int:
        """Allocate GPU memory; return its address."""
        return int(self._do("cudaMalloc", math.prod(shape) * dtype.itemsize))

    def free(self, address: int) -> None:
        """Free GPU memory."""
        self._do("cudaFree", address)

    def put(self, address: int, array: np.ndarray) -> None:
        """Copy a contiguous array to the GPU."""
        way = self._cuda.cudaMemcpyKind.cudaMemcpyHostToDevice
        self._do("cudaMemcpyAsync", address, array.ctypes.data, array.nbytes, way, self.handle)

    def get(self, address: int, array: np.ndarray) -> None:
        """Copy from the GPU into ``array``; it is complete after :meth:`wait`."""
        way = self._cuda.cudaMemcpyKind.cudaMemcpyDeviceToHost
        self._do("cudaMemcpyAsync", array.ctypes.data, address, array.nbytes, way, self.handle)

    def wait(self) -> None:
        """Wait until all work is done."""
        self._do("cudaStreamSynchronize", self.handle)

    def record(self, work: Callable[[], None]) -> Callable[[], None]:
        """Record ``work`` as a CUDA graph; return a function that launches it."""
        self._do(
            "cudaStreamBeginCapture",
            self.handle,
            self._cuda.cudaStreamCaptureMode.cudaStreamCaptureModeThreadLocal,
        )
        work()
        graph = self._do("cudaStreamEndCapture", self.handle)
        whole = self._do("cudaGraphInstantiate", graph, 0)

        def launch() -> None:
            self._do("cudaGraphLaunch", whole, self.handle)

        return launch
