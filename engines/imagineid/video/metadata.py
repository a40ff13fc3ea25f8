"""Metadata of videos: how they were made, and that a machine made them."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import av

from imagineid.containers import open_media
from imagineid.errors import BadInput, BadSound
from imagineid.json_files import parse_json

SYNTHETIC = "Synthetic: this face was made by a machine, and is no real person's."
"""The statement that every video carries."""


def metadata_tags(metadata: dict[str, Any]) -> dict[str, str]:
    """Return metadata as mp4 tags: JSON for programs, a sentence for people."""
    known = {**metadata, "synthetic": True, "statement": SYNTHETIC}
    lines = [SYNTHETIC, *(f"{key}: {value}" for key, value in metadata.items() if value != "")]
    tags = {
        "comment": json.dumps(known, ensure_ascii=False, sort_keys=True),
        "description": "\n".join(lines),
        "genre": "Synthetic",
    }
    # A file name may hold bytes that are no text; JSON preserves them.
    return {key: text.encode("utf-8", "backslashreplace").decode() for key, text in tags.items()}


def read_metadata(path: str | os.PathLike[str]) -> dict[str, Any]:
    """Read the metadata of a video.

    Args:
        path: a video made by imagineid.

    Returns:
        The metadata, with ``synthetic`` and ``statement``.

    Raises:
        BadInput: the file does not exist, or imagineid did not make it.
    """
    path = Path(path)
    if not path.is_file():
        raise BadInput(f"The video {path} does not exist.\nList:  ls {path.parent}")
    try:
        with open_media(path) as container:
            tags = {name.lower(): text for name, text in container.metadata.items()}
            known = parse_json(tags.get("comment", ""))
    except (av.FFmpegError, OSError, ValueError, BadSound):
        known = None
    if not isinstance(known, dict) or not known.get("synthetic"):
        raise BadInput(
            f"{path} has no metadata of imagineid.\nName a video made by imagineid:  --like OUT.mp4"
        )
    return known
