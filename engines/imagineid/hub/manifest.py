"""The manifest of downloadable files, with size and SHA-256.

``manifest.json`` in this folder lists for each item a repository of the hub, a pinned revision, and
the size and SHA-256 of each file. Files with an unknown SHA-256 are not listed.
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
"""Accepted file types; none of them can run code when it is loaded."""

MANIFEST = Path(__file__).with_name("manifest.json")

LICENCES = Path(__file__).with_name("licences")
"""Folder with the texts of licences that must be accepted, ``NAME.txt``."""

MODEL_FILE = "model.json"
"""File that marks a model folder."""

LIST = "files.json"
"""The list of files of weights that are not in the manifest."""


@dataclass(frozen=True, slots=True)
class File:
    """One file: relative path (with slashes), size, and SHA-256 in lower-case hexadecimal."""

    path: str
    bytes: int
    sha256: str


@dataclass(frozen=True, slots=True)
class Item:
    """An item that is downloaded and removed as a whole.

    Attributes:
        name: name and folder of the item, e.g. ``sd15/base``.
        what: description for ``weights list``.
        licence: SPDX name.
        accept: whether the licence must be accepted first.
        repository: repository on the hub.
        revision: revision of the repository.
        files: its files, small ones first, so that a wrong address fails early.
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
    """Return all items of the manifest."""
    return _listed(MANIFEST)


@cache
def _listed(path: Path) -> tuple[Item, ...]:
    listed = json.loads(path.read_text(encoding="utf-8"))["items"]
    return tuple(Item(**{**item, "files": read_files(item)}) for item in listed)


def select(name: str) -> list[Item]:
    """Return the item called ``name``, or all below it, e.g. all ``sd15/...`` for ``sd15``.

    Returns an empty list for a name that is not in the manifest.
    """
    return [item for item in items() if item.name == name or item.name.startswith(f"{name}/")]


def read_files(listing: Mapping[str, Any]) -> tuple[File, ...]:
    """Parse the ``files`` of an untrusted list.

    Raises:
        BadInput: a path leaves the folder, or a file type, a size or a SHA-256 is invalid.
    """
    try:
        files = tuple(
            File(str(one["path"]), int(one["bytes"]), str(one["sha256"]).lower())
            for one in listing["files"]
        )
    except (KeyError, TypeError, ValueError, OverflowError) as error:
        raise BadInput(
            "The list of files can't be read: each needs path, bytes and sha256.\n"
            "See the format:  docs/weights.md"
        ) from error
    for file in files:
        check_path(file.path)
        if file.bytes < 0 or not re.fullmatch("[0-9a-f]{64}", file.sha256):
            raise BadInput(
                f"The list of files has an invalid size or SHA-256 for {file.path}.\n"
                "See the format:  docs/weights.md"
            )
    if len({file.path.casefold() for file in files}) != len(files) or not files:
        raise BadInput("The list of files is empty or has duplicates.\nSee:  docs/weights.md")
    return files


def check_path(path: str) -> None:
    """Reject a path outside its folder, and file types that are not accepted.

    Raises:
        BadInput: the path is rejected.
    """
    parts = PurePosixPath(path).parts
    if not re.fullmatch(r"[\w.+ -]+(/[\w.+ -]+)*", path) or any(p.startswith(".") for p in parts):
        raise BadInput(f"{path!r} is not an accepted file name.\nUse:  letters, digits, . _ -")
    if not path.endswith(SUFFIXES) or path == LIST:
        raise BadInput(
            f"{path} is rejected: only {', '.join(SUFFIXES)} are accepted, which can't run code.\n"
            "Convert a .pt, .bin or .ckpt to .safetensors first, or remove it."
        )
