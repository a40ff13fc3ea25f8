"""PAD's identity encoder (eq. 1, 2), which is trained first and then frozen."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch
from torch import Tensor, nn

from imagineid.nn.blocks import Transformer, mlp
from imagineid.nn.mel_encoder import MelEncoder

if TYPE_CHECKING:
    from imagineid.spec import Size


class IdentityEncoder(nn.Module):
    """Phi_E^id: the identity encoder (eq. 1, 2)."""

    def __init__(self, size: Size) -> None:
        super().__init__()
        self.ear = MelEncoder(size)
        self.token = nn.Parameter(torch.randn(1, 1, size.pad_dim) * 0.02)
        self.transformer = Transformer(size, size.window + 1)
        self.to_shape = mlp(size.pad_dim, size.pad_dim, size.shape)
        self.to_identity = nn.Linear(size.pad_dim, size.identity)
        self.to_traits = nn.Linear(size.identity, 2)

    def forward(self, mel: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Predict the identity.

        Args:
            mel: A, (B, L, 1280) in [-4, 4].

        Returns:
            shape (B, 80), in standard deviations of the face model; theta_id (B, 512); and a linear
            projection of theta_id, (B, 2) = logit of male, age in centuries.
        """
        tokens = torch.cat([self.token.expand(mel.shape[0], -1, -1), self.ear(mel)], dim=1)
        hidden = self.transformer(tokens)
        identity = self.to_identity(hidden[:, 1:].mean(dim=1))
        return self.to_shape(hidden[:, 0]), identity, self.to_traits(identity)
