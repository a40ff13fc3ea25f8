"""Subtitles: reading, writing to a track, and drawing into the picture."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction
from functools import lru_cache
from pathlib import Path

import av
import numpy as np
from PIL import Image, ImageDraw, ImageFont

from imagineid.containers import SUBTITLES, open_media
from imagineid.errors import BadInput

Array = np.ndarray

FONTS = ("NotoSans-Regular.ttf", "DejaVuSans.ttf", "Arial.ttf", "arial.ttf", "Helvetica.ttc")
"""Fonts of the system, tried in this order; the last resort is Pillow's font, which is Latin."""

TEXT_SHARE, MARGIN_SHARE = 1 / 18, 1 / 24
"""Height of a line and distance from the lower edge, shares of the frame's shorter side."""


@dataclass(frozen=True)
class Cue:
    """One subtitle: start and end in seconds, and its text, with newlines."""

    start_s: float
    end_s: float
    text: str


def read_subtitles(path: Path) -> tuple[Cue, ...]:
    """Read an SRT, WebVTT or ASS file.

    Args:
        path: the file, in UTF-8.

    Returns:
        Its cues, ordered by start; styles are ignored.

    Raises:
        BadInput: it can't be read, or has no cue.
    """
    if not path.is_file():
        raise BadInput(f"The file {path} does not exist.\nList:  ls {path.parent}")
    try:
        cues = tuple(sorted(_cues(path), key=lambda cue: cue.start_s))
    except (av.FFmpegError, OSError, ValueError) as error:
        raise BadInput(
            f"{path} can't be read as subtitles.\nGive an SRT file:  --subtitles FILE.srt"
        ) from error
    if not cues:
        raise BadInput(f"{path} has no subtitles.\nGive an SRT file:  --subtitles FILE.srt")
    return cues


def _cues(path: Path) -> Iterator[Cue]:
    """Decode a subtitle file."""
    with open_media(path, SUBTITLES) as container:
        if not container.streams.subtitles:
            return
        for packet in container.demux(subtitles=0):
            if packet.pts is None or not packet.size or packet.time_base is None:
                continue
            start_s = float(packet.pts * packet.time_base)
            end_s = start_s + float((packet.duration or 0) * packet.time_base)
            lines = [
                line.dialogue.decode("utf-8", "replace").strip()
                for line in packet.decode()
                if isinstance(line, av.subtitles.subtitle.AssSubtitle)
            ]
            text = _plain("\n".join(lines))
            if text and end_s > start_s:
                yield Cue(start_s, end_s, text)


def _plain(text: str) -> str:
    """Remove ASS style codes."""
    while (low := text.find("{\\")) >= 0 and (high := text.find("}", low)) > 0:
        text = text[:low] + text[high + 1 :]
    return text.strip()


def shifted(cues: tuple[Cue, ...], by_s: float) -> tuple[Cue, ...]:
    """Return the cues ``by_s`` seconds later."""
    return tuple(Cue(cue.start_s + by_s, cue.end_s + by_s, cue.text) for cue in cues)


class SubtitleTrack:
    """The subtitle track of a video that is being written.

    Args:
        container: the container to which the track is added.
        codec: ``mov_text`` or ``webvtt``.
        cues: its cues, in order.
    """

    def __init__(
        self, container: av.container.OutputContainer, codec: str, cues: tuple[Cue, ...]
    ) -> None:
        self._container, self._codec = container, codec
        self._cues = list(reversed(cues))
        self._stream = container.add_mux_stream(codec)
        self._stream.time_base = Fraction(1, 1000)

    def write_until(self, time_s: float) -> None:
        """Write the cues that begin before a time."""
        while self._cues and self._cues[-1].start_s < time_s:
            cue = self._cues.pop()
            data = cue.text.encode()
            if self._codec == "mov_text":  # two bytes with its length come first
                data = len(data[:65535]).to_bytes(2, "big") + data[:65535]
            packet = av.Packet(data)
            packet.stream, packet.time_base = self._stream, Fraction(1, 1000)
            packet.pts = packet.dts = round(1000 * cue.start_s)
            packet.duration = max(1, round(1000 * (cue.end_s - cue.start_s)))
            packet.is_keyframe = True
            self._container.mux(packet)


def burnt_in(frame: Array, cues: tuple[Cue, ...], time_s: float) -> Array:
    """Draw subtitles at the bottom of a frame, white with a black outline.

    Args:
        frame: (H, W, 3 or 4) uint8.
        cues: all cues of the video.
        time_s: time of the frame.

    Returns:
        The frame itself if there is no subtitle, else a new one.
    """
    text = "\n".join(cue.text for cue in cues if cue.start_s <= time_s < cue.end_s)
    if not text:
        return frame
    height, width, channels = frame.shape
    ink = _rendered(text, width, height)
    picture = Image.fromarray(frame).convert("RGBA")
    picture.alpha_composite(ink)
    return np.asarray(picture if channels == 4 else picture.convert("RGB"))


@lru_cache(maxsize=2)
def _rendered(text: str, width: int, height: int) -> Image.Image:
    """Draw text on a transparent picture, RGBA."""
    ink = Image.new("RGBA", (width, height), (0, 0, 0, 0))
    draw = ImageDraw.Draw(ink)
    side = min(width, height)
    font = _font(max(8, round(side * TEXT_SHARE)))
    rim = max(1, round(side / 256))
    lines = _wrapped(draw, text, font, width - 2 * round(width * MARGIN_SHARE))
    draw.multiline_text(
        (width / 2, height - side * MARGIN_SHARE),
        "\n".join(lines),
        fill=(255, 255, 255, 255),
        font=font,
        anchor="md",
        align="center",
        stroke_width=rim,
        stroke_fill=(0, 0, 0, 255),
    )
    return ink


def _wrapped(
    draw: ImageDraw.ImageDraw, text: str, font: ImageFont.FreeTypeFont, width: float
) -> list[str]:
    """Wrap lines that are wider than the picture."""
    lines: list[str] = []
    for line in text.split("\n"):
        words = line.split(" ")
        current = words[0]
        for word in words[1:]:
            if draw.textlength(f"{current} {word}", font=font) <= width:
                current = f"{current} {word}"
            else:
                lines.append(current)
                current = word
        lines.append(current)
    return lines


@lru_cache(maxsize=4)
def _font(size_px: int) -> ImageFont.FreeTypeFont:
    """Return a sans-serif font of the system, or Pillow's font."""
    for name in FONTS:
        try:
            return ImageFont.truetype(name, size_px)
        except OSError:
            continue
    font = ImageFont.load_default(size_px)
    assert isinstance(font, ImageFont.FreeTypeFont)  # Pillow's wheels hold FreeType
    return font
