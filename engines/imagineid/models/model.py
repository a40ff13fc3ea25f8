"""A model on disk: the embedded one, a folder that ``imagineid export`` wrote, or adapters.

An exported folder contains a self-contained graph for each network, and ``model.json`` with all
numbers of its :class:`~imagineid.spec.Size`, so that it can be run without knowing its name.
Adapters are joined with their base when they are loaded, see :mod:`imagineid.models.adapters`.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, fields, replace
from pathlib import Path
from typing import Any, Literal

from imagineid import __version__
from imagineid.errors import BadInput, BadWeights
from imagineid.hub.manifest import MODEL_FILE, File, read_files
from imagineid.hub.store import LocalWeights, file_size
from imagineid.json_files import read_json
from imagineid.models.adapters import (
    ADAPTERS,
    PARTS,
    USUAL,
    brought_model,
    find_adapters,
    locate_part,
)
from imagineid.models.adapters import files_of as files_of_weights
from imagineid.models.embedded import embedded_folder
from imagineid.models.sums import check_files, files_of
from imagineid.spec import MINI, SIZES, Ports, ScheduleConfig, Size, ports

CARD_BYTES = 1 << 20
"""Most bytes of ``model.json``."""

MOST = 1 << 20
"""Upper limit of the numbers of a Size."""

EMBEDDED = (MINI.name,)
"""Models in the package."""

Precision = Literal["fp16", "fp32"]


@dataclass(frozen=True, slots=True)
class Model:
    """One model on disk.

    Attributes:
        name: what the user calls it.
        folder: where its files lie.
        size: its numbers.
        precision: what its graphs compute in; ``stored`` where the weights lie beside the graphs
            in one file that torch reads too; ``adapters`` where there are no graphs, only what was
            trained upon a base.
        files: what must lie there, with sizes and sums; nothing of a model that is being made.
        prompt: what stands before each prompt of the user's.
        parts: of adapters, the names of the weights they need, see
            :data:`imagineid.models.adapters.PARTS`.
    """

    name: str
    folder: Path
    size: Size
    precision: Precision | Literal["stored", "adapters"]
    files: tuple[File, ...] = ()
    prompt: str = ""
    parts: Mapping[str, str] = field(default_factory=dict)

    @property
    def networks(self) -> tuple[str, ...]:
        """Return its own networks, by the names of their ports."""
        return tuple(ports(self.size))

    def part(self, name: str) -> Path:
        """Return a part that adapters need; ``matting`` and ``inpainting`` are ONNX files.

        Raises:
            BadWeights: it is not on this machine.
        """
        if self.precision == "adapters":
            return locate_part(self.parts, name)
        path = self.folder / f"{name}.onnx"
        if not path.is_file():
            raise BadWeights(f"{self.folder} lacks {path.name}.\n{self.remedy}")
        return path

    @property
    def sums(self) -> tuple[File, ...]:
        """Return the sums of all that makes its frames, so that they need not be made again."""
        if self.precision != "adapters":
            return self.files
        names = [self.parts.get(part, USUAL[part]) for part in PARTS]
        return (*self.files, *(file for name in names for file in files_of_weights(name)))

    def graph(self, network: str) -> Path:
        """Return the file of a network's graph."""
        return self.folder / f"{network}.onnx"

    @property
    def remedy(self) -> str:
        """The command to type if a file is missing or damaged."""
        if self.precision == "stored":
            return "Install again:  pip install --force-reinstall imagineid"
        if self.precision == "adapters":
            return "Check it:  imagineid weights verify"
        half = " --fp16" if self.precision == "fp16" else ""
        again = f"--model {self.name}{half} --overwrite -o {self.folder}"
        return f"Export it again:  imagineid export {again}"

    def ports(self, network: str) -> Ports:
        """Return the inputs and outputs of a network."""
        return ports(self.size)[network]


def find(model: str) -> Model:
    """Return the model that ``model`` names.

    That is ``mini``; a folder, exported or of adapters; the name under which one was brought; or a
    size, such as ``sd15``, of which the adapters are on this machine.

    Every file is checked against its sum, unless that was done since it last changed.

    Raises:
        BadInput: the model is unknown.
        BadWeights: files are missing or damaged.
    """
    folder = Path(model) if (Path(model) / MODEL_FILE).is_file() else brought_model(model)
    if model not in EMBEDDED and folder is None and model in SIZES:
        folder = find_adapters(model)
    if model in EMBEDDED or folder is not None:
        found = read(folder) if model not in EMBEDDED and folder else embedded_model(model)
        check_files(found.folder, found.files, found.remedy)
        return found
    if Path(model).is_dir():
        raise BadInput(
            f"{model} is not a model: it has no {MODEL_FILE}.\n"
            f"Make one:  imagineid export -o {model}"
        )
    raise BadInput(f"Unknown model {model!r}.\nUse:  --model mini  or an exported folder")


def embedded_model(name: str) -> Model:
    """Return an embedded model; its files are not checked yet.

    Raises:
        BadWeights: a file is missing, or its ``model.json`` is damaged.
    """
    model = Model(name, embedded_folder(name), SIZES[name], "stored")
    try:
        return replace(model, files=read_files(_card(model.folder)))
    except (OSError, ValueError, BadInput) as error:
        raise BadWeights(f"{model.folder / MODEL_FILE} is damaged.\n{model.remedy}") from error


def embedded_weights() -> LocalWeights:
    """Return the embedded model as ``imagineid weights`` lists and verifies it.

    Raises:
        BadWeights: a file of it is missing, or its ``model.json`` is damaged.
    """
    mini = embedded_model(MINI.name)
    here = sum(max(0, file_size(mini.folder / file.path)) for file in mini.files)
    what = "the model in the package"
    return LocalWeights(mini.name, what, "Apache-2.0", mini.folder, mini.files, here)


def read(folder: Path) -> Model:
    """Read an exported folder, or one of adapters.

    Raises:
        BadWeights: its ``model.json`` is damaged or of another version, or a file is missing.
    """
    remedy = f"Export it again:  imagineid export --overwrite -o {folder}"
    try:
        description = _card(folder)
        name, size = str(description["name"]), _size(description["size"])
        files = read_files(description)
        prompt, parts = str(description.get("prompt", "")), dict(description.get("parts", {}))
        model = Model(name, folder, size, description["precision"], files, prompt, parts)
        known = model.precision in ("fp16", "fp32", "stored", "adapters")
    except (OSError, ValueError, KeyError, TypeError, BadInput):
        known = False
    if not known:
        raise BadWeights(
            f"{folder / MODEL_FILE} is damaged, or another version wrote it.\n{remedy}"
        )
    required = [f"{name}.onnx" for name in model.networks]
    if model.precision == "adapters":
        required = [ADAPTERS]
    if missing := [name for name in required if not (folder / name).is_file()]:
        names = ", ".join(missing)
        raise BadWeights(f"{folder} lacks {names}.\n{model.remedy}")
    return model


def vocabulary_and_face(model: Model) -> tuple[Path, Path]:
    """Return the paths of the model's vocabulary and face model.

    Raises:
        BadWeights: one is missing, as in models with random weights, which can't make videos.
    """
    words, face = model.folder / "words.json", model.folder / "face.npz"
    if model.size.text == "clip":
        at = model.part("base") if model.precision == "adapters" else model.folder
        words = at / "tokenizer"
    missing = [path.name for path in (words, face) if not path.exists()]
    if missing:
        raise BadWeights(
            f"{model.folder} has no {' and no '.join(missing)}: its networks can be measured, "
            "but make no video.\nUse:  --model mini"
        )
    return words, face


def write_model_file(model: Model, seeds: Mapping[str, int] | None = None) -> None:
    """Write ``model.json`` with the checksums of all files.

    Args:
        model: a model whose folder is complete.
        seeds: seeds of its training stages; None keeps those of the existing file.
    """
    if seeds is None:
        try:
            seeds = _card(model.folder).get("seeds", {})
        except (OSError, ValueError):
            seeds = {}
    description = {
        "made_by": f"imagineid {__version__}",
        "name": model.name,
        "precision": model.precision,
        "prompt": model.prompt,
        "parts": dict(model.parts),
        "size": asdict(model.size),
        "seeds": seeds,
        "files": [asdict(file) for file in files_of(model.folder, MODEL_FILE)],
    }
    (model.folder / MODEL_FILE).write_text(
        json.dumps(description, indent=1) + "\n", encoding="utf-8"
    )


def _card(folder: Path) -> dict[str, Any]:
    """Read ``model.json``.

    Raises:
        ValueError: it is no JSON object, or far too long.
    """
    description = read_json(folder / MODEL_FILE, CARD_BYTES)
    if not isinstance(description, dict):
        raise ValueError("no object")
    return description


def _size(description: dict[str, Any]) -> Size:
    """Return the Size of a dictionary from JSON.

    Raises:
        TypeError: a number is missing, unknown or of another type.
        ValueError: a number or a value of its schedule is invalid.
    """
    if set(description) != {field.name for field in fields(Size)}:
        raise TypeError("other numbers than a Size has")
    schedule = ScheduleConfig(**_tuples(description["schedule"]))
    schedule.check()
    size = Size(**{**_tuples(description), "schedule": schedule})
    for each in fields(Size):
        if not _is_like(getattr(size, each.name), getattr(MINI, each.name)):
            raise ValueError(f"{each.name} can't be {getattr(size, each.name)!r}")
    try:
        ports(size)
    except (ArithmeticError, LookupError) as error:
        raise ValueError("its numbers do not belong together") from error
    return size


def _is_like(value: object, like: object) -> bool:
    """Return whether a number, name or list of numbers has the type of ``like``."""
    if isinstance(like, tuple):
        return isinstance(value, tuple) and len(value) <= 16 and all(map(_is_count, value))
    return _is_count(value) if isinstance(like, int) else isinstance(value, type(like))


def _is_count(value: object) -> bool:
    return type(value) is int and 0 <= value <= MOST


def _tuples(description: dict[str, Any]) -> dict[str, Any]:
    """Return ``description`` with JSON's lists as tuples."""
    return {key: tuple(v) if isinstance(v, list) else v for key, v in description.items()}
