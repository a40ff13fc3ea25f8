"""What a video says of itself: how it was made, and that a machine made it."""

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
    """Write metadata as mp4 tags: JSON for machines, a sentence for people."""
    known = {**metadata, "synthetic": True, "statement": SYNTHETIC}
    lines = [SYNTHETIC, *(f"{key}: {value}" for key, value in metadata.items() if value != "")]
    tags = {
        "comment": json.dumps(known, ensure_ascii=False, sort_keys=True),
        "description": "\n".join(lines),
        "genre": "Synthetic",
    }
    # A name of a file may hold bytes that are no text; in JSON they stay what they are.
    return {key: text.encode("utf-8", "backslashreplace").decode() for key, text in tags.items()}


def read_metadata(path: str | os.PathLike[str]) -> dict[str, Any]:
    """Read what :class:`VideoWriter` wrote into a video.

    Args:
        path: a video of ours.

    Returns:
        The metadata, with ``synthetic`` and ``statement``.

    Raises:
        BadInput: there is no such file, or it is not one of ours.
    """
    path = Path(path)
    if not path.is_file():
        raise BadInput(f"There is no video {path}.\nSee what there is:  ls {path.parent}")
    try:
        with open_media(path) as container:
            tags = {name.lower(): text for name, text in container.metadata.items()}
            known = parse_json(tags.get("comment", ""))
    except (av.FFmpegError, OSError, ValueError, BadSound):
        known = None
    if not isinstance(known, dict) or not known.get("synthetic"):
        raise BadInput(
            f"{path} does not say how it was made: it is no video of imagineid.\n"
            f"Name one that is:  --like OUT.mp4"
        )
    return known
