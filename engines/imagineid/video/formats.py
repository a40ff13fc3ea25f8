"""Output formats: container, codecs and transparency of each file extension."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from imagineid.errors import BadOutput


@dataclass(frozen=True)
class VideoFormat:
    """One kind of video file.

    Attributes:
        suffix: of its name; container: FFmpeg's name of the container.
        codec: of the picture; options: of that encoder.
        pixels: FFmpeg's pixel format; alpha_pixels: the one with transparency, "" if it has none.
        sound_codec: of the sound; sound_rates: rates that it takes, Hz, ascending.
        subtitle_codec: of a subtitle track.
        container_options: of the muxer.
    """

    suffix: str
    container: str
    codec: str
    options: Mapping[str, str]
    pixels: str
    alpha_pixels: str
    sound_codec: str
    sound_rates: tuple[int, ...]
    subtitle_codec: str
    container_options: Mapping[str, str] = field(default_factory=dict)


MP4 = VideoFormat(
    suffix=".mp4",
    container="mp4",
    codec="libx264",
    options={"preset": "veryfast", "crf": "18"},
    pixels="yuv420p",
    alpha_pixels="",
    sound_codec="aac",
    sound_rates=(44_100, 48_000),  # what every player and upload takes
    subtitle_codec="mov_text",
    container_options={"movflags": "+faststart"},
)
"""H.264 and AAC: plays everywhere."""

WEBM = VideoFormat(
    suffix=".webm",
    container="webm",
    codec="libvpx-vp9",
    options={"crf": "20", "b": "0", "deadline": "realtime", "cpu-used": "5", "auto-alt-ref": "0"},
    pixels="yuv420p",
    alpha_pixels="yuva420p",
    sound_codec="libopus",
    sound_rates=(48_000,),
    subtitle_codec="webvtt",
)
"""VP9 and Opus: transparency in browsers, OBS and compositors."""

MOV = VideoFormat(
    suffix=".mov",
    container="mov",
    codec="prores_ks",
    options={"profile": "4444", "vendor": "apl0"},
    pixels="yuv444p10le",
    alpha_pixels="yuva444p10le",
    sound_codec="pcm_s16le",
    sound_rates=(8_000, 11_025, 16_000, 22_050, 24_000, 32_000, 44_100, 48_000),
    subtitle_codec="mov_text",
    container_options={"movflags": "+faststart+use_metadata_tags"},
)
"""ProRes 4444 and PCM: for editing programs; large."""

FORMATS = {form.suffix: form for form in (MP4, WEBM, MOV)}


def format_of(path: Path, transparent: bool = False) -> VideoFormat:
    """Return the format of a file's extension.

    Args:
        path: the output file.
        transparent: whether the frames have an alpha channel.

    Raises:
        BadOutput: the format is unknown, or does not support transparency.
    """
    found = FORMATS.get(path.suffix.lower())
    if found is None:
        raise BadOutput(
            f"{path} does not end in one of {', '.join(FORMATS)}.\n"
            f"Name it:  -o {path.with_suffix('.mp4')}"
        )
    if transparent and not found.alpha_pixels:
        raise BadOutput(
            f"{path.suffix} does not support transparency.\n"
            f"Use WebM, ProRes or a folder of PNGs:  -o {path.with_suffix('.webm')}"
        )
    return found
