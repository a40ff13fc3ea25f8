"""Resuming: the record of an interrupted run, and the check for finished videos."""

from __future__ import annotations

import contextlib
import json
from pathlib import Path
from typing import Any

from imagineid.cache import key_of
from imagineid.errors import BadInput
from imagineid.files import atomic_write, file_digest
from imagineid.json_files import read_json
from imagineid.paths import cache_home
from imagineid.request import Request
from imagineid.video import read_metadata

OPTIONAL = (
    *("emotion", "strength", "exact", "voice", "motion", "motion_digest", "chains", "swapped"),
    *("head", "blink", "mouth", "avatar", "track"),
    *("size_px", "aspect", "background", "fps", "pad_s", "subtitles"),
)
"""What a video's metadata hold only if it was asked for."""


def begin(audio: Path, output: Path, request: Request) -> None:
    """Record the run, so that its random seed is known after an interruption.

    A place that can't be written is no error: then there is nothing to resume.
    """
    known = {"audio": str(audio.resolve()), "prompt": request.words, "seed": request.seed}
    with contextlib.suppress(OSError), atomic_write(_note(output)) as part:
        part.write_text(json.dumps(known), encoding="utf-8")


def end(output: Path) -> None:
    """Delete the note of a finished run."""
    with contextlib.suppress(OSError):
        _note(output).unlink(missing_ok=True)


def with_begun_seed(audio: Path, output: Path, request: Request) -> Request:
    """Return the request with the seed of the interrupted run of the same recording and prompt.

    Where the request names a seed, or nothing was begun, it is returned as it is.
    """
    if request.seed is not None:
        return request
    try:
        known = read_json(_note(output))
        if (known["audio"], known["prompt"]) == (str(audio.resolve()), request.words):
            return Request(seed=int(known["seed"])).over(request)
    except (OSError, ValueError, KeyError, TypeError, OverflowError):
        pass
    return request


def finished(audio: Path, output: Path, request: Request) -> dict[str, Any] | None:
    """Return the metadata of ``output`` if it matches the request, else None.

    It matches if it is a video of imagineid, made from this very recording, whatever its date, with
    all requested options, and nothing swapped since.
    """
    try:
        known = read_metadata(output)
        expected = request.metadata() | source_metadata(audio, request)
    except (BadInput, OSError):
        return None
    if request.seed is None:
        del expected["seed"]
    expected = {**dict.fromkeys(OPTIONAL), **expected}
    return known if all(known.get(name) == value for name, value in expected.items()) else None


def source_metadata(audio: Path, request: Request) -> dict[str, Any]:
    """Return the metadata that identify a video's source files.

    Raises:
        OSError: one can't be read.
    """
    made_of = {"recording": file_digest(audio)}
    if request.pose_from is not None:
        made_of["motion_digest"] = file_digest(request.pose_from)
    return made_of


def _note(output: Path) -> Path:
    """Return where it is written down that ``output`` was begun."""
    return cache_home() / "begun" / f"{key_of(str(output.resolve()))}.json"
