"""Frames out: an mp4 with the picture we imagine and the sound we were given.

The file grows under a temporary name beside its target and gets its own name only at a clean end.
Picture and sound go in side by side, so that nothing is held in memory.
"""

from __future__ import annotations

import contextlib
import os
from collections.abc import Generator
from fractions import Fraction
from pathlib import Path
from types import TracebackType
from typing import IO, Any, cast

import av
import numpy as np
from av.video.reformatter import (
    ColorPrimaries,
    ColorRange,
    Colorspace,
    ColorTrc,
    VideoReformatter,
)
from numpy.typing import NDArray

from imagineid.audio.decode import resample
from imagineid.files import atomic_output, check_output, write_errors
from imagineid.spec import FPS
from imagineid.video.metadata import metadata_tags

_FRAGMENTS = {
    "movflags": "+frag_keyframe+empty_moov+default_base_moof",
    "flush_packets": "1",
}

_AAC_RATES = (8_000, 11_025, 12_000, 16_000, 22_050, 24_000, 32_000, 44_100, 48_000)


class VideoWriter:
    """An mp4 that grows frame by frame: H.264 at 25 fps and the AAC of a recording.

    Use it in a ``with`` block: the file gets its name when the block ends well, and nothing is
    left of it when the block ends with an error. Into a pipe it goes in fragments of a second,
    each as soon as it is made.

    Args:
        path: where the video shall go, an .mp4; or a binary stream, such as a pipe.
        size_px: height and width of the frames, even.
        sound: the recording whose sound goes in; it is cut where the picture ends.
        metadata: what to write into the file, as :func:`imagineid.video.read_metadata` gives it
            back; values that JSON can hold. Keys ``synthetic`` and ``statement`` are added.
        fps: frames a second.
        overwrite: whether a file that is there may be replaced.

    Raises:
        BadOutput: the place can't be written, or the disk is full.
        BadSound: the recording can't be read.
    """

    def __init__(
        self,
        path: str | os.PathLike[str] | IO[bytes],
        size_px: int,
        sound: str | os.PathLike[str],
        metadata: dict[str, Any],
        fps: int = FPS,
        overwrite: bool = False,
    ) -> None:
        assert size_px % 2 == 0, "yuv420p halves the colours' height and width"
        self._stream = None if isinstance(path, (str, os.PathLike)) else path
        self.path = Path("-") if self._stream else Path(cast("str", path))
        self.frames = 0
        self._size_px, self._fps = size_px, fps
        self._sound_path = Path(sound)
        self._metadata = metadata
        self._overwrite = overwrite
        self._colours = VideoReformatter()  # kept: to make one costs as much as to encode a frame
        self._undo = contextlib.ExitStack()

    def __enter__(self) -> VideoWriter:
        with contextlib.ExitStack() as stack:
            if self._stream is None:
                check_output(self.path, self._overwrite)
                part = stack.enter_context(atomic_output(self.path, self._overwrite))
                target: Any = f"file:{part}"
                options = {"movflags": "+faststart"}
            else:
                target, options = _Pipe(self._stream), _FRAGMENTS
            self._container = av.open(target, "w", format="mp4", options=options)
            stack.push(self._close_container)
            self._container.metadata.update(metadata_tags(self._metadata))
            self._add_picture()
            self._sound = _sound_frames(self._sound_path)
            stack.callback(self._sound.close)
            self._pending: av.AudioFrame | None = next(self._sound)
            self._heard = 0  # samples that went in
            self._add_sound(self._pending)
            self._undo = stack.pop_all()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if error is not None:
            self._undo.__exit__(kind, error, trace)
            return
        with self._undo, write_errors(self.path):
            self._container.mux(self._picture.encode(None))
            self._hear_until(Fraction(self.frames, self._fps))
            self._container.mux(self._voice.encode(None))

    def write(self, frame: NDArray[np.uint8]) -> None:
        """Add one frame, and the sound that belongs beside it.

        Args:
            frame: (size_px, size_px, 3), red green blue, 0 to 255.

        Raises:
            BadOutput: the disk is full.
            ValueError: the frame has another shape or type.
        """
        shape = (self._size_px, self._size_px, 3)
        if frame.shape != shape or frame.dtype != np.uint8:
            raise ValueError(f"a frame is uint8 {shape}, not {frame.dtype} {frame.shape}")
        picture = av.VideoFrame.from_ndarray(np.ascontiguousarray(frame), format="rgb24")
        picture = self._colours.reformat(
            picture, format="yuv420p", dst_colorspace=Colorspace.ITU709
        )
        picture.pts, picture.time_base = self.frames, Fraction(1, self._fps)
        with write_errors(self.path):
            self._container.mux(self._picture.encode(picture))
            self.frames += 1
            self._hear_until(Fraction(self.frames, self._fps))

    def _add_picture(self) -> None:
        """Open the H.264 stream: visually lossless, standard colours."""
        self._picture = self._container.add_stream("libx264", rate=self._fps)
        self._picture.width = self._picture.height = self._size_px
        self._picture.pix_fmt = "yuv420p"
        self._picture.options = {"preset": "veryfast", "crf": "18"}
        if self._stream is not None:
            self._picture.options |= {"g": str(self._fps)}  # a fragment begins at a key frame
        coder = self._picture.codec_context
        coder.thread_count = 1  # the same bytes on any number of processors
        coder.color_primaries, coder.color_trc = ColorPrimaries.BT709, ColorTrc.BT709
        coder.colorspace, coder.color_range = Colorspace.ITU709, ColorRange.MPEG

    def _add_sound(self, first: av.AudioFrame) -> None:
        """Open the AAC stream in the recording's own rate, up to 48 kHz."""
        rate = first.sample_rate
        self._voice = self._container.add_stream("aac", rate=rate, layout=first.layout.name)
        self._voice.bit_rate = min(96_000, 5 * rate) * first.layout.nb_channels

    def _hear_until(self, time_s: Fraction) -> None:
        """Let the sound catch up with the picture, and go no further."""
        while self._pending is not None:
            frame = self._pending
            room = int(time_s * frame.sample_rate) - self._heard
            if room <= 0:
                return
            if frame.samples > room:
                frame, self._pending = _cut(frame, room)
            else:
                self._pending = next(self._sound, None)
            frame.pts, frame.time_base = self._heard, Fraction(1, frame.sample_rate)
            self._heard += frame.samples
            self._container.mux(self._voice.encode(frame))

    def _close_container(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> bool:
        """Finish the file; after an error, only let go of it."""
        if error is None:
            with write_errors(self.path):
                self._container.close()
        else:
            with contextlib.suppress(Exception):
                self._container.close()
        return False


class _Pipe:
    """A stream that can only be written, so that nothing tries to go back in it."""

    def __init__(self, stream: IO[bytes]) -> None:
        self._stream = stream

    def write(self, data: bytes) -> int:
        self._stream.write(data)
        self._stream.flush()
        return len(data)


def _sound_frames(path: Path) -> Generator[av.AudioFrame, None, None]:
    """Decode a recording to what AAC takes: float planes, mono or stereo, a rate it knows."""

    def target(first: av.AudioFrame) -> tuple[str, int]:
        rate = next((r for r in _AAC_RATES if r >= first.sample_rate), _AAC_RATES[-1])
        return "mono" if first.layout.nb_channels == 1 else "stereo", rate

    return resample(path, "fltp", target)


def _cut(frame: av.AudioFrame, samples: int) -> tuple[av.AudioFrame, av.AudioFrame]:
    """Cut a frame of float planes in two, the first ``samples`` long."""
    planes = np.asarray(frame.to_ndarray(), dtype=np.float32)  # (channels, samples)
    halves = []
    for part in (planes[:, :samples], planes[:, samples:]):
        half = av.AudioFrame.from_ndarray(
            np.ascontiguousarray(part), format="fltp", layout=frame.layout.name
        )
        half.sample_rate = frame.sample_rate
        halves.append(half)
    return halves[0], halves[1]
