"""A tiny model for tests: the whole method upon networks that are a few lines of arithmetic.

Everything but the networks is real, so that a test hears, imagines and writes in milliseconds and
without weights: mel windows, face, rollout, cache and video are the program's own. What the
networks return is known in advance: a voice above some 350 Hz is a happy woman's, a deeper one a
sad man's, both 34 years old; frames are coarse pictures of their meshes in a colour of the seed.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from imagineid.errors import BadInput
from imagineid.spec import EMOTIONS, MELS, Size, ports

if TYPE_CHECKING:
    from imagineid.engine import Engine
    from imagineid.pipeline import Pipeline

Array = np.ndarray

TINY = Size(
    name="tiny",
    frame_px=64,
    stages=(12, 24),
    latent_channels=6,
    text_dim=8,
    unet=(6,),
    sca=(6,),
)
"""The numbers of the tiny model: frames of 64 pixels, latents of 8 x 8."""

DEEP = 7
"""Mel bands, from the lowest: a voice whose strongest band is among them is deep."""


def load(model: str = "tiny", engine: str = "auto", attention: str = "auto") -> Pipeline:
    """Return the pipeline of the tiny model; arguments as in :func:`imagineid.pipeline.load`.

    Raises:
        BadInput: another model than ``tiny`` or ``mini`` is requested.
    """
    from imagineid.ccf.vocabulary import Vocabulary
    from imagineid.face.model import FACE_FILE
    from imagineid.face.model import load as load_face
    from imagineid.pipeline import Pipeline

    if model not in ("tiny", "mini"):
        raise BadInput(f"Unknown model {model!r}.\nUse:  --model mini")
    return Pipeline(
        model="tiny",
        size=TINY,
        engines=engines(),
        engine_line="arithmetic in numpy",
        words=Vocabulary.read(FACE_FILE.with_name("words.json")),
        face=load_face(FACE_FILE),
        folder=FACE_FILE.parent,
    )


def engines() -> dict[str, Engine]:
    """Return a function for each network of :data:`TINY`, by the names of their ports."""
    return {name: globals()[f"_{name}"] for name in ports(TINY)}


def _deep(mel: Array) -> Array:
    """Return for each window (B, L, 1280) whether its voice is deep, (B,) bool."""
    bands = mel.reshape(*mel.shape[:2], MELS, -1).mean(axis=(1, 3))
    return np.asarray(bands.argmax(axis=1) < DEEP)


def _identity(mel: Array) -> dict[str, Any]:
    deep, own = _deep(mel), mel.mean(axis=(1, 2))
    theta = np.zeros((len(mel), TINY.identity), np.float32)
    theta[:, 0], theta[:, 1], theta[:, 2] = 1, 2 * deep, own / 100
    traits = np.stack([np.where(deep, 6, -6), np.full(len(mel), 0.342)], 1)
    return {
        "shape": np.repeat(own[:, None] / 8, TINY.shape, 1).astype(np.float32),
        "identity": theta,
        "traits": traits.astype(np.float32),
    }


def _emotion(mel: Array) -> dict[str, Any]:
    logits = np.zeros((len(mel), len(EMOTIONS)), np.float32)
    emotion = np.where(_deep(mel), EMOTIONS.index("sad"), EMOTIONS.index("happy"))
    logits[np.arange(len(mel)), emotion] = 9
    theta = np.repeat(mel.std(axis=(1, 2))[:, None], TINY.emotion, 1)
    return {"emotion": theta.astype(np.float32), "emotions": logits}


def _content(mel: Array) -> dict[str, Any]:
    return {"linguistic": np.repeat(mel.mean(axis=-1, keepdims=True), TINY.linguistic, -1)}


def _expression(linguistic: Array, shape: Array, emotion: Array) -> dict[str, Any]:
    offset = np.abs(emotion[:, None, :1]) / 50
    curves = np.abs(linguistic[..., :1]) / 4 + offset
    return {"expression": np.repeat(curves, TINY.expression, -1).astype(np.float32)}


def _text(tokens: Array, identity: Array, emotion: Array) -> dict[str, Any]:
    rows = TINY.text_tokens + TINY.pseudo_words
    value = tokens.mean(axis=1) / 100 + identity[:, 1] / 4
    encoded = np.broadcast_to(value[:, None, None], (len(tokens), rows, TINY.text_dim))
    return {"text": np.ascontiguousarray(encoded, np.float32)}


def _encoder(image: Array) -> dict[str, Any]:
    latent = _means(image, TINY.latent_px)
    background = _means(image, TINY.feature_px)
    return {
        "latent": np.concatenate([latent, latent], 1),
        "background": np.concatenate([background] * (TINY.stages[0] // 3), 1),
    }


def _sca(mesh: Array, anchor: Array, neighbour: Array) -> dict[str, Any]:
    """Return the target colours, and whether seed and prompt may change them."""
    diverse = not anchor.any()
    colours = 0.7 * mesh if diverse else 0.92 * anchor + 0.06 * mesh + 0.01 * neighbour
    free = np.full_like(colours[:, 3:], float(diverse))
    return {"residual_0": np.concatenate([colours[:, :3], free], 1).astype(np.float32)}


def _unet(noisy: Array, time: Array, text: Array, residual_0: Array) -> dict[str, Any]:
    """Predict the velocity to the target; three channels keep the noise, and its colour."""
    own = noisy[:, 3:].mean(axis=(2, 3), keepdims=True)
    words = text.mean(axis=(1, 2))[:, None, None, None]
    colours, free = residual_0[:, :3], residual_0[:, 3:]
    wished = colours + free * (own + 0.3 * words)
    velocity = (noisy[:, :3] - wished) / time[:, None, None, None]
    prediction = np.concatenate([velocity, np.zeros_like(velocity)], 1)
    return {"prediction": prediction.astype(np.float32)}


def _decoder(latent: Array, background: Array, mask: Array) -> dict[str, Any]:
    large = _grown(latent[:, :3])
    share = _grown(mask)
    return {"image": large * share + _grown(background[:, :3]) * (1 - share)}


def _matte(image: Array) -> dict[str, Any]:
    grey = _means(image, TINY.feature_px).mean(axis=1, keepdims=True)
    return {"mask": (grey > -0.5).astype(np.float32)}


def _means(image: Array, side: int) -> Array:
    """Shrink (B, c, H, W) to (B, c, side, side) by the means of cells."""
    b, c, height, _ = image.shape
    cell = height // side
    return np.asarray(image.reshape(b, c, side, cell, side, cell).mean(axis=(3, 5)))


def _grown(array: Array) -> Array:
    """Grow (B, c, h, w) to the size of a frame by repetition."""
    times = TINY.frame_px // array.shape[-1]
    return np.asarray(array.repeat(times, 2).repeat(times, 3), np.float32)
