"""The student: a coherent frame in one step, where the adapters and the base model take several.

It knows what SCA knows, and the mesh of the first frame beside it, so that it can see what has
moved since. It needs neither noise nor text: what a frame shall look like, the first frame says.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch
from torch import Tensor, nn

from imagineid.ccf.autoencoder import Residual

if TYPE_CHECKING:
    from imagineid.spec import Size


class Attention(nn.Module):
    """Every cell may look at every other; added to its input, the identity at the start."""

    def __init__(self, channels: int, cells: int, heads: int) -> None:
        super().__init__()
        self.heads = heads
        self.position = nn.Parameter(torch.randn(1, cells, channels) * 0.02)
        self.norm = nn.LayerNorm(channels)
        self.qkv = nn.Linear(channels, 3 * channels)
        self.out = nn.Linear(channels, channels)
        nn.init.zeros_(self.out.weight)
        nn.init.zeros_(self.out.bias)

    def forward(self, x: Tensor) -> Tensor:
        """Return features like ``x``, (B, C, h, w)."""
        b, c, h, w = x.shape
        cells = x.flatten(2).transpose(1, 2)
        qkv = self.qkv(self.norm(cells) + self.position)
        q, k, v = qkv.reshape(b, h * w, 3, self.heads, -1).permute(2, 0, 3, 1, 4).unbind(0)
        mixed = nn.functional.scaled_dot_product_attention(q, k, v)
        seen = self.out(mixed.transpose(1, 2).reshape(b, h * w, c))
        out: Tensor = x + seen.transpose(1, 2).reshape(b, c, h, w)
        return out


class Student(nn.Module):
    """Latents of meshes, first frame and neighbour to the latent of a frame."""

    def __init__(self, size: Size) -> None:
        super().__init__()
        c, width = size.latent_channels, size.student
        self.stem = nn.Conv2d(4 * c, width, 3, padding=1)
        self.before = nn.Sequential(*(Residual(width) for _ in range(size.student_layers // 2)))
        self.look = Attention(width, size.latent_px**2, size.unet_heads)
        self.after = nn.Sequential(
            *(Residual(width) for _ in range(size.student_layers - size.student_layers // 2))
        )
        self.out = nn.Conv2d(width, c, 3, padding=1)
        nn.init.zeros_(self.out.weight)

    def forward(self, mesh: Tensor, first: Tensor, anchor: Tensor, neighbour: Tensor) -> Tensor:
        """Imagine one frame.

        Args:
            mesh: E(I_rd), (B, c, h, w); first: the same of the first frame.
            anchor: E(I_id), the first frame's.
            neighbour: E(I_ad), that of the frame before with its mouth hidden.

        Returns:
            The frame's latent, (B, c, h, w).
        """
        x = self.stem(torch.cat([mesh, first, anchor, neighbour], dim=1))
        out: Tensor = anchor + self.out(nn.functional.silu(self.after(self.look(self.before(x)))))
        return out
