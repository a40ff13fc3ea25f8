"""Samples in tar files, as webdataset reads them: written once, and not again after a break.

Clips are dealt into shards by their order, so a shard's name says which clips are in it. A shard is
written under a temporary name and gets its own when it is whole, with the rows of its report beside
it; a shard that is there is left as it is.
"""

from __future__ import annotations

import contextlib
import io
import json
import tarfile
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from imagineid.json_files import read_json
from imagineid.spec import FPS
from imagineid_prepare.layouts import Clip
from imagineid_prepare.reading import BadClip, clip_sound, picture_pieces, sound_under
from imagineid_prepare.sample import SHORTEST, Tools, make_sample

CLIPS = 16
"""Clips of a shard."""

PIECE_S = 8
"""Seconds of a sample; longer clips become several."""

THUMBNAIL_PX = 128
"""Side of a picture in the contact sheet."""


def shard_path(folder: Path, number: int) -> Path:
    """Return where a shard is: ``shard-000007.tar``."""
    return folder / f"shard-{number:06d}.tar"


def deal(clips: Sequence[Clip]) -> list[tuple[int, list[Clip]]]:
    """Return each shard's number and clips."""
    starts = range(0, len(clips), CLIPS)
    return [(i, list(clips[start : start + CLIPS])) for i, start in enumerate(starts)]


def is_written(folder: Path, number: int, clips: Sequence[Clip], size_px: int) -> bool:
    """Return whether a shard of these clips at this size exists."""
    return _read_rows(folder, number, clips, size_px) is not None


def _read_rows(
    folder: Path, number: int, clips: Sequence[Clip], size_px: int
) -> list[dict[str, Any]] | None:
    """Return the report's rows of an existing shard; None if it has to be written."""
    path = shard_path(folder, number)
    if not path.is_file():
        return None
    try:
        stored = read_json(path.with_suffix(".json"))
        same = stored["clips"] == [clip.key for clip in clips] and stored["size_px"] == size_px
        return list(stored["rows"]) if same else None
    except (OSError, ValueError, KeyError, TypeError):
        return None


def write_shard(
    folder: Path,
    number: int,
    clips: Sequence[Clip],
    size_px: int,
    make_tools: Callable[[], Tools],
) -> list[dict[str, Any]]:
    """Write one shard, unless it exists; return the report's rows.

    A clip that can't be used is a row with its ``problem``; the others are still processed.

    Args:
        folder: of the shards; it must exist.
        number: of the shard.
        clips: what goes into it.
        size_px: side of the crops.
        make_tools: loads what makes samples; not called if the shard is there.

    Raises:
        OSError: it can't be written.
    """
    before = _read_rows(folder, number, clips, size_px)
    if before is not None:
        return before
    path, tools = shard_path(folder, number), make_tools()
    rows: list[dict[str, Any]] = []
    part = path.with_name(path.name + ".part")
    with tarfile.open(part, "w") as tar:
        for clip in clips:
            rows += list(_write_clip(tar, clip, tools, folder))
    report = {"clips": [clip.key for clip in clips], "size_px": size_px, "rows": rows}
    path.unlink(missing_ok=True)  # one of other clips: its rows would be wrong
    path.with_suffix(".json").write_text(json.dumps(report, indent=1), encoding="utf-8")
    part.replace(path)
    return rows


def _write_clip(
    tar: tarfile.TarFile, clip: Clip, tools: Tools, folder: Path
) -> Iterator[dict[str, Any]]:
    """Write a clip's samples; yield a row for each, and one for what ends it before its time."""
    about = {"path": str(clip.path), "speaker": clip.speaker, "emotion": clip.emotion}
    frames = PIECE_S * FPS
    try:
        with clip_sound(clip.path) as sound:
            for number, pictures in enumerate(picture_pieces(clip.path, frames)):
                if number and len(pictures) < SHORTEST:
                    break  # the rest of a clip that was used
                key = f"{clip.key}-{number:03d}"
                wave = sound_under(sound, number * frames, len(pictures))
                try:
                    files, sample = make_sample(clip, pictures, wave, tools)
                except BadClip as error:
                    yield {**about, "key": key, "problem": str(error)}
                    continue
                for ending, data in files.items():
                    member = tarfile.TarInfo(f"{key}.{ending}")
                    member.size = len(data)
                    tar.addfile(member, io.BytesIO(data))
                _thumbnail(folder, key, sample.pop("opening"), sample.pop("drawn"))
                yield {
                    **about,
                    "key": key,
                    "frames": sample["frames"],
                    "error_px": sample["error_px"],
                }
    except BadClip as error:
        yield {**about, "key": clip.key, "problem": str(error)}
    except Exception as error:  # one clip never stops the others
        yield {**about, "key": clip.key, "problem": f"{type(error).__name__}: {error}"}


def _thumbnail(folder: Path, key: str, picture: np.ndarray, mesh: np.ndarray) -> None:
    """Keep a sample's first frame beside its mesh, for the contact sheet."""
    side = (THUMBNAIL_PX, THUMBNAIL_PX)
    both = Image.new("RGB", (2 * THUMBNAIL_PX, THUMBNAIL_PX))
    both.paste(Image.fromarray(picture).resize(side), (0, 0))
    both.paste(Image.fromarray(mesh).resize(side), (THUMBNAIL_PX, 0))
    with contextlib.suppress(OSError):  # a sheet is nice to have
        (folder / "thumbnails").mkdir(exist_ok=True)
        both.save(folder / "thumbnails" / f"{key}.jpg", quality=85)
