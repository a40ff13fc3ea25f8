"""CLIP's text encoder, which Stable Diffusion was trained with, behind the ``text`` port."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch
from torch import Tensor, nn
from transformers import CLIPTextConfig
from transformers.models.clip.modeling_clip import CLIPEncoder

if TYPE_CHECKING:
    from imagineid.spec import Size

VOCABULARY = 49_408
"""Byte pairs CLIP knows, its start and end marks included."""


class ClipTextEncoder(nn.Module):
    """Token embeddings {Y_1 ... Y_M, pseudo-words} to the conditioning Y of the UNet (eq. 8).

    transformers' own layers; only the embedding is taken apart, so that pseudo-words, which no
    vocabulary holds, can join behind the prompt's. CLIP looks back only: the pseudo-words see the
    prompt, and the UNet sees both.

    Source:
        Radford et al. 2021, https://arxiv.org/abs/2103.00020
    """

    def __init__(self, size: Size) -> None:
        super().__init__()
        config = CLIPTextConfig(
            vocab_size=VOCABULARY,
            hidden_size=size.text_dim,
            intermediate_size=4 * size.text_dim,
            num_hidden_layers=size.text_layers,
            num_attention_heads=size.text_heads,
            max_position_embeddings=size.text_tokens + size.pseudo_words,
            attn_implementation="sdpa",
        )
        self.embedding = nn.Embedding(VOCABULARY, size.text_dim)
        self.position = nn.Embedding(config.max_position_embeddings, size.text_dim)
        self.encoder = CLIPEncoder(config)
        self.norm = nn.LayerNorm(size.text_dim)
        for embedding in (self.embedding, self.position):
            nn.init.normal_(embedding.weight, std=0.02)

    def forward(self, tokens: Tensor, pseudo: Tensor) -> Tensor:
        """Encode a prompt.

        Args:
            tokens: (B, M) byte pairs.
            pseudo: (B, N, D) pseudo-word embeddings.

        Returns:
            Y, (B, M + N, D).
        """
        x = torch.cat([self.embedding(tokens), pseudo], dim=1) + self.position.weight
        out: Tensor = self.norm(self.encoder(inputs_embeds=x, is_causal=True).last_hidden_state)
        return out
