"""Chart of loudness, emotions and blendshape curves over time, drawn with Pillow."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from PIL import Image, ImageDraw
from PIL.ImageFont import load_default as font

from imagineid.files import atomic_output, write_errors
from imagineid.spec import ARKIT, EMOTIONS, FPS

if TYPE_CHECKING:
    from imagineid.analysis import Analysis

Array = np.ndarray
WIDTH, LEFT, RIGHT, TOP = 1400, 190, 30, 60
"""Width of the picture and margins of the panels, in pixels."""

LOUDNESS, FEELINGS, ROW, GAP = 110, 170, 22, 46
"""Heights of the panels, of a curve's row, and of the gap between panels, in pixels."""

CURVES = 14
"""Number of curves that are drawn, those that move most."""

QUIETEST_DB = -70.0
INK, PALE, SHADE = (40, 40, 46), (200, 202, 208), (232, 240, 232)
COLOURS = dict(
    zip(
        EMOTIONS,
        (
            (190, 194, 202),
            (204, 62, 60),
            (142, 110, 160),
            (118, 150, 62),
            (96, 84, 190),
            (242, 184, 62),
            (74, 122, 190),
            (238, 130, 70),
        ),
        strict=True,
    )
)


def draw(path: Path, name: str, found: Analysis, overwrite: bool) -> None:
    """Write the picture.

    Args:
        path: a .png.
        name: of the recording.
        found: its analysis.
        overwrite: whether an existing file may be replaced.

    Raises:
        BadOutput: it can't be written, or the disk is full.
    """
    units = [unit for unit, _ in found.moved[:CURVES]]
    height = TOP + LOUDNESS + FEELINGS + 2 * GAP + ROW * len(units) + 50
    picture = Image.new("RGB", (WIDTH, height), "white")
    pen = ImageDraw.Draw(picture)
    who = found.factors.identity
    title = f"{name}:  {who.gender}, about {who.age:.0f}, {found.factors.emotion.label}"
    pen.text((LEFT, 18), title, INK, font(20))
    down = TOP
    _loudness(pen, down, found.factors.content.level_db, found)
    down += LOUDNESS + GAP
    _feelings(picture, pen, down, found.feelings)
    down += FEELINGS + GAP
    _curves(picture, pen, down, found.conditioning.expression, units)
    _seconds(pen, down + ROW * len(units), found.duration_s)
    with atomic_output(path, overwrite) as part, write_errors(path):
        picture.save(part, format="PNG")


def _span() -> int:
    return WIDTH - LEFT - RIGHT


def _binned(rows: Array) -> Array:
    """Resample (F, n) to one row per pixel, by averaging or repeating."""
    edges = np.linspace(0, len(rows), _span() + 1)
    sums = np.concatenate([np.zeros((1, rows.shape[1])), np.cumsum(rows, axis=0, dtype=np.float64)])
    low = np.floor(edges[:-1]).astype(int)
    high = np.maximum(low + 1, np.ceil(edges[1:]).astype(int))
    return np.asarray((sums[high] - sums[low]) / (high - low)[:, None])


def _label(pen: ImageDraw.ImageDraw, down: float, text: str) -> None:
    pen.text((LEFT - 12, down), text, INK, font(14), anchor="rm")


def _loudness(pen: ImageDraw.ImageDraw, top: int, level_db: Array, found: Analysis) -> None:
    """Draw the level, with speech shaded behind it."""
    whole_s = len(level_db) / FPS
    for s in found.speech:
        if s.what == "speech":
            left, right = (LEFT + _span() * t / whole_s for t in (s.start_s, s.end_s))
            pen.rectangle((left, top, right, top + LOUDNESS), fill=SHADE)
    share = np.clip(1 - _binned(level_db[:, None])[:, 0] / QUIETEST_DB, 0, 1)
    base = top + LOUDNESS
    for x, value in enumerate(share):
        pen.line((LEFT + x, base - LOUDNESS * float(value), LEFT + x, base), fill=(120, 150, 120))
    pen.line((LEFT, base, LEFT + _span(), base), fill=PALE)
    _label(pen, top + LOUDNESS / 2 - 9, "loudness")
    pen.text((LEFT - 12, top + LOUDNESS / 2 + 11), "shaded: speech", (130,) * 3, font(11), "rm")


def _feelings(picture: Image.Image, pen: ImageDraw.ImageDraw, top: int, shares: Array) -> None:
    """Draw the shares of the eight emotions, stacked, with their names."""
    stack = np.cumsum(_binned(shares), axis=1)  # (pixels, 8), the last about 1
    heights = (np.arange(FEELINGS) + 0.5) / FEELINGS
    which = (heights[:, None, None] > stack[None] / stack[None, :, -1:]).sum(axis=2)
    colours = np.array([COLOURS[name] for name in EMOTIONS], np.uint8)
    area = colours[np.minimum(which, len(EMOTIONS) - 1)]
    picture.paste(Image.fromarray(area[::-1]), (LEFT, top))
    step = FEELINGS / len(EMOTIONS)
    for i, name in enumerate(reversed(EMOTIONS)):
        middle = top + step * (i + 0.5)
        pen.rectangle((LEFT - 26, middle - 6, LEFT - 14, middle + 6), fill=COLOURS[name])
        pen.text((LEFT - 34, middle), name, INK, font(14), anchor="rm")


def _curves(
    picture: Image.Image, pen: ImageDraw.ImageDraw, top: int, expression: Array, units: list[str]
) -> None:
    """Draw one row per unit, darker where it moves more."""
    chosen = _binned(expression[:, [ARKIT.index(unit) for unit in units]])
    light, dark = np.array([246, 247, 250]), np.array([24, 70, 130])
    for i, unit in enumerate(units):
        share = np.clip(chosen[:, i], 0, 1)[:, None] ** 0.7
        row = (light + (dark - light) * share).astype(np.uint8)
        strip = np.broadcast_to(row, (ROW - 3, *row.shape))
        picture.paste(Image.fromarray(np.ascontiguousarray(strip)), (LEFT, top + i * ROW))
        _label(pen, top + i * ROW + (ROW - 3) / 2, unit)


def _seconds(pen: ImageDraw.ImageDraw, top: int, whole_s: float) -> None:
    """Draw the time axis."""
    step = next(s for s in (0.1, 0.5, 1, 5, 10, 30, 60, 300, 600, 3600, 36000) if whole_s / s <= 20)
    for i in range(int(whole_s / step) + 1):
        x = LEFT + _span() * i * step / whole_s
        pen.line((x, top, x, top + 6), fill=INK)
        pen.text((x, top + 10), f"{i * step:g}", INK, font(13), anchor="mt")
    pen.text((LEFT - 12, top + 16), "seconds", INK, font(13), anchor="rm")
