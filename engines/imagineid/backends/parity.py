"""Comparison of two engines on random inputs."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from imagineid.spec import Ports

COSINE = 0.999
"""Smallest cosine similarity between float16 and float32 outputs."""

VOCABULARY = 8
"""Upper limit of random tokens, small enough for any vocabulary."""


def random_inputs(ports: Ports, batch: int, seed: int = 0) -> dict[str, np.ndarray]:
    """Return inputs for a network, by name.

    Masks and times are in [0, 1], tokens are those of a small vocabulary, all other inputs have
    unit variance.
    """
    draw = np.random.default_rng(seed)
    arrays: dict[str, np.ndarray] = {}
    for port in ports.inputs:
        dims = [batch if isinstance(d, str) else d for d in port.dims]
        if port.dtype == "int64":
            arrays[port.name] = draw.integers(0, VOCABULARY, dims)
        elif port.name in ("mask", "time"):
            arrays[port.name] = draw.random(dims, np.float32)
        else:
            arrays[port.name] = draw.standard_normal(dims, np.float32)
    return arrays


def cosines(one: Mapping[str, Any], other: Mapping[str, Any]) -> dict[str, float]:
    """Return the cosine similarity of each output; NaN if one is not finite."""
    return {name: _cosine(np.asarray(one[name]), np.asarray(other[name])) for name in other}


def _cosine(a: np.ndarray, b: np.ndarray) -> float:
    x, y = a.astype(np.float64).ravel(), b.astype(np.float64).ravel()
    norms = float(np.linalg.norm(x) * np.linalg.norm(y))
    if norms == 0:  # two zero vectors are equal; one differs from any other vector
        return float(not x.any() and not y.any())
    return float(x @ y) / norms


def errors(one: Mapping[str, Any], other: Mapping[str, Any]) -> dict[str, float]:
    """Return the largest absolute difference of each output."""
    return {
        name: float(np.abs(np.asarray(one[name], np.float64) - np.asarray(other[name])).max())
        for name in other
    }
