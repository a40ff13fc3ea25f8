"""Pictures as people keep them and as networks take them."""

from __future__ import annotations

import numpy as np

Array = np.ndarray


def to_images(pictures: Array) -> Array:
    """Convert (B, H, W, 3) uint8 to (B, 3, H, W) float32 in [-1, 1]."""
    return np.asarray(pictures.transpose(0, 3, 1, 2).astype(np.float32) / 127.5 - 1)


def to_pictures(images: Array) -> Array:
    """Convert (B, 3, H, W), about [-1, 1], to (B, H, W, 3) uint8."""
    clean = np.clip((images + 1) * 127.5, 0, 255)
    return np.ascontiguousarray(clean.round().astype(np.uint8).transpose(0, 2, 3, 1))
