"""Loss terms shared by several stages."""

from __future__ import annotations

from torch import Tensor
from torch.nn import functional as F


def detail(image: Tensor) -> Tensor:
    """Return pictures (B, C, H, W) minus their 3x3 blur: edges and texture."""
    return image - F.avg_pool2d(image, 3, 1, 1)
