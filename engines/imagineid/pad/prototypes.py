"""The eight emotions by name: the mean theta_e of training voices that feel each.

``emotions.npy`` lies beside a model's weights, (8, 512) float32 in the order of
:data:`imagineid.spec.EMOTIONS`; training writes it when it ships a model.
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
        folder: the model's.
        name: one of :data:`imagineid.spec.EMOTIONS`.

    Raises:
        BadInput: there is no such emotion.
        BadWeights: the file is missing or broken.
    """
    if name not in EMOTIONS:
        raise BadInput(f"There is no emotion {name!r}.\nUse one of:  {', '.join(EMOTIONS)}")
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
