"""TIA (eq. 8): pseudo-words of a voice; everything else is frozen."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, cast

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from imagineid.ccf.schedule import schedule_of
from imagineid.nn.emotion import EmotionEncoder
from imagineid.nn.identity import IdentityEncoder
from imagineid_train.sd15.stage import Batch, Context, Row, Stage

if TYPE_CHECKING:
    from imagineid.nn.text import Prompt
    from imagineid.nn.unet import BaseUNet

UNPROMPTED = 0.1
"""Share of samples without a prompt, so that guidance knows what no prompt looks like."""


class Imagining:
    """The frozen base, which predicts noise from a prompt and a voice."""

    def __init__(self, context: Context) -> None:
        self.size, self.schedule = context.size, schedule_of(context.size.schedule)
        self.unet = cast("BaseUNet", context.network("unet"))
        if context.checkpointing:
            cast(Any, self.unet.model).enable_gradient_checkpointing()
        self.prompt = cast("Prompt", context.network("text"))
        self.encoder = context.network("encoder")
        self.dtype = context.dtype
        self.voice = (
            context.trained(IdentityEncoder(self.size), "identity", "identity"),
            context.trained(EmotionEncoder(self.size), "emotion", "emotion"),
        )

    def text(self, batch: Batch, inversion: nn.Module) -> Tensor:
        """Return Y (B, M + N, D) of prompts and voices."""
        identity, emotion = self.voice
        with torch.no_grad():
            theta_id, theta_e = identity(batch["mel"])[1], emotion(batch["mel"])[0]
        pseudo = inversion(theta_id.float(), theta_e.float())
        out: Tensor = self.prompt.encoder(batch["tokens"], pseudo)
        return out

    @torch.no_grad()
    def latent(self, image: Tensor) -> Tensor:
        """Return E of pictures (B, 3, H, W)."""
        out: Tensor = self.encoder(image)[0].float()
        return out

    def loss(self, batch: Batch, text: Tensor, *residuals: Tensor) -> Tensor:
        """Return the squared error of what is predicted at each sample's time (eq. 8, 9)."""
        clean, time = self.latent(batch["frame"]), batch["time"]
        at = time.view(-1, 1, 1, 1)
        noisy = self.schedule.mix(clean, batch["noise"], at)
        conditions = [each.to(self.dtype) for each in (text, *residuals)]
        prediction = self.unet(noisy.to(self.dtype), time, *conditions)
        return F.mse_loss(prediction.float(), self.schedule.target(clean, batch["noise"], at))


class Learner(nn.Module):
    """F_TI learns."""

    def __init__(self, context: Context) -> None:
        super().__init__()
        base = Imagining(context)
        self.frozen = (base,)  # a tuple: not part of what is trained
        self.inversion = base.prompt.inversion.requires_grad_(requires_grad=True)

    def forward(self, batch: Batch) -> dict[str, Tensor]:
        """Return the loss of frames."""
        (base,) = self.frozen
        return {"noise": base.loss(batch, base.text(batch, self.inversion))}


def draw(context: Context, rng: np.random.Generator) -> list[Row]:
    """Draw a frame, its voice, a prompt, noise and a time."""
    size, options = context.size, context.options
    row = context.data.frame(rng)
    phrases = [options.prompt] + [str(row.pop("caption"))] * options.captions
    prompt = "" if rng.random() < UNPROMPTED else ", ".join(phrases)
    shape = (size.latent_channels, size.latent_px, size.latent_px)
    steps = size.schedule.train_steps
    return [
        {
            **row,
            "tokens": context.tokens([prompt])[0].numpy(),
            "noise": rng.standard_normal(shape, dtype=np.float32),
            "time": np.float32(rng.integers(steps) / steps),
            "all_three": np.float32(rng.random() < options.all_three),
        }
    ]


STAGE = Stage(
    "tia", Learner, draw, rows=1, steps=50_000, items=32, rate=1e-4,
    wanted=lambda options, data: not options.joint,
    adapters={"inversion.": "text.inversion."},
)  # fmt: skip
