"""PAD's networks (eq. 1-7): identity, content and emotion taken apart from one voice.

All four hear the same mel windows A (B, L, 1280). The order and the stages are the paper's:
identity first; content with identity frozen; emotion with both frozen.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch
from torch import Tensor, nn

from imagineid.spec import EMOTIONS, FPS, HOP_SAMPLES, MEL_FRAMES, MELS, SAMPLE_RATE

if TYPE_CHECKING:
    from imagineid.spec import Size

MELS_A_SECOND = SAMPLE_RATE // HOP_SAMPLES


def _mlp(*widths: int) -> nn.Sequential:
    layers: list[nn.Module] = []
    for i, (a, b) in enumerate(zip(widths, widths[1:], strict=False)):
        if i:
            layers.append(nn.GELU())
        layers.append(nn.Linear(a, b))
    return nn.Sequential(*layers)


class Block(nn.Module):
    """One pre-norm Transformer layer: self-attention over time, then an MLP."""

    def __init__(self, dim: int, heads: int, dropout: float = 0.1) -> None:
        super().__init__()
        self.heads = heads
        self.norm_attention = nn.LayerNorm(dim)
        self.qkv = nn.Linear(dim, 3 * dim)
        self.out = nn.Linear(dim, dim)
        self.norm_mlp = nn.LayerNorm(dim)
        self.mlp = _mlp(dim, 4 * dim, dim)
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
            *(Block(size.pad_dim, size.pad_heads) for _ in range(size.pad_layers))
        )
        self.norm = nn.LayerNorm(size.pad_dim)

    def forward(self, x: Tensor) -> Tensor:
        """Return tokens like ``x``, (B, length, D)."""
        out: Tensor = self.norm(self.blocks(x + self.position))
        return out


class Ear(nn.Module):
    """Mel windows A, (B, L, 1280) in [-4, 4], become a token a frame, (B, L, D).

    The paper has MLPs here. Neighbouring windows overlap by four fifths, so what they hold together
    is laid out as one spectrogram again, and convolutions hear it: a formant is the same shape
    wherever a speaker's lies.
    """

    _LOOKS = (1, 5, 9, 13)
    """Mel frames of its own window that a video frame's token is made of."""

    def __init__(self, size: Size) -> None:
        super().__init__()
        starts = [MELS_A_SECOND * i // FPS for i in range(size.window)]
        # Mel frame t is to be had from the last window that begins at or before it.
        last = [max(i for i, s in enumerate(starts) if s <= t) for t in range(starts[-1] + 1)]
        last += [size.window - 1] * (MEL_FRAMES - 1)
        at = torch.tensor([i * MEL_FRAMES + t - starts[i] for t, i in enumerate(last)])
        self.register_buffer("at", at, persistent=False)
        looks = torch.tensor([[(s + k) // 2 for k in self._LOOKS] for s in starts])
        self.register_buffer("looks", looks.flatten(), persistent=False)
        widths = (1, *size.ear)
        self.convs = nn.ModuleList(
            nn.Conv2d(a, b, 3 if i else 5, stride=(2, 1 if i else 2), padding=1 if i else 2)
            for i, (a, b) in enumerate(zip(widths, widths[1:], strict=False))
        )
        self.norms = nn.ModuleList(nn.GroupNorm(1, width) for width in size.ear)
        bands = MELS >> len(size.ear)
        self.moment = nn.Linear(size.ear[-1] * bands, size.pad_dim)
        self.out = _mlp(len(self._LOOKS) * size.pad_dim, size.pad_dim, size.pad_dim)

    def forward(self, mel: Tensor) -> Tensor:
        """Return tokens (B, L, D)."""
        b, length, _ = mel.shape
        windows = mel.reshape(b, length, MELS, MEL_FRAMES).transpose(1, 2)
        x = windows.reshape(b, 1, MELS, length * MEL_FRAMES).index_select(3, self.at) * 0.5
        for conv, norm in zip(self.convs, self.norms, strict=True):
            x = nn.functional.silu(norm(conv(x)))
        moments = self.moment(x.flatten(1, 2).transpose(1, 2))  # (B, T / 2, D)
        seen = moments.index_select(1, self.looks).reshape(b, length, -1)
        out: Tensor = self.out(nn.functional.silu(seen))
        return out


class IdentityEncoder(nn.Module):
    """Phi_E^id: who is speaking (eq. 1, 2)."""

    def __init__(self, size: Size) -> None:
        super().__init__()
        self.ear = Ear(size)
        self.token = nn.Parameter(torch.randn(1, 1, size.pad_dim) * 0.02)
        self.transformer = Transformer(size, size.window + 1)
        self.to_shape = _mlp(size.pad_dim, size.pad_dim, size.shape)
        self.to_identity = nn.Linear(size.pad_dim, size.identity)
        self.to_traits = nn.Linear(size.identity, 2)

    def forward(self, mel: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Hear identity.

        Args:
            mel: A, (B, L, 1280) in [-4, 4].

        Returns:
            shape (B, 80), in standard deviations of the face model; theta_id (B, 512); and what a
            linear reading of theta_id says: (B, 2) = logit of male, age in centuries.
        """
        tokens = torch.cat([self.token.expand(mel.shape[0], -1, -1), self.ear(mel)], dim=1)
        heard = self.transformer(tokens)
        identity = self.to_identity(heard[:, 1:].mean(dim=1))
        return self.to_shape(heard[:, 0]), identity, self.to_traits(identity)


class ContentEncoder(nn.Module):
    """Phi_E^c: what is said (eq. 4)."""

    def __init__(self, size: Size) -> None:
        super().__init__()
        self.ear = Ear(size)
        self.transformer = Transformer(size, size.window)
        self.out = nn.Linear(size.pad_dim, size.linguistic)

    def forward(self, mel: Tensor) -> Tensor:
        """Hear content: A (B, L, 1280) to linguistic features l-bar (B, L, 64)."""
        out: Tensor = self.out(self.transformer(self.ear(mel)))
        return out


class ContentDecoder(nn.Module):
    """Phi_D^c: mouth-only expression from content and shape (eq. 5); used in training."""

    def __init__(self, size: Size) -> None:
        super().__init__()
        self.from_linguistic = nn.Linear(size.linguistic, size.pad_dim)
        self.from_shape = _mlp(size.shape, size.pad_dim, size.pad_dim)
        self.transformer = Transformer(size, size.window)
        self.out = _mlp(size.pad_dim, size.pad_dim, size.expression)

    def forward(self, linguistic: Tensor, shape: Tensor) -> Tensor:
        """Return l (B, L, 52), about [0, 1], from l-bar (B, L, 64) and alpha (B, 80)."""
        x = self.from_linguistic(linguistic) + self.from_shape(shape)[:, None]
        out: Tensor = self.out(self.transformer(x))
        return out


class EmotionEncoder(nn.Module):
    """Phi_E^e: how it feels (eq. 6)."""

    def __init__(self, size: Size) -> None:
        super().__init__()
        self.ear = Ear(size)
        self.transformer = Transformer(size, size.window)
        self.to_emotion = nn.Linear(size.pad_dim, size.emotion)
        self.to_emotions = nn.Linear(size.emotion, len(EMOTIONS))

    def forward(self, mel: Tensor) -> tuple[Tensor, Tensor]:
        """Hear emotion: A (B, L, 1280) to theta_e (B, 512) and logits of the eight (B, 8)."""
        emotion = self.to_emotion(self.transformer(self.ear(mel)).mean(dim=1))
        return emotion, self.to_emotions(emotion)


class ExpressionDecoder(nn.Module):
    """Phi_D^e: the whole expression from content, shape and emotion (eq. 7)."""

    def __init__(self, size: Size) -> None:
        super().__init__()
        self.from_linguistic = nn.Linear(size.linguistic, size.pad_dim)
        self.from_shape = _mlp(size.shape, size.pad_dim, size.pad_dim)
        self.from_emotion = nn.Linear(size.emotion, size.pad_dim)
        self.transformer = Transformer(size, size.window)
        self.out = _mlp(size.pad_dim, size.pad_dim, size.expression)

    def forward(self, linguistic: Tensor, shape: Tensor, emotion: Tensor) -> Tensor:
        """Return beta (B, L, 52), about [0, 1].

        Args:
            linguistic: l-bar, (B, L, 64).
            shape: alpha, (B, 80).
            emotion: theta_e, (B, 512).
        """
        whole = self.from_shape(shape) + self.from_emotion(emotion)  # (B, D)
        out: Tensor = self.out(self.transformer(self.from_linguistic(linguistic) + whole[:, None]))
        return out
