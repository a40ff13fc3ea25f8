"""The networks of a model by their port names, untrained, and inputs to try them with."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from imagineid.networks import network
from imagineid.spec import Ports, Size
from imagineid.spec import ports as ports_of


def networks(size: Size, words: int) -> dict[str, nn.Module]:
    """Return every network of a model, in evaluation mode; ``words`` is the vocabulary's size."""
    return {name: network(name, size, words) for name in ports_of(size)}


def sample(ports: Ports, batch: int, seed: int = 0) -> tuple[Tensor, ...]:
    """Return random inputs for a network, in the order of its ports.

    Masks and times are in [0, 1], tokens are words of a small vocabulary, all else is of unit
    variance.
    """
    draw = torch.Generator().manual_seed(seed)
    out = []
    for port in ports.inputs:
        dims = [batch if isinstance(d, str) else d for d in port.dims]
        if port.dtype == "int64":
            out.append(torch.randint(0, 8, dims, generator=draw))
        elif port.name in ("mask", "time"):
            out.append(torch.rand(dims, generator=draw))
        else:
            out.append(torch.randn(dims, generator=draw))
    return tuple(out)
