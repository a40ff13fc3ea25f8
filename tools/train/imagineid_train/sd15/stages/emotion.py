"""PAD 3: emotion (eq. 6, 7), with identity and content frozen: the whole expression."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from imagineid.nn.content import ContentEncoder
from imagineid.nn.emotion import EmotionEncoder
from imagineid.nn.expression import ExpressionDecoder
from imagineid.nn.identity import IdentityEncoder
from imagineid_train.content import Motion
from imagineid_train.identity import contrast
from imagineid_train.sd15.stage import Batch, Context, Row, Stage
from imagineid_train.sd15.stages.identity import CONTRAST

NAMED = 0.5
"""Weight of naming the emotion."""


class Learner(nn.Module):
    """Phi_E^e and Phi_D^e learn; clips whose emotion is not known are only reconstructed."""

    def __init__(self, context: Context) -> None:
        super().__init__()
        size = context.size
        self.emotion, self.expression = EmotionEncoder(size), ExpressionDecoder(size)
        self.frozen = (
            context.trained(IdentityEncoder(size), "identity", "identity"),
            context.trained(ContentEncoder(size), "content", "content"),
        )
        self.motion, self.labelled = Motion(), bool(context.data.by_emotion)

    def forward(self, batch: Batch) -> dict[str, Tensor]:
        """Return the losses of pairs of windows."""
        identity, content = self.frozen
        with torch.no_grad():
            shape, linguistic = identity(batch["mel"])[0].float(), content(batch["mel"]).float()
        emotion, logits = self.emotion(batch["mel"])
        terms = self.motion(self.expression(linguistic, shape, emotion).float(), batch["beta"])
        if self.labelled:
            terms["contrast"] = CONTRAST * contrast(emotion, batch["emotion"])
            terms["named"] = NAMED * F.cross_entropy(logits.float(), batch["emotion"])
        return terms


def draw(context: Context, rng: np.random.Generator) -> list[Row]:
    """Draw two windows of an emotion, or of a speaker where none is known."""
    return context.data.pair(rng, context.data.by_emotion or context.data.by_speaker)


STAGE = Stage(
    "emotion", Learner, draw, rows=2, steps=50_000, items=32, rate=3e-4,
    adapters={"emotion.": "emotion.", "expression.": "expression."},
)  # fmt: skip
