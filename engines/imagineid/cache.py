"""The frame cache: seconds of video kept on disk by a key of everything that made them.

A run that is repeated, goes on after it was killed, or has a longer recording takes from here
what it would make again bit by bit. A piece is a small lossless mp4 (H.264, RGB) that carries a
digest of its pixels; it gets its name when it is whole, and one that does not match its digest is
thrown away.
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
"""What the cache may hold if IMAGINEID_CACHE_GB does not say: about three hours at 256 px."""


def limit_bytes() -> int:
    """Return how much may be kept.

    Raises:
        BadInput: IMAGINEID_CACHE_GB is no number.
    """
    said = os.environ.get("IMAGINEID_CACHE_GB", str(LIMIT_GB))
    try:
        return int(float(said) * GIGABYTE)
    except (ValueError, OverflowError) as error:
        raise BadInput(
            f"IMAGINEID_CACHE_GB is {said!r}: not a number of gigabytes.\n"
            f"Set it:  export IMAGINEID_CACHE_GB={LIMIT_GB:g}"
        ) from error


def key_of(*parts: object) -> str:
    """Return the digest of ``parts``: arrays by shape, type and bytes, the rest as written."""
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
    """Return the digest of files' names and bytes, in the order of their names."""
    digest = hashlib.blake2b(digest_size=20)
    for path in sorted(paths):
        digest.update(path.name.encode() + b"\0")
        with path.open("rb") as file:
            while block := file.read(1 << 20):
                digest.update(block)
    return digest.hexdigest()


@lru_cache(maxsize=1)
def code() -> str:
    """Return the digest of this package's own code: other code may make other frames."""
    return key_of_files(Path(__file__).parent.rglob("*.py"))


def arithmetic_of(engine_line: str) -> tuple[str, str]:
    """Return what of engine and machine may change the bytes of a frame.

    How many threads share the work does not: kernels are chosen by the processor's instructions.
    """
    return re.sub(r", \d+ threads?", "", engine_line), _processor()


@lru_cache(maxsize=1)
def _processor() -> str:
    """Return the processor's name and instructions, as far as the system tells them."""
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    except (OSError, ValueError):
        return f"{platform.machine()} {platform.processor()}"
    wanted = ("model name", "flags", "Features", "CPU part")
    found = {line.partition(":")[0].strip(): line for line in lines if line.startswith(wanted)}
    return key_of(platform.machine(), sorted(found.values()))


@dataclass
class Cache:
    """Pieces of video in a folder, the least recently used thrown out first.

    What this run has used or stored stays while it runs: the beginning of a long video is worth
    more than its end, which can't be reached without it.

    Attributes:
        folder: where; made when the first piece is stored.
        limit: bytes it may hold.
        trouble: what went wrong storing, in words, or None; then nothing more is stored.
    """

    folder: Path
    limit: int
    trouble: str | None = None

    def __post_init__(self) -> None:
        self._began_s = time.time()
        self._bytes: int | None = None  # of all pieces; counted when first needed

    @classmethod
    def default(cls) -> Cache:
        """Return the user's own."""
        return cls(cache_home() / "frames", limit_bytes())

    def get(self, key: str) -> Frames | None:
        """Return the frames kept under ``key``, or None; a damaged piece is removed."""
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
        """Keep frames (n, H, W, 3) under ``key``; where they can't be, say so in ``trouble``."""
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
            self.trouble = f"frames can't be kept in {self.folder}: {error}"

    def size(self) -> tuple[int, int]:
        """Return how many pieces there are and the bytes they take."""
        pieces = self._pieces()
        return len(pieces), sum(size for _, size, _ in pieces)

    def clear(self) -> int:
        """Throw away every piece, and nothing else; return the bytes that are free again.

        Raises:
            BadOutput: some can't be removed.
        """
        pieces, freed, kept = self._pieces(), 0, ""
        for _, size, path in pieces:
            try:
                path.unlink()
                freed += size
            except OSError as error:
                kept = f"{path} can't be removed: {error.strerror}."
        for folder in (*self.folder.glob("??"), self.folder):
            with contextlib.suppress(OSError):  # something else lies there
                folder.rmdir()
        self._bytes = None
        if kept:
            raise BadOutput(f"{kept}\nLook who may write there:  ls -ld {self.folder}")
        return freed

    def _path(self, key: str) -> Path:
        return self.folder / key[:2] / f"{key}.mp4"

    def _room_for(self, size: int) -> bool:
        """Throw out what was not used for longest, until ``size`` bytes fit."""
        if self._bytes is None:
            self._bytes = self.size()[1]
        if self._bytes + size <= self.limit:
            return True
        pieces = self._pieces()  # other processes may have stored and thrown out, too
        self._bytes = sum(piece[1] for piece in pieces)
        for used_s, bytes_, path in pieces:
            if self._bytes + size <= 0.9 * self.limit or used_s >= self._began_s - 1:
                break
            path.unlink(missing_ok=True)
            self._bytes -= bytes_
        return self._bytes + size <= self.limit

    def _pieces(self) -> list[tuple[float, int, Path]]:
        """Return when each piece was used last, its bytes and its path, the oldest first."""
        found = []
        for path in self.folder.glob("??/*"):
            with contextlib.suppress(FileNotFoundError):  # another process was quicker
                status = path.lstat()
                if path.suffix == ".mp4":
                    found.append((status.st_mtime, status.st_size, path))
        return sorted(found)


def _write(path: Path, frames: Frames) -> None:
    """Write frames without loss, with a digest of their pixels."""
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
    """Read what :func:`_write` wrote.

    Raises:
        ValueError: the pixels are not those that were written.
    """
    with open_media(path) as container:
        stream = container.streams.video[0]
        stream.codec_context.thread_count = 1
        pictures = [f.to_ndarray(format="rgb24") for f in container.decode(stream)]
        frames: Frames = np.stack(pictures).astype(np.uint8, copy=False)
        if container.metadata.get("comment") != key_of(frames):
            raise ValueError(f"{path} is damaged")
    return frames
