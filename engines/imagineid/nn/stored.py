"""One network of a model with its weights, from wherever the model keeps them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from imagineid.models import STORE
from imagineid.models.adapters import ADAPTERS
from imagineid.nn.networks import stored

if TYPE_CHECKING:
    from torch import nn

    from imagineid.models import Model


def load_network(name: str, model: Model) -> nn.Module:
    """Return one network with its weights, as float32, in evaluation mode.

    Args:
        name: of its ports.
        model: with ``weights.safetensors``, or adapters and the base they need.

    Raises:
        BadWeights: a file is missing or damaged, or holds another network's weights.
    """
    if model.precision != "adapters":
        return stored(name, model.size, model.folder / STORE)
    from imagineid.nn.base import joined

    return joined(name, model.size, model.part("base"), model.folder / ADAPTERS)
