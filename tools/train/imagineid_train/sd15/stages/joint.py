"""TIA, SCA and MBA together: the ablation of training them in sequence."""

from __future__ import annotations

import numpy as np
from torch import Tensor, nn

from imagineid_train.sd15.stage import Batch, Context, Row, Stage
from imagineid_train.sd15.stages import mba, sca, tia


class Learner(nn.Module):
    """All three adapters learn."""

    def __init__(self, context: Context) -> None:
        super().__init__()
        base = tia.Imagining(context)
        self.frozen = (base,)
        self.inversion = base.prompt.inversion.requires_grad_(requires_grad=True)
        self.sca, self.mba = sca.Steering(context), mba.Blending(context)

    def forward(self, batch: Batch) -> dict[str, Tensor]:
        """Return the losses of both parts of a batch."""
        (base,) = self.frozen
        layers = {name[6:]: each for name, each in batch.items() if name.startswith("layer_")}
        text = base.text(batch, self.inversion)
        return {"noise": base.loss(batch, text, *self.sca(base, batch)), **self.mba(layers)}


def draw(context: Context, rng: np.random.Generator) -> list[Row]:
    """Draw what the stages draw that it stands for."""
    (row,), (layers,) = tia.draw(context, rng), mba.draw(context, rng)
    return [row | {f"layer_{name}": each for name, each in layers.items()}]


STAGE = Stage(
    "joint", Learner, draw, rows=1, steps=100_000, items=32, rate=1e-4,
    wanted=lambda options, data: options.joint,
    adapters={
        "inversion.": "text.inversion.",
        "sca.adapter.": "sca.",
        "mba.blend.": "decoder.blend.",
    },
)  # fmt: skip
