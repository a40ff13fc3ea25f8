"""The smallest size that moves its first frame, and a world of a few people to train it on."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np

from imagineid.face import load, mesh_picture
from support.tiny import TINY

MOVING = replace(
    TINY,
    name="tiny-moving",
    mesh_px=32,
    mesh_encoder=(8, 16),
    first_decoder=(24, 16, 12, 8),
    frame_decoder=(16, 24),
    first_steps=4,
    first_until=0.5,
    first_temperature=0.8,
)


def write_people(folder: Path, people: int = 2, frames: int = 4, seed: int = 0) -> None:
    """Write a shard of people who are their mesh pictures, in a colour, before a gradient."""
    rng, model, side = np.random.default_rng(seed), load(), MOVING.frame_px
    rows: dict[str, list[np.ndarray]] = {}
    for _ in range(people):
        alpha = rng.normal(0, 0.7, 80).astype(np.float32)
        beta = np.clip(rng.normal(0, 0.3, (frames, 52)), 0, 1).astype(np.float32)
        pose = (rng.normal(0, 0.08, (frames, 6)) * (1, 1, 1, 0, 0, 0)).astype(np.float32)
        meshes = [
            mesh_picture(model.vertices(alpha, b, p), model, side)
            for b, p in zip(beta, pose, strict=True)
        ]
        ground = np.linspace(0, 255, side)[:, None, None] * rng.random(3) + np.zeros(
            (side, side, 1)
        )
        mattes = [np.uint8(255 * (m.max(-1) > 8)) for m in meshes]
        pictures = [
            np.uint8(np.where(matte[..., None] > 0, m * tint, ground))
            for m, matte, tint in zip(
                meshes, mattes, [rng.uniform(0.5, 1, 3)] * frames, strict=True
            )
        ]
        mouth = [np.packbits(np.zeros((side, side), bool), axis=1)] * frames
        row = {
            "frame": np.stack(pictures),
            "mesh": np.stack(meshes),
            "matte": np.stack(mattes),
            "mouth": np.stack(mouth),
            "alpha": alpha,
            "beta": beta,
            "pose": pose,
            "traits": np.zeros(6, np.float32),
        }
        for key, value in row.items():
            rows.setdefault(key, []).append(value)
    note = {"captions": ["woman, red hair", "old man"], "emotions": ["", "happy"] * (frames // 2)}
    folder.mkdir(parents=True)
    np.savez(folder / "shard-00000.npz", **{key: np.stack(value) for key, value in rows.items()})
    (folder / "shard-00000.json").write_text(json.dumps([note] * people))
