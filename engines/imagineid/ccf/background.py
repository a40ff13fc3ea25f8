"""G_IA: inpainting of the background behind the person in the first frame."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from PIL import Image, ImageFilter

Picture = np.ndarray
"""(H, W, 3) uint8."""

Mask = np.ndarray
"""(h, w) float32 in [0, 1], 1 on the person."""

Fill = Callable[[np.ndarray, np.ndarray], np.ndarray]
"""Fills a hole: (h, w, 3) float32 in 0-255 and (h, w) bool, 1 in the hole, to colours like them."""

Paint = Callable[[Picture, Mask], Picture]
"""Paints the person out of a picture, see :func:`inpaint`."""

WORKING_PX = 64
"""Harmonic inpainting runs at this size; what it fills is seen only at the person's edge."""

GROWTH, SOFTNESS = 1 / 32, 1 / 64
"""How far a mask is grown and then blurred, in shares of its side."""

ROUNDS = 400
"""Iterations of averaging, enough for colours to spread across the person."""


def dilate(mask: Mask) -> Mask:
    """Grow a soft mask by ``GROWTH`` and soften its edge, same shape and range."""
    side = max(mask.shape)
    grown = np.uint8(np.clip(mask, 0, 1) * 255 + 0.5)
    for axis in (0, 1):
        grown = _max_filter(grown, max(1, round(GROWTH * side)), axis)
    soft = Image.fromarray(grown).filter(ImageFilter.BoxBlur(max(1, round(SOFTNESS * side))))
    return np.asarray(soft, np.float32) / 255


def _max_filter(values: np.ndarray, reach: int, axis: int) -> np.ndarray:
    """Return the greatest value up to ``reach`` cells away along ``axis``, (h, w)."""
    beyond = [(reach, reach) if a == axis else (0, 0) for a in range(values.ndim)]
    padded = np.pad(values, beyond, mode="edge")
    filtered: np.ndarray = np.lib.stride_tricks.sliding_window_view(
        padded, 2 * reach + 1, axis=axis
    ).max(axis=-1)
    return filtered


def inpaint(
    picture: Picture, mask: Mask, fill: Fill | None = None, working_px: int = WORKING_PX
) -> Picture:
    """Return ``picture`` with the person filled from around.

    Without ``fill`` colours spread inwards until each filled point is the mean of its neighbours
    (harmonic inpainting), which is smooth, and all that the rim of a moving head ever uncovers.

    Args:
        picture: (H, W, 3) uint8.
        mask: the person, any size, 1 where to fill; dilated here so that no rim remains.
        fill: what fills the hole, at ``working_px``; None for harmonic inpainting.
        working_px: height and width at which it is filled.

    Source:
        Bertalmio et al. 2000 name this the diffusion limit of inpainting. The paper uses
        Inpaint-Anything, whose filling is LaMa's.
    """
    height, width = picture.shape[:2]
    side = (working_px, working_px)
    small = np.asarray(Image.fromarray(picture).resize(side, Image.Resampling.BOX), np.float32)
    person = np.asarray(Image.fromarray(np.asarray(mask, np.float32)).resize(side))
    hole = dilate(person) > 0.05
    if hole.all():
        return np.full_like(picture, picture.mean(axis=(0, 1)).astype(np.uint8))
    filled = (fill or _harmonic)(small, hole)
    wide = np.asarray(
        Image.fromarray(np.uint8(filled + 0.5)).resize((width, height), Image.Resampling.BICUBIC),
        np.float32,
    )
    inside = np.asarray(Image.fromarray(np.float32(hole)).resize((width, height)))[..., None]
    mixed = picture * (1 - inside) + wide * inside
    return np.asarray(np.clip(mixed.round(), 0, 255), np.uint8)


def _harmonic(colours: np.ndarray, hole: np.ndarray) -> np.ndarray:
    """Solve Laplace's equation in ``hole`` by averaging neighbours, (h, w, 3) float32."""
    out: np.ndarray = colours.copy()
    out[hole] = colours[~hole].mean(axis=0)
    for _ in range(ROUNDS):
        padded = np.pad(out, ((1, 1), (1, 1), (0, 0)), mode="edge")
        mean = (padded[:-2, 1:-1] + padded[2:, 1:-1] + padded[1:-1, :-2] + padded[1:-1, 2:]) / 4
        out[hole] = mean[hole]
    return out
