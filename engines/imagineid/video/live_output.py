"""Live output: where pictures go as they are imagined: a stream, a window, a camera."""

from __future__ import annotations

import contextlib
import io
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from types import TracebackType
from typing import IO, TYPE_CHECKING, Any, BinaryIO, Protocol

import numpy as np
from PIL import Image

from imagineid.errors import BackendMissing, BadOutput
from imagineid.files import atomic_output, write_errors
from imagineid.signals import Stopped
from imagineid.spec import FPS
from imagineid.video.formats import MP4
from imagineid.video.sound_track import LiveSound
from imagineid.video.writer import VideoWriter

if TYPE_CHECKING:
    from imagineid.live import LivePicture

JPEG_QUALITY = 90


class LiveSink(Protocol):
    """Takes pictures in order, in a ``with`` block."""

    def __enter__(self) -> LiveSink:
        """Open it."""
        ...

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Close it."""
        ...

    def write(self, picture: LivePicture) -> None:
        """Show or send one picture, and the sound that belongs beside it."""
        ...


class Mp4Stream:
    """A fragmented mp4, each frame as soon as it is made, with the sound that came in.

    Args:
        stream: a binary stream that is only written.
        name: of the stream, for errors.
        size_px: height and width of the frames.
        metadata: see :class:`imagineid.video.writer.VideoWriter`.
    """

    def __init__(
        self, stream: IO[bytes], name: Path, size_px: int, metadata: dict[str, Any]
    ) -> None:
        self._sound = LiveSound(MP4.sound_rates[-1])
        self._writer = VideoWriter(stream, size_px, self._sound, metadata, name=name)

    def __enter__(self) -> Mp4Stream:
        self._writer.__enter__()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._sound.end()
        if isinstance(error, (KeyboardInterrupt, Stopped)):  # how live video usually ends
            kind = error = trace = None
        self._writer.__exit__(kind, error, trace)

    def write(self, picture: LivePicture) -> None:
        """Add one frame and its sound."""
        self._sound.push(picture.sound)
        self._writer.write(picture.frame)


class PictureStream:
    """Pictures one after the other, without sound: JPEGs, or bytes red green blue.

    Args:
        stream: a binary stream that is only written.
        name: of the stream, for errors.
        encode: turns a frame (H, W, 3) uint8 into bytes: :func:`as_jpeg` or :func:`as_raw`.
    """

    def __init__(
        self, stream: IO[bytes], name: Path, encode: Callable[[np.ndarray], bytes]
    ) -> None:
        self._stream, self._name, self._encode = stream, name, encode

    def __enter__(self) -> PictureStream:
        return self

    def __exit__(self, *_: object) -> None:
        pass

    def write(self, picture: LivePicture) -> None:
        """Send one picture."""
        with write_errors(self._name):
            self._stream.write(self._encode(picture.frame))
            self._stream.flush()


def as_jpeg(frame: np.ndarray) -> bytes:
    """Encode a frame (H, W, 3) uint8 as a JPEG."""
    out = io.BytesIO()
    Image.fromarray(frame).save(out, "JPEG", quality=JPEG_QUALITY)
    return out.getvalue()


def as_raw(frame: np.ndarray) -> bytes:
    """Return a frame (H, W, 3) uint8 as its bytes: FFmpeg's ``rgb24``."""
    return np.ascontiguousarray(frame).tobytes()


class Window:
    """A window on the screen; closing it ends the video.

    Args:
        size_px: height and width of the frames.

    Raises:
        BadOutput: there is no screen.
    """

    def __init__(self, size_px: int) -> None:
        self._size_px = size_px

    def __enter__(self) -> Window:
        try:
            import tkinter

            self._root = tkinter.Tk()
        except Exception as error:  # no tkinter, or no display
            raise BadOutput(
                f"No window can be opened: {error}.\n"
                "Send it to a player:  imagineid live - -o - | mpv -"
            ) from error
        self._root.title("imagineid (synthetic)")
        self._root.protocol("WM_DELETE_WINDOW", self._closed)
        self._label = tkinter.Label(self._root)
        self._label.pack()
        self._open = True
        return self

    def __exit__(self, *_: object) -> None:
        if self._open:
            self._root.destroy()

    def _closed(self) -> None:
        self._open = False
        self._root.destroy()

    def write(self, picture: LivePicture) -> None:
        """Show one picture.

        Raises:
            KeyboardInterrupt: the window was closed.
        """
        from PIL import ImageTk

        if not self._open:
            raise KeyboardInterrupt
        self._photo = ImageTk.PhotoImage(Image.fromarray(picture.frame))  # kept: Tk does not
        self._label.configure(image=self._photo)
        self._root.update()


class VirtualCamera:
    """A camera that video calls can choose.

    Args:
        size_px: height and width of the frames.

    Raises:
        BackendMissing: the extra ``[live]`` is not installed.
        BadOutput: the system has no virtual camera.
    """

    def __init__(self, size_px: int) -> None:
        self._size_px = size_px

    def __enter__(self) -> VirtualCamera:
        try:
            import pyvirtualcam
        except ImportError as error:
            raise BackendMissing("virtual camera", "live") from error
        try:
            self._camera = pyvirtualcam.Camera(self._size_px, self._size_px, FPS)
        except RuntimeError as error:
            raise BadOutput(
                f"There is no virtual camera: {str(error).splitlines()[0].rstrip('.')}.\n"
                "Install one: OBS on Windows and macOS, v4l2loopback on Linux "
                "(sudo modprobe v4l2loopback)"
            ) from error
        return self

    def __exit__(self, *_: object) -> None:
        self._camera.close()

    def write(self, picture: LivePicture) -> None:
        """Send one picture."""
        self._camera.send(np.ascontiguousarray(picture.frame))


@contextlib.contextmanager
def open_sink(
    output: str, form: str, size_px: int, metadata: dict[str, Any], overwrite: bool = False
) -> Iterator[LiveSink]:
    """Open where pictures go.

    Args:
        output: ``window``, ``camera``, ``-`` for standard output, or a file's name.
        form: ``mp4``, ``mjpeg`` or ``raw``, for standard output and files.
        size_px: height and width of the pictures.
        metadata: of an mp4.
        overwrite: whether a file may be replaced.
    """
    with contextlib.ExitStack() as stack:
        if output == "window":
            yield stack.enter_context(Window(size_px))
            return
        if output == "camera":
            yield stack.enter_context(VirtualCamera(size_px))
            return
        stream: BinaryIO = sys.stdout.buffer
        if output != "-":
            part = stack.enter_context(atomic_output(Path(output), overwrite))
            stream = stack.enter_context(part.open("wb"))
        if form == "mp4":
            yield stack.enter_context(Mp4Stream(stream, Path(output), size_px, metadata))
        else:
            encode = as_jpeg if form == "mjpeg" else as_raw
            yield stack.enter_context(PictureStream(stream, Path(output), encode))
