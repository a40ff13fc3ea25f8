"""Emotions by name are moved until their faces are the emotion's."""

from __future__ import annotations

import numpy as np
import torch

from imagineid.nn.expression import ExpressionDecoder
from imagineid.spec import ARKIT, EMOTIONS, MINI
from imagineid_train import vivid
from imagineid_world.emotions import face


def test_an_emotion_by_name_comes_closer_to_its_face_and_neutral_stays() -> None:
    torch.manual_seed(0)
    decoder = ExpressionDecoder(MINI).eval().requires_grad_(requires_grad=False)
    means = np.random.default_rng(0).standard_normal((8, MINI.emotion)).astype(np.float32)
    linguistic, shapes = torch.randn(4, MINI.window, MINI.linguistic), torch.randn(4, MINI.shape)
    calm = torch.zeros(4, MINI.window, len(ARKIT))
    moved = vivid.strengthened(decoder, means, linguistic, shapes, calm, steps=4)
    np.testing.assert_array_equal(moved[0], means[0])

    def off(theta: np.ndarray, name: str) -> float:
        with torch.no_grad():
            expression = decoder(linguistic, shapes, torch.from_numpy(theta)[None].expand(4, -1))
        return float((expression - torch.from_numpy(vivid.added(name))).pow(2).mean())

    for row, name in enumerate(EMOTIONS[1:], 1):
        assert off(moved[row], name) < off(means[row], name)


def test_an_emotion_by_name_leaves_the_opening_of_lips_to_speech() -> None:
    surprised = vivid.added("surprised")
    assert surprised[ARKIT.index("jawOpen")] == 0
    assert surprised[ARKIT.index("browInnerUp")] == face("surprised")[ARKIT.index("browInnerUp")]
    assert face("surprised")[ARKIT.index("jawOpen")] > 0
