"""Stage 1: the autoencoder, on pictures and mesh pictures of the world.

Latents carry a little noise while the decoder learns, so that what the UNet gets slightly wrong
does not show. The stage ``decoder`` sharpens the decoder later, without touching the latents.
"""

from __future__ import annotations

from itertools import count

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from imagineid.ccf.autoencoder import Decoder, Encoder, reconstruct
from imagineid.spec import Size
from imagineid_train.data import Faces, sheet, to_image, to_picture
from imagineid_train.loop import ROOT, Budget, channels_last, train
from imagineid_train.perceptual import Perceptual

NAME, DECODER = "autoencoder", "decoder"
NOISE = 0.05
"""Standard deviation of the noise on latents that the decoder learns to live with."""
CROP_PX = 128
BATCH = 16
PERCEPTUAL_EVERY, PERCEPTUAL_CROPS = 4, 4
"""The perceptual loss costs five times the rest, so only some crops of some steps pay it."""


def detail(image: Tensor) -> Tensor:
    """What a 3x3 blur takes away: edges and texture."""
    return image - F.avg_pool2d(image, 3, 1, 1)


def psnr(a: Tensor, b: Tensor) -> Tensor:
    """Peak signal-to-noise ratio in dB of batches in [-1, 1], (B,)."""
    return -10 * ((a - b) / 2).clamp(-1, 1).pow(2).mean((1, 2, 3)).log10()


class Crops:
    """Draws random crops; half of them near the face, a sixth of them mesh pictures.

    The shards are looked up again now and then, so that learning can begin while the world is
    still being made.
    """

    def __init__(self, seed: int) -> None:
        self.faces, self.rng, self.drawn = Faces.open("train"), np.random.default_rng(seed), 0

    def __call__(self, size: int) -> Tensor:
        """Return ``size`` crops, (size, 3, 128, 128) in [-1, 1]."""
        rng, out = self.rng, []
        self.drawn += 1
        if self.drawn % 500 == 0:
            self.faces = Faces.open("train")
        for _ in range(size):
            person, frame = rng.integers(len(self.faces)), rng.integers(8)
            kind = "mesh" if rng.random() < 1 / 6 else "frame"
            picture = self.faces.get(int(person), kind)[frame]
            room = picture.shape[0] - CROP_PX
            if rng.random() < 0.5:  # the middle: eyes and mouth
                y, x = rng.integers(room // 3, room + 1), rng.integers(room // 4, 3 * room // 4)
            else:
                y, x = rng.integers(0, room + 1, 2)
            crop = picture[y : y + CROP_PX, x : x + CROP_PX]
            out.append(crop[:, ::-1] if rng.random() < 0.5 else crop)
        return to_image(np.stack(out)).contiguous(memory_format=torch.channels_last)


def run(size: Size, minutes: float) -> None:
    """Train both halves for ``minutes`` in all."""
    encoder, decoder = Encoder(size), Decoder(size)
    channels_last((encoder, decoder))
    _learn(NAME, encoder, decoder, {"encoder": encoder, "decoder": decoder}, minutes)


def run_decoder(size: Size, minutes: float) -> None:
    """Go on with the decoder alone, the encoder and so every kept latent as they are."""
    from imagineid_train.latents import networks

    encoder, decoder = networks(size)
    decoder.requires_grad_(requires_grad=True)
    decoder.blend.requires_grad_(requires_grad=False)
    _learn(DECODER, encoder, decoder, {"decoder": decoder}, minutes)


def _learn(
    stage: str, encoder: Encoder, decoder: Decoder, modules: dict[str, nn.Module], minutes: float
) -> None:
    """Minimise the reconstruction's error, leaving a sheet of held-out ones at each check."""
    draw, held = Crops(0), Faces.open("val")
    perceptual, step = Perceptual(), count()

    def loss() -> dict[str, Tensor]:
        image = draw(BATCH)
        latent, _ = encoder(image)
        made = decoder.draw(decoder.features(latent + NOISE * torch.randn_like(latent))).float()
        terms = {
            "absolute": (made - image).abs().mean(),
            "square": 2 * (made - image).pow(2).mean(),
            "detail": (detail(made) - detail(image)).abs().mean(),
            "size": 1e-3 * latent.float().pow(2).mean(),
        }
        if next(step) % PERCEPTUAL_EVERY == 0:
            some = slice(0, PERCEPTUAL_CROPS)
            terms["perceptual"] = 0.06 * perceptual(made[some], image[some])
        return terms

    shown = to_image(np.stack([held.get(i, "frame")[0] for i in range(min(24, len(held)))]))
    meshes = to_image(np.stack([held.get(i, "mesh")[0] for i in range(min(8, len(held)))]))

    @torch.no_grad()
    def check() -> dict[str, float]:
        made, mesh = reconstruct(encoder, decoder, shown), reconstruct(encoder, decoder, meshes)
        top, bottom = shown[:8], made[:8]
        sheet([to_picture(top), to_picture(bottom), to_picture(mesh)], ROOT / stage / "sheet.png")
        return {
            "psnr": float(psnr(made, shown).mean()),
            "mesh_psnr": float(psnr(mesh, meshes).mean()),
            "latent_std": float(encoder(shown)[0].std()),
        }

    train(stage, modules, loss, Budget(minutes, rate=1.5e-3), check, check_every=1000)
