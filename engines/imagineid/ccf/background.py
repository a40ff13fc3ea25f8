"""G_IA: the background of the first frame, with the person painted out, by OpenCV."""

from __future__ import annotations

import cv2
import numpy as np

Picture = np.ndarray
"""(H, W, 3) uint8."""

Mask = np.ndarray
"""(h, w) float32 in [0, 1], 1 on the person."""

WORKING_PX = 64
"""Inpainting runs at this size; what it fills is seen only at the person's edge."""


def dilated(mask: Mask, cells: int = 2) -> Mask:
    """Grow a soft mask by ``cells`` and soften its edge, same shape and range."""
    side = 2 * cells + 1
    kernel = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (side, side))
    grown = cv2.dilate(np.ascontiguousarray(mask, np.float32), kernel)
    return np.asarray(np.clip(cv2.blur(grown, (3, 3)), 0, 1), np.float32)


def inpainted(picture: Picture, mask: Mask) -> Picture:
    """Return ``picture`` with the person filled from around.

    Args:
        picture: (H, W, 3) uint8.
        mask: the person, any size, 1 where to fill; grown here so that no rim stays.

    Source:
        Telea 2004, in OpenCV, stands where the paper uses Inpaint-Anything.
    """
    height, width = picture.shape[:2]
    small = cv2.resize(picture, (WORKING_PX, WORKING_PX), interpolation=cv2.INTER_AREA)
    person = cv2.resize(np.asarray(mask, np.float32), (WORKING_PX, WORKING_PX))
    hole = (dilated(person, 2) > 0.05).astype(np.uint8)
    if hole.all():
        return np.full_like(picture, picture.mean(axis=(0, 1)).astype(np.uint8))
    filled = cv2.inpaint(small, hole, 4, cv2.INPAINT_TELEA)
    filled = cv2.resize(cv2.blur(filled, (5, 5)), (width, height), interpolation=cv2.INTER_CUBIC)
    inside = cv2.resize(hole.astype(np.float32), (width, height))[..., None]
    mixed = picture * (1 - inside) + filled * inside
    return np.asarray(np.clip(mixed.round(), 0, 255), np.uint8)
