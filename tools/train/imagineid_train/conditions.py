"""What SCA is shown in training (eq. 9), and how the pictures it leads to are judged."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import count

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from imagineid.ccf.rollout import OPENING
from imagineid.nn.autoencoder import Decoder
from imagineid.spec import Size
from imagineid_train.autoencoder import detail
from imagineid_train.data import boxes, to_image
from imagineid_train.latents import Latents
from imagineid_train.perceptual import Perceptual

SPOILT = 0.7
"""Share of neighbours that are corrupted."""

STILL = 0.25
"""Share of neighbours that are the first frame itself, its mouth hidden."""

HELD = 0.7
"""Share of neighbours that are held to the first frame, as all are in a video."""

EARLIEST = 0.03
"""How far the way from noise to a guess is followed, as a time."""

DETAILED = 4.0
"""How much more a pixel of the mouth or an eye counts than any other."""

PERCEPTUAL_EVERY, PERCEPTUAL_PICTURES = 3, 2


def asked(
    unet: nn.Module, said: Tensor, residuals: Sequence[Tensor]
) -> Callable[[Tensor, float], Tensor]:
    """Return a function that asks a UNet about latents at one time, under what steers it."""

    def ask(latent: Tensor, time: float) -> Tensor:
        made: Tensor = unet(latent, torch.full((len(latent),), time), said, *residuals)
        return made

    return ask


def corrupt(neighbour: Tensor, rng: np.random.Generator) -> Tensor:
    """Return a neighbour latent (B, c, h, w) as an imperfect model would have left it.

    Contrast and colour are off, there is noise, and some cells are missing: what is right is to be
    had from the anchor.
    """
    b, c, h, w = neighbour.shape

    def some(low: float, high: float) -> Tensor:
        return torch.from_numpy(rng.uniform(low, high, (b, 1, 1, 1))).float()

    drift = F.interpolate(torch.randn(b, c, 4, 4), (h, w), mode="bilinear", align_corners=False)
    out = some(0.75, 1.3) * neighbour + some(0, 0.5) * drift
    out = out + some(0, 0.25) * torch.randn_like(neighbour)
    drop = torch.from_numpy(rng.random((b, 1, h, w))) < some(0, 0.15)
    return torch.where(
        chance(rng, b, SPOILT), torch.where(drop, torch.zeros_like(out), out), neighbour
    )


def chance(rng: np.random.Generator, count: int, share: float) -> Tensor:
    """Return a mask (count, 1, 1, 1) that is true with probability ``share``."""
    return torch.from_numpy(rng.random((count, 1, 1, 1)) < share)


def held(neighbour: Tensor, still: Tensor, rng: np.random.Generator) -> Tensor:
    """Hold some neighbours to the first frame (:func:`imagineid.ccf.rollout.anchor_to_first`)."""
    return torch.lerp(neighbour, still, OPENING * chance(rng, len(still), HELD).float())


def conditions(
    source: Latents, rng: np.random.Generator, people: np.ndarray, frames: np.ndarray
) -> tuple[Tensor, Tensor, Tensor, Tensor, Tensor]:
    """Return latents of mesh, first frame and neighbour; the first's without mouth; its mesh."""
    first = (frames + 2 * rng.integers(0, 4, len(frames))) % 8
    return (
        source.mesh[people, frames].float(),
        source.frame[people, first].float(),
        source.neighbour[people, frames ^ 1].float(),
        source.neighbour[people, first].float(),
        source.mesh[people, first].float(),
    )


class Pictures:
    """Judges latents by the pictures that the frozen decoder draws of them."""

    def __init__(self, latents: Latents, decoder: Decoder, size: Size) -> None:
        self.latents, self.decoder, self.side = latents, decoder, size.frame_px
        self.perceptual, self.step = Perceptual(), count()

    def __call__(self, made: Tensor, people: np.ndarray, frames: np.ndarray) -> dict[str, Tensor]:
        """Return the terms of the loss of a few latents (B, c, h, w)."""
        drawn = self.decoder.draw(self.decoder.features(made)).float()
        true, counts = self._true(people, frames)
        terms = {
            "picture": 3 * (counts * (drawn - true).abs()).mean(),
            "detail": 3 * (counts * (detail(drawn) - detail(true)).abs()).mean(),
        }
        if next(self.step) % PERCEPTUAL_EVERY == 0:
            few = slice(0, PERCEPTUAL_PICTURES)
            terms["perceptual"] = 0.15 * self.perceptual(drawn[few], true[few])
        return terms

    def _true(self, people: np.ndarray, frames: np.ndarray) -> tuple[Tensor, Tensor]:
        faces, chosen = self.latents.faces, list(zip(people.tolist(), frames.tolist(), strict=True))
        true = to_image(np.stack([faces.get(p, "frame")[f] for p, f in chosen]))
        counts = torch.ones(len(chosen), 1, self.side, self.side)
        for row, (p, f) in enumerate(chosen):
            for top, bottom, left, right in boxes(faces, p, f):
                counts[row, :, top:bottom, left:right] = DETAILED
        return true.contiguous(memory_format=torch.channels_last), counts
