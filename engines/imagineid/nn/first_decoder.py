"""The decoder of the first frame, which runs once per video and may be large.

Besides the autoencoder's coarse levels it has levels finer than the encoder's patches, for hair,
lashes and skin. Later frames warp its output, see :mod:`imagineid.nn.frame_decoder`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from torch import Tensor, nn
from torch.nn import functional as F

from imagineid.nn.blocks import Residual

if TYPE_CHECKING:
    from imagineid.spec import Size


class FirstDecoder(nn.Module):
    """Latent to frame, without the background of another one."""

    def __init__(self, size: Size) -> None:
        super().__init__()
        levels = (*reversed(size.stages), *size.finer)
        self.patch = size.patch >> len(size.finer)
        self.stem = nn.Conv2d(size.latent_channels, levels[0], 3, padding=1)
        self.deep = nn.Sequential(Residual(levels[0]), Residual(levels[0]))
        self.up = nn.ModuleList(
            nn.Conv2d(a, 4 * b, 1) for a, b in zip(levels, levels[1:], strict=False)
        )
        self.blocks = nn.ModuleList(nn.Sequential(Residual(c), Residual(c)) for c in levels[1:])
        self.out = nn.Conv2d(levels[-1], 3 * self.patch**2, 3, padding=1, padding_mode="replicate")

    def forward(self, latent: Tensor) -> Tensor:
        """Return the frame (B, 3, H, W), about [-1, 1], of a latent (B, c, h, w)."""
        x = self.deep(self.stem(latent))
        for up, block in zip(self.up, self.blocks, strict=True):
            x = block(F.pixel_shuffle(up(x), 2))
        return F.pixel_shuffle(self.out(F.silu(x)), self.patch)
