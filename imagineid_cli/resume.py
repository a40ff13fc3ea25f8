"""Going on: what a run that was killed had begun, and what is done already."""

from __future__ import annotations

import contextlib
import json
import os
from pathlib import Path
from typing import Any

from imagineid.files import part_in
from imagineid.json_files import read_json
from imagineid_cli.request import Wish


def _note(output: Path) -> Path:
    """Where it is written down that ``output`` was begun."""
    from imagineid.cache import folder, key_of

    return folder() / "begun" / f"{key_of(str(output.resolve()))}.json"


def begin(audio: Path, output: Path, wish: Wish, seed: int) -> None:
    """Write down what is begun, so that a random seed is known after a kill.

    A place that can't be written is no error: then there is nothing to go on with.
    """
    note = _note(output)
    said = {"audio": str(audio.resolve()), "prompt": wish.prompt or "", "seed": seed}
    with contextlib.suppress(OSError):
        note.parent.mkdir(parents=True, exist_ok=True)
        with part_in(note.parent) as part:
            part.write_text(json.dumps(said), encoding="utf-8")
            os.replace(part, note)


def end(output: Path) -> None:
    """Forget what was begun: it is done."""
    with contextlib.suppress(OSError):
        _note(output).unlink(missing_ok=True)


def begun_seed(audio: Path, output: Path, wish: Wish) -> int | None:
    """Return the seed with which ``output`` was begun of the same recording and prompt, or None."""
    try:
        said = read_json(_note(output))
        same = (said["audio"], said["prompt"]) == (str(audio.resolve()), wish.prompt or "")
        return int(said["seed"]) if same else None
    except (OSError, ValueError, KeyError, TypeError):
        return None


def finished(
    audio: Path, output: Path, wish: Wish, moves: dict[str, Any] | None = None
) -> dict[str, Any] | None:
    """Return the metadata of ``output`` if it is what was asked for, else None.

    It is if it is a video of ours, no older than the recording, with all of the wish that was said
    and moved as ``moves`` says.
    """
    from imagineid.errors import BadInput
    from imagineid.video import read_metadata

    try:
        known = read_metadata(output)
        if output.stat().st_mtime < audio.stat().st_mtime:
            return None
    except (BadInput, OSError):
        return None
    asked = {
        "prompt": wish.prompt or "",
        "seed": wish.seed,
        "steps": wish.steps,
        "guidance": wish.guidance,
        "emotion": wish.emotion,
        "strength": wish.strength,
        "motion": (moves or {}).get("motion"),
    }
    same = all(
        known.get(name) == value
        for name, value in asked.items()
        if value is not None or name != "seed"
    )
    return known if same else None
