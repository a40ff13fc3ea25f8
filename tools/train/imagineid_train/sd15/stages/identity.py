"""PAD 1: identity (eq. 1-3). The shape that was fitted, and contrast of speakers."""

from __future__ import annotations

import numpy as np
from torch import Tensor, nn

from imagineid.nn.identity import IdentityEncoder
from imagineid_train.identity import contrast
from imagineid_train.sd15.stage import Batch, Context, Row, Stage

CONTRAST = 0.1
"""Weight of the contrast, here and of emotions."""


class Learner(nn.Module):
    """Phi_E^id learns."""

    def __init__(self, context: Context) -> None:
        super().__init__()
        self.identity = IdentityEncoder(context.size)

    def forward(self, batch: Batch) -> dict[str, Tensor]:
        """Return the losses of pairs of windows."""
        shape, identity, _ = self.identity(batch["mel"])
        return {
            "shape": (shape.float() - batch["alpha"]).pow(2).mean(),
            "contrast": CONTRAST * contrast(identity, batch["speaker"]),
        }


def draw(context: Context, rng: np.random.Generator) -> list[Row]:
    """Draw two windows of a speaker."""
    return context.data.pair(rng, context.data.by_speaker)


STAGE = Stage(
    "identity", Learner, draw, rows=2, steps=50_000, items=32, rate=3e-4,
    adapters={"identity.": "identity."},
)  # fmt: skip
