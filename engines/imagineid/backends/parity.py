"""Whether two engines say the same: random inputs by the ports, and how far outputs differ."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from imagineid.spec import Ports

COSINE = 0.999
"""Least cosine between what an engine in float16 says and what float32 says."""

VOCABULARY = 8
"""Tokens drawn are below this, so that any model knows them."""


def random_inputs(ports: Ports, batch: int, seed: int = 0) -> dict[str, np.ndarray]:
    """Return inputs for a network, by name.

    Masks and times are in [0, 1], tokens are words of a small vocabulary, all else is of unit
    variance.
    """
    draw = np.random.default_rng(seed)
    made: dict[str, np.ndarray] = {}
    for port in ports.inputs:
        dims = [batch if isinstance(d, str) else d for d in port.dims]
        if port.dtype == "int64":
            made[port.name] = draw.integers(0, VOCABULARY, dims)
        elif port.name in ("mask", "time"):
            made[port.name] = draw.random(dims, np.float32)
        else:
            made[port.name] = draw.standard_normal(dims, np.float32)
    return made


def cosines(one: Mapping[str, Any], other: Mapping[str, Any]) -> dict[str, float]:
    """Return for each output the cosine between what two engines say; NaN if one is not finite."""
    return {name: _cosine(np.asarray(one[name]), np.asarray(other[name])) for name in other}


def _cosine(a: np.ndarray, b: np.ndarray) -> float:
    x, y = a.astype(np.float64).ravel(), b.astype(np.float64).ravel()
    norms = float(np.linalg.norm(x) * np.linalg.norm(y))
    if norms == 0:  # two silences agree; one does not agree with a sound
        return float(not x.any() and not y.any())
    return float(x @ y) / norms


def errors(one: Mapping[str, Any], other: Mapping[str, Any]) -> dict[str, float]:
    """Return for each output the greatest absolute difference between what two engines say."""
    return {
        name: float(np.abs(np.asarray(one[name], np.float64) - np.asarray(other[name])).max())
        for name in other
    }
