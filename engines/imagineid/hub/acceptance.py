"""Licences that the user has accepted."""

from __future__ import annotations

import json
import time
from pathlib import Path

from imagineid.errors import BadOutput
from imagineid.files import part_in
from imagineid.json_files import read_json
from imagineid.paths import home


def is_accepted(licence: str) -> bool:
    """Return whether the user has accepted ``licence``."""
    return licence in _accepted()


def accept(licence: str) -> Path:
    """Save that ``licence`` was accepted, and when; return the file.

    Raises:
        BadOutput: it can't be written.
    """
    path = home() / "licences.json"
    known = {**_accepted(), licence: time.strftime("%Y-%m-%dT%H:%M:%S%z")}
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with part_in(path.parent) as part:
            part.write_text(json.dumps(known, indent=2) + "\n", encoding="utf-8")
            part.replace(path)
    except OSError as error:
        raise BadOutput(
            f"{path} can't be written: {error.strerror}.\nUse another folder:  IMAGINEID_HOME=DIR"
        ) from error
    return path


def _accepted() -> dict[str, str]:
    """Return accepted licences with their dates; none if the file can't be read."""
    try:
        known = read_json(home() / "licences.json")
    except (OSError, ValueError):
        return {}
    return known if isinstance(known, dict) else {}
