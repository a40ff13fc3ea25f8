"""The networks of a model by their port names, untrained, and inputs to try them with."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from imagineid.backends.parity import random_inputs
from imagineid.nn.networks import network
from imagineid.spec import Ports, Size
from imagineid.spec import ports as ports_of


def networks(size: Size, words: int) -> dict[str, nn.Module]:
    """Return every network of a model, in evaluation mode; ``words`` is the vocabulary's size."""
    return {name: network(name, size, words) for name in ports_of(size)}


def sample(ports: Ports, batch: int, seed: int = 0) -> tuple[Tensor, ...]:
    """Return random inputs for a network, in the order of its ports; see ``random_inputs``."""
    return tuple(torch.from_numpy(each) for each in random_inputs(ports, batch, seed).values())
