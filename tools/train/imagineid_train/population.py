"""The people a model draws, those it learnt from: see :mod:`imagineid.face.population`."""

from __future__ import annotations

import numpy as np

from imagineid.face.population import MIDDLE, OLDEST, YOUNGEST
from imagineid.spec import Size
from imagineid_train.moves import Moves

STEADY = 1e-3
"""Added to the variance of each shape component: some hardly vary among so few people."""

NEARER = 0.7
"""Share of the mean pitch and distance of photographs that is taken: whole, hair leaves the frame
when the head moves."""


def measured(size: Size) -> dict[str, np.ndarray]:
    """Return the arrays of ``people.npz``, float16, from the people of ``train``.

    Raises:
        FileNotFoundError: there are none.
    """
    moves = Moves.open("train", size)
    worlds = [(moves.worlds[shard], row) for shard, row in moves.index]
    alpha = np.stack([np.asarray(world["alpha"][row], np.float64) for world, row in worlds])
    traits = np.array([world["traits"][row][:2] for world, row in worlds], np.float64)
    pose = np.concatenate([np.asarray(world["pose"][row]) for world, row in worlds]).mean(0)
    found = [_grown(alpha[own], traits[own, 1]) for own in (traits[:, 0] < 0.5, traits[:, 0] > 0.5)]
    mean, aging, root = (np.stack(side) for side in zip(*found, strict=True))
    placed = NEARER * pose * (1, 0, 0, 0, 0, 1)
    arrays = {"mean": mean, "aging": aging, "root": root, "pose": placed}
    return {name: array.astype(np.float16) for name, array in arrays.items()}


def _grown(alpha: np.ndarray, age: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return mean and change a year of shapes (N, 80), and a factor of the rest's covariance."""
    design = np.stack([np.ones(len(age)), np.clip(age, YOUNGEST, OLDEST) - MIDDLE], 1)
    line = np.linalg.lstsq(design, alpha, rcond=None)[0]
    covariance = np.cov(alpha - design @ line, rowvar=False) + STEADY * np.eye(alpha.shape[1])
    return line[0], line[1], np.linalg.cholesky(covariance)
