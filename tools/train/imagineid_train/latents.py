"""Between stages: give the latents unit variance, then cache those of the whole world."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from safetensors.torch import save_file
from torch import Tensor

from imagineid.nn.autoencoder import Decoder, Encoder
from imagineid.spec import Size
from imagineid_train import autoencoder
from imagineid_train.data import (
    FACES,
    Faces,
    boxes,
    fresh,
    mapped,
    to_image,
    write_arrays,
)
from imagineid_train.loop import ROOT, channels_last, fast_dtype, load_into, trained, weights

NAME = "latents"
FIELDS = ("frame", "mesh", "neighbour")
EYES = 3.0
"""How much more a cell counts that is all eye: small, far from the mouth, and what one looks at."""


def networks(size: Size) -> tuple[Encoder, Decoder]:
    """Return the frozen autoencoder whose latents have unit variance, its decoder the latest."""
    encoder, decoder = Encoder(size), Decoder(size)
    load_into(encoder, NAME, "encoder")
    load_into(decoder, NAME, "decoder")
    if trained(autoencoder.DECODER):
        later = weights(autoencoder.DECODER)
        found = {k.removeprefix("decoder."): v for k, v in later.items()}
        decoder.load_state_dict(found, strict=False)  # all but MBA's blend, which comes later
    channels_last((encoder, decoder))
    return encoder, decoder


@torch.no_grad()
def normalise(size: Size) -> None:
    """Fold each latent channel's standard deviation into the layers on both sides of it."""
    encoder, decoder = Encoder(size), Decoder(size)
    load_into(encoder, autoencoder.NAME, "encoder")
    load_into(decoder, autoencoder.NAME, "decoder")
    faces = Faces.open("train")
    some = np.random.default_rng(0).choice(len(faces), min(128, len(faces)), replace=False)
    latent = torch.cat([encoder(to_image(faces.get(int(i), "frame")[:1]))[0] for i in some])
    std = latent.std(dim=(0, 2, 3))
    encoder.out.weight /= std.view(-1, 1, 1, 1)
    assert encoder.out.bias is not None
    encoder.out.bias /= std
    decoder.stem.weight *= std.view(1, -1, 1, 1)
    named = {f"encoder.{k}": v for k, v in encoder.state_dict().items()}
    named |= {f"decoder.{k}": v for k, v in decoder.state_dict().items()}
    folder = ROOT / NAME
    folder.mkdir(parents=True, exist_ok=True)
    save_file(named, folder / "average.safetensors")
    print(f"latents: standard deviations were {std.min():.2f} to {std.max():.2f}, now 1")


def _mouth(bits: np.ndarray, px: int) -> np.ndarray:
    return np.unpackbits(np.asarray(bits), axis=-1)[..., :px].astype(bool)


@torch.no_grad()
def _encode(encoder: Encoder, image: Tensor) -> np.ndarray:
    image = image.contiguous(memory_format=torch.channels_last)
    with torch.autocast("cpu", torch.bfloat16, enabled=fast == torch.bfloat16):
        latent = encoder(image)[0]
    out: np.ndarray = latent.float().numpy().astype(np.float16)
    return out


fast = fast_dtype()


def cache(size: Size) -> None:
    """Encode every shard's frames, meshes and mouth-masked frames; skip those done."""
    encoder, _ = networks(size)
    for split in ("val", "test", "train"):
        for path in sorted((FACES / split).glob("shard-*.npz")):
            out = ROOT / NAME / split / path.name
            if fresh(out, path):
                continue
            shard = mapped(path)
            people = len(shard["alpha"])
            made: dict[str, list[np.ndarray]] = {field: [] for field in FIELDS}
            for p in range(people):
                frame, mesh = to_image(shard["frame"][p]), to_image(shard["mesh"][p])
                mouth = torch.from_numpy(_mouth(shard["mouth"][p], size.frame_px))
                masked = frame.masked_fill(mouth[:, None], 0.0)
                z = _encode(encoder, torch.cat([frame, mesh, masked]))
                for field, part in zip(FIELDS, np.split(z, 3), strict=True):
                    made[field].append(part)
            arrays = {field: np.stack(parts) for field, parts in made.items()}
            arrays["weight"] = _weights(shard, size)
            write_arrays(out, arrays)
            print(f"latents: {split} {path.name}", flush=True)


def _weights(shard: dict[str, np.ndarray], size: Size) -> np.ndarray:
    """Loss weight of each latent cell: 1, more where the mouth is, (P, 8, h, w) float16."""
    mouth = _mouth(shard["mouth"], size.frame_px)
    cells = mouth.reshape(*mouth.shape[:2], size.latent_px, size.factor, size.latent_px, -1)
    share: np.ndarray = cells.mean(axis=(3, 5))
    return (1 + 2 * share).astype(np.float16)


def _eyes(faces: Faces, like: Tensor) -> Tensor:
    """Return :data:`EYES` times the share of each latent cell that is an eye, like ``like``."""
    out, cells = np.zeros(like.shape, np.float16), like.shape[-1]
    px = faces.get(0, "frame").shape[1] // cells
    edge = px * np.arange(cells)

    def covered(low: int, high: int) -> np.ndarray:
        share: np.ndarray = np.clip(np.minimum(high, edge + px) - np.maximum(low, edge), 0, px) / px
        return share

    for person, frame in np.ndindex(*like.shape[:2]):
        for top, bottom, left, right in boxes(faces, person, frame)[1:]:
            eye = EYES * np.outer(covered(top, bottom), covered(left, right))
            out[person, frame] = np.maximum(out[person, frame], eye)
    return torch.from_numpy(out)


@dataclass
class Latents:
    """One split's latents in memory: (P, 8, c, h, w) each, with the people they belong to.

    ``weight`` (P, 8, h, w) is above 1 where the mouth is; ``eyes`` is above 0 where those are.
    """

    frame: Tensor
    mesh: Tensor
    neighbour: Tensor
    weight: Tensor
    eyes: Tensor
    faces: Faces

    @classmethod
    def open(cls, split: str) -> Latents:
        """Open what :func:`cache` made of ``split``."""
        faces = Faces.open(split)
        folder: Path = ROOT / NAME / split
        shards = [mapped(p) for p in sorted(folder.glob("shard-*.npz")) if ".part" not in p.name]
        if not shards:
            raise FileNotFoundError(
                f"No latents under {folder}. Make them: python -m imagineid_train latents"
            )
        known = sum(len(s["frame"]) for s in shards)
        faces.index = faces.index[:known]
        fields = {
            f: torch.from_numpy(np.concatenate([np.asarray(s[f]) for s in shards]))
            for f in (*FIELDS, "weight")
        }
        return cls(**fields, eyes=_eyes(faces, fields["weight"]), faces=faces)

    def __len__(self) -> int:
        return len(self.frame)

    def counts(self, people: np.ndarray, frames: np.ndarray) -> Tensor:
        """Return how much each cell of some frames counts, (B, 1, h, w)."""
        both = self.weight[people, frames].float() + self.eyes[people, frames].float()
        return both[:, None]
