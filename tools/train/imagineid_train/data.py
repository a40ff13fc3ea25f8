"""The synthetic world as training data: shards mapped into memory, never copied whole."""

from __future__ import annotations

import os
import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from imagineid_world.people import WORLD

VOICES = WORLD / "voices"
RECORDINGS = WORLD / "recordings"


def mapped(path: Path) -> dict[str, np.ndarray]:
    """Open an uncompressed ``.npz`` so that arrays are read from disk where they are touched.

    Raises:
        ValueError: a member is compressed or holds objects.
    """
    arrays: dict[str, np.ndarray] = {}
    with zipfile.ZipFile(path) as archive, path.open("rb") as file:
        for member in archive.infolist():
            if member.compress_type != zipfile.ZIP_STORED:
                raise ValueError(f"{path} is compressed; write it with numpy.savez")
            file.seek(member.header_offset + 26)
            name, extra = np.frombuffer(file.read(4), "<u2")
            file.seek(member.header_offset + 30 + int(name) + int(extra))
            version = np.lib.format.read_magic(file)
            read = (
                np.lib.format.read_array_header_1_0
                if version == (1, 0)
                else np.lib.format.read_array_header_2_0
            )
            shape, fortran, dtype = read(file)
            if dtype.hasobject:
                raise ValueError(f"{path} holds objects; refused")
            arrays[member.filename.removesuffix(".npy")] = np.memmap(
                path, dtype, "r", file.tell(), shape, "F" if fortran else "C"
            )
    return arrays


def write_arrays(path: Path, arrays: Mapping[str, np.ndarray]) -> None:
    """Write arrays as an uncompressed .npz, which gets its name when it is complete."""
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary, named = path.with_suffix(f".{os.getpid()}.part.npz"), dict[str, Any](arrays)
    np.savez(temporary, **named)
    temporary.replace(path)


def fresh(cache: Path, source: Path) -> bool:
    """Return whether ``cache`` exists and is newer than its ``source``."""
    return cache.exists() and cache.stat().st_mtime >= source.stat().st_mtime


def to_image(pictures: np.ndarray) -> Tensor:
    """Turn uint8 (..., H, W, 3) into float (..., 3, H, W) in [-1, 1]."""
    return torch.from_numpy(np.ascontiguousarray(pictures)).movedim(-1, -3).float() / 127.5 - 1


def to_picture(images: Tensor) -> np.ndarray:
    """Turn float (..., 3, H, W) about [-1, 1] into uint8 (..., H, W, 3)."""
    clean = ((images.detach().float().clamp(-1, 1) + 1) * 127.5).round().byte()
    out: np.ndarray = clean.movedim(-3, -1).numpy(force=True)
    return out


def sheet(rows: list[np.ndarray], path: Path) -> None:
    """Write rows of pictures, each (n, H, W, 3) uint8, as one PNG."""
    from PIL import Image

    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(np.concatenate([np.concatenate(list(r), 1) for r in rows], 0)).save(path)
