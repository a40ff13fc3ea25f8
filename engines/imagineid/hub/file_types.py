"""Whether a file is what its name says: no pickle comes in under another name.

Files of the manifest need no such look, their sums are known. Those that a user brings do.
"""

from __future__ import annotations

import json
import zipfile
from pathlib import Path
from typing import IO

import numpy as np

from imagineid.errors import BadWeights


def check_file_type(path: Path) -> None:
    """Look into a file.

    Raises:
        BadWeights: it is not what its suffix says.
    """
    try:
        with path.open("rb") as file:
            good = _LOOKS[path.suffix](file)
    except (ValueError, EOFError, KeyError, zipfile.BadZipFile):
        good = False
    if not good:
        raise BadWeights(
            f"{path.name} is not what its name says, so it is not taken.\n"
            "Save it as a real .safetensors, .onnx, .json, .txt, .npz or .npy file."
        )


def _safetensors(file: IO[bytes]) -> bool:
    """Eight bytes of length, then JSON that begins with a brace: never so in a pickle or a zip."""
    length = int.from_bytes(file.read(8), "little")
    size = file.seek(0, 2)
    file.seek(8)
    return 2 <= length <= min(size - 8, 100_000_000) and isinstance(
        json.loads(file.read(length)), dict
    )


def _onnx(file: IO[bytes]) -> bool:
    """A protobuf message begins with a field's tag: here ir_version's, or producer_name's."""
    return file.read(1) in (b"\x08", b"\x12")


def _json(file: IO[bytes]) -> bool:
    return json.loads(file.read()) is not None


def _txt(file: IO[bytes]) -> bool:
    return "\0" not in file.read().decode("utf-8")


def _npz(file: IO[bytes]) -> bool:
    """A zip of arrays, none of them of Python objects, which would be pickles."""
    with zipfile.ZipFile(file) as archive:
        for name in archive.namelist():
            with archive.open(name) as member:
                if not _npy(member):
                    return False
    return True


def _npy(file: IO[bytes]) -> bool:
    """A header and numbers; an array of Python objects would be a pickle."""
    version = np.lib.format.read_magic(file)
    read = {
        (1, 0): np.lib.format.read_array_header_1_0,
        (2, 0): np.lib.format.read_array_header_2_0,
    }[version]
    return not read(file)[2].hasobject


_LOOKS = {
    ".safetensors": _safetensors,
    ".onnx": _onnx,
    ".json": _json,
    ".txt": _txt,
    ".npz": _npz,
    ".npy": _npy,
}
