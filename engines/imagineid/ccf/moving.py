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

FINE = 4
"""How many times larger than a frame the first one is read, at its nearest pixel: as sharp as it
is, and an eighth of a frame's pixel off at most."""


@dataclass(frozen=True)
class MovingScene:
    """What holds for all frames that move the first one.

    Attributes:
        first: I_id enlarged, see :func:`enlarge`.
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
    """Enlarge a frame (H, W, 3) uint8 by :data:`FINE`.

    Returns:
        Each pixel's red, green, blue and a spare byte as one number, (FINE * H, FINE * W) uint32: a
        pixel is then fetched at once.
    """
    height, width = frame.shape[:2]
    large = Image.fromarray(frame).resize((FINE * width, FINE * height), Image.Resampling.BICUBIC)
    packed = np.zeros((FINE * height, FINE * width, 4), np.uint8)
    packed[..., :3] = large
    return packed.view(np.uint32)[..., 0]


def warp(enlarged: Array, offset: Array) -> Array:
    """Move a picture by backward flows; its edges are repeated.

    Args:
        enlarged: see :func:`enlarge`.
        offset: where pixels come from, (B, 2, N, N), see :class:`imagineid.face.flow.Flow`.

    Returns:
        (B, H, W, 3) uint8.
    """
    height, width = enlarged.shape
    rows, columns = height // FINE, width // FINE
    own_x = (np.arange(columns, dtype=np.float32) + 0.5) * FINE
    own_y = ((np.arange(rows, dtype=np.float32) + 0.5) * FINE)[:, None]
    flat = enlarged.reshape(-1)
    moved = np.empty((len(offset), rows, columns), np.uint32)

    def place(away: Array, own: Array, side: int) -> Array:
        """Return where pixels lie along an axis of ``side`` pixels, (rows, columns) int32."""
        scaled = Image.fromarray(away.astype(np.float32) * np.float32(side / 2))
        at = np.array(scaled.resize((columns, rows), Image.Resampling.BILINEAR))
        at += own
        return np.clip(at, 0, side - 1, out=at).astype(np.int32)

    for (x, y), into in zip(offset, moved, strict=True):
        index = place(y, own_y, height)
        index *= width
        index += place(x, own_x, width)
        flat.take(index, out=into, mode="clip")
    return moved.view(np.uint8).reshape(*moved.shape, 4)[..., :3]


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
    decoded = engines["frame_decoder"](
        latent=latent,
        moved=to_images(warp(scene.first, flows.offset)),
        features=np.repeat(scene.features, count, axis=0),
        inpainted=np.repeat(scene.background, count, axis=0),
        mesh=to_images(flows.pictures),
        flow=flows.offset.astype(np.float32),
        cover=flows.cover.astype(np.float32) / 255,
        mask=mask,
    )
    return to_pictures(decoded["image"])
