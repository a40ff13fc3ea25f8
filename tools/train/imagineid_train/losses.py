"""Terms that several stages' losses are made of."""

from __future__ import annotations

from torch import Tensor
from torch.nn import functional as F


def detail(image: Tensor) -> Tensor:
    """Return what a 3x3 blur takes away from pictures (B, C, H, W): edges and texture."""
    return image - F.avg_pool2d(image, 3, 1, 1)
