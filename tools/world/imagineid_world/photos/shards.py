"""Write people as shards to learn from, and the split that says who is in which.

A shard ``SPLIT/shard-VVNNN.npz`` is uncompressed and holds P people of F frames, S pixels a side:

- ``frame`` (P, F, S, S, 3) uint8 RGB; frame 0 is the photograph at rest with its mouth closed, 1 is
  expressive, and (2, 3), (4, 5), ... are pairs 1/25 s apart.
- ``matte`` (P, F, S, S) uint8, 255 on the person.
- ``alpha`` (P, 80), ``beta`` (P, F, 52) float16, ``pose`` (P, F, 6), ``traits`` (P, 6): gender
  (0 female, 1 male) and age in years first; the voice's four are those usual for them.

The mesh picture and the mouth's mask are not stored: they are functions of alpha, beta and pose
(:func:`imagineid.face.mesh_picture`, 10 ms; :func:`imagineid.face.mouth_mask`). Beside each shard
lies ``shard-VVNNN.json``: a list of records with captions and attributes.

VV is the variant: 00 is the photograph as it is, later ones are changed (:mod:`.variants`). A
person is in one split in all variants: ``split.json``.
"""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

PER_SHARD = 16
VAL, TEST = 0.0525, 0.1175
"""Hashes of names, in 0..1, below which a person is in val, and otherwise in test."""


def split_people(names: Sequence[str], judges: Sequence[str], seed: int) -> dict[str, list[str]]:
    """Share people among train, val and test by a hash of their names; judges stay apart.

    Nobody changes places when people are added.
    """

    def digest(name: str) -> str:
        return hashlib.sha256(f"{seed}/{name}".encode()).hexdigest()

    parts: dict[str, list[str]] = {"train": [], "val": [], "test": []}
    for name in sorted(names, key=digest):
        at = int(digest(name), 16) / 16**64
        parts["val" if at < VAL else "test" if at < TEST else "train"].append(name)
    return parts | {"judge": sorted(judges, key=digest)}


def jobs(parts: dict[str, list[str]], variants: int) -> list[tuple[Path, int, str, list[str]]]:
    """List all shards: path in the folder, variant, split, names; variant by variant.

    Those who only judge come last, and unchanged.
    """
    rounds = [(k, split) for k in range(variants) for split in ("train", "val", "test")]
    out = []
    for variant, split in [*rounds, (0, "judge")]:
        names = parts[split]
        for k in range(-(-len(names) // PER_SHARD)):
            own = names[k * PER_SHARD : (k + 1) * PER_SHARD]
            out.append((Path(split) / f"shard-{variant:02d}{k:03d}.npz", variant, split, own))
    return out


def write_shard(
    path: Path, people: Sequence[tuple[dict[str, NDArray[np.generic]], dict[str, Any]]]
) -> None:
    """Write the records and then the arrays of people, each under its name only when complete."""
    path.parent.mkdir(parents=True, exist_ok=True)
    write_records(path.with_suffix(".json"), [record for _, record in people])
    arrays = {key: np.stack([own[key] for own, _ in people]) for key in people[0][0]}
    part = path.with_suffix(".part")
    with part.open("wb") as file:
        np.savez(file, **arrays)  # type: ignore[arg-type]
    os.replace(part, path)


def write_records(path: Path, records: Sequence[dict[str, Any]]) -> None:
    """Write the records of a shard's people, replacing those that are there."""
    part = path.with_suffix(".json.part")
    part.write_text(json.dumps(records))
    os.replace(part, path)


def read_records(path: Path) -> list[dict[str, Any]]:
    """Read the records of a shard's people."""
    records: list[dict[str, Any]] = json.loads(path.read_text())
    return records
