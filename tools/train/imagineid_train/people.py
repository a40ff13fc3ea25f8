"""People as latents with captions: what the base and its adapters learn from."""

from __future__ import annotations

import json
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import cv2
import numpy as np
import torch
from torch import Tensor

from imagineid.ccf.vocabulary import Vocabulary
from imagineid.nn.autoencoder import Encoder
from imagineid.nn.mesh_encoder import MeshEncoder
from imagineid.spec import EMOTIONS, Size
from imagineid_train.data import fresh, mapped, write_arrays
from imagineid_train.loop import ROOT, device, load_into
from imagineid_train.moves import Moves
from imagineid_train.prompts import shortened

FIELDS = ("frame", "mesh", "neighbour")
MOUTH, EYES = 2.0, 3.0
"""How much more a latent cell counts that is all mouth, and one that is all eye."""
BRIGHT, EVEN = 72, 0.62
"""Mean grey of a face, of 255, and its darker half's share of the brighter one's, from which on it
is well lit; of the photographs about half are."""
SELDOM = 0.1
"""How likely a person in other light is drawn, over one who is well lit."""


def cache(size: Size) -> None:
    """Encode every person's frames, mesh pictures and frames with hidden mouths; skip those done.

    Latents lie under ``<root>/<size>/latents``; the stages ``autoencoder`` and ``mesh_encoder``
    must have been trained.
    """
    encoder, mesh_encoder = Encoder(size), MeshEncoder(size)
    load_into(encoder, f"{size.name}/latents", "encoder")
    load_into(mesh_encoder, f"{size.name}/mesh_encoder", "encoder")
    encoder, mesh_encoder = encoder.to(device()), mesh_encoder.to(device())
    for split in ("val", "test", "train"):
        try:
            moves = Moves.open(split, size)
        except FileNotFoundError:
            continue
        for shard, (source, path) in enumerate(moves.paths):
            out = _path(size, source, split, path)
            if fresh(out, moves.cached_paths[shard]):
                continue
            rows = [
                _encoded(moves, person, encoder, mesh_encoder)
                for person, (own, _) in enumerate(moves.index)
                if own == shard
            ]
            write_arrays(out, {key: np.stack([row[key] for row in rows]) for key in rows[0]})
            print(f"latents: {split} {source} {path.name}", flush=True)


def _path(size: Size, source: str, split: str, path: Path) -> Path:
    return ROOT / size.name / "latents" / f"{source}-{split}" / path.name


@torch.no_grad()
def _encoded(
    moves: Moves, person: int, encoder: Encoder, mesh_encoder: MeshEncoder
) -> dict[str, np.ndarray]:
    """One person's latents, (F, c, h, w) float16 each, and how much each cell counts."""
    shard, row = moves.index[person]
    pictures = np.stack([moves.picture(person, n) for n in range(moves.frames(person))])
    mesh = np.array(moves.cached[shard]["mesh"][row])
    frame, mesh_picture = _image(pictures), _image(mesh)
    mouth = torch.from_numpy(moves.mouths(person)).to(device())
    encoded = {
        "frame": encoder(frame)[0],
        "mesh": mesh_encoder(mesh_picture),
        "neighbour": encoder(frame.masked_fill(mouth[:, None], 0.0))[0],
    }
    out = {key: value.float().cpu().numpy().astype(np.float16) for key, value in encoded.items()}
    return out | {"weight": _weight(np.array(moves.cached[shard]["spots"][row]), out["frame"])}


def _image(pictures: np.ndarray) -> Tensor:
    """Turn uint8 (B, H, W, 3) into (B, 3, H, W) in [-1, 1] where training runs."""
    return torch.from_numpy(pictures).to(device()).movedim(-1, 1).float() / 127.5 - 1


def _weight(spots: np.ndarray, latent: np.ndarray) -> np.ndarray:
    """Loss weight of each cell of latents, (F, h, w) float16: 1, more at mouth and eyes."""
    cells = latent.shape[-1]
    edge = np.arange(cells) / cells
    out = np.ones((len(latent), cells, cells), np.float16)

    def covered(low: float, high: float) -> np.ndarray:
        inside = np.minimum(high, edge + 1 / cells) - np.maximum(low, edge)
        share: np.ndarray = np.clip(inside * cells, 0, 1)
        return share

    for n, boxes in enumerate(spots):
        for i, (top, bottom, left, right) in enumerate(boxes):
            out[n] += (MOUTH if i == 0 else EYES) * np.outer(
                covered(top, bottom), covered(left, right)
            ).astype(np.float16)
    return out


@dataclass
class People:
    """One split's latents in memory, (P, F, c, h, w) each, with words, traits and feelings.

    Attributes:
        frame: E(I); mesh: E(I_rd); neighbour: E(I_ad), the frame with its mouth hidden.
        weight: how much each cell counts, (P, F, h, w).
        captions: what may be said of each person.
        traits: (P, 6), see :class:`imagineid_world.people.Traits`.
        feeling: index into ``EMOTIONS`` of each frame, (P, F).
        firsts: two frames of each person that may come first, (P, 2).
        moves: the same people's pictures, mesh pictures and flows.

    Latents lie where training runs: 1,200 people of 8 frames take 0.6 GB.
    """

    frame: Tensor
    mesh: Tensor
    neighbour: Tensor
    weight: Tensor
    captions: list[list[str]]
    traits: np.ndarray
    feeling: np.ndarray
    firsts: np.ndarray
    moves: Moves

    @classmethod
    def open(cls, split: str, size: Size) -> People:
        """Open what :func:`cache` made of ``split``.

        Raises:
            FileNotFoundError: there is nothing yet.
        """
        moves = Moves.open(split, size)
        cached, chosen = [], []
        for shard, (source, path) in enumerate(moves.paths):
            own = _path(size, source, split, path)
            if fresh(own, moves.cached_paths[shard]):
                cached.append(mapped(own))
                chosen.append(shard)
        if not cached:
            raise FileNotFoundError(
                f"No latents of {split}. "
                f"Make them: python -m imagineid_train latents --size {size.name}"
            )
        moves.index = [(s, p) for s, p in moves.index if s in chosen]
        frames = cached[0]["frame"].shape[1]
        notes = [json.loads(moves.paths[s][1].with_suffix(".json").read_text()) for s in chosen]
        people = [note for shard in notes for note in shard]
        fields = {
            field: torch.from_numpy(np.concatenate([np.asarray(s[field]) for s in cached]))
            for field in (*FIELDS, "weight")
        }
        return cls(
            **{field: latents.to(device()) for field, latents in fields.items()},
            captions=[note["captions"] for note in people],
            traits=np.concatenate([np.asarray(moves.worlds[s]["traits"]) for s in chosen]),
            feeling=np.stack([_feelings(note["emotions"], frames) for note in people]),
            firsts=np.stack([np.asarray(moves.cached[s]["first"][r]) for s, r in moves.index]),
            moves=moves,
        )

    def __len__(self) -> int:
        return len(self.frame)

    @cached_property
    def odds(self) -> np.ndarray:
        """Chance of each person, (P,): women as often as men, those in dim light seldom."""
        clear = np.array([well_lit(self.moves, person) for person in range(len(self))])
        weights, male = np.where(clear, 1.0, SELDOM), self.traits[:, 0] > 0.5
        for sex in (male, ~male):
            weights[sex] /= max(weights[sex].sum(), 1e-9)
        return np.asarray(weights / weights.sum())

    def draw(self, rng: np.random.Generator, count: int) -> tuple[np.ndarray, np.ndarray]:
        """Return ``count`` people and a frame of each."""
        people = rng.choice(len(self), size=count, p=self.odds)
        return people, rng.integers(self.frame.shape[1], size=count)

    def tokens(
        self, rng: np.random.Generator, people: np.ndarray, words: Vocabulary, size: Size
    ) -> Tensor:
        """Return tokens of a caption of each person, whole or a few of its phrases, (B, M)."""
        texts = [
            shortened(str(rng.choice(self.captions[person])), rng) for person in people.tolist()
        ]
        return torch.from_numpy(np.stack([words.tokens(text, size) for text in texts]))

    def conditions(
        self, rng: np.random.Generator, people: np.ndarray, frames: np.ndarray
    ) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        """Return latents of mesh, first frame, neighbour, and of the first without its mouth."""
        own = self.firsts[people, rng.integers(2, size=len(frames))]
        found = (
            self.mesh[people, frames],
            self.frame[people, own],
            self.neighbour[people, frames ^ 1],
            self.neighbour[people, own],
        )
        mesh, anchor, neighbour, still = (x.float() for x in found)
        return mesh, anchor, neighbour, still


def well_lit(moves: Moves, person: int) -> bool:
    """Return whether a face is bright enough, and its two halves are similarly bright."""
    shard, row = moves.index[person]
    frame = int(moves.cached[shard]["first"][row][0])
    picture, mesh = (
        moves.picture(person, frame),
        np.asarray(moves.cached[shard]["mesh"][row][frame]),
    )
    side = picture.shape[:2][::-1]
    face = cv2.resize(np.uint8(mesh.max(-1) > 8), side, interpolation=cv2.INTER_NEAREST)
    inner = cv2.erode(face, np.ones((side[0] // 20, side[0] // 20), np.uint8)) > 0
    if not inner.any():
        return False
    grey, columns = picture.mean(-1)[inner], np.nonzero(inner)[1]
    right = columns >= np.median(columns)
    halves = grey[~right].mean(), grey[right].mean()
    return bool(grey.mean() >= BRIGHT and min(halves) >= EVEN * max(halves))


def _feelings(names: list[str], frames: int) -> np.ndarray:
    """Indices into ``EMOTIONS`` of each frame, from names of frames or of moments, (F,)."""
    each = [EMOTIONS.index(name or "neutral") for name in names]
    return np.repeat(each, frames // len(each))
