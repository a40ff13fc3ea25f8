"""Detection of an NVIDIA GPU through its driver, without further packages."""

from __future__ import annotations

import ctypes
import sys
from dataclasses import dataclass
from functools import cache

from imagineid.errors import NoGpu

_MAJOR, _MINOR = 75, 76
"""CU_DEVICE_ATTRIBUTE_COMPUTE_CAPABILITY_MAJOR and _MINOR of cuda.h."""


@dataclass(frozen=True, slots=True)
class Gpu:
    """The first GPU that the driver reports.

    Attributes:
        name: e.g. ``NVIDIA GeForce RTX 4090``.
        target: its compute capability, e.g. ``sm89``.
        driver: CUDA version of the driver, e.g. ``12.8``.
    """

    name: str
    target: str
    driver: str


@cache
def present() -> bool:
    """Return whether there is a usable GPU."""
    try:
        find()
    except NoGpu:
        return False
    return True


@cache
def find() -> Gpu:
    """Return the GPU.

    Raises:
        NoGpu: no driver is installed, or it reports no GPU.
    """
    try:
        cuda = ctypes.CDLL("nvcuda.dll" if sys.platform == "win32" else "libcuda.so.1")
    except OSError as error:
        raise NoGpu("No NVIDIA driver is installed.\nUse the CPU:  --engine onnx") from error
    device, value, name = ctypes.c_int(), ctypes.c_int(), ctypes.create_string_buffer(100)
    if cuda.cuInit(0) or cuda.cuDeviceGet(ctypes.byref(device), 0):
        raise NoGpu(
            "The NVIDIA driver reports no GPU.\n"
            "Check it:  nvidia-smi  or use the CPU:  --engine onnx"
        )
    cuda.cuDeviceGetName(name, len(name), device)
    capability = ""
    for attribute in (_MAJOR, _MINOR):
        cuda.cuDeviceGetAttribute(ctypes.byref(value), attribute, device)
        capability += str(value.value)
    cuda.cuDriverGetVersion(ctypes.byref(value))
    driver = f"{value.value // 1000}.{value.value % 1000 // 10}"
    return Gpu(name.value.decode(errors="replace"), f"sm{capability}", driver)
