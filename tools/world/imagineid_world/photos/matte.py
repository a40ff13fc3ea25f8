"""Cut a person out of a photograph: matte, colours of the person, background behind."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import cv2
import numpy as np

from imagineid_world.photos.anatomy import smoothstep

if TYPE_CHECKING:
    from numpy.typing import NDArray

    F32 = NDArray[np.float32]

GUIDE_RADIUS, GUIDE_EPSILON = 0.025, 3e-4
"""Window of the guided filter as a share of the side, and its regulariser for colours in 0..1."""

INPAINT_SIDE = 128
"""The background behind the person is filled in at this size: it is smooth and out of focus."""


@dataclass(frozen=True)
class Cutout:
    """A matted photograph: ``picture = person * matte + background * (1 - matte)``.

    Attributes:
        person: colours of the person, continued beyond the matte, (S, S, 3) 0..255.
        matte: share of person, (S, S) 0..1.
        background: without the person, (S, S, 3) 0..255.
    """

    person: F32
    matte: F32
    background: F32


def cut_out(photo: NDArray[np.uint8], mask: NDArray[np.uint8], landmarks: F32) -> Cutout:
    """Matte a photograph (S, S, 3), given a coarse person mask (S, S) 0..255."""
    side = len(photo)
    face = np.zeros((side, side), np.uint8)
    hull = cv2.convexHull(landmarks[:468].astype(np.float32)).astype(np.int32)
    cv2.fillConvexPoly(face, hull, 1)
    coarse = np.maximum(mask.astype(np.float32) / np.float32(255), face, dtype=np.float32)
    guide = np.asarray(photo / np.float32(255), np.float32)
    radius = max(2, round(GUIDE_RADIUS * side))
    fine = guided(smoothstep(0.2, 0.8, coarse), guide, radius, GUIDE_EPSILON)
    matte = np.maximum(smoothstep(0.12, 0.92, fine), face)
    background = without_person(photo, coarse)
    return Cutout(_foreground(photo.astype(np.float32), matte), matte, background)


def guided(values: F32, guide: F32, radius: int, epsilon: float) -> F32:
    """Smooth values (H, W) or (H, W, C) along the edges of a colour guide (H, W, 3).

    The filter's linear maps are found at half size, which is four times as fast.

    Source:
        He, Sun and Tang 2013, "Guided image filtering"; He and Sun 2015, "Fast guided filter".
    """
    stack = values if values.ndim == 3 else values[..., None]
    full = (values.shape[1], values.shape[0])
    half = (full[0] // 2, full[1] // 2)
    small = cv2.resize(guide, half, interpolation=cv2.INTER_AREA)
    few = cv2.resize(stack, half, interpolation=cv2.INTER_AREA).reshape(*small.shape[:2], -1)
    window = (radius | 1, radius | 1)

    def mean(x: F32) -> F32:
        return np.asarray(cv2.blur(np.ascontiguousarray(x), window))

    average = mean(small)
    spread = np.empty((*small.shape[:2], 3, 3), np.float32)
    for i in range(3):
        for j in range(i, 3):
            cover = mean(small[..., i] * small[..., j]) - average[..., i] * average[..., j]
            spread[..., i, j] = spread[..., j, i] = cover
    spread += epsilon * np.eye(3, dtype=np.float32)
    inverse = np.linalg.inv(spread)
    out = np.empty(stack.shape, np.float32)
    for k in range(stack.shape[2]):
        value = mean(few[..., k])
        joint = mean(small * few[..., k, None]) - average * value[..., None]
        slope = (inverse @ joint[..., None])[..., 0]
        shift = value - (slope * average).sum(-1)
        maps = cv2.resize(mean(np.concatenate([slope, shift[..., None]], -1)), full)
        out[..., k] = (maps[..., :3] * guide).sum(-1) + maps[..., 3]
    return out.reshape(values.shape)


def _foreground(photo: F32, matte: F32) -> F32:
    """Colours of the person everywhere, so that no old background shows at the hair.

    Source:
        Forte 2021, "Approximate fast foreground colour estimation" (blur fusion).
    """
    share = matte[..., None]
    person, ground = photo, photo
    for size in (91, 7):
        window = (size, size)
        weight = cv2.blur(matte, window)[..., None]
        smooth = cv2.blur(person * share, window) / (weight + 1e-4)
        ground = cv2.blur(ground * (1 - share), window) / (1 - weight + 1e-4)
        person = smooth + share * (photo - share * smooth - (1 - share) * ground)
        person = np.clip(person, 0, 255)
    return np.asarray(person, np.float32)


def without_person(photo: NDArray[np.uint8], coarse: F32) -> F32:
    """Fill in the background behind the person of a coarse mask (S, S) 0..1."""
    side, small = len(photo), INPAINT_SIDE
    grown = (cv2.resize(coarse, (small, small)) > 0.12).astype(np.uint8)
    grown = cv2.dilate(grown, np.ones((9, 9)))
    tiny = cv2.resize(photo, (small, small), interpolation=cv2.INTER_AREA)
    tiny = cv2.GaussianBlur(cv2.inpaint(tiny, grown, 3, cv2.INPAINT_TELEA), (0, 0), 1.5)
    filled = cv2.resize(tiny, (side, side), interpolation=cv2.INTER_CUBIC).astype(np.float32)
    share = cv2.resize(grown.astype(np.float32), (side, side))
    share = cv2.GaussianBlur(share, (0, 0), side / 64)[..., None]
    return np.asarray(photo * (1 - share) + filled * share, np.float32)
