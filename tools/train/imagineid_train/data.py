"""The synthetic world as training data: shards mapped into memory, never copied whole."""

from __future__ import annotations

import json
import zipfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from imagineid_train.loop import ROOT

FACES = ROOT / "world" / "faces"
VOICES = ROOT / "world" / "voices"


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


def fresh(made: Path, source: Path) -> bool:
    """Say whether ``made`` is there and younger than ``source``, which it was made from."""
    return made.exists() and made.stat().st_mtime >= source.stat().st_mtime


@dataclass
class Faces:
    """One split of the face world.

    A shard holds P people of 8 frames: 4 moments of two consecutive frames. ``where(i)`` finds
    person i; fields are ``frame``, ``mesh`` (P, 8, 256, 256, 3) uint8, ``matte``, ``alpha``,
    ``beta``, ``pose``, ``traits`` and ``mouth`` bits, with captions beside.
    """

    shards: list[dict[str, np.ndarray]]
    notes: list[list[dict[str, Any]]]
    index: list[tuple[int, int]]

    @classmethod
    def open(cls, split: str) -> Faces:
        """Open every finished shard of ``split``.

        Raises:
            FileNotFoundError: there is none yet.
        """
        paths = sorted((FACES / split).glob("shard-*.npz"))
        if not paths:
            raise FileNotFoundError(
                f"No faces under {FACES / split}. Make them: python -m imagineid_world.faces"
            )
        shards = [mapped(p) for p in paths]
        notes = [json.loads(p.with_suffix(".json").read_text()) for p in paths]
        index = [(s, p) for s, shard in enumerate(shards) for p in range(len(shard["alpha"]))]
        return cls(shards, notes, index)

    def __len__(self) -> int:
        return len(self.index)

    def get(self, person: int, field: str) -> np.ndarray:
        """Return one person's array, e.g. ``get(3, "frame")`` is (8, 256, 256, 3)."""
        shard, row = self.index[person]
        return self.shards[shard][field][row]


def to_image(pictures: np.ndarray) -> Tensor:
    """Turn uint8 (..., H, W, 3) into float (..., 3, H, W) in [-1, 1]."""
    return torch.from_numpy(np.ascontiguousarray(pictures)).movedim(-1, -3).float() / 127.5 - 1


def to_picture(images: Tensor) -> np.ndarray:
    """Turn float (..., 3, H, W) about [-1, 1] into uint8 (..., H, W, 3)."""
    clean = ((images.detach().float().clamp(-1, 1) + 1) * 127.5).round().byte()
    out: np.ndarray = clean.movedim(-3, -1).numpy()
    return out


def sheet(rows: list[np.ndarray], path: Path) -> None:
    """Write rows of pictures, each (n, H, W, 3) uint8, as one PNG."""
    from PIL import Image

    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(np.concatenate([np.concatenate(list(r), 1) for r in rows], 0)).save(path)
