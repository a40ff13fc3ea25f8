"""One photograph's face on another's head: a person whom neither shows."""

from __future__ import annotations

from typing import TYPE_CHECKING

import cv2
import numpy as np

from imagineid_world.photos.anatomy import SKIN, smoothstep, surface
from imagineid_world.photos.recolour import to_lab, to_rgb

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from imagineid_world.photos.person import Geometry

    F32 = NDArray[np.float32]

LARGEST_TONE = 15.0
"""Faces whose mean Lab differs by more do not go together."""

_CENTRE_Y, _REACH = -0.028, (0.062, 0.086)
"""The face's middle below the eyes, and where its mask starts and stops to fade, metres."""

_FOREHEAD = (0.050, 0.030)
"""Above the eyes by this much the face stays the head's own, metres: hair falls there."""


def exchange(picture: F32, head: Geometry, other: F32, donor: Geometry) -> F32 | None:
    """Put the donor's eyes, nose, mouth and cheeks on a head.

    Args:
        picture: the head's photograph, (S, S, 3) RGB 0..255.
        head: its mesh.
        other: the donor's photograph, (S, S, 3).
        donor: its mesh.

    Returns:
        The head's photograph with the other face, or None where their colours are too far apart.
    """
    model = head.face.model
    points = model.posed(model.express(head.rest, head.fit.beta), head.fit.pose)
    mesh = surface(points, model, head.side)
    across, down = np.moveaxis(mesh.spread(mesh.mix(donor.places) - 0.5), -1, 0)
    source = other.astype(np.float32)
    sampled = cv2.remap(source, across, down, cv2.INTER_CUBIC).reshape(-1, 3)[mesh.pixel]
    reach = np.hypot(model.mean[:, 0], (model.mean[:, 1] - _CENTRE_Y) * 0.85)
    below_hair = smoothstep(*_FOREHEAD, model.mean[:, 1])
    weight = (
        smoothstep(_REACH[1], _REACH[0], reach) * below_hair * np.minimum(head.inner, donor.inner)
    )
    share = np.clip(mesh.mix(weight), 0, 1)
    skin = (mesh.region == SKIN) & (share > 0.8)
    own = to_lab(picture.reshape(-1, 3)[mesh.pixel])
    new = to_lab(sampled)
    mean, goal = new[skin].mean(0), own[skin].mean(0)
    if np.linalg.norm(mean - goal) > LARGEST_TONE:
        return None
    ratio = np.clip(own[skin].std(0) / (new[skin].std(0) + 1e-3), 0.7, 1.4)
    face = mesh.spread(to_rgb((new - mean) * ratio + goal))
    mask = cv2.GaussianBlur(mesh.spread(share), (0, 0), head.side / 128)
    mask = np.minimum(mask, mesh.spread(np.ones(len(share), np.float32)))
    # Light that differs slowly over the face follows the head's.
    slow = head.side / 14
    solid = mesh.spread(np.ones(len(share), np.float32))[..., None]

    def blur(x: F32) -> F32:
        return np.asarray(cv2.GaussianBlur(x * solid, (0, 0), slow))

    base = cv2.GaussianBlur(solid, (0, 0), slow)[..., None] + 1e-3
    gain = (blur(picture) / base + 8) / (blur(face) / base + 8)
    face = np.clip(face * np.clip(gain, 0.6, 1.6), 0, 255)
    return np.asarray(picture + (face - picture) * mask[..., None], np.float32)


def blended_shape(head: F32, donor: F32, rng: np.random.Generator) -> F32:
    """A head shape (80,) between the two."""
    share = float(rng.uniform(0.3, 0.6))
    return np.asarray(head + share * (donor - head), np.float32)
