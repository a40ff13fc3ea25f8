"""The lip-reading expert, which reads phones from fitted mouth motion."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from imagineid_train.content import Reader
from imagineid_train.sd15.stage import Batch, Context, Stage
from imagineid_train.sd15.stages.identity import draw

NOISE = 0.03
"""Deviation of the noise on true curves, so that it stays calm off them."""


class Learner(nn.Module):
    """The reader learns."""

    def __init__(self, context: Context) -> None:  # noqa: ARG002
        super().__init__()
        self.reader = Reader()

    def forward(self, batch: Batch) -> dict[str, Tensor]:
        """Return the loss of windows."""
        curves = batch["beta"] + NOISE * torch.randn_like(batch["beta"])
        return {"read": F.cross_entropy(self.reader(curves).float(), batch["phone"])}


STAGE = Stage(
    "reader", Learner, draw, rows=2, steps=10_000, items=32, rate=1e-3,
    wanted=lambda options, data: data.phones,
)  # fmt: skip
