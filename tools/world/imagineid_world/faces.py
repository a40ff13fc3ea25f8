"""Draw people and write them as shards to learn from.

``python -m imagineid_world.faces --out .train/world/faces --people 1200 --seed 0 --resume``

Every person is a function of (seed, number) alone, so that a run may stop and resume anywhere, and
several processes may share the work (``--share 1/2``). People go to train, val or test by a hash of
their number; a shard holds 32 people of one split and appears under its name only when complete.
"""

from __future__ import annotations

import argparse
import json
import os
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import cv2
import numpy as np

from imagineid.face import load, mesh_picture, mouth_mask
from imagineid_world import motion, people
from imagineid_world.captions import caption
from imagineid_world.look import draw_look
from imagineid_world.render import Sitter, Studio
from imagineid_world.split import share_of, split_people, write_split

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from imagineid.face import FaceModel

PER_SHARD = 32
"""People a shard at :data:`SIZE`; larger pictures go into proportionally smaller shards."""


CAPTIONS = 5
SIZE = 256


def draw_person(
    number: int, seed: int, studio: Studio, model: FaceModel, tie: people.Tie
) -> tuple[dict[str, NDArray[np.generic]], dict[str, Any]]:
    """One person's frames and words.

    Returns:
        Arrays (frame, mesh, matte, mouth, alpha, beta, pose, traits) and a record (captions,
        emotions, attributes).
    """
    rng = np.random.default_rng([seed, number])
    traits = people.draw_traits(rng)
    alpha = tie.draw(traits, rng)
    look = draw_look(traits, tie.races(alpha), rng)
    beta, words = motion.expressions(rng)
    pose = motion.poses(rng)
    sitter = Sitter(studio, look, alpha)
    neutral = model.neutral(alpha)
    frames, mattes, meshes, mouths = [], [], [], []
    for b, p in zip(beta, pose, strict=True):
        frame, matte = sitter.frame(b, p)
        points = model.posed(model.express(neutral, b), p)
        frames.append(frame)
        mattes.append(matte)
        meshes.append(mesh_picture(points, model, studio.size))
        mouths.append(np.packbits(mouth_mask(points, model, studio.size), axis=1))
    sitter.release()
    captions = [caption(look, traits, rng, words[k % len(words)]) for k in range(CAPTIONS)]
    arrays: dict[str, NDArray[np.generic]] = {
        "frame": np.stack(frames),
        "mesh": np.stack(meshes),
        "matte": np.stack(mattes),
        "mouth": np.stack(mouths),
        "alpha": alpha,
        "beta": beta.astype(np.float16),
        "pose": pose,
        "traits": traits.array(),
    }
    record = {
        "person": number,
        "captions": captions,
        "caption_emotions": [words[k % len(words)] for k in range(CAPTIONS)],
        "emotions": words,
        "attributes": look.attributes(),
    }
    return arrays, record


def write_shard(
    folder: Path,
    index: int,
    numbers: list[int],
    seed: int,
    studio: Studio,
    model: FaceModel,
    tie: people.Tie,
) -> None:
    """Draw the people of one shard and write its two files, the arrays last."""
    generated = [draw_person(n, seed, studio, model, tie) for n in numbers]
    folder.mkdir(parents=True, exist_ok=True)
    arrays = {key: np.stack([a[key] for a, _ in generated]) for key in generated[0][0]}
    words = folder / f"shard-{index:05d}.json"
    part = words.with_suffix(".json.part")
    part.write_text(json.dumps([record for _, record in generated]))
    os.replace(part, words)
    shard = folder / f"shard-{index:05d}.npz"
    part = shard.with_suffix(".part")
    with part.open("wb") as file:
        np.savez(file, **arrays)  # type: ignore[arg-type]
    os.replace(part, shard)


def build(
    out: Path, count: int, seed: int, resume: bool, share: tuple[int, int], size: int = SIZE
) -> None:
    """Write all shards that belong to this process's share; frames are ``size`` pixels wide."""
    parts = split_people(count, seed)
    most = max(1, PER_SHARD * SIZE**2 // size**2)
    write_split(out / "split.json", {"seed": seed, "people": count, **parts})
    studio, model, tie = Studio(size), load(), people.load_tie()
    jobs = [
        (name, k, parts[name][k * most : (k + 1) * most])
        for name in ("train", "val", "test")
        for k in range(-(-len(parts[name]) // most))
    ]
    for number, (name, k, numbers) in enumerate(jobs):
        path = out / name / f"shard-{k:05d}.npz"
        if number % share[1] != share[0] or (resume and path.exists()):
            continue
        start = time.perf_counter()
        write_shard(out / name, k, numbers, seed, studio, model, tie)
        rate = len(numbers) * 2 * motion.MOMENTS / (time.perf_counter() - start)
        print(f"{path} {number + 1}/{len(jobs)} {rate:.2f} frames/s", flush=True)


def sheet(path: Path, seed: int, rows: int = 5, columns: int = 8) -> None:
    """Write a contact sheet: one frame each of the first people of a seed, as a PNG or JPEG."""
    studio, tie = Studio(SIZE), people.load_tie()
    tiles = []
    for number in range(rows * columns):
        rng = np.random.default_rng([seed, number])
        traits = people.draw_traits(rng)
        alpha = tie.draw(traits, rng)
        look = draw_look(traits, tie.races(alpha), rng)
        beta, _ = motion.expressions(rng)
        sitter = Sitter(studio, look, alpha)
        tiles.append(sitter.frame(beta[0], motion.poses(rng)[0])[0])
        sitter.release()
    lines = [np.concatenate(tiles[r * columns : (r + 1) * columns], 1) for r in range(rows)]
    cv2.imwrite(str(path), np.concatenate(lines)[:, :, ::-1])


def main() -> None:
    """Command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--out", type=Path, default=people.WORLD / "faces")
    parser.add_argument("--people", type=int, default=1200)
    parser.add_argument("--size", type=int, default=SIZE, help="side of the frames, pixels")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--resume", action="store_true")
    parser.add_argument(
        "--share", type=share_of, default=(0, 1), help="which part of the work: 1/2"
    )
    parser.add_argument("--sheet", type=Path, help="write a contact sheet and stop")
    args = parser.parse_args()
    cv2.setNumThreads(1)
    os.environ.setdefault("LP_NUM_THREADS", "1")  # Mesa's software driver: one core a process
    if args.sheet:
        sheet(args.sheet, args.seed)
    else:
        build(args.out, args.people, args.seed, args.resume, args.share, args.size)


if __name__ == "__main__":
    main()
