"""The shipped model, whole or some of its networks, from the package or from another folder."""

from __future__ import annotations

import contextlib
import tempfile
from collections.abc import Iterator, Mapping
from pathlib import Path

from imagineid import backends
from imagineid.engine import Engine
from imagineid.errors import BadWeights
from imagineid.face import FaceModel
from imagineid.face.model import load as load_face
from imagineid.models import Model, embedded
from imagineid.pad import prototypes
from imagineid.pad.factors import Emotion
from imagineid.spec import MINI, Size

SIZE: Size = MINI
"""Of the embedded model."""

PAD = ("identity", "content", "emotion", "expression")
"""The networks that listen."""


@contextlib.contextmanager
def model_at(folder: Path | None) -> Iterator[Path]:
    """Take the embedded model from ``folder`` while the block runs; None leaves it where it is.

    Yields:
        The folder in use.

    Raises:
        FileNotFoundError: there is no such folder.
    """
    if folder is None:
        yield embedded.DIRECTORY / SIZE.name
        return
    if not folder.is_dir():
        raise FileNotFoundError(f"The folder {folder} does not exist.")
    before = embedded.DIRECTORY
    with tempfile.TemporaryDirectory(prefix="imagineid-evaluate-") as name:
        (Path(name) / SIZE.name).symlink_to(folder.resolve())
        embedded.DIRECTORY = Path(name)
        try:
            yield folder
        finally:
            embedded.DIRECTORY = before


def engines(names: tuple[str, ...]) -> Mapping[str, Engine]:
    """Open some networks of the model; the others need not be there.

    Raises:
        BadWeights: one of them is missing.
    """
    folder = embedded.DIRECTORY / SIZE.name
    missing = [name for name in names if not (folder / f"{name}.onnx").exists()]
    if missing:
        raise BadWeights(
            f"No {', '.join(missing)} in {folder}.\nTrain and ship them:  python -m imagineid_train"
        )
    opener, _ = backends.choose("onnx", Model(SIZE.name, folder, SIZE, "stored"))
    return {name: opener(name) for name in names}


def calm() -> Emotion:
    """Return the model's neutral emotion, to which doubtful ones are held."""
    return prototypes.read(embedded.DIRECTORY / SIZE.name, "neutral")


def face() -> FaceModel:
    """Return the baked face of the package."""
    return load_face()
