"""The little of CUDA that an engine needs: a stream, buffers, copies and graphs."""

from __future__ import annotations

import math
import threading
from collections.abc import Callable
from typing import Any

import numpy as np

from imagineid.errors import BackendMissing, BadEngine


class Stream:
    """One stream of work on the card; everything asked of it happens in that order.

    Attributes:
        handle: the stream, as TensorRT takes it.
        lock: to be held by whoever uses it, from the first copy to the wait.

    Raises:
        BackendMissing: cuda-bindings is not installed.
        BadEngine: the card refuses, now or at any later call.
    """

    def __init__(self) -> None:
        try:
            from cuda.bindings import runtime
        except ImportError as error:
            raise BackendMissing("cuda-bindings", "rtx") from error
        self._cuda: Any = runtime
        self.handle: int = int(self._do("cudaStreamCreate"))
        self.lock = threading.Lock()

    def _do(self, name: str, *given: Any) -> Any:
        """Call the CUDA runtime; return what it returns beside its error code."""
        fault, *made = getattr(self._cuda, name)(*given)
        if int(fault):
            what = fault.name.removeprefix("cudaError")
            raise BadEngine(f"The card refuses {name}: {what}.\nLook at it:  nvidia-smi")
        return made[0] if made else None

    def buffer(self, shape: tuple[int, ...], dtype: np.dtype[Any]) -> int:
        """Take memory on the card; return its address."""
        return int(self._do("cudaMalloc", math.prod(shape) * dtype.itemsize))

    def free(self, address: int) -> None:
        """Give memory back."""
        self._do("cudaFree", address)

    def put(self, address: int, array: np.ndarray) -> None:
        """Copy a contiguous array to the card."""
        way = self._cuda.cudaMemcpyKind.cudaMemcpyHostToDevice
        self._do("cudaMemcpyAsync", address, array.ctypes.data, array.nbytes, way, self.handle)

    def get(self, address: int, array: np.ndarray) -> None:
        """Copy from the card into ``array``; it is whole after :meth:`wait`."""
        way = self._cuda.cudaMemcpyKind.cudaMemcpyDeviceToHost
        self._do("cudaMemcpyAsync", array.ctypes.data, address, array.nbytes, way, self.handle)

    def wait(self) -> None:
        """Return when all work is done."""
        self._do("cudaStreamSynchronize", self.handle)

    def record(self, work: Callable[[], None]) -> Callable[[], None]:
        """Return ``work`` as one CUDA graph, which starts as a single call."""
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
