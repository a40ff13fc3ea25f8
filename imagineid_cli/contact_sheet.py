"""A contact sheet: many faces for one voice, each with the seed that brings it back."""

from __future__ import annotations

import math
from collections.abc import Sequence
from pathlib import Path

import av
import numpy as np
from numpy.typing import NDArray

from imagineid.files import atomic_output, write_errors

DOT_PX = 3
"""A digit is 3 x 5 dots of this size."""

LABEL_PX = 7 * DOT_PX
"""Height of the line with the seed under each face."""

_DIGITS = (
    "111101101101111 010110010010111 111001111100111 111001111001111 101101111001001 "
    "111100111001111 111100111101111 111001001001001 111101111101111 111101111001111"
).split()

Picture = NDArray[np.uint8]


def write_sheet(
    path: Path, faces: Sequence[Picture], seeds: Sequence[int], overwrite: bool
) -> None:
    """Write faces side by side as a PNG, the seed under each.

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
        label = _number(seed)[:, : size - DOT_PX]
        down, right = top + size + DOT_PX, left + DOT_PX
        sheet[down : down + label.shape[0], right : right + label.shape[1]] = label[..., None]
    with atomic_output(path, overwrite) as part, write_errors(path):
        part.write_bytes(_png(sheet))


def _number(value: int) -> Picture:
    """Draw a number in black on white, (15, 12 x digits)."""
    dots = [np.array([*map(int, _DIGITS[int(c)])]).reshape(5, 3) for c in str(value)]
    row = np.concatenate([np.pad(digit, ((0, 0), (0, 1))) for digit in dots], axis=1)
    ink = np.kron(row, np.ones((DOT_PX, DOT_PX), dtype=int))
    return np.asarray(255 * (1 - ink), dtype=np.uint8)


def _png(picture: Picture) -> bytes:
    """Encode (H, W, 3) as PNG."""
    coder = av.VideoCodecContext.create("png", "w")
    assert isinstance(coder, av.VideoCodecContext)  # for the type checker
    coder.height, coder.width = picture.shape[:2]
    coder.pix_fmt, coder.framerate = "rgb24", 1  # type: ignore[assignment]
    frame = av.VideoFrame.from_ndarray(picture, format="rgb24")
    return b"".join(bytes(packet) for packet in [*coder.encode(frame), *coder.encode(None)])
