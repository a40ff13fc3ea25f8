"""A folder of PNG frames with sound and metadata, for compositing programs."""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import wave
from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path
from types import TracebackType
from typing import Any

import av
import numpy as np
from numpy.typing import NDArray
from PIL import Image
from PIL.PngImagePlugin import PngInfo

from imagineid.errors import BadOutput
from imagineid.files import part_folder_in, write_errors
from imagineid.video.metadata import metadata_tags

SOUND, METADATA = "sound.wav", "metadata.json"

COMPRESSION = 3
"""Compression level of zlib: twice as fast as Pillow's default, a tenth larger."""


def check_folder(path: Path, overwrite: bool) -> None:
    """Check before any work whether a folder of frames can be written.

    Args:
        path: the output folder.
        overwrite: whether frames of an earlier run may be replaced.

    Raises:
        BadOutput: the parent folder is missing or not writable, or the folder exists with frames or
            other files.
    """
    parent = path.parent
    if not parent.is_dir():
        raise BadOutput(f"The folder {parent} does not exist.\nCreate it:  mkdir -p {parent}")
    if not os.access(parent, os.W_OK | os.X_OK):
        raise BadOutput(f"The folder {parent} is not writable.\nUse another folder:  -o FOLDER")
    if not os.path.lexists(path):
        return
    if not path.is_dir():
        raise BadOutput(f"{path} is a file.\nName a folder for the frames:  -o FOLDER")
    names = [entry.name for entry in path.iterdir()]
    if not names:
        return
    if METADATA not in names or not all(map(_is_ours, names)):
        raise BadOutput(
            f"{path} is a directory that holds other files than frames.\n"
            f"Name a file in it, or a new folder:  -o {path / 'out.mp4'}"
        )
    if not overwrite:
        raise BadOutput(f"{path} contains frames already.\nReplace them:  --overwrite")


def _is_ours(name: str) -> bool:
    """Return whether a file of this name is part of a folder of frames."""
    number = name.removeprefix("frame-").removesuffix(".png")
    return name in (SOUND, METADATA) or (name == f"frame-{number}.png" and number.isdecimal())


class PngFolderWriter:
    """Frames as ``frame-00001.png`` and so on, ``sound.wav`` and ``metadata.json``.

    Use it in a ``with`` block: the folder gets its name when the block ends without an error, and
    is removed otherwise.

    Args:
        path: the folder.
        size_px: width and height of the frames.
        sound: frames of the sound, 16-bit, with one rate and layout; it is cut to the length of
            the video.
        metadata: as for :class:`imagineid.video.writer.VideoWriter`.
        fps: frames a second.
        transparent: whether frames have an alpha channel.
        overwrite: whether frames of an earlier run may be replaced.

    Raises:
        BadOutput: it can't be written, or the disk is full.
    """

    def __init__(
        self,
        path: Path,
        size_px: tuple[int, int],
        sound: Iterator[av.AudioFrame],
        metadata: dict[str, Any],
        fps: int,
        transparent: bool = False,
        overwrite: bool = False,
    ) -> None:
        self.path, self.frames = path, 0
        width, height = size_px
        self._shape = (height, width, 4 if transparent else 3)
        self._sound, self._fps, self._overwrite = sound, fps, overwrite
        self._metadata = metadata | {"fps": fps}

    def __enter__(self) -> PngFolderWriter:
        check_folder(self.path, self._overwrite)
        self._undo = contextlib.ExitStack()
        with write_errors(self.path):
            self._part = self._undo.enter_context(part_folder_in(self.path.parent))
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        try:
            if error is None:
                with write_errors(self.path):
                    self._write_sound()
                    known = metadata_tags(self._metadata)["comment"]
                    (self._part / METADATA).write_text(known + "\n", encoding="utf-8")
                    self._take_place()
        finally:
            self._undo.close()

    def write(self, frame: NDArray[np.uint8]) -> None:
        """Add one frame, (height, width, 3 or 4) uint8.

        Raises:
            BadOutput: the disk is full.
            ValueError: the frame has another shape or type.
        """
        if frame.shape != self._shape or frame.dtype != np.uint8:
            raise ValueError(f"a frame is uint8 {self._shape}, not {frame.dtype} {frame.shape}")
        info = PngInfo()
        info.add_text("Comment", metadata_tags({})["comment"])
        with write_errors(self.path):
            path = self._part / f"frame-{self.frames + 1:05}.png"
            Image.fromarray(frame).save(path, pnginfo=info, compress_level=COMPRESSION)
        self.frames += 1

    def _write_sound(self) -> None:
        """Write sound for the length of the frames."""
        with contextlib.closing(wave.open(str(self._part / SOUND), "wb")) as out:
            remaining: int | None = None
            for frame in self._sound:
                if remaining is None:
                    remaining = int(Fraction(self.frames, self._fps) * frame.sample_rate)
                    out.setnchannels(frame.layout.nb_channels)
                    out.setsampwidth(2)
                    out.setframerate(frame.sample_rate)
                block = frame.to_ndarray().reshape(-1, frame.layout.nb_channels)[:remaining]
                out.writeframes(np.ascontiguousarray(block).tobytes())
                remaining -= len(block)
                if remaining <= 0:
                    return

    def _take_place(self) -> None:
        """Rename the folder; existing frames are removed."""
        mask = os.umask(0)
        os.umask(mask)
        self._part.chmod(0o777 & ~mask)
        check_folder(
            self.path, self._overwrite
        )  # check again: another process may have written to it
        if self.path.exists():
            old = self._part.with_suffix(".old")
            self.path.rename(old)
            self._part.rename(self.path)
            shutil.rmtree(old, ignore_errors=True)
        else:
            self._part.rename(self.path)


def read_folder_metadata(path: Path) -> dict[str, Any]:
    """Read the metadata of a folder of frames; {} if there are none."""
    try:
        known = json.loads((path / METADATA).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return known if isinstance(known, dict) else {}
