"""G_IA: the background of the first frame, with the person painted out."""

from __future__ import annotations

import numpy as np
from PIL import Image, ImageFilter

Picture = np.ndarray
"""(H, W, 3) uint8."""

Mask = np.ndarray
"""(h, w) float32 in [0, 1], 1 on the person."""

WORKING_PX = 64
"""Inpainting runs at this size; what it fills is seen only at the person's edge."""

ROUNDS = 400
"""Rounds of averaging: enough for colour to cross the person at the working size."""


def dilate(mask: Mask, cells: int = 2) -> Mask:
    """Grow a soft mask by ``cells`` and soften its edge, same shape and range."""
    grown = Image.fromarray(np.uint8(np.clip(mask, 0, 1) * 255 + 0.5))
    grown = grown.filter(ImageFilter.MaxFilter(2 * cells + 1)).filter(ImageFilter.BoxBlur(1))
    return np.asarray(grown, np.float32) / 255


def inpaint(picture: Picture, mask: Mask) -> Picture:
    """Return ``picture`` with the person filled from around.

    Colours spread inwards until each filled point is the mean of its neighbours (harmonic
    inpainting), which is smooth, and all that the rim of a moving head ever uncovers.

    Args:
        picture: (H, W, 3) uint8.
        mask: the person, any size, 1 where to fill; grown here so that no rim stays.

    Source:
        Bertalmio et al. 2000 name this the diffusion limit of inpainting; it stands where the
        paper uses Inpaint-Anything.
    """
    height, width = picture.shape[:2]
    side = (WORKING_PX, WORKING_PX)
    small = np.asarray(Image.fromarray(picture).resize(side, Image.Resampling.BOX), np.float32)
    person = np.asarray(Image.fromarray(np.asarray(mask, np.float32)).resize(side))
    hole = dilate(person) > 0.05
    if hole.all():
        return np.full_like(picture, picture.mean(axis=(0, 1)).astype(np.uint8))
    filled = _spread(small, hole)
    wide = np.asarray(
        Image.fromarray(np.uint8(filled + 0.5)).resize((width, height), Image.Resampling.BICUBIC),
        np.float32,
    )
    inside = np.asarray(Image.fromarray(np.float32(hole)).resize((width, height)))[..., None]
    mixed = picture * (1 - inside) + wide * inside
    return np.asarray(np.clip(mixed.round(), 0, 255), np.uint8)


def _spread(colours: np.ndarray, hole: np.ndarray) -> np.ndarray:
    """Solve Laplace's equation in ``hole`` by averaging neighbours, (h, w, 3) float32."""
    out: np.ndarray = colours.copy()
    out[hole] = colours[~hole].mean(axis=0)
    for _ in range(ROUNDS):
        framed = np.pad(out, ((1, 1), (1, 1), (0, 0)), mode="edge")
        mean = (framed[:-2, 1:-1] + framed[2:, 1:-1] + framed[1:-1, :-2] + framed[1:-1, 2:]) / 4
        out[hole] = mean[hole]
    return out
