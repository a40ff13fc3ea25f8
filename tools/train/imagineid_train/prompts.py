"""Captions of a picture in training, generated anew each time, and the colours they name."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from imagineid.ccf.vocabulary import Vocabulary
from imagineid.spec import EMOTIONS, Size
from imagineid_world.captions import SYNONYMS, VOCABULARY, caption
from imagineid_world.look import COLOURS, HAIR_COLOURS, IRISES, SKINS, Look, draw_look
from imagineid_world.people import draw_traits

SHORT = 0.3
"""Share of captions of which only a few phrases are kept, as people type them: "red hair"."""

GARMENTS = ("t-shirt", "sweater", "shirt", "hoodie", "turtleneck", "blouse", "suit")

NAMED: dict[str, tuple[tuple[str, ...], tuple[str, ...]]] = {
    "hair_name": (tuple(HAIR_COLOURS), ("hair", "afro", "bun", "ponytail")),
    "backdrop_name": (tuple(COLOURS), ("background", "studio")),
    "clothes_name": (
        tuple(COLOURS),
        ("t-shirt", "sweater", "shirt", "hoodie", "turtleneck", "blouse", "suit"),
    ),
    "iris": (tuple(IRISES), ("eyes",)),
    "skin": (tuple(SKINS), ("skin",)),
}
"""What a colour may be of: the colours, and the words one of which stands in its phrase."""


@dataclass(frozen=True)
class Caption:
    """A prompt, and whom it is about."""

    text: str
    look: Look


def vocabulary() -> Vocabulary:
    """Return the words of the world's captions."""
    return Vocabulary(tuple(VOCABULARY), SYNONYMS)


def shortened(text: str, rng: np.random.Generator) -> str:
    """Keep all of a caption, or a few of its phrases."""
    phrases = text.split(", ")
    if rng.random() >= SHORT or len(phrases) < 2:
        return text
    chosen = rng.permutation(len(phrases))[: rng.integers(1, 4)]
    return ", ".join(phrases[i] for i in sorted(chosen))


def invented(rng: np.random.Generator, count: int) -> list[Caption]:
    """Describe people of whom there is no picture: words are cheaper than faces."""
    captions = []
    for _ in range(count):
        traits = draw_traits(rng)
        look = draw_look(traits, rng.dirichlet([0.45] * 3), rng)
        text = caption(look, traits, rng, str(rng.choice(EMOTIONS)))
        captions.append(Caption(shortened(text, rng), look))
    return captions


def dropped(tokens: Tensor, rng: np.random.Generator, all_of_it: float = 0.12) -> Tensor:
    """Leave out whole prompts, so that guidance knows what no prompt looks like."""
    gone = torch.from_numpy(rng.random(len(tokens)) < all_of_it)
    return tokens.masked_fill(gone[:, None], 0)


def named_in(described: Caption) -> list[int]:
    """Return for each of :data:`NAMED` which colour a caption gives it, counted from 1; 0: none."""
    out = []
    phrases = described.text.split(", ")
    for field, (colours, nouns) in NAMED.items():
        colour = getattr(described.look, field)
        named = any(
            colour in phrase.split() and any(noun in phrase for noun in nouns) for phrase in phrases
        )
        out.append(colours.index(colour) + 1 if named else 0)
    return out


class Naming(nn.Module):
    """Predicts the colour of each named thing from Y alone.

    A few hundred pictures do not teach a text encoder that the hair is pink and the background red,
    when it may as well be the other way round. Any number of captions do.
    """

    def __init__(self, size: Size) -> None:
        super().__init__()
        self.query = nn.Parameter(torch.randn(len(NAMED), size.text_dim) * 0.05)
        self.heads = nn.ModuleList(
            nn.Linear(size.text_dim, len(colours) + 1) for colours, _ in NAMED.values()
        )

    def _logits(self, embedding: Tensor) -> list[Tensor]:
        looks = torch.einsum("btd,fd->bft", embedding, self.query).softmax(-1)
        found = torch.einsum("bft,btd->bfd", looks, embedding)
        return [head(found[:, i]) for i, head in enumerate(self.heads)]

    def forward(self, embedding: Tensor, named: Tensor) -> Tensor:
        """Return the mean cross-entropy of Y (B, T, D) given what was named, (B, fields)."""
        pairs = zip(self._logits(embedding), named.unbind(1), strict=True)
        return torch.stack([F.cross_entropy(x.float(), true) for x, true in pairs]).mean()

    def right(self, embedding: Tensor, named: Tensor) -> float:
        """Return the share of colours named that are found."""
        pairs = zip(self._logits(embedding), named.unbind(1), strict=True)
        found = torch.cat([(x.argmax(-1) == true)[true > 0] for x, true in pairs])
        return float(found.float().mean())
