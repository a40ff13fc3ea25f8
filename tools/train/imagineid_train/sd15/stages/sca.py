"""SCA (eq. 9): the mesh, and with p < 0.8 the first and the previous frame."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from imagineid.nn.sca import SpatialAdapter
from imagineid_train.sd15.options import CONDITIONS
from imagineid_train.sd15.stage import Batch, Context, Stage
from imagineid_train.sd15.stages.tia import Imagining, draw


class Steering(nn.Module):
    """F_SC, which sees the conditions that were chosen; the others count nothing for good."""

    def __init__(self, context: Context) -> None:
        super().__init__()
        self.adapter = SpatialAdapter(context.size)
        self.conditions = context.options.conditions
        for name in set(CONDITIONS) - set(self.conditions):
            for weight in self.adapter.projections[name].parameters():
                torch.nn.init.zeros_(weight)  # and stays so: it sees nothing

    def forward(self, base: Imagining, batch: Batch) -> tuple[Tensor, ...]:
        """Return F_sc of frames."""
        all_three = batch["all_three"].view(-1, 1, 1, 1)
        latents = {name: base.latent(batch[name]) for name in self.conditions}
        nothing = torch.zeros_like(latents["mesh"])
        conditions = [latents.get(name, nothing) for name in CONDITIONS]
        conditions[1:] = [latent * all_three for latent in conditions[1:]]
        out: tuple[Tensor, ...] = self.adapter(*conditions)
        return out


class Learner(nn.Module):
    """F_SC learns; TIA is frozen."""

    def __init__(self, context: Context) -> None:
        super().__init__()
        base = Imagining(context)
        context.trained(base.prompt.inversion, "tia", "inversion")
        self.frozen = (base,)
        self.sca = Steering(context)

    def forward(self, batch: Batch) -> dict[str, Tensor]:
        """Return the loss of frames."""
        (base,) = self.frozen
        with torch.no_grad():
            text = base.text(batch, base.prompt.inversion)
        return {"noise": base.loss(batch, text, *self.sca(base, batch))}


STAGE = Stage(
    "sca", Learner, draw, rows=1, steps=100_000, items=32, rate=1e-4,
    wanted=lambda options, data: not options.joint,
    adapters={"sca.adapter.": "sca."},
)  # fmt: skip
