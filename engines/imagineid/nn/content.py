"""PAD's content networks (eq. 4, 5), trained with identity frozen."""

from __future__ import annotations

from typing import TYPE_CHECKING

from torch import Tensor, nn

from imagineid.nn.blocks import Transformer, mlp
from imagineid.nn.mel_encoder import MelEncoder

if TYPE_CHECKING:
    from imagineid.spec import Size


class ContentEncoder(nn.Module):
    """Phi_E^c: the content encoder (eq. 4)."""

    def __init__(self, size: Size) -> None:
        super().__init__()
        self.ear = MelEncoder(size)
        self.transformer = Transformer(size, size.window)
        self.out = nn.Linear(size.pad_dim, size.linguistic)

    def forward(self, mel: Tensor) -> Tensor:
        """Map A (B, L, 1280) to linguistic features l-bar (B, L, 64)."""
        out: Tensor = self.out(self.transformer(self.ear(mel)))
        return out


class ContentDecoder(nn.Module):
    """Phi_D^c: mouth-only expression from content and shape (eq. 5); used in training."""

    def __init__(self, size: Size) -> None:
        super().__init__()
        self.from_linguistic = nn.Linear(size.linguistic, size.pad_dim)
        self.from_shape = mlp(size.shape, size.pad_dim, size.pad_dim)
        self.transformer = Transformer(size, size.window)
        self.out = mlp(size.pad_dim, size.pad_dim, size.expression)

    def forward(self, linguistic: Tensor, shape: Tensor) -> Tensor:
        """Return l (B, L, 52), about [0, 1], from l-bar (B, L, 64) and alpha (B, 80)."""
        x = self.from_linguistic(linguistic) + self.from_shape(shape)[:, None]
        out: Tensor = self.out(self.transformer(x))
        return out
