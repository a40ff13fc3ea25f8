"""Matting: from the matte network's coarse mask to an alpha channel, and colours without spill."""

from __future__ import annotations

import numpy as np
from PIL import Image

Array = np.ndarray

RADIUS = 2
"""Half the side of the guided filter's windows, in cells of the coarse mask."""

SMOOTHNESS = 1e-3
"""Variance of the guide, of 1, under which the filter averages instead of following it."""

LEAST_ALPHA = 0.1
"""Smallest divisor of colours, which limits the amplification of noise."""


def refined(frame: Array, mask: Array) -> Array:
    """Refine a coarse mask to the edges of the frame with a colour guided filter.

    The filter is solved at the mask's own resolution and applied at the frame's.

    Args:
        frame: (H, W, 3) uint8.
        mask: of the person, (h, w) in [0, 1], coarser.

    Returns:
        alpha, (H, W) float32 in [0, 1].

    Source:
        He et al. 2013, Guided image filtering; He and Sun 2015, Fast guided filter.
    """
    height, width = frame.shape[:2]
    small = Image.fromarray(frame).resize(mask.shape[::-1], Image.Resampling.BOX)
    guide = np.asarray(small, np.float64) / 255  # (h, w, 3)
    mean, mean_mask = _box(guide), _box(mask[..., None])
    pairs = _box((guide[..., :, None] * guide[..., None, :]).reshape(*mask.shape, 9))
    spread = pairs.reshape(*mask.shape, 3, 3) - mean[..., :, None] * mean[..., None, :]
    shared = _box(guide * mask[..., None]) - mean * mean_mask
    slope = np.linalg.solve(spread + SMOOTHNESS * np.eye(3), shared[..., None])[..., 0]
    offset = mean_mask[..., 0] - (slope * mean).sum(axis=-1)
    lines = _box(np.concatenate([slope, offset[..., None]], axis=-1))  # (h, w, 4)
    wide = np.stack([_resized(lines[..., i], (width, height)) for i in range(4)], axis=-1)
    alpha = (wide[..., :3] * (frame.astype(np.float32) / 255)).sum(axis=-1) + wide[..., 3]
    certain = _resized(mask, (width, height))
    alpha = np.where(certain < 0.02, 0, np.where(certain > 0.98, 1, alpha))
    return np.asarray(np.clip((alpha - 0.05) / 0.9, 0, 1), np.float32)


def foreground(frame: Array, alpha: Array, background: Array) -> Array:
    """Remove the old background from the colours of partly transparent pixels.

    Args:
        frame: (H, W, 3) uint8.
        alpha: (H, W) in [0, 1].
        background: the background behind the person, (H, W, 3) uint8.

    Returns:
        (H, W, 3) uint8, straight (not premultiplied) colours of the person.
    """
    share = np.maximum(alpha, LEAST_ALPHA)[..., None]
    behind = background.astype(np.float32)
    colours = behind + (frame.astype(np.float32) - behind) / share
    return np.asarray(np.clip(colours, 0, 255).round(), np.uint8)


def _box(values: Array) -> Array:
    """Average (h, w, n) over windows of 2 RADIUS + 1 cells; edges are repeated."""
    framed = np.pad(values, ((RADIUS + 1, RADIUS), (RADIUS + 1, RADIUS), (0, 0)), mode="edge")
    sums = framed.cumsum(axis=0).cumsum(axis=1)
    side = 2 * RADIUS + 1
    total = sums[side:, side:] - sums[:-side, side:] - sums[side:, :-side] + sums[:-side, :-side]
    return np.asarray(total / side**2)


def _resized(values: Array, size: tuple[int, int]) -> Array:
    """Resize (h, w) to (width, height), bilinearly."""
    picture = Image.fromarray(np.asarray(values, np.float32))
    return np.asarray(picture.resize(size, Image.Resampling.BILINEAR))
