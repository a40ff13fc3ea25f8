"""The prompt: words to tokens, TIA's pseudo-words, and the text encoder (eq. 8)."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch
from torch import Tensor, nn

from imagineid.nn.blocks import TransformerBlock

if TYPE_CHECKING:
    from imagineid.spec import Size


class TextEncoder(nn.Module):
    """Token embeddings {Y_1 ... Y_M, pseudo-words} to the conditioning Y of the UNet."""

    def __init__(self, size: Size, words: int) -> None:
        super().__init__()
        self.embedding = nn.Embedding(words, size.text_dim)
        self.nearby = nn.Conv1d(size.text_dim, size.text_dim, 5, padding=2)
        nn.init.zeros_(self.nearby.weight)
        nn.init.zeros_(self.nearby.bias)
        length = size.text_tokens + size.pseudo_words
        self.position = nn.Parameter(torch.randn(1, length, size.text_dim) * 0.02)
        self.blocks = nn.Sequential(
            *(
                TransformerBlock(size.text_dim, size.text_heads, 0.0)
                for _ in range(size.text_layers)
            )
        )
        self.norm = nn.LayerNorm(size.text_dim)

    def forward(self, tokens: Tensor, pseudo: Tensor) -> Tensor:
        """Encode a prompt.

        Args:
            tokens: (B, M) word indices, 0 where there is no word.
            pseudo: (B, N, D) pseudo-word embeddings; zeros without a voice.

        Returns:
            Y, (B, M + N, D).
        """
        words = self.embedding(tokens)
        words = words + self.nearby(words.transpose(1, 2)).transpose(
            1, 2
        )  # binds colours to their nouns
        x = torch.cat([words, pseudo], dim=1) + self.position
        out: Tensor = self.norm(self.blocks(x))
        return out


class TextInversion(nn.Module):
    """TIA, F_TI: maps identity and emotion of a voice to N pseudo-word embeddings."""

    def __init__(self, size: Size) -> None:
        super().__init__()
        self.shape = (size.pseudo_words, size.text_dim)
        self.norm_identity = nn.LayerNorm(size.identity)
        self.norm_emotion = nn.LayerNorm(size.emotion)
        hidden = 2 * size.text_dim
        self.mlp = nn.Sequential(
            nn.Linear(size.identity + size.emotion, hidden),
            nn.GELU(),
            nn.Linear(hidden, hidden),
            nn.GELU(),
            nn.Linear(hidden, size.pseudo_words * size.text_dim),
        )

    def forward(self, identity: Tensor, emotion: Tensor) -> Tensor:
        """Return pseudo-words (B, N, D) from theta_id (B, 512) and theta_e (B, 512)."""
        voice = torch.cat([self.norm_identity(identity), self.norm_emotion(emotion)], dim=-1)
        out: Tensor = self.mlp(voice)
        return out.unflatten(-1, self.shape)


def text_encoder(size: Size, words: int) -> nn.Module:
    """Return a text encoder of the type ``size.text``, see :class:`TextEncoder`.

    ``words`` is the vocabulary's size, 0 for CLIP's own.
    """
    if size.text == "clip":
        from imagineid.nn.clip import ClipTextEncoder  # needs transformers, which mini does not

        return ClipTextEncoder(size, words)
    return TextEncoder(size, words)


class Prompt(nn.Module):
    """TIA and the text encoder as one network, ``text``."""

    def __init__(self, size: Size, words: int) -> None:
        super().__init__()
        self.inversion = TextInversion(size)
        self.encoder = text_encoder(size, words)

    def forward(self, tokens: Tensor, identity: Tensor, emotion: Tensor) -> Tensor:
        """Return Y (B, M + N, D) from tokens (B, M), theta_id (B, 512), theta_e (B, 512)."""
        out: Tensor = self.encoder(tokens, self.inversion(identity, emotion))
        return out
