"""Pairs of a first frame and later ones: mesh pictures, mesh flow, backgrounds, kept on disk.

A shard of people (:mod:`imagineid_world`) holds frames with their shape, expression and pose. What
follows from those is worked out once: for two first frames of each person the flow to all others.
Meshes of people to learn from are a pixel or two off, as fitted and imagined ones will be.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
import torch
from torch import Tensor

from imagineid.ccf.background import dilate, inpaint
from imagineid.face.flow import MeshFlow
from imagineid.face.model import FaceModel, project
from imagineid.face.model import load as load_face
from imagineid.face.raster import mesh_picture, mouth_mask, surface
from imagineid.spec import ARKIT, Size
from imagineid_train.data import fresh, mapped, write_arrays
from imagineid_train.loop import ROOT, device
from imagineid_world.people import WORLD

SOURCES = ("photos", "faces")
"""Folders of the world that hold people; those of a size too small are passed by."""

FIRSTS = 2
"""First frames of each person."""

OFF = 0.5
"""Share of meshes that are off."""

_SHUT = [i for i, name in enumerate(ARKIT) if name.startswith(("eyeBlink", "jawOpen", "eyeSquint"))]
_GROUPS = (
    ("lip_",),
    ("eye_inner_left", "eye_outer_left", "lid_upper_left", "lid_lower_left"),
    ("eye_inner_right", "eye_outer_right", "lid_upper_right", "lid_lower_right"),
)


def shards(split: str, side: int) -> Iterator[tuple[str, Path]]:
    """Yield source and path of every shard whose frames are at least ``side`` pixels."""
    for source in SOURCES:
        for path in sorted((WORLD / source / split).glob("shard-*.npz")):
            if mapped(path)["frame"].shape[2] >= side:
                yield source, path


def firsts(beta: np.ndarray) -> np.ndarray:
    """Choose first frames, (:data:`FIRSTS`,): eyes open and mouth closed, from beta (F, 52)."""
    order = np.argsort(np.asarray(beta, np.float32)[:, _SHUT].sum(1), kind="stable")
    return np.sort(order[:FIRSTS])


def cache(size: Size, share: tuple[int, int] = (0, 1)) -> None:
    """Work out what belongs to every shard; skip those done.

    Args:
        size: of the pictures.
        share: which of how many processes this one is, counted from 0: it does its own shards.
    """
    own, processes = share
    for split in ("val", "test", "train"):
        for source, path in shards(split, size.frame_px):
            if int(path.stem.split("-")[1]) % processes != own:
                continue
            cache_shard(size, split, source, path)


def cache_shard(size: Size, split: str, source: str, path: Path) -> None:
    """Work out what belongs to the people of one shard, unless that is done."""
    out = ROOT / "moves" / f"{source}-{split}" / path.name
    if fresh(out, path):
        return
    shard = mapped(path)
    rng = np.random.default_rng([len(source), int(path.stem.split("-")[1])])
    rows = [
        _person(shard, i, size, rng if split == "train" else None)
        for i in range(len(shard["alpha"]))
    ]
    write_arrays(out, {key: np.stack([row[key] for row in rows]) for key in rows[0]})
    print(f"moves: {split} {source} {path.name}", flush=True)


def _person(
    shard: dict[str, np.ndarray], person: int, size: Size, rng: np.random.Generator | None
) -> dict[str, np.ndarray]:
    """Everything of one person; ``rng`` puts meshes off, None leaves them as they are."""
    model = load_face()
    row = {name: np.asarray(shard[name][person]) for name in ("alpha", "beta", "pose", "matte")}
    beta, pose = row["beta"].astype(np.float32), row["pose"].astype(np.float32)
    rest = model.neutral(row["alpha"].astype(np.float32))
    count, side, cells = len(beta), size.mesh_px, size.feature_px
    posed = [_posed(model, rest, beta[n], pose[n], rng) for n in range(count)]
    surfaces = [surface(points, model, side) for points, _ in posed]
    mask = [cv2.resize(m, (cells, cells), interpolation=cv2.INTER_AREA) for m in row["matte"]]
    out = {
        "first": firsts(beta),
        "mesh": np.stack(
            [mesh_picture(p, model, side, s) for (p, _), s in zip(posed, surfaces, strict=True)]
        ),
        "mask": np.stack([np.uint8(dilate(m / np.float32(255)) * 255 + 0.5) for m in mask]),
        "spots": np.stack([_spots(model, points) for points, _ in posed]),
        "mouth": np.stack(
            [
                np.packbits(
                    mouth_mask(model.posed(model.express(rest, b), p), model, size.frame_px)
                )
                for b, p in zip(beta, pose, strict=True)
            ]
        ),
    }
    flows: list[list[np.ndarray]] = []
    covers: list[list[np.ndarray]] = []
    grounds: list[np.ndarray] = []
    for first in out["first"]:
        points, turned = _posed(model, rest, beta[first], pose[first], rng)
        move = MeshFlow(model, rest, points, turned, side)
        found = [move(p, q, s) for (p, q), s in zip(posed, surfaces, strict=True)]
        flows.append([f.offset.astype(np.float16) for f in found])
        covers.append([np.uint8(f.cover[0] * 255 + 0.5) for f in found])
        picture = np.asarray(shard["frame"][person][first])
        grounds.append(inpaint(picture, mask[first] / np.float32(255)))
    return out | {
        "flow": np.array(flows),
        "cover": np.array(covers),
        "background": np.array(grounds),
    }


def _posed(
    model: FaceModel,
    rest: np.ndarray,
    beta: np.ndarray,
    pose: np.ndarray,
    rng: np.random.Generator | None,
) -> tuple[np.ndarray, np.ndarray]:
    """Posed vertices (V, 3) and the pose, perhaps a pixel or two off."""
    if rng is not None and rng.random() < OFF:
        # A pixel of 256 is 1.2 mm where the eyes are.
        shift = rng.normal(0, 1, 6) * (0.008, 0.012, 0.006, 0.0008, 0.0008, 0.004)
        pose = (pose + shift).astype(np.float32)
        beta = np.clip(beta + rng.normal(0, 0.04, 52) * (beta > 0.02), 0, 1).astype(np.float32)
    return model.posed(model.express(rest, beta), pose), pose


def _spots(model: FaceModel, points: np.ndarray) -> np.ndarray:
    """Boxes of mouth and eyes as shares of the picture, (3, 4): top, bottom, left, right."""
    out = np.empty((3, 4), np.float32)
    at = project(points, 1)
    for i, names in enumerate(_GROUPS):
        group = at[[v for name, v in model.landmarks.items() if name.startswith(names)]]
        low, high = group.min(0), group.max(0)
        wide = (high - low).max()
        low, high = low - 0.25 * wide, high + 0.25 * wide
        out[i] = low[1], high[1], low[0], high[0]
    return out


@dataclass(frozen=True)
class Views:
    """Inputs and targets of a frame decoder for B windows or frames, all torch, batch first.

    Pictures are in [-1, 1]; see :meth:`imagineid.nn.frame_decoder.FrameDecoder.forward`.
    ``weight`` (B, 1, H, W) says how much each pixel counts: mouth and eyes more, what a window
    can't know (its edge) nothing.
    """

    target: Tensor
    first: Tensor
    background: Tensor
    mesh: Tensor
    flow: Tensor
    cover: Tensor
    mask: Tensor
    weight: Tensor


@dataclass
class Moves:
    """One split's people with their first frames, mapped from disk."""

    worlds: list[dict[str, np.ndarray]]
    cached: list[dict[str, np.ndarray]]
    paths: list[tuple[str, Path]]
    cached_paths: list[Path]
    index: list[tuple[int, int]]
    size: Size

    @classmethod
    def open(cls, split: str, size: Size) -> Moves:
        """Open what :func:`cache` made of ``split``.

        Raises:
            FileNotFoundError: there is nothing yet.
        """
        paths, cached_paths = [], []
        for source, path in shards(split, size.frame_px):
            own = ROOT / "moves" / f"{source}-{split}" / path.name
            if fresh(own, path):
                paths.append((source, path))
                cached_paths.append(own)
        if not paths:
            raise FileNotFoundError(
                f"No moves of {split} under {ROOT / 'moves'}. "
                "Make them: python -m imagineid_train moves"
            )
        worlds, cached = (
            [mapped(path) for _, path in paths],
            [mapped(path) for path in cached_paths],
        )
        index = [(s, p) for s, shard in enumerate(cached) for p in range(len(shard["first"]))]
        return cls(worlds, cached, paths, cached_paths, index, size)

    def __len__(self) -> int:
        return len(self.index)

    def frames(self, person: int) -> int:
        """Return how many frames a person has."""
        shard, row = self.index[person]
        return int(self.worlds[shard]["frame"].shape[1])

    def view(
        self, person: int, first: int, frame: int, window: tuple[int, int] | None = None
    ) -> dict[str, np.ndarray]:
        """Return the arrays of one target frame, whole or a window at latent cell (row, column)."""
        shard, row = self.index[person]
        world, cached, px = self.worlds[shard], self.cached[shard], self.size.frame_px
        latent = self.size.latent_px
        cells = latent if window is None else latent // 2
        top, left = window or (0, 0)

        def cut(array: np.ndarray, side: int) -> np.ndarray:
            """Cut the window out of a picture whose first axes are rows and columns."""
            step = array.shape[0] // latent
            part = np.asarray(
                array[top * step : (top + cells) * step, left * step : (left + cells) * step]
            )
            goal = side * cells // latent
            if part.shape[0] == goal:
                return part
            return np.asarray(cv2.resize(part, (goal, goal), interpolation=cv2.INTER_AREA))

        mesh_px = self.size.mesh_px
        own = int(cached["first"][row, first])
        weight = np.ones((px, px), np.float32)
        for box in np.asarray(cached["spots"][row, frame]) * px:
            a, b, c, d = np.clip(np.round(box).astype(int), 0, px)
            weight[a:b, c:d] = DETAILED
        flow = np.asarray(cached["flow"][row, first, frame], np.float32).transpose(1, 2, 0)
        return {
            "target": cut(world["frame"][row, frame], px),
            "first": cut(world["frame"][row, own], px),
            "background": cut(cached["background"][row, first], px),
            "mesh": cut(cached["mesh"][row, frame], mesh_px),
            "flow": cut(flow, mesh_px) * (latent / cells),
            "cover": cut(cached["cover"][row, first, frame], mesh_px),
            "mask": cut(cached["mask"][row, frame ^ 1], self.size.feature_px),
            "weight": cut(weight, px),
        }

    def picture(self, person: int, frame: int) -> np.ndarray:
        """Return a frame at the model's size, (H, W, 3) uint8."""
        shard, row = self.index[person]
        picture = np.array(self.worlds[shard]["frame"][row, frame])
        side = (self.size.frame_px, self.size.frame_px)
        if picture.shape[:2] == side:
            return picture
        return np.asarray(cv2.resize(picture, side, interpolation=cv2.INTER_AREA))

    def matte(self, person: int, frame: int) -> np.ndarray:
        """Return where the person is in a frame, at the model's size, (H, W) uint8."""
        shard, row = self.index[person]
        matte = np.asarray(self.worlds[shard]["matte"][row, frame])
        side = (self.size.frame_px, self.size.frame_px)
        return np.asarray(cv2.resize(matte, side, interpolation=cv2.INTER_AREA))

    def mouths(self, person: int) -> np.ndarray:
        """Return the mouth area of each of a person's frames, (F, H, W) bool."""
        shard, row = self.index[person]
        side, bits = self.size.frame_px, np.asarray(self.cached[shard]["mouth"][row])
        return np.unpackbits(bits, axis=-1)[:, : side**2].reshape(-1, side, side).astype(bool)

    def spot(self, person: int, frame: int, which: int) -> np.ndarray:
        """Return the middle of mouth (0) or an eye (1, 2), (row, column) as picture shares."""
        shard, row = self.index[person]
        top, bottom, left, right = np.asarray(self.cached[shard]["spots"][row, frame, which])
        return np.array([(top + bottom) / 2, (left + right) / 2])


DETAILED = 4.0
"""How much more a pixel of the mouth or an eye counts than any other."""

EDGE = 1 / 8
"""Share of a window at each edge that does not count: its pixels may come from outside."""


def whole_frames(moves: Moves, chosen: list[tuple[int, int, int]]) -> Views:
    """Return whole frames: (person, first, frame) each."""
    return _views([moves.view(*each) for each in chosen])


def windows(moves: Moves, rng: np.random.Generator, count: int) -> Views:
    """Draw ``count`` windows, each of two neighbouring frames, so 2 * count rows.

    Seven of ten are about the mouth or an eye; half are mirrored.
    """
    rows: list[dict[str, np.ndarray]] = []
    cells = moves.size.latent_px
    while len(rows) < 2 * count:
        person, first = int(rng.integers(len(moves))), int(rng.integers(FIRSTS))
        frame = int(rng.integers(moves.frames(person) // 2)) * 2
        if rng.random() < 0.7:
            at = moves.spot(person, frame, int(rng.choice(3, p=(0.5, 0.25, 0.25))))
            corner = at * cells - cells / 4 + rng.uniform(-1.5, 1.5, 2)
        else:
            corner = rng.uniform(0, cells / 2, 2)
        top, left = np.clip(np.round(corner), 0, cells // 2).astype(int)
        mirrored = rng.random() < 0.5
        for each in (frame, frame + 1):
            view = moves.view(person, first, each, (int(top), int(left)))
            side = len(view["weight"])
            edge = round(side * EDGE)
            inner = np.zeros_like(view["weight"])
            inner[edge : side - edge, edge : side - edge] = 1
            view["weight"] = view["weight"] * inner
            rows.append(_mirrored(view) if mirrored else view)
    return _views(rows)


def _mirrored(view: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
    out = {key: value[:, ::-1] for key, value in view.items()}
    out["flow"] = out["flow"] * np.array([-1, 1], np.float32)
    return out


def _views(rows: list[dict[str, np.ndarray]]) -> Views:
    def stacked(name: str) -> Tensor:
        array = np.stack([row[name] for row in rows])
        if array.ndim == 3:
            array = array[..., None]
        values = torch.from_numpy(np.ascontiguousarray(array.transpose(0, 3, 1, 2))).float()
        if name in ("target", "first", "background", "mesh"):
            return values / 127.5 - 1
        return values / 255 if name in ("cover", "mask") else values

    return Views(**{name: stacked(name) for name in rows[0]})


def on_device(views: Views) -> Views:
    """Move everything to where it is trained, channels last."""
    return Views(
        **{
            name: getattr(views, name).to(device(), memory_format=torch.channels_last)
            for name in Views.__dataclass_fields__
        }
    )
