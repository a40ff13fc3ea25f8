"""Held-out shards of the synthetic world, read with numpy alone."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from imagineid_world.people import WORLD, Traits, load_tie, shape

Array = np.ndarray


@dataclass(frozen=True)
class Spoken:
    """One utterance of the world and its truth.

    Attributes:
        wave: (samples,) float32 at 16 kHz; full: (F, 52) true curves.
        speaker: number; traits: gender 0..1, age in years, and four more; alpha: (80,).
        emotion: index into :data:`imagineid.spec.EMOTIONS`.
        phones: (name, start, end) in seconds, ``SIL`` where nobody speaks.
    """

    wave: Array
    full: Array
    speaker: int
    traits: Array
    alpha: Array
    emotion: int
    phones: list[tuple[str, float, float]]


def utterances(split: str) -> Iterator[Spoken]:
    """Yield every utterance of a split of the voice world.

    Raises:
        FileNotFoundError: there is none.
    """
    paths = _shards(WORLD / "voices" / split, "voices-*.npz", "imagineid_world.voices")
    tie = load_tie(WORLD / "tie.npz")
    for path in paths:
        with np.load(path, allow_pickle=False) as file:
            shard = {name: file[name] for name in file.files}
        notes = json.loads(path.with_suffix(".json").read_text(encoding="utf-8"))
        for i, (speaker, traits) in enumerate(zip(shard["speaker"], shard["traits"], strict=True)):
            samples = slice(*shard["offsets"][i : i + 2])
            frames = slice(*shard["frame_offsets"][i : i + 2])
            who = Traits(*(float(v) for v in traits))
            yield Spoken(
                wave=shard["wave"][samples].astype(np.float32) / 32768,
                full=shard["full"][frames].astype(np.float32),
                speaker=int(speaker),
                traits=traits,
                alpha=shape(who, np.random.default_rng(int(speaker)), tie),
                emotion=int(shard["emotion"][i]),
                phones=[(str(n), float(a), float(b)) for n, a, b in notes[i]["phones"]],
            )


@dataclass(frozen=True)
class Person:
    """One person of the world: 8 frames, and what they show.

    Attributes:
        frame: (8, S, S, 3) uint8 RGB; matte (8, ., .) uint8.
        alpha: (80,); beta: (8, 52); pose: (8, 6).
        attributes: the look, by name.
        emotions: of each of the four moments, two neighbouring frames each; "" where a photograph
            shows its own.
    """

    frame: Array
    matte: Array
    alpha: Array
    beta: Array
    pose: Array
    attributes: dict[str, Any]
    emotions: list[str]


def people(split: str, source: str = "photos") -> Iterator[Person]:
    """Yield every person of a split: ``photos``, or ``faces``, those drawn by computer graphics.

    Raises:
        FileNotFoundError: there is none.
    """
    paths = _shards(WORLD / source / split, "shard-*.npz", f"imagineid_world.{source}")
    fields = ("frame", "matte", "alpha", "beta", "pose")
    for path in paths:
        notes = json.loads(path.with_suffix(".json").read_text(encoding="utf-8"))
        with np.load(path, allow_pickle=False) as file:
            shard = {name: file[name] for name in fields}
        for row, note in enumerate(notes):
            yield Person(
                frame=shard["frame"][row],
                matte=shard["matte"][row],
                alpha=shard["alpha"][row].astype(np.float32),
                beta=shard["beta"][row].astype(np.float32),
                pose=shard["pose"][row].astype(np.float32),
                attributes=note["attributes"],
                emotions=note["emotions"][:: len(note["emotions"]) // 4],
            )


def _shards(folder: Path, pattern: str, maker: str) -> list[Path]:
    paths = sorted(folder.glob(pattern))
    if not paths:
        raise FileNotFoundError(f"Nothing in {folder}.\nMake it:  python -m {maker}")
    return paths
