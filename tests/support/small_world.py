"""A world of a few voices, on which every stage of PAD runs."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from imagineid.spec import EMOTIONS, FRAME_SAMPLES
from imagineid_world.people import draw_traits

SIDE, FRAMES = 256, 8
UTTERANCES, LENGTH = 24, 50
"""Utterances of a split, and video frames of each."""


def write_world(root: Path) -> None:
    """Write voices of train and val below ``root``."""
    world = root / "world"
    for seed, split in enumerate(("train", "val")):
        write_voices(world / "voices" / split, np.random.default_rng(10 + seed))
    arrays = np.zeros((31, 80)), np.eye(80), np.zeros((81, 3)), np.ones(80)
    names = ("weights", "spread", "ancestry", "limit")
    np.savez(world / "tie.npz", **dict(zip(names, arrays, strict=True)))


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
