"""Faces side by side with a caption under each, as a PNG."""

from __future__ import annotations

import math
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from imagineid.files import atomic_output, write_errors

COLUMNS = 4
CAPTION_PX = 48
LETTERS = 26
"""The longest line of a caption; a longer name keeps its end."""


def write_portraits(
    path: Path, faces: Sequence[np.ndarray], captions: Sequence[str], overwrite: bool
) -> None:
    """Write faces, (H, W, 3) uint8 each, in rows of four.

    Raises:
        BadOutput: the place can't be written, or the disk is full.
    """
    side = faces[0].shape[0]
    rows = math.ceil(len(faces) / COLUMNS)
    size = (side * min(len(faces), COLUMNS), rows * (side + CAPTION_PX))
    sheet = Image.new("RGB", size, "white")
    pen, font = ImageDraw.Draw(sheet), ImageFont.load_default(15)
    for i, (face, caption) in enumerate(zip(faces, captions, strict=True)):
        left, top = i % COLUMNS * side, i // COLUMNS * (side + CAPTION_PX)
        sheet.paste(Image.fromarray(face), (left, top))
        lines = [line if len(line) <= LETTERS else "…" + line[1 - LETTERS :]
                 for line in caption.split("\n")]  # fmt: skip
        pen.multiline_text((left + 6, top + side + 6), "\n".join(lines), (40, 40, 46), font)
    with atomic_output(path, overwrite) as part, write_errors(path):
        sheet.save(part, format="PNG")
