"""A contact sheet: many faces for one voice, each with the seed that brings it back."""

from __future__ import annotations

import math
from collections.abc import Sequence
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from imagineid.video import replacing, telling

LABEL_PX = 24
"""Height of the line with the seed under each face."""


def write_sheet(
    path: Path, faces: Sequence[NDArray[np.uint8]], seeds: Sequence[int], overwrite: bool
) -> None:
    """Write faces side by side as a PNG.

    Args:
        path: where the sheet shall go, a .png.
        faces: one picture a seed, (size_px, size_px, 3), red green blue.
        seeds: what made each.
        overwrite: whether a file that is there may be replaced.

    Raises:
        BadOutput: the place can't be written, or the disk is full.
    """
    columns = math.ceil(math.sqrt(len(faces)))
    rows = math.ceil(len(faces) / columns)
    size = faces[0].shape[0]
    sheet = np.full((rows * (size + LABEL_PX), columns * size, 3), 255, dtype=np.uint8)
    for i, (face, seed) in enumerate(zip(faces, seeds, strict=True)):
        top, left = i // columns * (size + LABEL_PX), i % columns * size
        sheet[top : top + size, left : left + size] = face
        where = (left + 6, top + size + LABEL_PX - 7)
        cv2.putText(
            sheet, f"--seed {seed}", where, cv2.FONT_HERSHEY_SIMPLEX, 0.5, (0, 0, 0), 1, cv2.LINE_AA
        )
    _, png = cv2.imencode(".png", cv2.cvtColor(sheet, cv2.COLOR_RGB2BGR))
    with replacing(path, overwrite) as part, telling(path):
        part.write_bytes(png.tobytes())
