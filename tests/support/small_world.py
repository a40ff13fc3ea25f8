"""A world of a few people and voices, on which every stage of the embedded model runs."""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path

import numpy as np

from imagineid.face import load, mesh_picture
from imagineid.spec import EMOTIONS, FRAME_SAMPLES
from imagineid_world.look import draw_look
from imagineid_world.people import draw_traits

SIDE, FRAMES = 256, 8
UTTERANCES, LENGTH = 24, 50
"""Utterances of a split, and video frames of each."""


def write_world(root: Path) -> None:
    """Write people and voices of train and val below ``root``."""
    world = root / "world"
    for seed, split in enumerate(("train", "val")):
        write_faces(world / "faces" / split, np.random.default_rng(seed))
        write_voices(world / "voices" / split, np.random.default_rng(10 + seed))
    arrays = np.zeros((31, 80)), np.eye(80), np.zeros((81, 3)), np.ones(80)
    names = ("weights", "spread", "ancestry", "limit")
    np.savez(world / "tie.npz", **dict(zip(names, arrays, strict=True)))


def write_faces(folder: Path, rng: np.random.Generator, people: int = 16) -> None:
    """Write people who are their mesh pictures, with what is said of them."""
    model, rows, notes = load(), dict[str, list[np.ndarray]](), []
    for _ in range(people):
        alpha = rng.normal(0, 0.7, 80).astype(np.float32)
        beta = np.clip(rng.normal(0, 0.3, (FRAMES, 52)), 0, 1).astype(np.float32)
        pose = (rng.normal(0, 0.08, (FRAMES, 6)) * (1, 1, 1, 0, 0, 0)).astype(np.float32)
        mesh = np.stack(
            [
                mesh_picture(model.vertices(alpha, b, p), model, SIDE)
                for b, p in zip(beta, pose, strict=True)
            ]
        )
        mouth = np.zeros((FRAMES, SIDE, SIDE), bool)
        mouth[:, 150:200, 90:170] = True
        traits = draw_traits(rng)
        row = {
            "frame": np.uint8(mesh * 0.8 + 40),
            "mesh": mesh,
            "matte": np.uint8(255 * (mesh.max(-1) > 8)),
            "mouth": np.packbits(mouth, axis=-1),
            "alpha": alpha,
            "beta": beta.astype(np.float16),
            "pose": pose,
            "traits": traits.array(),
        }
        for key, value in row.items():
            rows.setdefault(key, []).append(value)
        look = draw_look(traits, np.array([0.4, 0.3, 0.3]), rng)
        notes.append(
            {"attributes": asdict(look), "emotions": [str(rng.choice(EMOTIONS)) for _ in range(4)]}
        )
    folder.mkdir(parents=True)
    np.savez(folder / "shard-00000.npz", **{key: np.stack(found) for key, found in rows.items()})
    (folder / "shard-00000.json").write_text(json.dumps(notes))


def write_voices(folder: Path, rng: np.random.Generator) -> None:
    """Write utterances of noise that comes and goes with the jaw."""
    frames = UTTERANCES * LENGTH
    curves = np.clip(rng.normal(0.1, 0.2, (frames, 52)), 0, 1).astype(np.float16)
    loud = np.repeat(0.02 + 0.2 * np.abs(np.sin(np.arange(frames) / 3)), FRAME_SAMPLES)
    wave = np.int16(32767 * np.clip(rng.normal(0, 1, len(loud)) * loud, -1, 1))
    traits = [draw_traits(rng).array() for _ in range(UTTERANCES // 2)]
    folder.mkdir(parents=True)
    np.savez(
        folder / "voices-00000.npz",
        wave=wave,
        offsets=np.arange(UTTERANCES + 1) * LENGTH * FRAME_SAMPLES,
        content=curves,
        full=curves,
        frame_offsets=np.arange(UTTERANCES + 1) * LENGTH,
        phone=rng.integers(0, 30, frames),
        speaker=np.repeat(np.arange(UTTERANCES // 2, dtype=np.int32), 2),
        emotion=np.arange(UTTERANCES, dtype=np.int8) % len(EMOTIONS),
        strength=np.ones(UTTERANCES, np.float32),
        traits=np.repeat(np.stack(traits), 2, axis=0),
    )
    (folder / "voices-00000.json").write_text("[]")
