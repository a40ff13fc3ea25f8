"""Whether a file is what its name says: no pickle comes in under another name.

Files of the manifest need no such look, their sums are known. Those that a user brings do.
"""

from __future__ import annotations

import zipfile
from pathlib import Path
from typing import IO

from imagineid.array_files import array_header
from imagineid.errors import BadWeights
from imagineid.json_files import MOST_JSON_BYTES, parse_json


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
        parse_json(file.read(length)), dict
    )


def _onnx(file: IO[bytes]) -> bool:
    """A protobuf message begins with a field's tag: here ir_version's, or producer_name's."""
    return file.read(1) in (b"\x08", b"\x12")


def _json(file: IO[bytes]) -> bool:
    return parse_json(file.read(MOST_JSON_BYTES)) is not None


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
    array_header(file)
    return True


def _data(file: IO[bytes]) -> bool:
    """The numbers of a graph beside it: any bytes are."""
    return True


_LOOKS = {
    ".safetensors": _safetensors,
    ".onnx": _onnx,
    ".json": _json,
    ".txt": _txt,
    ".npz": _npz,
    ".npy": _npy,
    ".data": _data,
}
