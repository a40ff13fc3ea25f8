"""Names of TensorRT engines, which contain a hash of their inputs, so no outdated one is loaded.

``unet.sm89.0f3a...tensorrt-rtx`` is the UNet for compute capability 8.9. The hash is that of the
graph with its weights, the flavour and version of TensorRT, the target, the profile and the flags.
If any of them changes, the name changes.
"""

from __future__ import annotations

import hashlib
import importlib
import json
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING

from imagineid.errors import BackendMissing, BadEngine

if TYPE_CHECKING:
    from imagineid.models import Model
    from imagineid.spec import Size

FLAGS = ("strongly typed",)
"""Build flags; part of the hash."""

_BLOCK = 1 << 20


def profile(size: Size) -> tuple[int, int, int]:
    """Return the smallest, the optimal and the largest batch size of an engine."""
    return 1, 1, size.batch


@dataclass(frozen=True, slots=True)
class Flavour:
    """A TensorRT flavour: its name, its Python module, and the extra that installs it."""

    name: str
    module: str
    extra: str

    def load(self) -> ModuleType:
        """Import the package.

        Raises:
            BackendMissing: it is not installed, or its libraries can't be loaded.
        """
        try:
            return importlib.import_module(self.module)
        except (ImportError, OSError) as error:
            raise BackendMissing(self.name, self.extra) from error


FLAVOURS = {
    flavour.name: flavour
    for flavour in (
        Flavour("tensorrt-rtx", "tensorrt_rtx", "rtx"),
        Flavour("tensorrt", "tensorrt", "cuda"),
    )
}
"""All flavours, that for consumer GPUs first."""


def version_of(trt: ModuleType) -> str:
    """Return the version of a TensorRT package."""
    return str(trt.__version__)


def engine_path(model: Model, network: str, flavour: Flavour, version: str, target: str) -> Path:
    """Return the path of a network's engine, whether or not it exists.

    Args:
        model: the model.
        network: name of the network.
        flavour: flavour of TensorRT.
        version: version of that package.
        target: compute capability, as ``sm89``.

    Raises:
        BadEngine: the graph can't be read.
    """
    made_of = json.dumps([flavour.name, version, target, profile(model.size), FLAGS])
    digest = hashlib.sha256(made_of.encode())
    graph = model.graph(network)
    try:
        for part in (graph, graph.with_name(graph.name + ".data")):
            if part == graph or part.exists():
                with part.open("rb") as file:
                    while block := file.read(_BLOCK):
                        digest.update(block)
    except OSError as error:
        raise BadEngine(f"{graph} can't be read: {error.strerror}.\n{model.remedy}") from error
    return model.folder / f"{network}.{target}.{digest.hexdigest()[:20]}.{flavour.name}"


def stale_engines(path: Path) -> list[Path]:
    """Return outdated engines of the same network, target and flavour."""
    network, target, _, flavour = path.name.split(".")
    found = path.parent.glob(f"{network}.{target}.*.{flavour}")
    return sorted(each for each in found if each != path)


def rebuild_command(model: Model, flavour: Flavour, target: str) -> str:
    """Return the command that builds all engines of a model."""
    if model.precision == "stored":  # the embedded model needs a folder for graphs and engines
        folder = f"{model.name}-fp16"
        return f"imagineid export --fp16 --format {flavour.name} --target {target} -o {folder}"
    return f"imagineid export --model {model.folder} --format {flavour.name} --target {target}"


def find_engine(model: Model, network: str, flavour: Flavour, version: str, target: str) -> Path:
    """Return a network's engine.

    Raises:
        BadEngine: it has not been built, or is outdated.
    """
    path = engine_path(model, network, flavour, version, target)
    if not path.is_file():
        stale = stale_engines(path)
        what = (
            f"The {flavour.name} engine of {network} for {target} is outdated: it was built from "
            f"another graph or with another version than {flavour.name} {version}."
            if stale
            else f"There is no {flavour.name} engine of {network} for {target} in {model.folder}."
        )
        raise BadEngine(f"{what}\nBuild it:  {rebuild_command(model, flavour, target)}")
    return path
