"""The manifest: every file that is not embedded, by size and sha256.

``manifest.json`` beside this module lists what may be fetched: a repository of the hub, a revision
that can't move, and the size and sha256 of each file. A file whose sum is not known is not in it.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path, PurePosixPath
from typing import Any

from imagineid.errors import BadInput

SUFFIXES = (".safetensors", ".onnx", ".json", ".txt", ".npz", ".npy", ".onnx.data")
"""The kinds of file that are taken at all; none of them can run code when it is opened."""

MANIFEST = Path(__file__).with_name("manifest.json")

LICENCES = Path(__file__).with_name("licences")
"""The texts of licences that have to be accepted, ``NAME.txt`` each."""

MODEL_FILE = "model.json"
"""What tells a folder of ours from any other."""

LIST = "files.json"
"""A folder's own list of its files, for weights that are not in the manifest."""


@dataclass(frozen=True, slots=True)
class File:
    """One file: its place in its folder (posix, relative), size and lower-case hex sha256."""

    path: str
    bytes: int
    sha256: str


@dataclass(frozen=True, slots=True)
class Item:
    """What is fetched, kept and removed together.

    Attributes:
        name: what the user types, and its folder under the weights' home: ``sd15/base``.
        what: one line for ``weights list``.
        licence: SPDX name; ``accept`` says whether it has to be accepted first.
        repository, revision: where the hub has it.
        files: small ones first, so that a wrong address is found out at once.
    """

    name: str
    what: str
    licence: str
    accept: bool
    repository: str
    revision: str
    files: tuple[File, ...]

    @property
    def bytes(self) -> int:
        """Size of all files."""
        return sum(file.bytes for file in self.files)


def items() -> tuple[Item, ...]:
    """Return everything in the manifest."""
    return _listed(MANIFEST)


@cache
def _listed(path: Path) -> tuple[Item, ...]:
    listed = json.loads(path.read_text(encoding="utf-8"))["items"]
    return tuple(Item(**{**item, "files": read_files(item)}) for item in listed)


def select(name: str) -> list[Item]:
    """Return the item called ``name``, or all below it: ``sd15`` is ``sd15/base`` and the rest.

    Returns an empty list for a name that is not in the manifest.
    """
    return [item for item in items() if item.name == name or item.name.startswith(f"{name}/")]


def read_files(listing: Mapping[str, Any]) -> tuple[File, ...]:
    """Read the ``files`` of a list, which may come from anywhere: nothing in it is trusted.

    Raises:
        BadInput: a path leaves the folder, a kind of file is not taken, a size or sum can't be.
    """
    try:
        files = tuple(
            File(str(one["path"]), int(one["bytes"]), str(one["sha256"]).lower())
            for one in listing["files"]
        )
    except (KeyError, TypeError, ValueError, OverflowError) as error:
        raise BadInput(
            "The list of files can't be read: each needs path, bytes and sha256.\n"
            "See how one looks:  docs/weights.md"
        ) from error
    for file in files:
        check_path(file.path)
        if file.bytes < 0 or not re.fullmatch("[0-9a-f]{64}", file.sha256):
            raise BadInput(
                f"The list of files gives {file.path} no size or sha256 that can be.\n"
                "See how one looks:  docs/weights.md"
            )
    if len({file.path.casefold() for file in files}) != len(files) or not files:
        raise BadInput("The list of files is empty or names one twice.\nSee:  docs/weights.md")
    return files


def check_path(path: str) -> None:
    """Refuse a file that would lie outside its folder, or is of no kind that is taken.

    Raises:
        BadInput: it is one of those.
    """
    parts = PurePosixPath(path).parts
    if not re.fullmatch(r"[\w.+ -]+(/[\w.+ -]+)*", path) or any(p.startswith(".") for p in parts):
        raise BadInput(f"{path!r} is no file name that can be taken.\nUse:  letters, digits, . _ -")
    if not path.endswith(SUFFIXES) or path == LIST:
        raise BadInput(
            f"{path} is not taken: only {', '.join(SUFFIXES)} are, which can't run code.\n"
            "Turn a .pt, .bin or .ckpt into .safetensors first, or leave it out."
        )
