"""CLIP's text encoder, used by Stable Diffusion, as the network ``text``."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch
from torch import Tensor, nn
from transformers import CLIPTextConfig
from transformers.models.clip.modeling_clip import CLIPEncoder

if TYPE_CHECKING:
    from imagineid.spec import Size

VOCABULARY = 49_408
"""Size of CLIP's vocabulary, start and end marks included."""


class ClipTextEncoder(nn.Module):
    """Token embeddings {Y_1 ... Y_M, pseudo-words} to the conditioning Y of the UNet (eq. 8).

    The layers are those of transformers; the embedding is separate, so that pseudo-words, which are
    in no vocabulary, can be joined to the prompt. They are inserted between its last word and the
    end mark, like the words of a longer prompt. CLIP's attention is causal: the pseudo-words see
    the prompt, and the marks after them see both.

    Args:
        size: of the encoder.
        words: tokens of the vocabulary, the last of them the end mark; 0 for CLIP's own.

    Source:
        Radford et al. 2021, https://arxiv.org/abs/2103.00020; pseudo-words: Gal et al. 2022,
        https://arxiv.org/abs/2208.01618
    """

    def __init__(self, size: Size, words: int = 0) -> None:
        super().__init__()
        words = words or VOCABULARY
        self.end, self.pseudo_words = words - 1, size.pseudo_words
        config = CLIPTextConfig(
            vocab_size=words,
            hidden_size=size.text_dim,
            intermediate_size=4 * size.text_dim,
            num_hidden_layers=size.text_layers,
            num_attention_heads=size.text_heads,
            max_position_embeddings=size.text_tokens + size.pseudo_words,
            attn_implementation="sdpa",
        )
        self.embedding = nn.Embedding(words, size.text_dim)
        self.position = nn.Embedding(config.max_position_embeddings, size.text_dim)
        self.encoder = CLIPEncoder(config)
        self.norm = nn.LayerNorm(size.text_dim)
        for embedding in (self.embedding, self.position):
            nn.init.normal_(embedding.weight, std=0.02)

    def forward(self, tokens: Tensor, pseudo: Tensor) -> Tensor:
        """Encode a prompt.

        Args:
            tokens: (B, M) byte pairs: start mark, prompt, end mark, padding.
            pseudo: (B, N, D) pseudo-word embeddings.

        Returns:
            Y, (B, M + N, D).
        """
        x = self.joined(tokens, pseudo) + self.position.weight
        out: Tensor = self.norm(self.encoder(inputs_embeds=x, is_causal=True).last_hidden_state)
        return out

    def joined(self, tokens: Tensor, pseudo: Tensor) -> Tensor:
        """Return embeddings (B, M + N, D) with the pseudo-words before each row's end mark."""
        count = self.pseudo_words
        end = (tokens == self.end).int().argmax(dim=1, keepdim=True)  # the first of them
        place = torch.arange(tokens.shape[1] + count, device=tokens.device)[None]
        own = torch.where(place < end, place, (place - count).clamp(min=0))
        words = self.embedding(tokens.gather(1, own))
        voice = (place - end).clamp(0, count - 1)[..., None].expand(-1, -1, pseudo.shape[-1])
        is_voice = (place >= end) & (place < end + count)
        return torch.where(is_voice[..., None], pseudo.gather(1, voice), words)
