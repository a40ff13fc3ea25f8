"""MODNet and LaMa: networks that others trained, as the ONNX files they come in.

They are no part of a model's own networks: their names, sizes and ranges are their makers'. Here
they become what the method asks for, a ``matte`` engine and a way to fill a hole. onnxruntime runs
them, on a card where it can.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from PIL import Image

from imagineid.backends import onnx

if TYPE_CHECKING:
    from imagineid.engine import Engine

MODNET_PX = 512
"""Height and width MODNet was trained at."""

LAMA_PX = 512
"""Height and width LaMa's file takes."""


def modnet(graph: Path, remedy: str, providers: Sequence[str] = onnx.CPU) -> Engine:
    """Return MODNet as a ``matte`` engine: image (B, 3, H, W) in [-1, 1] to mask (B, 1, H, W).

    Args:
        graph: its ONNX file, which takes what the port gives, at :data:`MODNET_PX`.
        remedy: what to type if it can't be run.
        providers: what of onnxruntime runs it.

    Raises:
        BadWeights: the file is missing or damaged.

    Source:
        Ke et al. 2022, https://arxiv.org/abs/2011.11961
    """
    network = onnx.load(graph, providers, remedy)
    (input_name,) = onnx.input_names(graph, remedy)

    def run(**inputs: Any) -> dict[str, Any]:
        image: np.ndarray = inputs["image"]
        side = image.shape[-1]
        masks = [
            next(iter(network(**{input_name: _resized(one, MODNET_PX)[None]}).values()))[0, 0]
            for one in image
        ]
        return {"mask": np.stack([_resized(mask[None], side) for mask in masks])}

    return run


def lama(
    graph: Path, remedy: str, providers: Sequence[str] = onnx.CPU
) -> Callable[[np.ndarray, np.ndarray], np.ndarray]:
    """Return LaMa as a way to fill holes: colours (H, W, 3) 0-255 and hole (H, W) bool to colours.

    It is opened when it is first called, once a video, and closed again: it is 200 MB.

    Args:
        graph: its ONNX file; takes a picture in [0, 1] and a mask, gives a picture in 0-255.
        remedy: what to type if it can't be run.
        providers: what of onnxruntime runs it.

    Raises:
        BadWeights: when it is called, and the file is missing or damaged.

    Source:
        Suvorov et al. 2022, https://arxiv.org/abs/2109.07161
    """

    def fill(colours: np.ndarray, hole: np.ndarray) -> np.ndarray:
        network = onnx.load(graph, providers, remedy)
        image, mask = onnx.input_names(graph, remedy)
        picture = np.ascontiguousarray(colours.transpose(2, 0, 1), np.float32) / 255
        where = hole.astype(np.float32)[None]
        outputs = network(**{image: picture[None], mask: where[None]})
        out: np.ndarray = next(iter(outputs.values()))[0].transpose(1, 2, 0)
        return np.asarray(np.clip(out, 0, 255))

    return fill


def _resized(planes: np.ndarray, side: int) -> np.ndarray:
    """Return (C, H, W) float32 at ``side`` pixels, as it is where it fits already."""
    if planes.shape[-2:] == (side, side):
        return planes
    resized = [np.asarray(Image.fromarray(plane).resize((side, side))) for plane in planes]
    return np.stack(resized)
