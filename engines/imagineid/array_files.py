"""Safe reading of untrusted ``.npy`` and ``.npz`` files.

A header can declare an array of gigabytes, and a zip can expand to more than the memory. Both raise
``ValueError`` here, and nothing is unpickled.
"""

from __future__ import annotations

import io
import math
import zipfile
from pathlib import Path
from typing import IO, Any

import numpy as np

from imagineid.files import open_regular_file

MOST_ARRAY_BYTES = 300_000_000
"""Most bytes of all arrays of a file."""

_HEADERS = {
    (1, 0): np.lib.format.read_array_header_1_0,
    (2, 0): np.lib.format.read_array_header_2_0,
}


def array_header(file: IO[bytes]) -> tuple[tuple[int, ...], bool, np.dtype[Any]]:
    """Read the header of a ``.npy``: shape, whether it is in Fortran order, and type.

    Raises:
        ValueError: it is invalid, or declares Python objects, which would be pickles.
    """
    try:
        version = np.lib.format.read_magic(file)
        shape, columns_first, dtype = _HEADERS[version](file)
    except (KeyError, SyntaxError, TypeError, MemoryError, RecursionError, EOFError) as error:
        raise ValueError("its header can't be read") from error
    if dtype.hasobject or any(length < 0 for length in shape):
        raise ValueError("it holds no numbers")
    return shape, columns_first, dtype


def _array(file: IO[bytes], most_bytes: int) -> np.ndarray:
    """Read one ``.npy``.

    Raises:
        ValueError: its header declares more bytes than there are, or more than ``most_bytes``.
    """
    shape, columns_first, dtype = array_header(file)
    size = math.prod(shape) * dtype.itemsize
    if size > most_bytes:
        raise ValueError(f"an array of {size} bytes is too long")
    data = file.read(size)
    if len(data) != size:
        raise ValueError(f"an array of {size} bytes has {len(data)}")
    flat = np.frombuffer(bytearray(data), dtype)
    return flat.reshape(shape, order="F" if columns_first else "C")


def parse_array(data: bytes) -> np.ndarray:
    """Read the bytes of a ``.npy``.

    Raises:
        ValueError: they are invalid, or their number differs from the header.
    """
    return _array(io.BytesIO(data), len(data))


def read_array(path: Path, most_bytes: int = MOST_ARRAY_BYTES) -> np.ndarray:
    """Read a ``.npy`` file.

    Raises:
        OSError: it can't be read.
        ValueError: it is invalid, or its size differs from the header.
    """
    with open_regular_file(path) as file:
        return _array(file, min(most_bytes, path.stat().st_size))


def read_arrays(path: Path, most_bytes: int = MOST_ARRAY_BYTES) -> dict[str, np.ndarray]:
    """Read a ``.npz`` file.

    Raises:
        OSError: it can't be read.
        ValueError: it is invalid, or its arrays are larger than ``most_bytes``.
    """
    found: dict[str, np.ndarray] = {}
    remaining_bytes = most_bytes
    try:
        with open_regular_file(path) as file, zipfile.ZipFile(file) as archive:
            for item in archive.infolist():
                with archive.open(item) as member:
                    array = _array(member, min(remaining_bytes, item.file_size))
                remaining_bytes -= array.nbytes
                found[item.filename.removesuffix(".npy")] = array
    except OSError:
        raise
    except Exception as error:  # a damaged zip raises many types
        raise ValueError(f"it is not a file of arrays ({error})") from error
    return found
