"""Pictures: errors in dB, sharpness, flicker, sheets, and the frames of a video."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

import av
import cv2
import numpy as np

Array = np.ndarray
Picture = np.ndarray
"""(H, W, 3) uint8 RGB."""


def psnr(a: Array, b: Array, where: Array | None = None) -> float:
    """Return the peak signal-to-noise ratio of two 8-bit pictures, dB; inf if they are equal.

    Args:
        a: (..., H, W, 3), 0 to 255.
        b: the same shape.
        where: pixels to look at, (..., H, W) bool; all if None. NaN if it holds none.
    """
    return psnr_of(squared_error(a, b, where))


def squared_error(a: Array, b: Array, where: Array | None = None) -> float:
    """Return the mean squared error over pixels and channels, in squared 8-bit steps."""
    square = (a.astype(np.float32) - b.astype(np.float32)) ** 2
    if where is not None:
        square = square[where]
    return float(square.mean(dtype=np.float64)) if square.size else float("nan")


def psnr_of(error: float) -> float:
    """Return the PSNR of a mean squared error in squared 8-bit steps, dB."""
    return float("inf") if error == 0 else float(10 * np.log10(255.0**2 / error))


def box_of(points: Array, grow: float, side: int) -> tuple[slice, slice]:
    """Return rows and columns of a box about points (N, 2) x, y, grown by a share of its sides."""
    low, high = points.min(axis=0), points.max(axis=0)
    pad = (high - low) * grow
    x0, y0 = np.clip(np.floor(low - pad), 0, side - 1).astype(int)
    x1, y1 = np.clip(np.ceil(high + pad), 1, side).astype(int)
    return slice(y0, y1), slice(x0, x1)


def hull(points: Array, side: int) -> Array:
    """Return the area inside points (N, 2), (side, side) bool."""
    mask = np.zeros((side, side), np.uint8)
    corners = cv2.convexHull(np.round(points).astype(np.int32))
    cv2.fillConvexPoly(mask, corners, 1)
    return mask.astype(bool)


def grown(mask: Array, px: int) -> Array:
    """Return a mask (H, W) bool, larger by ``px`` all around."""
    kernel = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (2 * px + 1, 2 * px + 1))
    return np.asarray(cv2.dilate(mask.astype(np.uint8), kernel), bool)


def grey(picture: Picture) -> Array:
    """Return brightness, (H, W) float32, 0 to 255."""
    return np.asarray(cv2.cvtColor(picture, cv2.COLOR_RGB2GRAY), np.float32)


def sharpness(picture: Picture, where: Array) -> float:
    """Return the variance of the Laplacian of brightness inside ``where`` (H, W) bool."""
    return float(cv2.Laplacian(grey(picture), cv2.CV_32F)[where].var())


def flicker(before: Picture, now: Picture, after: Picture, where: Array) -> float:
    """Return how far a frame lies from the middle of its neighbours inside ``where``, 0 to 255.

    Smooth motion and fading cancel; what trembles from frame to frame stays.
    """
    middle = (grey(before) + grey(after)) / 2
    return float(np.abs(grey(now) - middle)[where].mean())


GLYPH = 6
"""Width of a letter of a caption, pixels."""


def sheet(path: Path, pictures: Sequence[Picture], columns: int, captions: Sequence[str]) -> None:
    """Write pictures of one size as a PNG, a line of text under each; what is too long is cut."""
    tiles = []
    for picture, caption in zip(pictures, captions, strict=True):
        strip = np.full((16, picture.shape[1], 3), 24, np.uint8)
        text = caption[: picture.shape[1] // GLYPH]
        cv2.putText(strip, text, (3, 11), cv2.FONT_HERSHEY_SIMPLEX, 0.31, (235, 235, 235))
        tiles.append(np.concatenate([picture, strip]))
    while len(tiles) % columns:
        tiles.append(np.zeros_like(tiles[0]))
    rows = [np.concatenate(tiles[i : i + columns], 1) for i in range(0, len(tiles), columns)]
    path.parent.mkdir(parents=True, exist_ok=True)
    if not cv2.imwrite(str(path), np.concatenate(rows)[:, :, ::-1]):
        raise FileNotFoundError(f"{path} can't be written.")


def frames(path: Path) -> Iterator[Picture]:
    """Yield the frames of a video, decoded on one thread."""
    with av.open(str(path)) as container:
        stream = container.streams.video[0]
        stream.codec_context.thread_count = 1
        for frame in container.decode(stream):
            yield frame.to_ndarray(format="rgb24")
