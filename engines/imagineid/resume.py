"""Resuming: what an interrupted run had begun, and what is done already."""

from __future__ import annotations

import contextlib
import json
from pathlib import Path
from typing import Any

from imagineid.cache import key_of
from imagineid.errors import BadInput
from imagineid.files import atomic_write
from imagineid.json_files import read_json
from imagineid.paths import cache_home
from imagineid.request import Request
from imagineid.video import read_metadata


def begin(audio: Path, output: Path, request: Request) -> None:
    """Write down what is begun, so that a random seed is known after an interruption.

    A place that can't be written is no error: then there is nothing to resume.
    """
    known = {"audio": str(audio.resolve()), "prompt": request.words, "seed": request.seed}
    with contextlib.suppress(OSError), atomic_write(_note(output)) as part:
        part.write_text(json.dumps(known), encoding="utf-8")


def end(output: Path) -> None:
    """Forget what was begun: it is done."""
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
    except (OSError, ValueError, KeyError, TypeError):
        pass
    return request


def finished(audio: Path, output: Path, request: Request) -> dict[str, Any] | None:
    """Return the metadata of ``output`` if it is what was asked for, else None.

    It is if it is a video of ours, no older than the recording, with all that was asked for.
    """
    try:
        known = read_metadata(output)
        if output.stat().st_mtime < audio.stat().st_mtime:
            return None
    except (BadInput, OSError):
        return None
    asked = {**dict.fromkeys(("emotion", "strength", "motion")), **request.metadata()}
    same = all(
        known.get(name) == value
        for name, value in asked.items()
        if value is not None or name != "seed"
    )
    return known if same else None


def _note(output: Path) -> Path:
    """Return where it is written down that ``output`` was begun."""
    return cache_home() / "begun" / f"{key_of(str(output.resolve()))}.json"
