"""The split of a made world: who is in train, validation and test, and the seed that decided it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any


def write_split(path: Path, record: dict[str, Any]) -> None:
    """Write ``split.json``, or check that the one that is there is the same.

    Shards depend on the seed and on how many people there are. Shards of two runs in one folder
    would put a person into two splits.

    Args:
        path: the file.
        record: the seed, the count and the names of every split, as JSON holds them.

    Raises:
        SystemExit: the folder holds a world of another seed or count; nothing is changed.
    """
    text = json.dumps(record, indent=1) + "\n"
    if path.exists():
        try:
            same = json.loads(path.read_text(encoding="utf-8")) == json.loads(text)
        except ValueError:
            same = False
        if not same:
            raise SystemExit(
                f"{path} belongs to a world of another seed, count or split.\n"
                "Use the same numbers again, or choose another folder:  --out DIR"
            )
        return
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")
