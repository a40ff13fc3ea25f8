"""The people a model draws, those it learnt from: see :mod:`imagineid.face.population`."""

from __future__ import annotations

import numpy as np

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
    male = np.array([float(world["traits"][row][0]) > 0.5 for world, row in worlds])
    pose = np.concatenate([np.asarray(world["pose"][row]) for world, row in worlds]).mean(0)
    groups = [alpha[~male], alpha[male]]
    arrays = {
        "mean": np.stack([group.mean(0) for group in groups]),
        "root": np.stack([_root(group) for group in groups]),
        "pose": NEARER * pose * (1, 0, 0, 0, 0, 1),
    }
    return {name: array.astype(np.float16) for name, array in arrays.items()}


def _root(alpha: np.ndarray) -> np.ndarray:
    """Return L with L L' the covariance of shapes (N, 80), steadied."""
    covariance = np.cov(alpha, rowvar=False) + STEADY * np.eye(alpha.shape[1])
    return np.asarray(np.linalg.cholesky(covariance))
