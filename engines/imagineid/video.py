"""Frames out: an mp4 with the picture we imagine and the sound we were given.

The file grows under a temporary name beside its target and gets its own name only at a clean end.
Picture and sound go in side by side, so that nothing is held in memory.
"""

from __future__ import annotations

import contextlib
import errno
import fcntl
import json
import os
import tempfile
import time
from collections.abc import Generator, Iterator
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

from imagineid.decode import resample
from imagineid.errors import BadInput, BadOutput
from imagineid.spec import FPS

SYNTHETIC = "Synthetic: this face was made by a machine, and is no real person's."
"""The statement that every video carries."""

STALE_S = 60.0
"""A part this old whose process is gone was left by a kill."""

_FRAGMENTS = {
    "movflags": "+frag_keyframe+empty_moov+default_base_moof",
    "flush_packets": "1",
}

_AAC_RATES = (8_000, 11_025, 12_000, 16_000, 22_050, 24_000, 32_000, 44_100, 48_000)


def check_output(path: Path, overwrite: bool, suffix: str = ".mp4") -> None:
    """Tell before any work whether a file can be written.

    Args:
        path: where the result shall go.
        overwrite: whether a file that is there may be replaced.
        suffix: how its name must end.

    Raises:
        BadOutput: the folder is missing or can't be written, the path is a directory, the suffix
            is another, or a file is there that nobody asked to replace.
    """
    try:
        if path.is_dir():
            raise BadOutput(
                f"{path} is a directory.\nName a file in it:  -o {path / 'out'}{suffix}"
            )
        if path.suffix.lower() != suffix:
            raise BadOutput(
                f"{path} does not end in {suffix}.\nName it:  -o {path.with_suffix(suffix)}"
            )
        if not path.parent.is_dir():
            raise BadOutput(f"There is no folder {path.parent}.\nMake it:  mkdir -p {path.parent}")
        if not os.access(path.parent, os.W_OK | os.X_OK):
            raise BadOutput(
                f"The folder {path.parent} can't be written.\nName another place:  -o OUT{suffix}"
            )
        if os.path.lexists(path) and not overwrite:
            raise BadOutput(f"{path} is there already.\nReplace it:  --overwrite")
    except (OSError, ValueError) as error:  # a name too long, a loop of links, a null character
        raise BadOutput(
            f"{path} can't be written: {error}.\nName another:  -o OUT{suffix}"
        ) from error


@contextlib.contextmanager
def replacing(path: Path, overwrite: bool) -> Iterator[Path]:
    """Give a temporary name beside ``path``, and ``path`` itself at a clean end.

    Args:
        path: where the result shall go.
        overwrite: whether a file that is there may be replaced.

    Yields:
        An empty file to write to. It is removed on any error.

    Raises:
        BadOutput: the place can't be written.
    """
    check_output(path, overwrite, path.suffix.lower())
    with telling(path):
        handle, name = tempfile.mkstemp(prefix=".imagineid-", suffix=".part", dir=path.parent)
    part = Path(name)
    try:
        fcntl.flock(handle, fcntl.LOCK_EX)
        _sweep(path.parent)
        yield part
        if not overwrite and os.path.lexists(path):
            raise BadOutput(f"{path} has come to be meanwhile.\nReplace it:  --overwrite")
        with telling(path):
            mask = os.umask(0)
            os.umask(mask)
            part.chmod(0o666 & ~mask)
            os.replace(part, path)
    finally:
        part.unlink(missing_ok=True)
        os.close(handle)


def _sweep(folder: Path) -> None:
    """Remove what killed runs left in a folder: parts a minute old that nobody holds."""
    for part in folder.glob(".imagineid-*.part"):
        with contextlib.suppress(OSError), part.open("rb") as file:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            if time.time() - part.stat().st_mtime > STALE_S:
                part.unlink()


@contextlib.contextmanager
def telling(path: Path) -> Iterator[None]:
    """Say in words what the system says when ``path`` is written.

    Args:
        path: the file that the user asked for.

    Raises:
        BadOutput: instead of any OSError of the block.
    """
    try:
        yield
    except OSError as error:
        if error.errno in (errno.ENOSPC, errno.EDQUOT, errno.EFBIG):
            what, next_step = f"No room left for {path}.", "Free some, or name another disk"
        elif isinstance(error, BrokenPipeError):
            what, next_step = "Nobody reads the video any more.", "Make a file of it"
        else:
            reason = error.strerror or type(error).__name__
            what, next_step = f"{path} can't be written: {reason}.", "Name another place"
        raise BadOutput(f"{what}\n{next_step}:  -o OUT{path.suffix or '.mp4'}") from error


class VideoWriter:
    """An mp4 that grows frame by frame: H.264 at 25 fps and the AAC of a recording.

    Use it in a ``with`` block: the file gets its name when the block ends well, and nothing is
    left of it when the block ends with an error. Into a pipe it goes in fragments of a second,
    each as soon as it is made.

    Args:
        path: where the video shall go, an .mp4; or a binary stream, such as a pipe.
        size_px: height and width of the frames, even.
        sound: the recording whose sound goes in; it is cut where the picture ends.
        metadata: what to write into the file, as :func:`read_metadata` gives it back; values that
            JSON can hold. Keys ``synthetic`` and ``statement`` are added.
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
                part = stack.enter_context(replacing(self.path, self._overwrite))
                target: Any = f"file:{part}"
                options = {"movflags": "+faststart"}
            else:
                target, options = _Pipe(self._stream), _FRAGMENTS
            self._container = av.open(target, "w", format="mp4", options=options)
            stack.push(self._close_container)
            self._container.metadata.update(_tags(self._metadata))
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
        with self._undo, telling(self.path):
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
        with telling(self.path):
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
            with telling(self.path):
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


def _tags(metadata: dict[str, Any]) -> dict[str, str]:
    """Write metadata as mp4 tags: JSON for machines, a sentence for people."""
    known = {**metadata, "synthetic": True, "statement": SYNTHETIC}
    lines = [SYNTHETIC, *(f"{key}: {value}" for key, value in metadata.items() if value != "")]
    return {
        "comment": json.dumps(known, ensure_ascii=False, sort_keys=True),
        "description": "\n".join(lines),
        "genre": "Synthetic",
    }


def read_metadata(path: str | os.PathLike[str]) -> dict[str, Any]:
    """Read what :class:`VideoWriter` wrote into a video.

    Args:
        path: an mp4 of ours.

    Returns:
        The metadata, with ``synthetic`` and ``statement``.

    Raises:
        BadInput: there is no such file, or it is not one of ours.
    """
    path = Path(path)
    if not path.is_file():
        raise BadInput(f"There is no video {path}.\nSee what there is:  ls {path.parent}")
    try:
        with av.open(f"file:{path}", metadata_errors="replace") as container:
            known = json.loads(container.metadata.get("comment", ""))
    except (av.FFmpegError, OSError, ValueError):
        known = None
    if not isinstance(known, dict) or not known.get("synthetic"):
        raise BadInput(
            f"{path} does not say how it was made: it is no video of imagineid.\n"
            f"Name one that is:  --like OUT.mp4"
        )
    return known
