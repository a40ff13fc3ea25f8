"""Conversion between pictures (uint8) and the images that networks take (float32)."""

from __future__ import annotations

import numpy as np

Array = np.ndarray


def to_images(pictures: Array) -> Array:
    """Convert (B, H, W, 3) uint8 to (B, 3, H, W) float32 in [-1, 1]."""
    images: Array = pictures.transpose(0, 3, 1, 2).astype(np.float32, order="C")
    images /= 127.5
    images -= 1
    return images


def to_pictures(images: Array) -> Array:
    """Convert (B, 3, H, W), about [-1, 1], to (B, H, W, 3) uint8."""
    clean = images + 1
    clean *= 127.5
    np.clip(clean, 0, 255, out=clean)
    np.rint(clean, out=clean)
    return np.ascontiguousarray(clean.astype(np.uint8).transpose(0, 2, 3, 1))
