"""Later frames that move the first one: what they need of it, and of the mesh."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from PIL import Image

from imagineid.ccf.images import to_images, to_pictures

if TYPE_CHECKING:
    from imagineid.engine import Engine

Array = np.ndarray

FINE = 2
"""How many times larger than a frame the first one is read: between its pixels it would blur."""


@dataclass(frozen=True)
class MovingScene:
    """What holds for all frames that move the first one.

    Attributes:
        first: I_id enlarged by :data:`FINE`, (1, 3, 2H, 2W) in [-1, 1].
        features: F_ve(I_id), (1, C, h, w).
        background: I_bg, (1, 3, H, W) in [-1, 1].
    """

    first: Array
    features: Array
    background: Array


@dataclass(frozen=True)
class MeshFlows:
    """How B frames move the first one.

    Attributes:
        pictures: their mesh pictures, (B, N, N, 3) uint8.
        offset: where their pixels come from, (B, 2, N, N) float16, see
            :class:`imagineid.face.flow.Flow`.
        cover: what of them the first frame shows times 255, (B, 1, N, N) uint8.
    """

    pictures: Array
    offset: Array
    cover: Array

    def __getitem__(self, rows: Sequence[int]) -> MeshFlows:
        """Return the flows of some frames."""
        return MeshFlows(self.pictures[rows], self.offset[rows], self.cover[rows])


def joined(flows: Sequence[MeshFlows]) -> MeshFlows:
    """Put flows behind each other."""
    return MeshFlows(
        *(
            np.concatenate([getattr(f, name) for f in flows])
            for name in ("pictures", "offset", "cover")
        )
    )


def enlarge(frame: Array) -> Array:
    """Enlarge a frame (H, W, 3) uint8 by :data:`FINE`."""
    height, width = frame.shape[:2]
    size = (FINE * width, FINE * height)
    return np.asarray(Image.fromarray(frame).resize(size, Image.Resampling.BICUBIC))


def move_first_frame(
    engines: Mapping[str, Engine],
    scene: MovingScene,
    latent: Array,
    flows: MeshFlows,
    mask: Array,
) -> Array:
    """Make frames of the first one, moved, and of what their latents draw.

    Args:
        engines: ``frame_decoder``.
        scene: what holds for all of them.
        latent: z, (B, c, h, w).
        flows: how they move the first frame.
        mask: m, (B, 1, h', w').

    Returns:
        (B, H, W, 3) uint8.
    """
    count = len(latent)
    made = engines["frame_decoder"](
        latent=latent,
        first=np.repeat(scene.first, count, axis=0),
        features=np.repeat(scene.features, count, axis=0),
        inpainted=np.repeat(scene.background, count, axis=0),
        mesh=to_images(flows.pictures),
        flow=flows.offset.astype(np.float32),
        cover=flows.cover.astype(np.float32) / 255,
        mask=mask,
    )
    return to_pictures(made["image"])
