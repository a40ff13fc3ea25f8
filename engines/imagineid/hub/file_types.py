"""Check that the content of a file matches its extension, so that no pickle is accepted.

Files of the manifest need no such check, because their SHA-256 is known. Files of users do.
"""

from __future__ import annotations

import zipfile
from pathlib import Path
from typing import IO

from imagineid.array_files import array_header
from imagineid.errors import BadWeights
from imagineid.json_files import MOST_JSON_BYTES, parse_json


def check_file_type(path: Path) -> None:
    """Check the content of a file.

    Raises:
        BadWeights: it does not match the extension.
    """
    try:
        with path.open("rb") as file:
            good = _LOOKS[path.suffix](file)
    except (ValueError, EOFError, KeyError, zipfile.BadZipFile):
        good = False
    if not good:
        raise BadWeights(
            f"The content of {path.name} does not match its extension; it is rejected.\n"
            "Save it as a real .safetensors, .onnx, .json, .txt, .npz or .npy file."
        )


def _safetensors(file: IO[bytes]) -> bool:
    """Check for eight bytes of length and JSON that begins with a brace, unlike a pickle or zip."""
    length = int.from_bytes(file.read(8), "little")
    size = file.seek(0, 2)
    file.seek(8)
    return 2 <= length <= min(size - 8, 100_000_000) and isinstance(
        parse_json(file.read(length)), dict
    )


def _onnx(file: IO[bytes]) -> bool:
    """Check that the protobuf message begins with the tag of ir_version or producer_name."""
    return file.read(1) in (b"\x08", b"\x12")


def _json(file: IO[bytes]) -> bool:
    return parse_json(file.read(MOST_JSON_BYTES)) is not None


def _txt(file: IO[bytes]) -> bool:
    return "\0" not in file.read().decode("utf-8")


def _npz(file: IO[bytes]) -> bool:
    """Check for a zip of arrays without Python objects, which would be pickles."""
    with zipfile.ZipFile(file) as archive:
        for name in archive.namelist():
            with archive.open(name) as member:
                if not _npy(member):
                    return False
    return True


def _npy(file: IO[bytes]) -> bool:
    """Check for an array without Python objects, which would be a pickle."""
    array_header(file)
    return True


def _data(file: IO[bytes]) -> bool:
    """Accept external data of a graph; any bytes are valid."""
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
