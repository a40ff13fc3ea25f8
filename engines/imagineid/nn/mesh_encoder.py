"""The small encoder of mesh pictures: E(I_rd) of eq. 9 at a twelfth of the encoder's cost.

A mesh picture has little information: positions of lips, lids, gaze, brows and head. It needs
neither the frame's resolution nor an encoder for hair and skin.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from torch import Tensor, nn
from torch.nn import functional as F

from imagineid.nn.blocks import Residual

if TYPE_CHECKING:
    from imagineid.spec import Size


class MeshEncoder(nn.Module):
    """Mesh picture to a latent of the frames' latent size."""

    def __init__(self, size: Size) -> None:
        super().__init__()
        channels = size.mesh_encoder
        self.patch = size.mesh_px // (size.latent_px * 2 ** (len(channels) - 1))
        self.stem = nn.Conv2d(3 * self.patch**2, channels[0], 1)
        self.first = Residual(channels[0])
        self.down = nn.ModuleList(
            nn.Conv2d(a, b, 3, stride=2, padding=1)
            for a, b in zip(channels, channels[1:], strict=False)
        )
        self.blocks = nn.ModuleList(Residual(c) for c in channels[1:])
        self.out = nn.Conv2d(channels[-1], size.latent_channels, 1)

    def forward(self, mesh: Tensor) -> Tensor:
        """Return the latent (B, c, h, w) of mesh pictures (B, 3, N, N) in [-1, 1]."""
        x = self.first(self.stem(F.pixel_unshuffle(mesh, self.patch)))
        for down, block in zip(self.down, self.blocks, strict=True):
            x = block(down(x))
        out: Tensor = self.out(F.silu(x))
        return out
