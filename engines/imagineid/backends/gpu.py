"""The NVIDIA card, asked of its driver: no package needs to be installed for that."""

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
    """The first card that the driver shows.

    Attributes:
        name: as ``NVIDIA GeForce RTX 4090``.
        target: its compute capability, as ``sm89``.
        driver: the CUDA version the driver speaks, as ``12.8``.
    """

    name: str
    target: str
    driver: str


@cache
def present() -> bool:
    """Tell whether there is a card that can be used."""
    try:
        find()
    except NoGpu:
        return False
    return True


@cache
def find() -> Gpu:
    """Return the card.

    Raises:
        NoGpu: no driver is installed, or it shows no card.
    """
    try:
        cuda = ctypes.CDLL("nvcuda.dll" if sys.platform == "win32" else "libcuda.so.1")
    except OSError as error:
        raise NoGpu(
            "No NVIDIA driver is installed here.\nUse the processor:  --engine onnx"
        ) from error
    device, value, name = ctypes.c_int(), ctypes.c_int(), ctypes.create_string_buffer(100)
    if cuda.cuInit(0) or cuda.cuDeviceGet(ctypes.byref(device), 0):
        raise NoGpu(
            "The NVIDIA driver shows no card.\n"
            "Look what it shows:  nvidia-smi  or use the processor:  --engine onnx"
        )
    cuda.cuDeviceGetName(name, len(name), device)
    capability = ""
    for attribute in (_MAJOR, _MINOR):
        cuda.cuDeviceGetAttribute(ctypes.byref(value), attribute, device)
        capability += str(value.value)
    cuda.cuDriverGetVersion(ctypes.byref(value))
    driver = f"{value.value // 1000}.{value.value % 1000 // 10}"
    return Gpu(name.value.decode(errors="replace"), f"sm{capability}", driver)
