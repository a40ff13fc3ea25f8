"""The real pipeline upon plain functions for networks: quick, and every bit of it its own.

``python -m support.plain_pipeline generate ...`` is the whole command upon it. ``PLAIN_FRAME_S``
says how long a frame takes; with ``PLAIN_BLIND`` none can be made.
"""

from __future__ import annotations

import os
import time
from typing import Any

import numpy as np

from imagineid import models, pipeline
from imagineid.ccf.vocabulary import Vocabulary
from imagineid.face.model import FACE_FILE
from imagineid.face.model import load as load_face
from imagineid.spec import EMOTIONS, MINI

SIDE = MINI.frame_px // MINI.latent_px


def _identity(mel: np.ndarray) -> dict[str, Any]:
    own = mel.mean(axis=(1, 2))[:, None]
    return {
        "shape": np.repeat(own / 4, MINI.shape, 1).astype("f4"),
        "identity": np.repeat(own, MINI.identity, 1).astype("f4"),
        "traits": np.repeat([[-1.0, 0.4]], len(mel), 0).astype("f4"),
    }


def _emotion(mel: np.ndarray) -> dict[str, Any]:
    own = mel.std(axis=(1, 2))[:, None]
    return {
        "emotion": np.repeat(own, MINI.emotion, 1).astype("f4"),
        "emotions": np.repeat(own, len(EMOTIONS), 1).astype("f4"),
    }


def _content(mel: np.ndarray) -> dict[str, Any]:
    return {"linguistic": np.repeat(mel.mean(axis=-1, keepdims=True), MINI.linguistic, -1)}


def _expression(linguistic: np.ndarray, **_: Any) -> dict[str, Any]:
    return {"expression": np.repeat(np.abs(linguistic[..., :1]) / 4, MINI.expression, -1)}


def _text(tokens: np.ndarray, identity: np.ndarray, **_: Any) -> dict[str, Any]:
    rows = MINI.text_tokens + MINI.pseudo_words
    value = float(tokens.mean() + identity.mean())
    return {"text": np.full((1, rows, MINI.text_dim), value, np.float32)}


def _encoder(image: np.ndarray) -> dict[str, Any]:
    b, cells = len(image), (MINI.latent_px, SIDE, MINI.latent_px, SIDE)
    means = image.reshape(b, 3, *cells).mean(axis=(3, 5))
    latent = np.concatenate([means] * 6, 1)[:, : MINI.latent_channels]
    px = MINI.feature_px
    fine = image.reshape(b, 3, px, 4, px, 4).mean(axis=(3, 5))
    return {"latent": latent, "background": np.concatenate([fine] * 16, 1)}


def _sca(mesh: np.ndarray, anchor: np.ndarray, neighbour: np.ndarray) -> dict[str, Any]:
    return {"residual_0": np.float32(0.6) * mesh + np.float32(0.2) * (anchor + neighbour)}


def _unet(noisy: np.ndarray, time: np.ndarray, text: np.ndarray, residual_0: np.ndarray) -> Any:
    wished = residual_0 + np.float32(0.01) * text.mean(axis=(1, 2))[:, None, None, None]
    return {"prediction": (noisy - wished) / time[:, None, None, None]}


def _decoder(latent: np.ndarray, background: np.ndarray, mask: np.ndarray) -> dict[str, Any]:
    if "PLAIN_BLIND" in os.environ:
        raise RuntimeError("no frame can be imagined")
    time.sleep(float(os.environ.get("PLAIN_FRAME_S", "0")) * len(latent))
    large = latent[:, :3].repeat(SIDE, 2).repeat(SIDE, 3)
    behind = background[:, :3].repeat(4, 2).repeat(4, 3)
    share = mask.repeat(4, 2).repeat(4, 3)
    return {"image": large * share + behind * (1 - share)}


def _matte(image: np.ndarray) -> dict[str, Any]:
    px = MINI.feature_px
    grey = image.mean(axis=1, keepdims=True).reshape(len(image), 1, px, 4, px, 4)
    return {"mask": (grey.mean(axis=(3, 5)) > -0.5).astype("f4")}


def load(model: str = "mini", engine: str = "auto", attention: str = "auto") -> pipeline.Pipeline:
    """The pipeline at the size of the embedded model, with its face and its words."""
    found = globals()
    return pipeline.Pipeline(
        model="plain",
        size=MINI,
        engines={name: found[f"_{name}"] for name in models.NETWORKS},
        engine_line="plain functions",
        words=Vocabulary.read(FACE_FILE.with_name("words.json")),
        face=load_face(FACE_FILE),
        folder=FACE_FILE.parent,
    )


if __name__ in ("__main__", "__mp_main__"):  # the latter in the workers of a batch
    pipeline.load = load

if __name__ == "__main__":
    from imagineid_cli.main import run

    run()
