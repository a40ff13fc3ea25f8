"""The synthetic world as training data: shards mapped into memory, never copied whole."""

from __future__ import annotations

import json
import os
import zipfile
from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from imagineid.face import FaceModel, project
from imagineid.face.model import load as load_face
from imagineid_world.people import WORLD

FACES = WORLD / "faces"
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
        out: np.ndarray = self.shards[shard][field][row]
        return out


@cache
def _marks() -> tuple[FaceModel, list[list[int]]]:
    """Return a face of but the landmarks of mouth, eyes and brows, and which belong together."""
    whole = load_face()
    groups: list[list[str]] = [[name for name in whole.landmarks if name.startswith("lip")]]
    for side in ("left", "right"):
        parts = "eye_inner eye_outer lid_upper lid_lower brow_inner brow_middle brow_outer".split()
        groups.append([f"{part}_{side}" for part in parts])
    names = [name for group in groups for name in group]
    at = [whole.landmarks[name] for name in names]
    small = replace(
        whole,
        mean=whole.mean[at],
        shapes=whole.shapes[:, at],
        units=whole.units[:, at],
        head_weight=whole.head_weight[at],
    )
    return small, [[names.index(name) for name in group] for group in groups]


def boxes(faces: Faces, person: int, frame: int) -> np.ndarray:
    """Return where the mouth and each eye with its brow are: (3, 4): top, bottom, left, right."""
    small, groups = _marks()
    row = [faces.get(person, name) for name in ("alpha", "beta", "pose")]
    points = project(small.vertices(row[0], row[1][frame], row[2][frame]), 256)
    out = np.empty((len(groups), 4), np.int64)
    for i, group in enumerate(groups):
        low, high = points[group].min(axis=0), points[group].max(axis=0)
        wide = (high - low).max()
        low, high = low - 0.2 * wide, high + 0.2 * wide
        out[i] = low[1], high[1] + 1, low[0], high[0] + 1
    return out


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
