"""Algorithm 1: the first frame in diverse mode, each later frame in coherent mode.

A :class:`State` holds what frames need of earlier frames and is passed in and out; a
:class:`Scene` holds what is constant in a video and is made once from the first frame. A batch of B
frames is either B consecutive frames, or one frame of each of B chains.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from imagineid.ccf.background import Paint, dilate, inpaint
from imagineid.ccf.images import to_images, to_pictures
from imagineid.ccf.moving import MeshFlows, MovingScene, enlarge, move_first_frame
from imagineid.ccf.sampling import Sampling, guided
from imagineid.spec import Size

if TYPE_CHECKING:
    from imagineid.engine import Engine

Array = np.ndarray
Engines = Mapping[str, "Engine"]


@dataclass(frozen=True)
class Text:
    """Y of the prompt and of the negative prompt, both with pseudo-words, (1, M + N, D).

    The negative prompt is what guidance leads away from; an empty one is the paper's.
    """

    conditional: Array
    negative: Array


@dataclass(frozen=True)
class Scene:
    """Everything that is constant in a video.

    Attributes:
        text: Y, (1, M + N, D); noise: z_T, (1, c, h, w).
        anchor: E(I_id), (1, c, h, w); background: F_ve(I_bg), (1, C, H/4, W/4).
        moving: what of the first frame later ones are made of; None: they are decoded alone.
    """

    text: Array
    initial_noise: Array
    anchor: Array
    background: Array
    moving: MovingScene | None = None


@dataclass(frozen=True)
class State:
    """What the next frames need of earlier frames, encoded.

    Attributes:
        neighbour: E(I_ad), the previous frame without its mouth area, (1 or B, c, h, w).
        mask: m, the dilated matte of the previous frame, (1 or B, 1, H/4, W/4).
    """

    neighbour: Array
    mask: Array


def initial_noise(size: Size, seed: int) -> Array:
    """Return z_T for a seed, (1, c, h, w) of unit variance."""
    shape = (1, size.latent_channels, size.latent_px, size.latent_px)
    return np.random.default_rng([seed, 7]).standard_normal(shape).astype(np.float32)


def first_frame(
    engines: Engines,
    size: Size,
    text: Text,
    mesh: Array,
    start: Array,
    sampling: Sampling,
    guidance: float,
) -> Array:
    """Generate I_1 in diverse mode: from noise, Y and the mesh picture.

    Args:
        engines: ``encoder``, ``decoder``, ``sca`` and ``unet``.
        size: of those networks.
        text: Y of the prompt and of the negative one.
        mesh: I_rd, (H, W, 3) uint8.
        start: z_T, see :func:`initial_noise`.
        sampling: how noise becomes a latent.
        guidance: classifier-free guidance; 1 is none.

    Returns:
        (H, W, 3) uint8.
    """
    nothing = np.zeros_like(start)
    residuals = engines["sca"](
        mesh=encode_meshes(engines, mesh[None]),
        anchor=nothing,
        neighbour=nothing,
    )

    def denoiser(y: Array) -> Callable[[Array, float], Array]:
        def predict(latent: Array, time: float) -> Array:
            times = np.full(1, time, np.float32)
            outputs = engines["unet"](noisy=latent, time=times, text=y, **residuals)
            prediction: Array = outputs["prediction"]
            return prediction

        return predict

    step = guided(denoiser(text.conditional), denoiser(text.negative), guidance)
    latent = sampling(step, start).astype(np.float32)
    side = size.feature_px
    decoded = engines["decoder"](
        latent=latent,
        background=np.zeros((1, *size.background), np.float32),
        mask=np.ones((1, 1, side, side), np.float32),
    )
    return np.asarray(to_pictures(decoded["image"])[0])


def encode_scene(
    engines: Engines, text: Text, frame: Array, start: Array, paint: Paint = inpaint
) -> Scene:
    """Return what the first frame fixes for all the others: I_id and I_bg = G_IA(I_1).

    ``paint`` is G_IA.
    """
    image = to_images(frame[None])
    mask = engines["matte"](image=image)["mask"][0, 0]
    background = to_images(paint(frame, mask)[None])
    encoded = engines["encoder"](image=image)
    moving = None
    if "frame_decoder" in engines:
        moving = MovingScene(enlarge(frame), encoded["background"], background)
    return Scene(
        text=text.conditional,
        initial_noise=start,
        anchor=encoded["latent"],
        background=engines["encoder"](image=background)["background"],
        moving=moving,
    )


def encode_images(engines: Engines, pictures: Array) -> Array:
    """Encode pictures: E of (B, H, W, 3) uint8, (B, c, h, w)."""
    latents: Array = engines["encoder"](image=to_images(pictures))["latent"]
    return latents


def encode_meshes(engines: Engines, pictures: Array) -> Array:
    """Encode mesh pictures: E of (B, N, N, 3) uint8, (B, c, h, w), by their own encoder if any."""
    if "mesh_encoder" in engines:
        latents: Array = engines["mesh_encoder"](mesh=to_images(pictures))["latent"]
        return latents
    return encode_images(engines, pictures)


def encode_neighbour(engines: Engines, frames: Array, mouths: Array) -> Array:
    """Encode previous frames without their mouth areas: E(I_ad).

    Args:
        engines: ``encoder``.
        frames: (B, H, W, 3) uint8.
        mouths: the mouth area of each, (B, H, W) bool.
    """
    hidden = np.where(mouths[:, None], np.float32(0), to_images(frames))
    latents: Array = engines["encoder"](image=hidden)["latent"]
    return latents


def predict_matte(engines: Engines, frames: Array) -> Array:
    """Predict the dilated matte m of frames (B, H, W, 3) uint8: (B, 1, H/4, W/4) in [0, 1]."""
    masks = engines["matte"](image=to_images(frames))["mask"]
    return np.stack([dilate(mask[0])[None] for mask in masks])


def next_frames(
    engines: Engines,
    scene: Scene,
    meshes: Array,
    state: State,
    sampling: Sampling,
    flows: MeshFlows | None = None,
) -> Array:
    """Generate frames in coherent mode from mesh latents and earlier frames.

    Args:
        engines: ``decoder`` or ``frame_decoder``, ``sca`` and ``unet``.
        scene: constants of the video.
        meshes: E(I_rd), (B, c, h, w).
        state: one row per frame, or one row for all.
        sampling: how noise becomes a latent.
        flows: how they move the first frame; None decodes them from their latents alone.

    Returns:
        (B, H, W, 3) uint8. Each frame has the same bits whatever the others are.
    """
    count = len(meshes)
    residuals = engines["sca"](
        mesh=meshes,
        anchor=_for(count, scene.anchor),
        neighbour=_for(count, state.neighbour),
    )
    text = _for(count, scene.text)

    def predict(latent: Array, time: float) -> Array:
        times = np.full(count, time, np.float32)
        outputs = engines["unet"](noisy=latent, time=times, text=text, **residuals)
        prediction: Array = outputs["prediction"]
        return prediction

    latent = sampling(predict, _for(count, scene.initial_noise)).astype(np.float32)
    mask = _for(count, state.mask)
    if scene.moving and flows:
        return move_first_frame(engines, scene.moving, latent, flows, mask)
    background = _for(count, scene.background)
    decoded = engines["decoder"](latent=latent, background=background, mask=mask)
    return to_pictures(decoded["image"])


def _for(count: int, array: Array) -> Array:
    """Repeat a single row ``count`` times."""
    return array if len(array) == count else np.repeat(array, count, axis=0)
