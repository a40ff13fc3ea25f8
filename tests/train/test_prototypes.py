"""An emotion is carried further onto the face, and back."""

from __future__ import annotations

import numpy as np
import torch

from imagineid.nn.expression import ExpressionDecoder
from imagineid.spec import MINI
from imagineid_train.prototypes import carried


def expression_of(decoder: ExpressionDecoder, emotion: np.ndarray) -> np.ndarray:
    linguistic = torch.linspace(-1, 1, MINI.window * MINI.linguistic).view(1, MINI.window, -1)
    with torch.no_grad():
        out = decoder(linguistic, torch.zeros(1, MINI.shape), torch.from_numpy(emotion)[None])
    return np.asarray(out[0])


def test_an_emotion_carried_further_is_that_emotion_further_from_neutral() -> None:
    torch.manual_seed(0)
    decoder = ExpressionDecoder(MINI).eval()
    neutral, acted = np.random.default_rng(0).standard_normal((2, MINI.emotion)).astype(np.float32)
    before, further = (
        expression_of(decoder, acted),
        expression_of(decoder, neutral + 1.5 * (acted - neutral)),
    )
    at_rest = expression_of(decoder, neutral)
    carried(decoder, neutral, 1.5)
    np.testing.assert_allclose(expression_of(decoder, acted), further, atol=1e-5)
    np.testing.assert_allclose(expression_of(decoder, neutral), at_rest, atol=1e-5)
    assert np.abs(further - before).max() > 1e-2
    carried(decoder, neutral, 1 / 1.5)
    np.testing.assert_allclose(expression_of(decoder, acted), before, atol=1e-5)
