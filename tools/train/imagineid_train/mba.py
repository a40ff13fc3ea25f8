"""Stage CCF 3: MBA (eq. 10), one convolution on a frozen autoencoder; and the matte network."""

from __future__ import annotations

from itertools import count

import cv2
import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F

from imagineid.ccf.background import dilate, inpaint
from imagineid.nn.autoencoder import Decoder, Encoder
from imagineid.nn.matte import Matte
from imagineid.spec import Size
from imagineid_train.autoencoder import PERCEPTUAL_EVERY, detail, psnr
from imagineid_train.data import Faces, sheet, to_image, to_picture
from imagineid_train.latents import networks
from imagineid_train.loop import ROOT, Budget, channels_last, load_into
from imagineid_train.perceptual import Perceptual
from imagineid_train.stage import Learning, Stage

NAME, MATTE = "mba", "matte"
BATCH = 4


def _small(matte: np.ndarray, size: Size) -> np.ndarray:
    side = (size.feature_px, size.feature_px)
    out: np.ndarray = cv2.resize(np.asarray(matte), side, interpolation=cv2.INTER_AREA)
    return out.astype(np.float32) / 255


def _draw(
    faces: Faces, size: Size, rng: np.random.Generator, count: int
) -> tuple[Tensor, Tensor, Tensor]:
    """Return frames, their inpainted backgrounds (of another moment) and dilated mattes."""
    frames, grounds, masks = [], [], []
    for person in rng.integers(len(faces), size=count):
        frame, other = rng.integers(8, size=2)
        pictures, mattes = faces.get(int(person), "frame"), faces.get(int(person), "matte")
        frames.append(pictures[frame])
        grounds.append(inpaint(np.asarray(pictures[other]), _small(mattes[other], size)))
        masks.append(dilate(_small(mattes[frame], size)))
    mask = torch.from_numpy(np.stack(masks))[:, None]
    return to_image(np.stack(frames)), to_image(np.stack(grounds)), mask


@torch.no_grad()
def _begin(encoder: Encoder, decoder: Decoder, image: Tensor) -> None:
    """Set the convolution to the least-squares map from F_ve to F_vd of the same frames."""
    latent, feature = encoder(image)
    known = feature.movedim(1, -1).flatten(0, -2).double()
    wanted = decoder.features(latent).movedim(1, -1).flatten(0, -2).double()
    known = torch.cat([known, torch.ones_like(known[:, :1])], dim=1)
    ridge = 1e-3 * len(known) * torch.eye(known.shape[1], dtype=known.dtype)
    found = torch.linalg.solve(known.T @ known + ridge, known.T @ wanted)
    decoder.blend.weight.copy_(found[:-1].T[..., None, None])
    assert decoder.blend.bias is not None
    decoder.blend.bias.copy_(found[-1])


def build(size: Size) -> Learning:
    """Train MBA's convolution."""
    encoder, decoder = networks(size)
    train_set, held = Faces.open("train"), Faces.open("val")
    rng, perceptual, step = np.random.default_rng(3), Perceptual(), count()
    _begin(encoder, decoder, _draw(train_set, size, rng, 24)[0])
    decoder.blend.requires_grad_(requires_grad=True)

    def made(image: Tensor, background: Tensor, mask: Tensor) -> Tensor:
        with torch.no_grad():
            latent, feature = encoder(image)[0], encoder(background)[1]
            latent = latent + 0.1 * torch.randn_like(latent)
        out: Tensor = decoder(latent, feature, mask).float()
        return out

    def loss() -> dict[str, Tensor]:
        image, background, mask = _draw(train_set, size, rng, BATCH)
        out = made(image, background, mask)
        terms = {
            "absolute": (out - image).abs().mean(),
            "detail": (detail(out) - detail(image)).abs().mean(),
        }
        if next(step) % PERCEPTUAL_EVERY == 0:
            terms["perceptual"] = 0.06 * perceptual(out[:1], image[:1])
        return terms

    @torch.no_grad()
    def check() -> dict[str, float]:
        image, background, mask = _draw(held, size, np.random.default_rng(0), 8)
        out = made(image, background, mask)
        sheet(
            [to_picture(image), to_picture(background), to_picture(out)], ROOT / NAME / "sheet.png"
        )
        return {"psnr": float(psnr(out, image).mean())}

    return Learning({"blend": decoder.blend}, loss, check, Budget(0, rate=1e-3), 200)


def build_matte(size: Size) -> Learning:
    """Train the matte network, on frames and on their reconstructions."""
    encoder, decoder = networks(size)
    matte = Matte(size)
    channels_last((matte,))
    train_set, held = Faces.open("train"), Faces.open("val")
    rng = np.random.default_rng(4)

    def pair(faces: Faces, count: int, draw: np.random.Generator) -> tuple[Tensor, Tensor]:
        frames, masks = [], []
        for person in draw.integers(len(faces), size=count):
            frame = draw.integers(8)
            frames.append(faces.get(int(person), "frame")[frame])
            masks.append(_small(faces.get(int(person), "matte")[frame], size))
        image, mask = to_image(np.stack(frames)), torch.from_numpy(np.stack(masks))[:, None]
        return (image.flip(-1), mask.flip(-1)) if draw.random() < 0.5 else (image, mask)

    def loss() -> dict[str, Tensor]:
        image, mask = pair(train_set, BATCH, rng)
        if rng.random() < 0.5:  # what it will see is the model's own pictures
            with torch.no_grad():
                latent = encoder(image)[0]
                latent = latent + rng.uniform(0, 0.3) * torch.randn_like(latent)
                image = decoder.draw(decoder.features(latent)).float()
        logits = matte.logits(image).float()
        return {"cross_entropy": F.binary_cross_entropy_with_logits(logits, mask)}

    @torch.no_grad()
    def check() -> dict[str, float]:
        image, mask = pair(held, 16, np.random.default_rng(0))
        found, true = matte(image) > 0.5, mask > 0.5
        return {"iou": float((found & true).sum() / (found | true).sum())}

    return Learning({"matte": matte}, loss, check, Budget(0, rate=1e-3), 200)


def autoencoder(size: Size) -> tuple[Encoder, Decoder]:
    """Return the frozen autoencoder with MBA's trained convolution in its decoder."""
    encoder, decoder = networks(size)
    load_into(decoder.blend, NAME, "blend")
    return encoder, decoder


STAGE = Stage(NAME, 5.0, build, by_size=False)
MATTE_STAGE = Stage(MATTE, 5.0, build_matte, by_size=False)
