"""Captions of pictures in training."""

from __future__ import annotations

import numpy as np
import pytest

torch = pytest.importorskip("torch", reason="runs where torch is: pip install -e '.[train]'")

from imagineid.spec import MINI  # noqa: E402
from imagineid_train.prompts import (  # noqa: E402
    NAMED,
    Caption,
    Naming,
    invented,
    named_in,
    shortened,
    vocabulary,
)


def _named(caption: Caption) -> dict[str, str | None]:
    found = zip(NAMED.items(), named_in(caption), strict=True)
    return {field: colours[i - 1] if i else None for (field, (colours, _)), i in found}


def test_a_colour_applies_only_to_the_noun_it_describes() -> None:
    for caption in invented(np.random.default_rng(0), 300):
        for field, colour in _named(caption).items():
            if colour is not None:
                assert colour == getattr(caption.look, field)
                assert colour in caption.text.split() or f"{colour}," in caption.text
    like = invented(np.random.default_rng(1), 1)[0].look
    hair, backdrop = like.hair_name, like.backdrop_name
    named = _named(Caption(f"a woman with long {hair} hair", like))
    assert named == dict.fromkeys(NAMED) | {"hair_name": hair}
    named = _named(Caption(f"a woman, on a plain {backdrop} background", like))
    assert named == dict.fromkeys(NAMED) | {"backdrop_name": backdrop}


def test_every_invented_caption_is_made_of_words_the_model_knows() -> None:
    words = vocabulary()
    for caption in invented(np.random.default_rng(2), 300):
        assert words.unknown(caption.text) == []


def test_a_shortened_caption_keeps_some_phrases_in_their_order() -> None:
    rng, whole = np.random.default_rng(3), "a man with red hair, glasses, blue eyes, happy"
    lengths = set()
    for _ in range(100):
        phrases = shortened(whole, rng).split(", ")
        order = [whole.split(", ").index(phrase) for phrase in phrases]
        assert order == sorted(order)
        lengths.add(len(phrases))
    assert lengths == {1, 2, 3, 4}


def test_naming_is_learnt_from_text_that_distinguishes_colours() -> None:
    torch.manual_seed(0)
    naming = Naming(MINI)
    encoded = torch.randn(4, 6, MINI.text_dim)
    named = torch.tensor([[1, 0, 2, 0, 1], [2, 1, 0, 0, 3], [0, 3, 1, 2, 0], [3, 0, 0, 1, 2]])
    optimiser = torch.optim.Adam(naming.parameters(), 0.03)
    before = naming(encoded, named).item()
    for _ in range(60):
        optimiser.zero_grad()
        loss = naming(encoded, named)
        loss.backward()
        optimiser.step()
    assert loss.item() < before / 10
    assert naming.right(encoded, named) == 1.0
