"""Faces that fit a voice: a voice determines the mean face of similar speakers, not one face.

``people.npz`` lies beside a model's weights: ``mean`` (2, 80), shape components of women and men of
``MIDDLE`` years; ``aging`` (2, 80), what a year adds; ``root`` (2, 80, 80), a factor of the
covariance of the rest; ``pose`` (6,), rotation in radians and translation in metres, how they are
seen when they look straight ahead.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from imagineid.array_files import read_arrays
from imagineid.errors import BadWeights
from imagineid.face.controls import FrameControls

F32 = NDArray[np.float32]

FILE = "people.npz"

MIDDLE, YOUNGEST, OLDEST = 40.0, 18.0, 85.0
"""Years of the mean, and between which people are known."""

SPREAD = 0.85
"""How far people differ from the mean, as a share of how far they do."""

HEARD = 0.25
"""How much of what a voice's face has of its own is added; with more, faces lie between people."""


SHAPES = [(2, 80), (2, 80), (2, 80, 80), (6,)]


@dataclass(frozen=True)
class Population:
    """Faces of the people that a model draws; arrays as in the file, float32."""

    mean: F32
    aging: F32
    root: F32
    pose: F32

    def face(self, shape: F32, gender: str, age: float, seed: int) -> F32:
        """Draw a person who sounds like this.

        Args:
            shape: alpha, what was heard, (80,).
            gender: "female" or "male".
            age: years.
            seed: another seed, another person.

        Returns:
            alpha of that person, (80,).
        """
        own, years = int(gender == "male"), float(np.clip(age, YOUNGEST, OLDEST)) - MIDDLE
        chance = np.random.default_rng([seed, 11]).standard_normal(len(shape)).astype(np.float32)
        usual = self.mean[own] + years * self.aging[own]
        sampled = usual + SPREAD * self.root[own] @ chance
        return np.asarray(sampled + HEARD * (shape - usual), np.float32)

    def placed(self, controls: FrameControls) -> FrameControls:
        """Return a frame's controls with its person where people are in pictures."""
        return replace(controls, pose=(controls.pose + self.pose).astype(np.float32))


def read(folder: Path) -> Population | None:
    """Read a model's population; None if it has none.

    Raises:
        BadWeights: the file is damaged.
    """
    path = folder / FILE
    if not path.exists():
        return None
    try:
        found = read_arrays(path)
        arrays = [found[name].astype(np.float32) for name in ("mean", "aging", "root", "pose")]
        if [array.shape for array in arrays] != SHAPES:
            raise ValueError("its arrays do not belong together")
        if not all(np.isfinite(array).all() for array in arrays):
            raise ValueError("some of its numbers are not finite")
    except (OSError, ValueError, KeyError, EOFError) as error:
        raise BadWeights(
            f"{path} can't be used: {error}\nCheck the model:  imagineid weights verify"
        ) from error
    return Population(*arrays)
