"""Safe reading of untrusted JSON: limited in size and depth."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from imagineid.files import open_regular_file

MOST_JSON_BYTES = 64_000_000
"""A longer file is not read."""


def parse_json(text: str | bytes) -> Any:
    """Parse JSON.

    Raises:
        ValueError: it is invalid, or nested too deep.
    """
    try:
        return json.loads(text)
    except RecursionError as error:
        raise ValueError("it is nested too deep") from error


def read_json(path: Path, most_bytes: int = MOST_JSON_BYTES) -> Any:
    """Read a JSON file.

    Raises:
        OSError: it can't be read.
        ValueError: it is invalid, or longer than ``most_bytes``.
    """
    with open_regular_file(path) as file:
        text = file.read(most_bytes + 1)
    if len(text) > most_bytes:
        raise ValueError(f"it is longer than {most_bytes} bytes")
    return parse_json(text.decode("utf-8"))
