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

from imagineid.nn.autoencoder import Decoder, Encoder, reconstruct
from imagineid.spec import Size
from imagineid_train.data import Faces, boxes, sheet, to_image, to_picture
from imagineid_train.loop import ROOT, Budget, channels_last
from imagineid_train.perceptual import Perceptual
from imagineid_train.stage import Learning, Stage

NAME, DECODER = "autoencoder", "decoder"
NOISE = 0.03
"""Standard deviation of the noise on latents that the decoder learns to live with."""
DETAILED = 4.0
"""How much more a pixel of the mouth or an eye counts than any other."""
CROP_PX = 128
BATCH, RATE = 16, 1.5e-3
PERCEPTUAL_EVERY, PERCEPTUAL_CROPS = 4, 4
"""The perceptual loss costs five times the rest, so only some crops of some steps pay it."""


def detail(image: Tensor) -> Tensor:
    """What a 3x3 blur takes away: edges and texture."""
    return image - F.avg_pool2d(image, 3, 1, 1)


def weighed(error: Tensor, weight: Tensor) -> Tensor:
    """Return the mean of ``error`` (B, 3, H, W) where a pixel counts ``weight`` (B, 1, H, W)."""
    out: Tensor = (error * weight).sum() / (weight.sum() * error.shape[1])
    return out


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

    def __call__(self, size: int) -> tuple[Tensor, Tensor]:
        """Return ``size`` crops, (size, 3, 128, 128) in [-1, 1], and the weight of each pixel."""
        rng, out = self.rng, []
        weight = np.ones((size, 1, CROP_PX, CROP_PX), np.float32)
        self.drawn += 1
        if self.drawn % 500 == 0:
            self.faces = Faces.open("train")
        for i in range(size):
            person, frame = int(rng.integers(len(self.faces))), int(rng.integers(8))
            kind = "mesh" if rng.random() < 1 / 6 else "frame"
            picture = self.faces.get(person, kind)[frame]
            room = picture.shape[0] - CROP_PX
            if rng.random() < 0.5:  # the middle: eyes and mouth
                y, x = rng.integers(room // 3, room + 1), rng.integers(room // 4, 3 * room // 4)
            else:
                y, x = rng.integers(0, room + 1, 2)
            crop = picture[y : y + CROP_PX, x : x + CROP_PX]
            for top, bottom, left, right in boxes(self.faces, person, frame) - [y, y, x, x]:
                weight[i, 0, max(0, top) : max(0, bottom), max(0, left) : max(0, right)] = DETAILED
            if rng.random() < 0.5:
                crop, weight[i] = crop[:, ::-1], weight[i, :, :, ::-1].copy()
            out.append(crop)
        crops = to_image(np.stack(out)).contiguous(memory_format=torch.channels_last)
        return crops, torch.from_numpy(weight)


def build(size: Size) -> Learning:
    """Train both halves."""
    encoder, decoder = Encoder(size), Decoder(size)
    channels_last((encoder, decoder))
    return _learning(NAME, encoder, decoder, {"encoder": encoder, "decoder": decoder}, RATE)


def build_decoder(size: Size) -> Learning:
    """Go on with the decoder alone, the encoder and so every kept latent as they are."""
    from imagineid_train.latents import networks

    encoder, decoder = networks(size)
    decoder.requires_grad_(requires_grad=True)
    decoder.blend.requires_grad_(requires_grad=False)
    return _learning(DECODER, encoder, decoder, {"decoder": decoder}, RATE / 3)


def _learning(
    stage: str,
    encoder: Encoder,
    decoder: Decoder,
    modules: dict[str, nn.Module],
    rate: float,
) -> Learning:
    """Minimise the reconstruction's error, leaving a sheet of held-out ones at each check."""
    draw, held = Crops(0), Faces.open("val")
    perceptual, step = Perceptual(), count()

    def loss() -> dict[str, Tensor]:
        image, weight = draw(BATCH)
        latent, _ = encoder(image)
        made = decoder.draw(decoder.features(latent + NOISE * torch.randn_like(latent))).float()
        terms = {
            "absolute": 0.5 * weighed((made - image).abs(), weight),
            "square": 6 * weighed((made - image).pow(2), weight),
            "detail": 0.5 * weighed((detail(made) - detail(image)).abs(), weight),
            "size": 1e-3 * latent.float().pow(2).mean(),
        }
        if next(step) % PERCEPTUAL_EVERY == 0:
            some = slice(0, PERCEPTUAL_CROPS)
            terms["perceptual"] = 0.04 * perceptual(made[some], image[some])
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

    return Learning(modules, loss, check, Budget(0, rate=rate), 1000)


STAGE = Stage(NAME, 45.0, build, by_size=False)
DECODER_STAGE = Stage(DECODER, 30.0, build_decoder, by_size=False)
