"""The eight emotions by name: the mean theta_e of training voices that act each.

``emotions.npy`` in a model's folder has shape (8, 512), float32, in the order of
:data:`imagineid.spec.EMOTIONS`; the training stage ``ship`` writes it.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np

from imagineid.array_files import read_array
from imagineid.errors import BadInput, BadWeights
from imagineid.models import embedded
from imagineid.pad.factors import Emotion
from imagineid.spec import EMOTIONS

FILE = "emotions.npy"


def read(folder: Path, name: str) -> Emotion:
    """Return an emotion by name.

    Args:
        folder: the model's folder.
        name: one of :data:`imagineid.spec.EMOTIONS`.

    Raises:
        BadInput: the emotion is unknown.
        BadWeights: the file is missing or corrupt.
    """
    if name not in EMOTIONS:
        raise BadInput(f"Unknown emotion {name!r}.\nUse one of:  {', '.join(EMOTIONS)}")
    try:
        thetas = read_array(folder / FILE)
        if thetas.ndim != 2 or len(thetas) != len(EMOTIONS) or not np.isfinite(thetas).all():
            raise ValueError(f"an array of shape {thetas.shape}")
    except (OSError, ValueError, EOFError) as error:
        packaged = folder.parent == embedded.DIRECTORY
        again = "pip install --force-reinstall imagineid"
        remedy = again if packaged else f"imagineid export --overwrite -o {folder}"
        raise BadWeights(
            f"{folder / FILE} can't be used: {error}\nMake it again:  {remedy}"
        ) from error
    row = EMOTIONS.index(name)
    shares = np.eye(len(EMOTIONS), dtype=np.float32)[row : row + 1]
    return Emotion(thetas[row : row + 1].astype(np.float32), shares, np.ones(1, np.float32))
