"""A contact sheet: faces side by side with a caption under each, as a PNG."""

from __future__ import annotations

import math
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from imagineid.files import atomic_output, write_errors

LINE_PX, MARGIN_PX = 18, 6
"""Height of a line of a caption, and the space above it and beside it."""

LETTERS = 26
"""Most characters of a caption's line; a longer name is cut at its start."""


def write_contact_sheet(
    path: Path, faces: Sequence[np.ndarray], captions: Sequence[str], columns: int, overwrite: bool
) -> None:
    """Write faces in rows.

    Args:
        path: where the sheet goes, a .png.
        faces: (H, W, 3) uint8 each, all of one size.
        captions: a line or more for each.
        columns: the most faces of a row.
        overwrite: whether an existing file may be replaced.

    Raises:
        BadOutput: it can't be written, or the disk is full.
    """
    side, below = faces[0].shape[0], caption_px(captions)
    rows = math.ceil(len(faces) / columns)
    size = (side * min(len(faces), columns), rows * (side + below))
    sheet = Image.new("RGB", size, "white")
    pen, font = ImageDraw.Draw(sheet), ImageFont.load_default(15)
    for i, (face, caption) in enumerate(zip(faces, captions, strict=True)):
        left, top = i % columns * side, i // columns * (side + below)
        sheet.paste(Image.fromarray(face), (left, top))
        text = "\n".join(_shortened(line) for line in caption.split("\n"))
        pen.multiline_text((left + MARGIN_PX, top + side + MARGIN_PX), text, (40, 40, 46), font)
    with atomic_output(path, overwrite) as part, write_errors(path):
        sheet.save(part, format="PNG")


def caption_px(captions: Sequence[str]) -> int:
    """Return the height of the space for captions, in pixels."""
    return 2 * MARGIN_PX + LINE_PX * max(caption.count("\n") + 1 for caption in captions)


def _shortened(line: str) -> str:
    return line if len(line) <= LETTERS else "…" + line[1 - LETTERS :]
