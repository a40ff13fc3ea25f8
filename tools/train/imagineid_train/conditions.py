"""How the neighbours that SCA learns from (eq. 9) are corrupted, and how often."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F

CORRUPTED = 0.7
"""Share of neighbours that are corrupted."""

STILL = 0.25
"""Share of neighbours that are the first frame itself, its mouth hidden."""

HELD = 0.7
"""Share of neighbours that are held to the first frame, as all are in a video."""


def corrupt(neighbour: Tensor, rng: np.random.Generator) -> Tensor:
    """Return a neighbour latent (B, c, h, w) as an imperfect model would have left it.

    Contrast and colour are off, there is noise, and some cells are missing: what is right is to be
    had from the anchor.
    """
    b, c, h, w = neighbour.shape

    def some(low: float, high: float) -> Tensor:
        return torch.from_numpy(rng.uniform(low, high, (b, 1, 1, 1))).float()

    drift = F.interpolate(torch.randn(b, c, 4, 4), (h, w), mode="bilinear", align_corners=False)
    out = some(0.75, 1.3) * neighbour + some(0, 0.5) * drift
    out = out + some(0, 0.25) * torch.randn_like(neighbour)
    drop = torch.from_numpy(rng.random((b, 1, h, w))) < some(0, 0.15)
    return torch.where(
        chance(rng, b, CORRUPTED), torch.where(drop, torch.zeros_like(out), out), neighbour
    )


def chance(rng: np.random.Generator, count: int, share: float) -> Tensor:
    """Return a mask (count, 1, 1, 1) that is true with probability ``share``."""
    return torch.from_numpy(rng.random((count, 1, 1, 1)) < share)
