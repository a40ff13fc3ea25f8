"""The matte, where MODNet is not used: it learns from the data's own mattes."""

from __future__ import annotations

import numpy as np
from torch import Tensor, nn
from torch.nn import functional as F

from imagineid.nn.matte import Matte
from imagineid_train.sd15.stage import Batch, Context, Row, Stage


class Learner(nn.Module):
    """The matte learns."""

    def __init__(self, context: Context) -> None:
        super().__init__()
        self.matte = Matte(context.size)

    def forward(self, batch: Batch) -> dict[str, Tensor]:
        """Return the loss of frames."""
        logits = self.matte.logits(batch["frame"]).float()
        return {"matte": F.binary_cross_entropy_with_logits(logits, batch["matte"])}


def draw(context: Context, rng: np.random.Generator) -> list[Row]:
    """Draw a frame and its matte."""
    return [context.data.layers(rng)]


STAGE = Stage(
    "matte", Learner, draw, rows=1, steps=10_000, items=16, rate=1e-3,
    wanted=lambda options, data: options.matting == "own",
    adapters={"matte.": "matte."},
)  # fmt: skip
