"""The matte network: segmentation of the person, at the resolution of MBA."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from imagineid.nn.blocks import Residual

if TYPE_CHECKING:
    from imagineid.spec import Size


FINEST = 4
"""Pixels per cell along one side at the input; larger frames are averaged first."""


class Matte(nn.Module):
    """A small U-shaped network, frame to person probability."""

    def __init__(self, size: Size) -> None:
        super().__init__()
        c = size.matte
        self.patch = min(size.patch, FINEST)
        self.pool = size.patch // self.patch
        self.stem = nn.Conv2d(3 * self.patch**2, c, 3, padding=1)
        self.fine = Residual(c)
        self.down1 = nn.Conv2d(c, 2 * c, 3, stride=2, padding=1)
        self.middle = Residual(2 * c)
        self.down2 = nn.Conv2d(2 * c, 4 * c, 3, stride=2, padding=1)
        self.deep = nn.Sequential(Residual(4 * c), Residual(4 * c))
        self.up2 = nn.Conv2d(4 * c, 8 * c, 1)
        self.up1 = nn.Conv2d(2 * c, 4 * c, 1)
        self.out = nn.Conv2d(c, 1, 3, padding=1)

    def logits(self, image: Tensor) -> Tensor:
        """Return person logits (B, 1, H/4, W/4) from a frame (B, 3, H, W) in [-1, 1]."""
        small = F.avg_pool2d(image, self.pool) if self.pool > 1 else image
        fine = self.fine(self.stem(F.pixel_unshuffle(small, self.patch)))
        middle = self.middle(self.down1(fine))
        deep = self.deep(self.down2(middle))
        middle = middle + F.pixel_shuffle(self.up2(deep), 2)
        fine = fine + F.pixel_shuffle(self.up1(F.silu(middle)), 2)
        out: Tensor = self.out(F.silu(fine))
        return out

    def forward(self, image: Tensor) -> Tensor:
        """Return the person's share of each cell, (B, 1, H/4, W/4) in [0, 1]."""
        return torch.sigmoid(self.logits(image))
