"""A clip's pictures at 25 a second, upright, and its sound at 16 kHz."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from pathlib import Path

import av
import numpy as np

from imagineid.audio import Sound, open_sound
from imagineid.containers import open_media
from imagineid.errors import BadInput, ImagineIDError
from imagineid.spec import FPS, FRAME_SAMPLES

Array = np.ndarray

LARGEST_PX = 960
"""Larger pictures are made smaller when they are read."""


class BadClip(BadInput):
    """A clip that can't be used; its message is one line of the report."""


def picture_pieces(path: Path, frames: int) -> Iterator[Array]:
    """Read a clip's pictures, a piece of it at a time, so that memory does not grow with it.

    Args:
        path: the video.
        frames: of a piece; the last one may be shorter.

    Yields:
        (F, H, W, 3) uint8 at 25 frames a second, upright, at most :data:`LARGEST_PX` a side.

    Raises:
        BadClip: it has no picture, or can't be read further.
    """
    pictures: list[Array] = []
    shown_frames, start = 0, None
    try:
        with open_media(path) as container:
            if not container.streams.video:
                raise BadClip("it has no picture")
            for frame in container.decode(video=0):
                time = frame.time or 0.0
                start = time if start is None else start
                due = int((time - start) * FPS + 1e-3) + 1  # pictures up to here
                for _ in range(due - shown_frames):  # none where the clip has more than 25 a second
                    pictures.append(_upright(frame))
                    shown_frames += 1
                    if len(pictures) == frames:
                        yield np.stack(pictures)
                        pictures = []
    except (av.FFmpegError, OSError, ValueError, ImagineIDError) as error:
        if isinstance(error, BadClip):
            raise
        raise BadClip(f"it can't be read ({type(error).__name__})") from error
    if not shown_frames:
        raise BadClip("it has no picture")
    if pictures:
        yield np.stack(pictures)


@contextlib.contextmanager
def clip_sound(path: Path) -> Iterator[Sound]:
    """Open a clip's sound.

    Raises:
        BadClip: it has none.
    """
    try:
        sound = open_sound(path)
    except ImagineIDError as error:
        reason = str(error).splitlines()[0].replace(str(path), path.name)
        raise BadClip(reason.rstrip(".")) from error
    with sound:
        yield sound


def sound_under(sound: Sound, first_frame: int, frames: int) -> Array:
    """Return the samples under some frames, (frames * 640,) float32 in [-1, 1]; silence after."""
    return np.asarray(sound.read(first_frame * FRAME_SAMPLES, frames * FRAME_SAMPLES), np.float32)


def _upright(frame: av.VideoFrame) -> Array:
    """Return a frame as it is shown: smaller if it is large, turned as its container says."""
    scale = min(1.0, LARGEST_PX / max(frame.width, frame.height))
    width, height = (max(16, round(side * scale)) for side in (frame.width, frame.height))
    picture = frame.reformat(width, height, "rgb24").to_ndarray()
    turns = round(getattr(frame, "rotation", 0) / 90) % 4
    return np.ascontiguousarray(np.rot90(picture, turns))
