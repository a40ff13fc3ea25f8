"""The matte network, on frames and on their reconstructions."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F

from imagineid.nn.matte import Matte
from imagineid.spec import Size
from imagineid_train.data import to_image
from imagineid_train.loop import Budget, channels_last, device, drawn_ahead, per_step
from imagineid_train.moves import Moves
from imagineid_train.stage import Learning, Stage

BATCH, ON_GPU = 4, 16
"""Pictures of a batch, on a CPU and on a GPU."""


def build(size: Size) -> Learning:
    """Train the matte alone; half of its inputs are softened, as the model's frames are."""
    matte = Matte(size).to(device())
    channels_last((matte,))
    people, held = Moves.open("train", size), Moves.open("val", size)
    rng, side = np.random.default_rng(4), size.feature_px

    def pair(moves: Moves, who: np.ndarray, draw: np.random.Generator) -> tuple[Tensor, Tensor]:
        pictures, masks = [], []
        for person in who.tolist():
            frame = int(draw.integers(moves.frames(person)))
            pictures.append(moves.picture(person, frame))
            masks.append(moves.matte(person, frame))
        mask = torch.from_numpy(np.stack(masks)).float()[:, None] / 255
        mask = F.interpolate(mask, size=(side, side), mode="area")
        return to_image(np.stack(pictures)), mask

    batch = per_step(BATCH, ON_GPU)
    batches = drawn_ahead(
        lambda own: pair(people, own.integers(len(people), size=batch), own), 4, workers=3
    )

    def loss() -> dict[str, Tensor]:
        image, mask = (x.to(device()) for x in next(batches))
        if rng.random() < 0.5:
            small = F.interpolate(image, scale_factor=1 / 4, mode="area")
            image = F.interpolate(small, size=image.shape[-2:], mode="bilinear")
            image = image + rng.uniform(0, 0.05) * torch.randn_like(image)
        if rng.random() < 0.5:
            image, mask = image.flip(-1), mask.flip(-1)
        logits = matte.logits(image).float()
        return {"cross_entropy": F.binary_cross_entropy_with_logits(logits, mask)}

    @torch.no_grad()
    def check() -> dict[str, float]:
        held_pairs = pair(held, np.arange(min(16, len(held))), np.random.default_rng(0))
        image, mask = (x.to(device()) for x in held_pairs)
        found, true = matte(image) > 0.5, mask > 0.5
        return {"iou": float((found & true).sum() / (found | true).sum())}

    return Learning({"matte": matte}, loss, check, Budget(0, rate=1e-3), 200)


STAGE = Stage("matte", 15.0, build)
