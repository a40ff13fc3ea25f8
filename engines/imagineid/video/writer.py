"""Video files: generated frames with the sound of a recording.

The file is written under a temporary name next to its target and renamed on success. Picture and
sound are interleaved, so that nothing is held in memory. Live video is written by the same class,
see :class:`imagineid.video.live_output.Mp4Stream`.
"""

from __future__ import annotations

import contextlib
import os
from fractions import Fraction
from itertools import chain
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

from imagineid.files import WriteOnly, atomic_output, check_output, in_plain_text, write_errors
from imagineid.spec import FPS
from imagineid.video.formats import MP4, format_of
from imagineid.video.metadata import metadata_tags
from imagineid.video.sound_track import LiveSound, SoundTrack, sound_frames
from imagineid.video.subtitles import Cue, SubtitleTrack

_FRAGMENTS = {
    "movflags": "+frag_keyframe+empty_moov+default_base_moof",
    "flush_packets": "1",
}

_LIVE_FRAGMENTS = {  # one frame each; the table waits for both streams, so that times are exact
    "movflags": "+delay_moov+default_base_moof",
    "frag_duration": str(1_000_000 // FPS),
    "flush_packets": "1",
}


class VideoWriter:
    """Writes a video frame by frame, with the sound of a recording.

    Use it in a ``with`` block: the file gets its name when the block ends without an error, and is
    removed otherwise. A pipe gets fragments of a second, each as soon as it is complete.

    Args:
        path: the output file, one of :data:`imagineid.video.formats.FORMATS`; or a binary
            stream, such as a pipe, for an mp4.
        size_px: width and height of the frames, even; one number for a square.
        sound: the recording; its sound is cut to the length of the video. Or live sound: then each
            frame leaves the encoder at once.
        metadata: metadata to write, as ``read_metadata`` returns it;
            values that JSON can hold. Keys ``synthetic`` and ``statement`` are added.
        fps: frames a second.
        overwrite: whether an existing file may be replaced.
        transparent: whether frames have an alpha channel.
        pad_s: seconds of silence before and after the recording.
        subtitles: cues of a subtitle track, at times of the video.
        track: which sound track of the recording, from 1; None: the one that speaks.
        name: of a stream, for errors.

    Raises:
        BadOutput: it can't be written, the disk is full, or the format does not support
            transparency.
        BadSound: the recording can't be read.
    """

    def __init__(
        self,
        path: str | os.PathLike[str] | IO[bytes],
        size_px: int | tuple[int, int],
        sound: str | os.PathLike[str] | LiveSound,
        metadata: dict[str, Any],
        fps: int = FPS,
        overwrite: bool = False,
        *,
        transparent: bool = False,
        pad_s: float = 0.0,
        subtitles: tuple[Cue, ...] = (),
        track: int | None = None,
        name: Path = Path("-"),
    ) -> None:
        self._width, self._height = (size_px, size_px) if isinstance(size_px, int) else size_px
        assert self._width % 2 == 0 == self._height % 2, "yuv420p halves the colours' size"
        self._stream = None if isinstance(path, (str, os.PathLike)) else path
        self.path = name if self._stream else Path(cast("str", path))
        self._format = MP4 if self._stream else format_of(self.path, transparent)
        self._transparent, self._pad_s, self._cues = transparent, pad_s, subtitles
        self.frames = 0
        self._fps = fps
        self._sound_source, self._track = sound, track
        self._live = isinstance(sound, LiveSound)
        self._metadata = metadata
        self._overwrite = overwrite
        self._colours = (
            VideoReformatter()
        )  # reused, because creating one takes as long as encoding a frame
        self._undo = contextlib.ExitStack()

    def __enter__(self) -> VideoWriter:
        with contextlib.ExitStack() as stack:
            form = self._format
            if self._stream is None:
                check_output(self.path, self._overwrite, form.suffix)
                part = stack.enter_context(atomic_output(self.path, self._overwrite))
                target: Any = f"file:{stack.enter_context(in_plain_text(part))}"
                options = dict(form.container_options)
            else:
                target = WriteOnly(self._stream)
                options = _LIVE_FRAGMENTS if self._live else _FRAGMENTS
            self._container = av.open(target, "w", format=form.container, options=options)
            stack.push(self._close_container)
            self._container.metadata.update(metadata_tags(self._metadata))
            self._add_picture()
            self._sound = self._add_sound(stack)
            self._subtitles: SubtitleTrack | None = None
            if self._cues:
                self._subtitles = SubtitleTrack(self._container, form.subtitle_codec, self._cues)
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
            self._catch_up()
            self._sound.finish()

    def write(self, frame: NDArray[np.uint8]) -> None:
        """Write one frame, and the sound for its duration.

        Args:
            frame: (height, width, 3), RGB, 0 to 255; with straight alpha as a fourth channel if the
                video is transparent.

        Raises:
            BadOutput: the disk is full.
            ValueError: the frame has another shape or type.
        """
        shape = (self._height, self._width, 4 if self._transparent else 3)
        if frame.shape != shape or frame.dtype != np.uint8:
            raise ValueError(f"a frame is uint8 {shape}, not {frame.dtype} {frame.shape}")
        named = "rgba" if self._transparent else "rgb24"
        picture = av.VideoFrame.from_ndarray(np.ascontiguousarray(frame), format=named)
        picture = self._colours.reformat(
            picture, format=self._picture.pix_fmt, dst_colorspace=Colorspace.ITU709
        )
        picture.pts, picture.time_base = self.frames, Fraction(1, self._fps)
        with write_errors(self.path):
            self._container.mux(self._picture.encode(picture))
            self.frames += 1
            self._catch_up()

    def _add_picture(self) -> None:
        """Add the video stream: visually lossless, standard colours."""
        form = self._format
        stream = self._container.add_stream(form.codec, rate=self._fps)
        self._picture = cast("av.VideoStream", stream)
        self._picture.width, self._picture.height = self._width, self._height
        self._picture.pix_fmt = form.alpha_pixels if self._transparent else form.pixels
        self._picture.options = dict(form.options)
        if self._transparent:
            self._picture.metadata["alpha_mode"] = "1"  # required by players of WebM
        if self._stream is not None:
            self._picture.options |= {"g": str(self._fps)}  # fragments begin at key frames
        if self._live:
            self._picture.options |= {"tune": "zerolatency"}
        coder = self._picture.codec_context
        coder.thread_count = 1  # the same bytes on any number of CPU cores
        coder.color_primaries, coder.color_trc = ColorPrimaries.BT709, ColorTrc.BT709
        coder.colorspace, coder.color_range = Colorspace.ITU709, ColorRange.MPEG

    def _add_sound(self, stack: contextlib.ExitStack) -> SoundTrack:
        """Add the sound stream; ``stack`` closes the recording."""
        form, source = self._format, self._sound_source
        if isinstance(source, LiveSound):
            return SoundTrack(self._container, form.sound_codec, source, source.rate, source.layout)
        sound = sound_frames(Path(source), form.sound_rates, self._pad_s, track=self._track)
        stack.callback(sound.close)
        first = next(sound)
        return SoundTrack(
            self._container,
            form.sound_codec,
            chain((first,), sound),
            first.sample_rate,
            first.layout.name,
        )

    def _catch_up(self) -> None:
        """Write sound and subtitles up to the time of the picture."""
        now_s = Fraction(self.frames, self._fps)
        self._sound.write_until(now_s)
        if self._subtitles:
            self._subtitles.write_until(float(now_s))

    def _close_container(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> bool:
        """Finish the file; after an error, only close it."""
        if error is None:
            with write_errors(self.path):
                self._container.close()
        else:
            with contextlib.suppress(Exception):
                self._container.close()
        return False
