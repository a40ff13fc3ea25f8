"""The whole of ``imagineid export``: a model becomes a folder of checked files, or of engines."""

from __future__ import annotations

import contextlib
import errno
import os
import shutil
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from imagineid.ccf.clip_tokenizer import FILES as TOKENIZER_FILES
from imagineid.errors import BadEngine, BadInput
from imagineid.files import check_outputs, part_folder_in
from imagineid.models import (
    MODEL_FILE,
    Model,
    Precision,
    find,
    vocabulary_and_face,
    write_model_file,
)
from imagineid.paths import weights_home
from imagineid.spec import SIZES
from imagineid_export.build import Builder, Built

if TYPE_CHECKING:
    from torch import nn

Tell = Callable[[str], None]
"""Called with a line about what was just done."""

EXTRAS = ("words.json", "face.npz", "emotions.npy", "voices.npz", "people.npz")
"""What a model needs beside its networks to make a video."""

FOREIGN = {"matting": "modnet", "inpainting": "lama"}
"""Networks that others trained, copied as they are, and the families that use them."""

RANDOM_WORDS = 64
"""Rows of the token embedding where weights are drawn and there is no vocabulary."""


@dataclass(frozen=True, slots=True)
class Job:
    """Everything that was typed.

    Attributes:
        model: ``mini``, ``sd15`` or a folder.
        precision: of the graphs.
        format: ``onnx``, ``tensorrt`` or ``tensorrt-rtx``.
        targets: compute capabilities for the TensorRTs; ``current`` is the card here.
        output: the folder to make; None for a name made of model and precision.
        overwrite: whether a model folder that is there may be replaced.
        random_weights: draw what weights are not here; a base that was fetched is used.
    """

    model: str
    precision: Precision
    format: str
    targets: tuple[str, ...]
    output: Path | None = None
    overwrite: bool = False
    random_weights: bool = False


def export(job: Job, tell: Tell) -> dict[str, Any]:
    """Run the export; return its report as JSON values.

    Raises:
        BadInput: the model or the folder can't be used.
        BadWeights: weights are missing or damaged.
        BackendMissing, NoCard: a package, driver or card is missing.
        BadEngine: a file can't be built or written, or is not what it should be.
    """
    started = time.monotonic()
    builder = None if job.format == "onnx" else Builder.of(job.format, job.targets)
    source = _with_random_weights(job) if job.random_weights else find(job.model)
    if source.precision not in ("stored", "adapters"):
        folder, report = source.folder, _engines_only(job, source, builder, tell)
    else:
        folder = job.output or Path(f"{source.name}-{job.precision}")
        _check_place(folder, job.overwrite, source.folder)
        with _appearing(folder) as part:
            model = replace(source, folder=part, precision=job.precision, parts={})
            report = _write_all(job, source, model, builder, tell)
    return {
        "path": str(folder),
        **report,
        "took_s": round(time.monotonic() - started, 1),
        "peak_memory_gb": round(_peak_bytes() / 1e9, 2),
    }


def _with_random_weights(job: Job) -> Model:
    """Return a model whose weights will be drawn at random.

    Raises:
        BadInput: ``--model`` is no size.
    """
    if job.model not in SIZES:
        raise BadInput(
            f"--random-weights draws those of a size, and {job.model} is none.\n"
            f"Use:  --model {' or '.join(SIZES)}"
        )
    return Model(job.model, Path(), SIZES[job.model], "stored")


def _engines_only(job: Job, model: Model, builder: Builder | None, tell: Tell) -> dict[str, Any]:
    """Build engines beside the graphs of a folder that was exported before."""
    if builder is None or (job.output and job.output.resolve() != model.folder.resolve()):
        raise BadInput(
            f"{model.folder} holds ONNX files already; engines can be added to it.\n"
            f"Add them:  imagineid export --model {model.folder} --format tensorrt-rtx"
        )
    with _telling(model.folder):
        return {"networks": [], "engines": _build_all(model, builder, tell)}


def _write_all(
    job: Job, source: Model, model: Model, builder: Builder | None, tell: Tell
) -> dict[str, Any]:
    from imagineid.nn.networks import PAD
    from imagineid_export.files import write

    networks = []
    for network in model.networks:
        half = job.precision == "fp16" and network not in PAD
        module = _module(job, source, network, tell)
        written = write(network, module, model.ports(network), model.graph(network), half)
        tell(str(written))
        networks.append(asdict(written))
    if not job.random_weights:
        _copy_extras(source, model.folder)
    write_model_file(model)
    return {"networks": networks, "engines": _build_all(model, builder, tell) if builder else []}


def _copy_extras(source: Model, folder: Path) -> None:
    """Copy what a model needs beside its networks: face, emotions, vocabulary, others' networks."""
    for name in EXTRAS:
        if (source.folder / name).is_file():
            shutil.copyfile(source.folder / name, folder / name)
    if source.size.text == "clip":
        words, _ = vocabulary_and_face(source)
        (folder / "tokenizer").mkdir()
        for name in TOKENIZER_FILES:
            if (words / name).is_file():
                shutil.copyfile(words / name, folder / "tokenizer" / name)
    for part, family in FOREIGN.items():
        if getattr(source.size, part) == family:
            shutil.copyfile(source.part(part), folder / f"{part}.onnx")


def _module(job: Job, source: Model, network: str, tell: Tell) -> nn.Module:
    """Return a network with its weights; missing ones are random if the job says so."""
    import torch

    from imagineid.nn.networks import network as untrained
    from imagineid.nn.networks import redraw_zeros
    from imagineid.nn.stored import load_network

    if not job.random_weights:
        return load_network(network, source)
    torch.manual_seed(0)
    module = redraw_zeros(untrained(network, source.size, RANDOM_WORDS))
    base = weights_home() / source.name / "base"
    if base.is_dir():
        from imagineid.nn.base import load_base

        if load_base(module, network, base):
            tell(f"{network}: the base's weights, of {base}")
    return module


def _build_all(model: Model, builder: Builder, tell: Tell) -> list[dict[str, Any]]:
    engines: list[Built] = []
    for network in model.networks:
        for target in builder.targets:
            engines.append(builder.build(model, network, target))
            tell(str(engines[-1]))
    return [{**asdict(each), "path": each.path.name} for each in engines]


def _check_place(folder: Path, overwrite: bool, source: Path) -> None:
    """Check that the folder may be made.

    Raises:
        BadInput: something is there that may not be replaced, or there is no place.
        BadOutput: the model that is exported lies in it.
    """
    if not folder.absolute().parent.is_dir():
        raise BadInput(f"The folder {folder.parent} does not exist.\nUse another folder:  -o DIR")
    if os.path.lexists(folder):
        if not (folder / MODEL_FILE).is_file():
            raise BadInput(f"{folder} is there already.\nName another place:  -o DIR")
        if not overwrite:
            raise BadInput(f"{folder} is there already.\nReplace it:  --overwrite")
        check_outputs([folder], [source.resolve(), *source.resolve().parents])


@contextlib.contextmanager
def _appearing(folder: Path) -> Iterator[Path]:
    """Give a temporary folder beside ``folder``, and its name at a clean end; else nothing."""
    parent = folder.absolute().parent
    with _telling(folder), part_folder_in(parent) as part:
        yield part
        part.chmod(0o755)
        if folder.exists():
            old = part.with_suffix(".old")
            folder.rename(old)
            part.rename(folder)
            shutil.rmtree(old, ignore_errors=True)
        else:
            part.rename(folder)


@contextlib.contextmanager
def _telling(folder: Path) -> Iterator[None]:
    """Turn errors of the system while files are written into clear messages.

    Raises:
        BadEngine: instead of any OSError of the block.
    """
    try:
        yield
    except OSError as error:
        full = error.errno in (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)
        what = "No room left" if full else f"It can't be written ({error.strerror or error})"
        raise BadEngine(f"{what}: {folder}.\nName another place:  -o DIR") from error


def _peak_bytes() -> int:
    """Return the peak memory of this process, 0 where the system does not report it."""
    try:
        import resource
    except ImportError:  # Windows
        return 0
    unit = 1 if sys.platform == "darwin" else 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit
