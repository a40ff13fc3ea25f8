"""The stored data of a video from which a swap starts: its factors and a first frame.

In :func:`imagineid.paths.home` there is a file for each of the last videos, named by a hash of the
factors and of what was asked for, which the video's metadata hold, and one line that says which
video was the last. All of it can be deleted at any time: a swap then hears the video's own sound
again.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from imagineid.array_files import read_arrays
from imagineid.files import atomic_write, write_errors
from imagineid.json_files import read_json
from imagineid.pad.factors import VoiceFactors, factors_from_arrays
from imagineid.paths import cache_home, home, videos_home

Picture = np.ndarray
MOST_VIDEOS = 100
MOST_BYTES = 300_000_000
"""Most stored videos; the oldest are deleted first."""

LAST = "last-video.json"


@dataclass(frozen=True)
class StoredVideo:
    """The factors of a video, and the frame (H, W, 3) uint8 that determines its appearance."""

    factors: VoiceFactors
    first: Picture


def key_of(factors: VoiceFactors, metadata: dict[str, Any]) -> str:
    """Return the key of a video: a hash of its factors and options."""
    digest = hashlib.sha256(json.dumps(metadata, sort_keys=True, default=str).encode())
    for name, array in sorted(factors.arrays().items()):
        digest.update(name.encode() + str(array.shape).encode())
        digest.update(np.ascontiguousarray(array).tobytes())
    return digest.hexdigest()[:32]


def keep(key: str, factors: VoiceFactors, first: Picture) -> None:
    """Store factors and a frame, if possible."""
    with contextlib.suppress(OSError):
        _write(key, StoredVideo(factors, first))


def read(key: object) -> StoredVideo | None:
    """Return the stored video; None if it was deleted or is damaged."""
    if not isinstance(key, str) or not key.isalnum():
        return None
    path = videos_home() / f"{key}.npz"
    try:
        file = read_arrays(path, MOST_BYTES)
        first = file["first"]
        stored = StoredVideo(factors_from_arrays(file), first)
        os.utime(path)
    except (OSError, ValueError, KeyError, IndexError, TypeError):
        return None
    if first.dtype != np.uint8 or first.ndim != 3 or first.shape[2] != 3:
        return None
    return stored


def remember_last(video: Path) -> None:
    """Note that ``video`` is the last one."""
    with contextlib.suppress(OSError):
        text = json.dumps({"video": str(video.resolve())})
        with atomic_write(home() / LAST) as part:
            part.write_text(text, encoding="utf-8")


def last_video() -> Path | None:
    """Return the last video; None if there is none or it was moved."""
    try:
        record = read_json(home() / LAST)
        path = Path(record["video"])
        return path if path.is_file() else None
    except (OSError, ValueError, KeyError, TypeError):
        return None


def _write(key: str, video: StoredVideo) -> None:
    path = videos_home() / f"{key}.npz"
    with atomic_write(path) as part, part.open("wb") as file:
        arrays = {"first": video.first, **video.factors.arrays()}
        np.savez(file, **arrays)  # type: ignore[arg-type]
    room, oldest_last = (
        MOST_BYTES,
        sorted(path.parent.glob("*.npz"), key=lambda p: p.stat().st_mtime, reverse=True),
    )
    for number, old in enumerate(oldest_last):
        room -= old.stat().st_size
        if number and (number >= MOST_VIDEOS or room < 0):
            old.unlink(missing_ok=True)


def clear() -> list[Path]:
    """Remove the stored data of videos, voices and interrupted runs; return the removed paths.

    Raises:
        BadOutput: something can't be removed.
    """
    begun = sorted((cache_home() / "begun").glob("*.json"))
    gone = []
    for path in [*sorted(videos_home().glob("*.npz")), home() / LAST, *begun]:
        with write_errors(path):
            if path.exists():
                path.unlink()
                gone.append(path)
    return gone
