"""Layers that several networks share."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

import torch
from torch import Tensor, nn
from torch.nn import functional as F

if TYPE_CHECKING:
    from imagineid.spec import Size

Beyond = Literal["zeros", "replicate"]
"""Padding mode of a convolution."""


class Residual(nn.Module):
    """Two 3x3 convolutions around a SiLU, added to their input; the identity at the start."""

    def __init__(self, channels: int, beyond: Beyond = "zeros") -> None:
        super().__init__()
        self.first = nn.Conv2d(channels, channels, 3, padding=1, padding_mode=beyond)
        self.second = nn.Conv2d(channels, channels, 3, padding=1, padding_mode=beyond)
        nn.init.zeros_(self.second.weight)
        if self.second.bias is not None:
            nn.init.zeros_(self.second.bias)

    def forward(self, x: Tensor) -> Tensor:
        """Return features like ``x``, (B, C, h, w)."""
        out: Tensor = x + self.second(F.silu(self.first(F.silu(x))))
        return out


def mlp(*widths: int) -> nn.Sequential:
    """Return linear layers of these widths with GELU between them."""
    layers: list[nn.Module] = []
    for i, (a, b) in enumerate(zip(widths, widths[1:], strict=False)):
        if i:
            layers.append(nn.GELU())
        layers.append(nn.Linear(a, b))
    return nn.Sequential(*layers)


class TransformerBlock(nn.Module):
    """One pre-norm Transformer layer: self-attention over time, then an MLP."""

    def __init__(self, dim: int, heads: int, dropout: float = 0.1) -> None:
        super().__init__()
        self.heads = heads
        self.norm_attention = nn.LayerNorm(dim)
        self.qkv = nn.Linear(dim, 3 * dim)
        self.out = nn.Linear(dim, dim)
        self.norm_mlp = nn.LayerNorm(dim)
        self.mlp = mlp(dim, 4 * dim, dim)
        self.dropout = nn.Dropout(dropout)

    def forward(self, x: Tensor) -> Tensor:
        """Return tokens like ``x``, (B, T, D)."""
        b, t, d = x.shape
        qkv = self.qkv(self.norm_attention(x)).reshape(b, t, 3, self.heads, d // self.heads)
        q, k, v = qkv.permute(2, 0, 3, 1, 4).unbind(0)  # (B, heads, T, D / heads)
        mixed = nn.functional.scaled_dot_product_attention(q, k, v)
        x = x + self.dropout(self.out(mixed.transpose(1, 2).reshape(b, t, d)))
        out: Tensor = x + self.dropout(self.mlp(self.norm_mlp(x)))
        return out


class Transformer(nn.Module):
    """Layers over ``length`` positions with a learned positional embedding (PE)."""

    def __init__(self, size: Size, length: int) -> None:
        super().__init__()
        self.position = nn.Parameter(torch.randn(1, length, size.pad_dim) * 0.02)
        self.blocks = nn.Sequential(
            *(TransformerBlock(size.pad_dim, size.pad_heads) for _ in range(size.pad_layers))
        )
        self.norm = nn.LayerNorm(size.pad_dim)

    def forward(self, x: Tensor) -> Tensor:
        """Return tokens like ``x``, (B, length, D)."""
        out: Tensor = self.norm(self.blocks(x + self.position))
        return out
