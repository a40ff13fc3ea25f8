"""PAD 2: content (eq. 4, 5), with identity frozen: the mouth, and what can be read from it."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from imagineid.nn.content import ContentDecoder, ContentEncoder
from imagineid.nn.identity import IdentityEncoder
from imagineid.spec import ARKIT, MOUTH
from imagineid_train.content import Motion, Reader
from imagineid_train.sd15.stage import Batch, Context, Stage
from imagineid_train.sd15.stages import reader
from imagineid_train.sd15.stages.identity import draw

READ = 0.05
"""Weight of the reading loss."""


class Learner(nn.Module):
    """Phi_E^c and Phi_D^c learn; without phones in the data, by regularisation alone."""

    def __init__(self, context: Context) -> None:
        super().__init__()
        size = context.size
        self.content, self.mouth = ContentEncoder(size), ContentDecoder(size)
        identity = context.trained(IdentityEncoder(size), "identity", "identity")
        expert = None
        if reader.STAGE.wanted(context.options, context.data):
            expert = context.trained(Reader(), "reader", "reader")
        self.frozen = (identity, expert)  # a tuple: not part of what is trained
        self.motion = Motion()
        self.of_mouth = torch.zeros(len(ARKIT), device=context.device)
        self.of_mouth[list(MOUTH)] = 1

    def forward(self, batch: Batch) -> dict[str, Tensor]:
        """Return the losses of windows."""
        identity, expert = self.frozen
        assert identity is not None
        with torch.no_grad():
            shape = identity(batch["mel"])[0].float()
        predicted = self.mouth(self.content(batch["mel"]), shape).float()
        terms = self.motion(predicted, batch["beta"] * self.of_mouth)
        if expert is not None:
            terms["read"] = READ * F.cross_entropy(expert(predicted).float(), batch["phone"])
        return terms


STAGE = Stage(
    "content", Learner, draw, rows=2, steps=50_000, items=32, rate=3e-4,
    adapters={"content.": "content."},
)  # fmt: skip
