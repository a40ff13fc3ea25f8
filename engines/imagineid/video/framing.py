"""Framing: size, aspect ratio and background of the output frames.

The model generates square frames of head and shoulders. For other aspect ratios, the static
background is extended beside and above the square, and cut shoulders are extended downwards.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from PIL import Image, ImageColor, ImageFilter, ImageOps

from imagineid.ccf.background import inpaint
from imagineid.errors import BadInput
from imagineid.video.matting import foreground, refined

Array = np.ndarray
Matte = Callable[[Array], Array]
"""Maps a frame (H, W, 3) uint8 to the mask of the person, (h, w) in [0, 1]."""

Enlarge = Callable[[Array, int], Array]
"""Maps a picture (H, W, 3) uint8 and a side in pixels to a square picture of that side."""

SIZES_PX = (256, 384, 512, 768, 1024)
ASPECTS = {"1:1": (1, 1), "9:16": (9, 16), "16:9": (16, 9)}

TRANSPARENT = "transparent"

ZOOM = {"9:16": 1.3}
"""Size of the square relative to the frame's width if there is space above. It loses hair and
shoulders at its sides, but the head is not at the bottom of an empty picture."""

SHOULDER_SLOPE = 0.55
"""Rows a cut shoulder falls with each column away from the square."""

FADE_SHARE = 0.06
"""Width of the transition from sharp to blurred outside the square, as a share of its side."""


@dataclass(frozen=True)
class Framing:
    """Options of the output frames.

    Attributes:
        size_px: the shorter side; None is the model's size.
        aspect: width to height, one of :data:`ASPECTS`.
        background: ``transparent``, a colour such as ``#00ff00`` or ``white``, or the path of a
            picture; None keeps the generated background.
    """

    size_px: int | None = None
    aspect: str = "1:1"
    background: str | None = None

    @property
    def transparent(self) -> bool:
        """Whether frames have an alpha channel."""
        return self.background == TRANSPARENT

    def plain(self, model_px: int) -> bool:
        """Return whether frames are left unchanged."""
        own = self.size_px in (None, model_px)
        return own and self.aspect == "1:1" and self.background is None

    def output_px(self, model_px: int) -> tuple[int, int]:
        """Return width and height of the written frames, both even."""
        side = self.size_px or model_px
        wide, high = ASPECTS[self.aspect]
        short = min(wide, high)
        return _even(side * wide / short), _even(side * high / short)

    def check(self) -> None:
        """Validate all values.

        Raises:
            BadInput: the size or the aspect is not supported, or the background is neither a colour
                nor a picture.
        """
        if self.size_px is not None and self.size_px not in SIZES_PX:
            raise BadInput(
                f"The size {self.size_px} is not supported.\n"
                f"Use one of:  --size {'|'.join(str(size) for size in SIZES_PX)}"
            )
        if self.aspect not in ASPECTS:
            raise BadInput(
                f"The aspect {self.aspect} is not supported.\n"
                f"Use one of:  --aspect {'|'.join(ASPECTS)}"
            )
        if self.background is not None and not self.transparent:
            read_background(self.background, (16, 16))


def read_background(background: str, size: tuple[int, int]) -> Array:
    """Return a background as a picture.

    Args:
        background: a colour, as ``#00ff00`` or ``white``, or the path of a picture.
        size: width and height; a picture is cropped about its centre to their shape.

    Returns:
        (height, width, 3) uint8.

    Raises:
        BadInput: it is neither.
    """
    try:
        return np.asarray(Image.new("RGB", size, ImageColor.getrgb(background)[:3]))
    except ValueError:
        pass
    path = Path(background)
    if not path.is_file():
        raise BadInput(
            f"The background {background} is neither a colour nor an existing picture.\n"
            "Try:  --background transparent, --background '#00ff00' or --background PICTURE.jpg"
        )
    try:
        with Image.open(path) as picture:
            upright = ImageOps.exif_transpose(picture).convert("RGB")
    except (OSError, ValueError, Image.DecompressionBombError) as error:
        raise BadInput(
            f"{path} can't be read as a picture.\nGive another:  --background PICTURE.jpg"
        ) from error
    return np.asarray(ImageOps.fit(upright, size, Image.Resampling.LANCZOS))


class Compositor:
    """Converts the model's frames to output frames.

    The old and the new background are computed once from the first frame.

    Args:
        framing: validated options.
        first: the video's first frame, (S, S, 3) uint8.
        matte: segments the person in a frame.
        enlarge: upscales frames; None for a Lanczos filter.
    """

    def __init__(
        self, framing: Framing, first: Array, matte: Matte, enlarge: Enlarge | None = None
    ) -> None:
        self._framing, self._matte = framing, matte
        self._enlarge = enlarge or lanczos
        zoom = ZOOM.get(framing.aspect, 1.0)
        self._side = _even((framing.size_px or len(first)) * zoom)
        self.width, self.height = framing.output_px(len(first))
        room = (self.width - self._side) // 2
        self._left, self._top = max(0, room), self.height - self._side
        self._columns = slice(max(0, -room), max(0, -room) + self.width)
        self._cut = framing.background is not None
        if self._cut or framing.aspect != "1:1":
            self._old = inpaint(first, matte(first))
            if self._cut and not framing.transparent:
                size = (self.width, self.height)
                self._behind = read_background(str(framing.background), size)
            elif not self._cut:
                wide = extended(lanczos(self._old, self._side), self._left, self._top)
                self._behind = wide[:, self._columns]

    def __call__(self, frame: Array) -> Array:
        """Return an output frame, (height, width, 3), or 4 channels if it is transparent."""
        square = self._resized(frame)
        if not self._cut and self._framing.aspect == "1:1":
            return square
        alpha = refined(frame, self._matte(frame))
        if self._cut:
            square = self._resized(foreground(frame, alpha, self._old))
        person = np.dstack([square, _resized_alpha(alpha, self._side)])
        canvas = with_shoulders(person, self._left, self._top)[:, self._columns]
        if self._framing.transparent:
            return canvas
        out = over(canvas, self._behind)
        if not self._cut:
            own = square[:, self._columns]
            out[self._top :, self._left : self._left + own.shape[1]] = own
        return out

    def _resized(self, picture: Array) -> Array:
        """Resize a square picture for the canvas."""
        if self._side > len(picture):
            return self._enlarge(picture, self._side)
        return lanczos(picture, self._side)


def lanczos(picture: Array, side_px: int) -> Array:
    """Resize a square picture with Lanczos' filter."""
    if len(picture) == side_px:
        return picture
    size = (side_px, side_px)
    return np.asarray(Image.fromarray(picture).resize(size, Image.Resampling.LANCZOS))


def extended(square: Array, left: int, top: int) -> Array:
    """Extend a background beside and above its square, mirrored and blurred.

    Args:
        square: (S, S, 3) uint8.
        left: columns to add on the left, and as many on the right.
        top: rows to add above.

    Returns:
        (top + S, S + 2 left, 3) uint8.
    """
    side = len(square)
    width, height = side + 2 * left, top + side
    around = ((top, 0), (left, left), (0, 0))
    wide = np.pad(square, around, mode="reflect")
    reach = max(1.0, FADE_SHARE * side)
    blurred = np.asarray(Image.fromarray(wide).filter(ImageFilter.GaussianBlur(reach / 2)))
    across = np.maximum(left - np.arange(width), np.arange(width) - (left + side - 1))
    up = top - np.arange(height)
    away = np.maximum(np.maximum(across[None], up[:, None]), 0)[..., None]  # px outside the square
    share = np.minimum(away / reach, 1)
    return np.asarray((wide * (1 - share) + blurred * share).round(), np.uint8)


def with_shoulders(person: Array, left: int, top: int) -> Array:
    """Put a square cut-out on a larger canvas and extend cut shoulders downwards.

    Args:
        person: (S, S, 4) uint8, straight alpha.
        left: columns to add on the left, and as many on the right.
        top: rows to add above.

    Returns:
        (top + S, S + 2 left, 4) uint8.
    """
    side = len(person)
    if not (left or top):
        return person
    canvas = np.zeros((top + side, side + 2 * left, 4), np.uint8)
    canvas[top:, left : left + side] = person
    if left:
        away = np.arange(1, left + 1)
        rows = np.arange(side)[:, None] - (SHOULDER_SLOPE * away).astype(int)[None]
        for edge, columns in ((0, left - away), (-1, left + side - 1 + away)):
            run = person[np.maximum(rows, 0), edge].copy()  # (S, left, 4)
            run[rows < 0, 3] = 0
            run[..., 3] = np.clip(
                run[..., 3] * 2.0 - 255, 0, 255
            )  # ignore nearly transparent pixels
            canvas[top:, columns] = run
    if top:
        reach = max(1, round(0.04 * side))
        fade = np.linspace(0, 1, min(reach, top) + 1)[:-1]
        rows = slice(top - len(fade), top)
        canvas[rows, left : left + side, :3] = person[0, :, :3]
        canvas[rows, left : left + side, 3] = (fade[:, None] * person[0, :, 3]).round()
    return canvas


def over(picture: Array, behind: Array) -> Array:
    """Composite (H, W, 4) with straight alpha over (H, W, 3), both uint8."""
    mixed = Image.fromarray(behind)
    mixed.paste(Image.fromarray(picture[..., :3]), mask=Image.fromarray(picture[..., 3]))
    return np.array(mixed)


def _resized_alpha(alpha: Array, side_px: int) -> Array:
    """Resize (S, S) in [0, 1] to (side_px, side_px) uint8."""
    picture = Image.fromarray(alpha).resize((side_px, side_px), Image.Resampling.BICUBIC)
    return np.asarray(np.clip(np.asarray(picture) * 255, 0, 255).round(), np.uint8)


def _even(number: float) -> int:
    """Round to an even number: yuv420p halves the colours' height and width."""
    return 2 * round(number / 2)
