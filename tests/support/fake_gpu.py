"""A fake driver in C and a fake TensorRT of plain arithmetic, for machines without a GPU."""

from __future__ import annotations

import shutil
import subprocess
import threading
import types
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from imagineid.spec import Port, Ports

DRIVER = """
#include <string.h>
int cuInit(unsigned flags) { return %(init)d; }
int cuDeviceGet(int *device, int number) { *device = 0; return 0; }
int cuDeviceGetName(char *name, int length, int device) {
  strncpy(name, "Paper RTX", length); return 0; }
int cuDeviceGetAttribute(int *value, int what, int device) {
  *value = what == 75 ? 8 : what == 76 ? 9 : -1; return 0; }
int cuDriverGetVersion(int *version) { *version = 12080; return 0; }
"""
"""What of NVIDIA's driver :mod:`imagineid.backends.gpu` asks."""


def driver(folder: Path, init: int = 0) -> Path:
    """Compile a ``libcuda.so.1`` that shows an sm89 card, or fails with the error ``init``."""
    compiler = shutil.which("cc") or shutil.which("gcc")
    if compiler is None:
        pytest.skip("runs on Linux with a C compiler, which makes the driver")
    source = folder / "driver.c"
    source.write_text(DRIVER % {"init": init})
    library = folder / "libcuda.so.1"
    subprocess.run([compiler, "-shared", "-fPIC", "-o", library, source], check=True)
    return folder


PORTS = Ports((Port("x", ("batch", 3)), Port("held", ("batch", 2))), (Port("y", ("batch", 3)),))


class Memory:
    """The card's memory and stream: addresses are keys."""

    handle = 7

    def __init__(self) -> None:
        self.arrays: dict[int, np.ndarray] = {}
        self.puts: list[int] = []
        self.capturing = False
        self.recorded = 0
        self.lock = threading.Lock()

    def buffer(self, shape: tuple[int, ...], dtype: np.dtype[Any]) -> int:
        address = 100 + len(self.arrays)
        self.arrays[address] = np.zeros(shape, dtype)
        return address

    def free(self, address: int) -> None:
        self.arrays[address] = np.zeros(0)

    def put(self, address: int, array: np.ndarray) -> None:
        self.puts.append(address)
        self.arrays[address][: len(array)] = array

    def get(self, address: int, array: np.ndarray) -> None:
        array[:] = self.arrays[address][: len(array)]

    def wait(self) -> None: ...

    def record(self, work: Any) -> Any:
        self.recorded += 1
        self.capturing = True
        work()
        self.capturing = False
        return work


class Context:
    """Computes y = 2 x + sum(held) on bound memory."""

    def __init__(self, memory: Memory) -> None:
        self.memory, self.bound, self.shapes = memory, dict[str, int](), dict[str, Any]()
        self.runs = 0
        self.captured: dict[str, Any] | None = None

    def set_tensor_address(self, name: str, address: int) -> None:
        self.bound[name] = address

    def set_input_shape(self, name: str, shape: tuple[int, ...]) -> None:
        assert self.captured is None or self.captured[name] == shape, "it is captured in a graph"
        self.shapes[name] = shape

    def execute_async_v3(self, stream: int) -> bool:
        assert stream == Memory.handle
        self.runs += 1
        if self.memory.capturing:
            self.captured = dict(self.shapes)
        batch = self.shapes["x"][0]
        x, held, y = (self.memory.arrays[self.bound[n]] for n in ("x", "held", "y"))
        y[:batch] = 2 * x[:batch] + held[:batch].sum(axis=1, keepdims=True)
        return True


class Cache:
    """What TensorRT-RTX compiled."""

    def __init__(self) -> None:
        self.serialized: bytes | None = None

    def serialize(self) -> bytes:
        return b"kernels"

    def deserialize(self, blob: bytes) -> bool:
        self.serialized = blob
        return True


def tensorrt(memory: Memory, rtx: bool) -> Any:
    """A package with what of TensorRT is used to run an engine; the greatest batch is 4."""
    module = types.SimpleNamespace(contexts=[], cache=Cache(), config=None)

    class Engine:
        def get_tensor_profile_shape(self, name: str, profile: int) -> list[tuple[int, ...]]:
            return [(1, 3), (1, 3), (4, 3)]

        def create_execution_context(self, config: Any = None) -> Context:
            module.config = config
            module.contexts.append(Context(memory))
            return module.contexts[-1]

        def create_runtime_config(self) -> Any:  # TensorRT 11's says nothing of graphs
            return object()

    class EngineRTX(Engine):
        def create_runtime_config(self) -> Any:
            return types.SimpleNamespace(
                create_runtime_cache=lambda: module.cache, set_runtime_cache=lambda cache: True
            )

    class Runtime:
        def __init__(self, log: Any) -> None: ...

        def deserialize_cuda_engine(self, blob: bytes) -> Engine | None:
            return (EngineRTX() if rtx else Engine()) if blob == b"engine" else None

    module.Runtime = Runtime
    module.Logger = type("Logger", (), {"INTERNAL_ERROR": 0, "__init__": lambda self, level: None})
    if rtx:
        module.CudaGraphStrategy = types.SimpleNamespace(WHOLE_GRAPH_CAPTURE="whole")
    return module
