"""A model on disk: the embedded one, or a folder that ``imagineid export`` wrote.

An exported folder holds a self-contained graph for each network, and ``model.json``, which carries
every number of its :class:`~imagineid.spec.Size`, so that it can be run without asking for a name.
"""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Any, Literal

from imagineid import __version__, weights
from imagineid.errors import BadInput, BadWeights
from imagineid.spec import MINI, SIZES, Ports, ScheduleConfig, Size, ports

CARD = "model.json"
"""What tells a folder of ours from any other."""

EMBEDDED = (MINI.name,)
"""Models that are inside the package."""

Precision = Literal["fp16", "fp32"]


@dataclass(frozen=True, slots=True)
class Model:
    """One model on disk.

    Attributes:
        name: what the user calls it.
        folder: where its files lie.
        size: its numbers.
        precision: what its graphs compute in; ``stored`` where the weights lie beside the graphs
            in one file that torch reads too.
    """

    name: str
    folder: Path
    size: Size
    precision: Precision | Literal["stored"]

    def graph(self, network: str) -> Path:
        """Return the file of a network's graph."""
        return self.folder / f"{network}.onnx"

    @property
    def remedy(self) -> str:
        """What to type when a file of it is missing or damaged."""
        if self.precision == "stored":
            return "Install again:  pip install --force-reinstall imagineid"
        half = " --fp16" if self.precision == "fp16" else ""
        again = f"--model {self.name}{half} --overwrite -o {self.folder}"
        return f"Export it again:  imagineid export {again}"

    def ports(self, network: str) -> Ports:
        """Return what goes into a network and comes out."""
        return ports(self.size)[network]


def find(model: str) -> Model:
    """Return the model that ``model`` names: ``mini``, or an exported folder.

    Raises:
        BadInput: there is no such model.
        BadWeights: files are missing or damaged.
    """
    if model in EMBEDDED:
        return Model(model, weights.folder(model), SIZES[model], "stored")
    if (Path(model) / CARD).is_file():
        return read(Path(model))
    if model in SIZES:
        raise BadWeights(
            f"The weights of {model} are not here: its adapters were never published.\n"
            f"Try its engines with random ones:  imagineid export --model {model} --random-weights"
        )
    if Path(model).is_dir():
        raise BadInput(
            f"{model} is no model: it holds no {CARD}.\nMake one:  imagineid export -o {model}"
        )
    raise BadInput(
        f"There is no model called {model!r}.\nUse:  --model mini  or an exported folder"
    )


def read(folder: Path) -> Model:
    """Read an exported folder.

    Raises:
        BadWeights: its ``model.json`` is damaged or of another version, or a graph is missing.
    """
    remedy = f"Export it again:  imagineid export --overwrite -o {folder}"
    try:
        said = json.loads((folder / CARD).read_text(encoding="utf-8"))
        model = Model(said["name"], folder, _size(said["size"]), said["precision"])
        known = model.precision in ("fp16", "fp32", "stored")
    except (OSError, ValueError, KeyError, TypeError):
        known = False
    if not known:
        raise BadWeights(f"{folder / CARD} is damaged, or another version wrote it.\n{remedy}")
    missing = [name for name in weights.NETWORKS if not model.graph(name).is_file()]
    if missing:
        lacks = ", ".join(f"{name}.onnx" for name in missing)
        raise BadWeights(f"{folder} lacks {lacks}.\n{model.remedy}")
    return model


def words_and_face(model: Model) -> tuple[Path, Path]:
    """Return the model's vocabulary and face model, without which it can't make a video.

    Raises:
        BadWeights: it has none, as one of random weights.
    """
    words, face = model.folder / "words.json", model.folder / "face.npz"
    missing = [path.name for path in (words, face) if not path.is_file()]
    if missing:
        raise BadWeights(
            f"{model.folder} has no {' and no '.join(missing)}: its networks can be measured, "
            "but make no video.\nUse:  --model mini"
        )
    return words, face


def write_card(model: Model) -> None:
    """Write what :func:`read` reads."""
    said = {
        "made_by": f"imagineid {__version__}",
        "name": model.name,
        "precision": model.precision,
        "size": asdict(model.size),
    }
    (model.folder / CARD).write_text(json.dumps(said, indent=1) + "\n", encoding="utf-8")


def _size(said: dict[str, Any]) -> Size:
    """Return the Size that ``asdict`` took apart and JSON kept.

    Raises:
        TypeError: a number is missing or unknown.
        ValueError: its schedule has a value that is not known.
    """
    if set(said) != {field.name for field in fields(Size)}:
        raise TypeError("other numbers than a Size has")
    schedule = ScheduleConfig(**_tuples(said["schedule"]))
    schedule.check()
    return Size(**{**_tuples(said), "schedule": schedule})


def _tuples(said: dict[str, Any]) -> dict[str, Any]:
    """Return ``said`` with JSON's lists as tuples."""
    return {key: tuple(v) if isinstance(v, list) else v for key, v in said.items()}
