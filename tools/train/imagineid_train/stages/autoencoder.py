"""The autoencoder between frames and latents: L1, detail and perceptual distance, then a critic.

When its time is used up the encoder is frozen, and latents get unit variance (:func:`normalise`);
the stage ``first_decoder`` trains the decoder further, alone.
"""

from __future__ import annotations

from itertools import count

import numpy as np
import torch
from safetensors.torch import save_file
from torch import Tensor, nn
from torch.nn import functional as F

from imagineid.nn.autoencoder import Encoder
from imagineid.nn.first_decoder import FirstDecoder, decode
from imagineid.spec import Size
from imagineid_train.adversary import Adversary, Critic, blurred
from imagineid_train.crops import Frames
from imagineid_train.data import sheet, to_image, to_picture
from imagineid_train.loop import (
    ROOT,
    Budget,
    Progress,
    channels_last,
    device,
    load_into,
    per_step,
)
from imagineid_train.losses import detail
from imagineid_train.measures import decibels, sharpness
from imagineid_train.perceptual import Perceptual
from imagineid_train.stage import Learning, Stage

CROP_PX, CROP_PX_ON_GPU = 192, 256
"""Side of a crop, on a CPU and on a GPU."""
BATCH, ON_GPU = 6, 32
"""Crops of a batch, on a CPU and on a GPU."""
NOISE = 0.05
"""Standard deviation of the noise on latents that the decoder learns to live with."""
PERCEPTUAL_EVERY, PERCEPTUAL_SHARE = 2, 1 / 3
SHOWN = 8
"""Held-out people on the sheet."""


def build(size: Size) -> Learning:
    """Both halves learn, against a critic in the last half."""
    encoder, decoder = Encoder(size).to(device()), FirstDecoder(size).to(device())
    return learning(size, encoder, decoder, {"encoder": encoder, "decoder": decoder}, 0.5)


STAGE = Stage("autoencoder", 240.0, build)


def learning(
    size: Size,
    encoder: Encoder,
    decoder: FirstDecoder,
    modules: dict[str, nn.Module],
    critic_from: float,
    name: str = "autoencoder",
    rate: float = 1e-3,
) -> Learning:
    """Return what learns to draw frames again from their latents.

    Args:
        size: of the networks.
        encoder: frozen, or among the modules.
        decoder: the same.
        modules: what learns, beside the critic.
        critic_from: share of the budget after which the critic is heard.
        name: of the stage, for its sheet.
        rate: peak learning rate.
    """
    people, held = Frames("train", size.frame_px), Frames("val", size.frame_px)
    progress, critic = Progress(), Critic().to(device())
    channels_last((encoder, decoder, critic))
    against = Adversary(critic, 0.04, critic_from, progress)
    perceptual, rng, step = Perceptual().to(device()), np.random.default_rng(0), count()
    crop, batch = min(per_step(CROP_PX, CROP_PX_ON_GPU), size.frame_px), per_step(BATCH, ON_GPU)

    def loss() -> dict[str, Tensor]:
        image = people.crops(rng, batch, crop)
        latent, feature = encoder(image)
        noisy = latent + NOISE * torch.randn_like(latent)
        decoded = decoder(noisy, feature, masks(rng, feature)).float()
        terms = {
            "absolute": (decoded - image).abs().mean(),
            "square": 3 * (decoded - image).pow(2).mean(),
            "detail": (detail(decoded) - detail(image)).abs().mean(),
            "size": 1e-3 * latent.float().pow(2).mean(),
        }
        if next(step) % PERCEPTUAL_EVERY == 0:
            some = slice(0, round(PERCEPTUAL_SHARE * batch))
            terms["perceptual"] = 0.15 * perceptual(decoded[some], image[some])
        return terms | against(decoded, image, blurred(image))

    chosen = range(min(SHOWN, len(held)))

    @torch.no_grad()
    def check() -> dict[str, float]:
        true, decoded = [], []
        for person in chosen:
            picture = held.whole(person, 1)
            latent = encoder(to_image(picture[None]).to(device()))[0]
            true.append(picture)
            decoded.append(to_picture(decode(decoder, latent))[0])
        folder = ROOT / size.name / name
        sheet([np.stack(true), np.stack(decoded)], folder / "sheet.png")
        everywhere = np.ones(true[0].shape[:2], bool)
        middle = np.zeros_like(everywhere)
        side = len(middle)
        middle[round(0.3 * side) : round(0.8 * side), round(0.3 * side) : round(0.7 * side)] = True
        pairs = list(zip(decoded, true, strict=True))
        return {
            "db": float(np.mean([decibels(a, b, everywhere) for a, b in pairs])),
            "face_db": float(np.mean([decibels(a, b, middle) for a, b in pairs])),
            "sharp": float(np.median([sharpness(a, b, everywhere) for a, b in pairs])),
            "face_sharp": float(np.median([sharpness(a, b, middle) for a, b in pairs])),
        }

    budget = Budget(0, rate=rate, rates=(("critic", 0.4),))
    return Learning(
        {**modules, "critic": critic}, loss, check, budget, per_step(300, 1500), progress
    )


def masks(rng: np.random.Generator, like: Tensor) -> Tensor:
    """Draw masks for MBA, (B, 1, h, w): half of them ones, the others soft blobs."""
    count, side = len(like), like.shape[-1]
    coarse = torch.from_numpy(rng.random((count, 1, 4, 4))).to(like.dtype).to(like.device)
    blobs = F.interpolate(coarse, size=(side, side), mode="bilinear")
    soft = (8 * (blobs - 0.5) + 0.5).clamp(0, 1)
    whole = torch.from_numpy(rng.random((count, 1, 1, 1)) < 0.5).to(like.device)
    return torch.where(whole, torch.ones_like(soft), soft)


@torch.no_grad()
def normalise(size: Size) -> None:
    """Fold each latent channel's standard deviation into the layers on both sides of it.

    The encoder is frozen from then on: ``<root>/<size>/latents/average.safetensors``.
    """
    encoder, decoder = Encoder(size), FirstDecoder(size)
    load_into(encoder, STAGE.folder(size), "encoder")
    load_into(decoder, STAGE.folder(size), "decoder")
    people = Frames("train", size.frame_px)
    some = np.random.default_rng(0).choice(len(people), min(96, len(people)), replace=False)
    latent = torch.cat([encoder(to_image(people.whole(int(i), 0)[None]))[0] for i in some])
    std = latent.std(dim=(0, 2, 3))
    encoder.out.weight /= std.view(-1, 1, 1, 1)
    assert encoder.out.bias is not None
    encoder.out.bias /= std
    decoder.stem.weight *= std.view(1, -1, 1, 1)
    named = {f"encoder.{k}": v for k, v in encoder.state_dict().items()}
    named |= {f"decoder.{k}": v for k, v in decoder.state_dict().items()}
    folder = ROOT / frozen(size)
    folder.mkdir(parents=True, exist_ok=True)
    save_file(named, folder / "average.safetensors")
    print(f"latents: standard deviations were {std.min():.2f} to {std.max():.2f}, now 1")


def frozen(size: Size) -> str:
    """Return the folder of the frozen autoencoder below the root.

    A size without a first decoder of its own has the embedded model's autoencoder.
    """
    return f"{size.name}/latents" if size.first_decoder else "latents"
