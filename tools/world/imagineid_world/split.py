"""Who is in train, validation and test, and how several processes share the work."""

from __future__ import annotations

import argparse
import hashlib
import json
from pathlib import Path
from typing import Any

HELD_OUT = 24
"""People at least in each of val and test."""


def split_people(count: int, seed: int) -> dict[str, list[int]]:
    """Share people 0..count-1 among train, val and test by the order of a hash of each number."""
    order = sorted(range(count), key=lambda n: hashlib.sha256(f"{seed}/{n}".encode()).hexdigest())
    held = max(HELD_OUT, count // 100) if count >= 4 * HELD_OUT else count // 8
    return {
        "train": sorted(order[2 * held :]),
        "val": sorted(order[:held]),
        "test": sorted(order[held : 2 * held]),
    }


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


def share_of(text: str) -> tuple[int, int]:
    """Read which part of the work is this process's, "1/2" for the first of two."""
    mine, of = (int(part) for part in text.split("/"))
    if not 1 <= mine <= of:
        raise argparse.ArgumentTypeError(f"{text}: write 1/2 for the first of two processes")
    return mine - 1, of
