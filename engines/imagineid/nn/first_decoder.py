"""The decoder of the first frame, which runs once per video and may be large.

It is as deep as the encoder, with MBA (eq. 10) where that has its finest features, and has levels
finer than the encoder's patches, for hair, lashes and skin. Later frames warp its output, see
:mod:`imagineid.nn.frame_decoder`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from torch import Tensor, nn
from torch.nn import functional as F

from imagineid.nn.blocks import Residual

if TYPE_CHECKING:
    from imagineid.spec import Size


class FirstDecoder(nn.Module):
    """Latent to frame, copying the background under a mask before its finer levels (eq. 10)."""

    def __init__(self, size: Size) -> None:
        super().__init__()
        deepest = len(size.stages)
        coarse, finer = size.first_decoder[:deepest], size.first_decoder[deepest - 1 :]
        self.patch = size.patch >> (len(finer) - 1)
        self.stem = nn.Conv2d(size.latent_channels, coarse[0], 3, padding=1)
        self.deep = nn.Sequential(Residual(coarse[0]), Residual(coarse[0]))
        self.up, self.blocks = _levels(coarse)
        self.blend = nn.Conv2d(size.stages[0], coarse[-1], 1)
        self.finer_up, self.finer_blocks = _levels(finer)
        out = 3 * self.patch**2
        self.out = nn.Conv2d(finer[-1], out, 3, padding=1, padding_mode="replicate")

    def forward(self, latent: Tensor, background: Tensor, mask: Tensor) -> Tensor:
        """Decode, keeping ``background`` where ``mask`` is 0.

        Args:
            latent: (B, c, h, w).
            background: F_ve of the inpainted background, (B, C0, h', w').
            mask: the person, (B, 1, h', w') in [0, 1]; all ones decodes the latent alone.

        Returns:
            The frame, (B, 3, H, W), about [-1, 1].
        """
        features = self.coarse(latent)
        return self.fine(features * mask + self.blend(background) * (1 - mask))

    def coarse(self, latent: Tensor) -> Tensor:
        """Return features where MBA blends, (B, C, h', w')."""
        x = self.deep(self.stem(latent))
        for level in range(len(self.up)):
            x = self.finer(x, level)
        return x

    def finer(self, x: Tensor, level: int) -> Tensor:
        """Return features of level ``level`` + 1 from those of ``level``, twice as fine."""
        out: Tensor = self.blocks[level](F.pixel_shuffle(self.up[level](x), 2))
        return out

    def fine(self, x: Tensor) -> Tensor:
        """Draw those features or a window of them, (B, 3, H, W)."""
        for up, block in zip(self.finer_up, self.finer_blocks, strict=True):
            x = block(F.pixel_shuffle(up(x), 2))
        return F.pixel_shuffle(self.out(F.silu(x)), self.patch)


def _levels(channels: tuple[int, ...]) -> tuple[nn.ModuleList, nn.ModuleList]:
    """Layers that double the side, and two blocks after each, from coarse to fine."""
    pairs = list(zip(channels, channels[1:], strict=False))
    up = nn.ModuleList(nn.Conv2d(a, 4 * b, 1) for a, b in pairs)
    return up, nn.ModuleList(nn.Sequential(Residual(b), Residual(b)) for _, b in pairs)


def decode(decoder: FirstDecoder, latent: Tensor) -> Tensor:
    """Decode latents (B, c, h, w) alone, without a background: (B, 3, H, W)."""
    side = latent.shape[-1] << len(decoder.up)
    channels = decoder.blend.in_channels
    nothing = latent.new_zeros(len(latent), channels, side, side)
    out: Tensor = decoder(latent, nothing, latent.new_ones(len(latent), 1, side, side))
    return out
