"""The frame cache: seconds of video on disk, by a hash of everything that determines them.

A run that is repeated, resumed, or has a longer recording reads frames from here that it would
otherwise generate again with the same bits. A piece is a small lossless mp4 (H.264, RGB) with a
checksum of its pixels. It gets its name when it is complete, and is deleted if its checksum is
wrong.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import platform
import re
import time
from collections.abc import Iterable
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import av
import numpy as np
from numpy.typing import NDArray

from imagineid.containers import open_media
from imagineid.errors import BadInput, BadOutput
from imagineid.files import part_in
from imagineid.paths import cache_home
from imagineid.spec import FPS

Frames = NDArray[np.uint8]
"""(n, H, W, 3) red green blue."""

GIGABYTE = 10**9
LIMIT_GB = 8.0
"""Default size limit of the cache in GB: about half an hour of video at 512 px."""


def limit_bytes() -> int:
    """Return the size limit.

    Raises:
        BadInput: IMAGINEID_CACHE_GB is not a number.
    """
    value = os.environ.get("IMAGINEID_CACHE_GB", str(LIMIT_GB))
    try:
        return int(float(value) * GIGABYTE)
    except (ValueError, OverflowError) as error:
        raise BadInput(
            f"IMAGINEID_CACHE_GB is {value!r}: not a number of gigabytes.\n"
            f"Set it:  export IMAGINEID_CACHE_GB={LIMIT_GB:g}"
        ) from error


def key_of(*parts: object) -> str:
    """Return a hash of ``parts``: shape, type and bytes of arrays, and the ``repr`` of others."""
    digest = hashlib.blake2b(digest_size=20)
    for part in parts:
        if isinstance(part, np.ndarray):
            digest.update(f"{part.shape}{part.dtype}".encode())
            digest.update(np.ascontiguousarray(part).tobytes())
        else:
            digest.update(repr(part).encode())
        digest.update(b"\0")
    return digest.hexdigest()


def key_of_files(paths: Iterable[Path]) -> str:
    """Return a hash of names and contents of files, sorted by name."""
    digest = hashlib.blake2b(digest_size=20)
    for path in sorted(paths):
        digest.update(path.name.encode() + b"\0")
        with path.open("rb") as file:
            while block := file.read(1 << 20):
                digest.update(block)
    return digest.hexdigest()


@lru_cache(maxsize=1)
def code() -> str:
    """Return a hash of this package's code, because other code may make other frames."""
    return key_of_files(Path(__file__).parent.rglob("*.py"))


def arithmetic_of(engine_line: str) -> tuple[str, str]:
    """Return what of engine and machine may change the bytes of a frame.

    How many threads share the work does not: kernels are chosen by the processor's instructions.
    """
    return re.sub(r", \d+ threads?", "", engine_line), _processor()


@lru_cache(maxsize=1)
def _processor() -> str:
    """Return the processor's name and instructions, as far as the system reports them."""
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    except (OSError, ValueError):
        return f"{platform.machine()} {platform.processor()}"
    fields = ("model name", "flags", "Features", "CPU part")
    found = {line.partition(":")[0].strip(): line for line in lines if line.startswith(fields)}
    return key_of(platform.machine(), sorted(found.values()))


@dataclass
class Cache:
    """Pieces of video in a folder; the least recently used are deleted first.

    Pieces that this run has read or written are not deleted: the end of a long video can't be
    generated without its beginning.

    Attributes:
        folder: the folder, created when the first piece is stored.
        limit: size limit in bytes.
        trouble: why pieces can't be stored, or None; after an error nothing more is stored.
    """

    folder: Path
    limit: int
    trouble: str | None = None

    def __post_init__(self) -> None:
        self._began_s = time.time()
        self._bytes: int | None = None  # size of all pieces; computed when first needed

    @classmethod
    def default(cls) -> Cache:
        """Return the user's cache."""
        return cls(cache_home() / "frames", limit_bytes())

    def get(self, key: str) -> Frames | None:
        """Return the frames of ``key``, or None; a damaged piece is deleted."""
        path = self._path(key)
        try:
            if not path.exists():
                return None
            frames = _read(path)
            os.utime(path)
        except (OSError, ValueError, LookupError, BadInput, av.FFmpegError):
            with contextlib.suppress(OSError):
                path.unlink(missing_ok=True)
            return None
        return frames

    def put(self, key: str, frames: Frames) -> None:
        """Store frames (n, H, W, 3) under ``key``; if that fails, set ``trouble``."""
        if self.trouble:
            return
        path = self._path(key)
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            with part_in(path.parent) as part:
                _write(part, frames)
                size = part.stat().st_size
                if self._room_for(size):
                    os.replace(part, path)
                    self._bytes = (self._bytes or 0) + size
                else:
                    self.trouble = f"the frame cache is full ({self.limit / GIGABYTE:g} GB)"
        except (OSError, ValueError, av.FFmpegError) as error:
            self.trouble = f"frames can't be cached in {self.folder}: {error}"

    def size(self) -> tuple[int, int]:
        """Return the number of pieces and their size in bytes."""
        pieces = self._pieces()
        return len(pieces), sum(size for _, size, _ in pieces)

    def clear(self) -> int:
        """Delete all pieces, and nothing else; return the number of bytes freed.

        Raises:
            BadOutput: some can't be deleted.
        """
        pieces, freed, failure = self._pieces(), 0, ""
        for _, size, path in pieces:
            try:
                path.unlink()
                freed += size
            except OSError as error:
                failure = f"{path} can't be removed: {error.strerror}."
        for folder in (*self.folder.glob("??"), self.folder):
            with contextlib.suppress(OSError):  # the folder has other files
                folder.rmdir()
        self._bytes = None
        if failure:
            raise BadOutput(f"{failure}\nCheck the permissions:  ls -ld {self.folder}")
        return freed

    def _path(self, key: str) -> Path:
        return self.folder / key[:2] / f"{key}.mp4"

    def _room_for(self, size: int) -> bool:
        """Delete the least recently used pieces until ``size`` bytes fit."""
        if self._bytes is None:
            self._bytes = self.size()[1]
        if self._bytes + size <= self.limit:
            return True
        pieces = self._pieces()  # other processes may have stored and deleted pieces
        self._bytes = sum(piece[1] for piece in pieces)
        for used_s, bytes_, path in pieces:
            if self._bytes + size <= 0.9 * self.limit or used_s >= self._began_s - 1:
                break
            path.unlink(missing_ok=True)
            self._bytes -= bytes_
        return self._bytes + size <= self.limit

    def _pieces(self) -> list[tuple[float, int, Path]]:
        """Return time of last use, size and path of each piece, oldest first."""
        found = []
        for path in self.folder.glob("??/*"):
            with contextlib.suppress(FileNotFoundError):  # deleted by another process
                status = path.lstat()
                if path.suffix == ".mp4":
                    found.append((status.st_mtime, status.st_size, path))
        return sorted(found)


def _write(path: Path, frames: Frames) -> None:
    """Write frames losslessly, with a checksum of their pixels."""
    with av.open(str(path), "w", format="mp4") as container:
        container.metadata["comment"] = key_of(frames)
        stream = container.add_stream("libx264rgb", rate=FPS)
        stream.height, stream.width = frames.shape[1:3]
        stream.pix_fmt = "rgb24"
        stream.options = {"qp": "0", "preset": "ultrafast"}
        stream.codec_context.thread_count = 1
        for frame in frames:
            container.mux(stream.encode(av.VideoFrame.from_ndarray(frame, format="rgb24")))
        container.mux(stream.encode(None))


def _read(path: Path) -> Frames:
    """Read frames written by :func:`_write`.

    Raises:
        ValueError: the checksum is wrong.
    """
    with open_media(path) as container:
        stream = container.streams.video[0]
        if stream.codec_context is None:  # of no known codec
            raise ValueError(f"{path} is damaged")
        stream.codec_context.thread_count = 1
        pictures = [f.to_ndarray(format="rgb24") for f in container.decode(stream)]
        frames: Frames = np.stack(pictures).astype(np.uint8, copy=False)
        if container.metadata.get("comment") != key_of(frames):
            raise ValueError(f"{path} is damaged")
    return frames
