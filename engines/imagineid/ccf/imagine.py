"""Imagining: Algorithm 1, the first frame in diverse mode, each later one in coherent mode.

What goes from frame to frame is a :class:`State`, passed in and out; what holds for the whole
video is a :class:`Scene`, made once from the first frame.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from imagineid.ccf.background import dilated, inpainted
from imagineid.ccf.sampling import ddim, guided, times
from imagineid.spec import Size

if TYPE_CHECKING:
    from imagineid.backends import Engine

Array = np.ndarray
Engines = Mapping[str, "Engine"]


@dataclass(frozen=True)
class Text:
    """Y of the prompt and of no prompt, both with the voice's pseudo-words, (1, M + N, D)."""

    said: Array
    unsaid: Array


@dataclass(frozen=True)
class Scene:
    """What holds for a whole video.

    Attributes:
        text: Y, (1, M + N, D); noise: z_T, (1, c, h, w).
        anchor: E(I_id), (1, c, h, w); background: F_ve(I_bg), (1, C, H/4, W/4).
    """

    text: Array
    noise: Array
    anchor: Array
    background: Array


@dataclass(frozen=True)
class State:
    """What the next frame needs of those before it.

    Attributes:
        before: the frame before, (H, W, 3) uint8, whose matte says where the person is.
        neighbour: the frame to stay like (I_ad before its mouth is hidden), (H, W, 3) uint8.
        mouth: the mouth area of ``neighbour``, (H, W) bool.
    """

    before: Array
    neighbour: Array
    mouth: Array


def to_image(picture: Array) -> Array:
    """Turn (H, W, 3) uint8 into (1, 3, H, W) float32 in [-1, 1]."""
    return np.asarray(picture.transpose(2, 0, 1)[None].astype(np.float32) / 127.5 - 1)


def to_picture(image: Array) -> Array:
    """Turn (1, 3, H, W) about [-1, 1] into (H, W, 3) uint8."""
    clean = np.clip((image[0] + 1) * 127.5, 0, 255)
    return np.ascontiguousarray(clean.round().astype(np.uint8).transpose(1, 2, 0))


def noise(size: Size, seed: int) -> Array:
    """Return z_T, (1, c, h, w) of unit variance, the same for the same seed."""
    shape = (1, size.latent_channels, size.latent_px, size.latent_px)
    return np.random.default_rng([seed, 7]).standard_normal(shape).astype(np.float32)


def first_frame(
    engines: Engines,
    size: Size,
    text: Text,
    mesh: Array,
    start: Array,
    steps: int,
    guidance: float,
) -> Array:
    """Imagine I_1 in diverse mode: from noise, Y and the mesh picture alone.

    Args:
        engines: ``encoder``, ``decoder``, ``sca`` and ``unet``.
        size: of those networks.
        text: the prompt and its absence.
        mesh: I_rd, (H, W, 3) uint8.
        start: z_T, see :func:`noise`.
        steps: of the sampler.
        guidance: how hard the prompt pulls; 1 is no guidance.

    Returns:
        (H, W, 3) uint8.
    """
    nothing = np.zeros_like(start)
    doors = engines["sca"](
        mesh=engines["encoder"](image=to_image(mesh))["latent"],
        anchor=nothing,
        neighbour=nothing,
    )

    def denoiser(y: Array) -> Callable[[Array, float], Array]:
        def ask(latent: Array, time: float) -> Array:
            at = np.full(1, time, np.float32)
            made: Array = engines["unet"](noisy=latent, time=at, text=y, **doors)["prediction"]
            return made

        return ask

    step = guided(denoiser(text.said), denoiser(text.unsaid), guidance)
    latent = ddim(step, start, times(steps)).astype(np.float32)
    side = size.feature_px
    made = engines["decoder"](
        latent=latent,
        background=np.zeros((1, size.stages[0], side, side), np.float32),
        mask=np.ones((1, 1, side, side), np.float32),
    )
    return to_picture(made["image"])


def scene_of(engines: Engines, text: Text, frame: Array, start: Array) -> Scene:
    """Return what the first frame fixes for all the others: I_id and I_bg = G_IA(I_1)."""
    image = to_image(frame)
    mask = engines["matte"](image=image)["mask"][0, 0]
    ground = to_image(inpainted(frame, mask))
    return Scene(
        text=text.said,
        noise=start,
        anchor=engines["encoder"](image=image)["latent"],
        background=engines["encoder"](image=ground)["background"],
    )


def next_frame(engines: Engines, scene: Scene, mesh: Array, state: State, steps: int) -> Array:
    """Imagine I_i in coherent mode from its mesh latent and the frame before.

    Args:
        engines: ``encoder``, ``decoder``, ``sca``, ``unet`` and ``matte``.
        scene: what holds for the video.
        mesh: E(I_rd), (1, c, h, w).
        state: the frame before, and the neighbour whose mouth area is hidden (I_ad).
        steps: of the sampler.

    Returns:
        (H, W, 3) uint8.
    """
    mask = dilated(engines["matte"](image=to_image(state.before))["mask"][0, 0])[None, None]
    hidden = np.where(state.mouth[None, None], np.float32(0), to_image(state.neighbour))
    neighbour = engines["encoder"](image=hidden)["latent"]
    doors = engines["sca"](mesh=mesh, anchor=scene.anchor, neighbour=neighbour)

    def ask(latent: Array, time: float) -> Array:
        at = np.full(1, time, np.float32)
        made: Array = engines["unet"](noisy=latent, time=at, text=scene.text, **doors)["prediction"]
        return made

    latent = ddim(ask, scene.noise, times(steps)).astype(np.float32)
    made = engines["decoder"](latent=latent, background=scene.background, mask=mask)
    return to_picture(made["image"])
