"""Adapters: networks trained on top of a frozen base, in a folder of their own.

An adapter folder holds ``model.json``, ``adapters.safetensors`` (PAD, TIA, SCA and MBA's blend,
each named as in its network), ``face.npz`` and ``emotions.npy``. ``model.json`` names, by the names
of ``imagineid weights``, the base the adapters were trained upon, the matting and the inpainting.
The base is a folder as diffusers writes it.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path

from imagineid.errors import BadInput, BadWeights
from imagineid.hub.manifest import LIST, File, read_files, select
from imagineid.json_files import read_json
from imagineid.paths import weights_home

ADAPTERS = "adapters.safetensors"
"""The file that holds all that was trained upon a base."""

PARTS = ("base", "matting", "inpainting")
"""What adapters need beside them, each under the name of weights that are on this machine."""

USUAL = {"base": "sd15/base", "matting": "sd15/matting", "inpainting": "sd15/inpainting"}
"""Where ``imagineid weights pull sd15`` puts them."""


def find_adapters(size: str) -> Path:
    """Return the folder of the only adapters on this machine that are of ``size``.

    Raises:
        BadWeights: there are none.
        BadInput: there are several.
    """
    places = (path.parent for path in sorted(weights_home().glob(f"*/{LIST}")))
    found = [path for path in places if path.name[0] != "." and _size_of(path) == size]
    if not found:
        raise BadWeights(
            f"There are no adapters for {size} here; none were ever published.\n"
            "Bring some:  imagineid weights pull NAME --from DIR\n"
            f"Or try engines of random weights:  imagineid export --model {size} --random-weights"
        )
    if len(found) > 1:
        names = "  or  ".join(f"--adapters {path.name}" for path in found)
        raise BadInput(f"There are several adapters for {size}.\nChoose:  {names}")
    return found[0]


def brought_model(name: str) -> Path | None:
    """Return the folder of a model or of adapters installed under ``name``, if any."""
    folder = weights_home() / name
    plain = len(Path(name).parts) == 1 and not name.startswith(".")
    return folder if plain and (folder / "model.json").is_file() else None


def locate_part(named: Mapping[str, str], part: str) -> Path:
    """Return the folder, or for a network its ONNX file, of something adapters need.

    Args:
        named: of ``model.json``: the names of weights by :data:`PARTS`.
        part: one of them.

    Raises:
        BadWeights: it is not on this machine, or not all of it.
    """
    name = named.get(part, USUAL[part])
    if not re.fullmatch(r"[A-Za-z0-9][\w.-]*(/[A-Za-z0-9][\w.-]*)?", name):
        raise BadWeights(f"{name!r} can't be the name of a {part}.\nUse other adapters.")
    folder, files = weights_home() / name, files_of(name)
    if not files or any(_bytes(folder / file.path) != file.bytes for file in files):
        again = name if select(name) else f"{name} --from DIR"
        raise BadWeights(
            f"The {part} called {name} is not here, or not all of it.\n"
            f"Fetch it:  imagineid weights pull {again}"
        )
    if part == "base":
        return folder
    graphs = [folder / file.path for file in files if file.path.endswith(".onnx")]
    if len(graphs) != 1:
        raise BadWeights(
            f"{folder} holds {len(graphs)} ONNX files, not one.\n"
            f"Remove it, and pull another:  imagineid weights remove {name}"
        )
    return graphs[0]


def files_of(name: str) -> tuple[File, ...]:
    """Return what belongs to weights called ``name``; nothing where they are not known."""
    for item in select(name):
        return item.files
    try:
        return read_files(read_json(weights_home() / name / LIST))
    except (OSError, ValueError, TypeError, BadInput):
        return ()


def _bytes(path: Path) -> int:
    return path.stat().st_size if path.is_file() else -1


def _size_of(folder: Path) -> str | None:
    """Return the size that adapters in ``folder`` are of; None if it holds no adapters."""
    if not (folder / ADAPTERS).is_file():
        return None
    try:
        return str(read_json(folder / "model.json")["size"]["name"])
    except (OSError, ValueError, KeyError, TypeError):
        return None
