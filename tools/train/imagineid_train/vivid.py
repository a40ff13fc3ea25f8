"""Emotions by name at full strength: theta_e whose face shows the emotion clearly.

The mean theta_e of voices that act an emotion makes the mean of their faces, which is half of one.
Each is moved until the frozen expression decoder makes what calm speech looks like with the face of
that emotion (:func:`imagineid_world.emotions.face`) on top.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import torch
from torch import Tensor

from imagineid.nn.content import ContentEncoder
from imagineid.nn.expression import ExpressionDecoder
from imagineid.nn.identity import IdentityEncoder
from imagineid.spec import ARKIT, EMOTIONS, MOUTH, Size
from imagineid_train.loop import device
from imagineid_train.voices import Voices, Windows
from imagineid_world import emotions

STEPS, RATE = 60, 0.05
"""Steps of Adam, and its rate over the spread of the eight means."""

WINDOWS, BATCH = 64, 8
"""Windows of calm speech that are shown, and how many at a time."""

MOUTH_SHARE = 0.7
"""How much of an emotion's mouth is asked for: lips have to speak as well."""

OPENS = ("jawOpen", "mouthFunnel", "mouthLowerDownLeft", "mouthLowerDownRight", "mouthUpperUpLeft",
         "mouthUpperUpRight")  # fmt: skip
"""Units that part the lips: speech alone decides about them."""

HELD = 0.3
"""Weight of staying near the mean, which is what other networks know of the emotion."""


def added(name: str) -> np.ndarray:
    """Return what an emotion at full strength adds to a speaking face, (52,)."""
    face = emotions.face(name)
    face[list(MOUTH)] *= MOUTH_SHARE
    face[[ARKIT.index(unit) for unit in OPENS]] = 0
    return face


def strengthened(
    decoder: ExpressionDecoder,
    means: np.ndarray,
    linguistic: Tensor,
    shapes: Tensor,
    calm: Tensor,
    steps: int = STEPS,
) -> np.ndarray:
    """Move theta_e until the faces are vivid.

    Args:
        decoder: Phi_D^e, frozen.
        means: theta_e of each emotion, (8, 512), neutral first.
        linguistic: l-bar of calm speech, (N, L, 64).
        shapes: of its speakers, (N, 80).
        calm: its curves, (N, L, 52).
        steps: of Adam, for each emotion.

    Returns:
        (8, 512) float32; neutral as it was.
    """
    begin = torch.from_numpy(means).to(linguistic)
    spread = (begin - begin.mean(dim=0)).pow(2).mean().sqrt()
    out = [means[0]]
    for name, mean in zip(EMOTIONS[1:], begin[1:], strict=True):
        face = torch.from_numpy(added(name)).to(linguistic)
        target = calm + face * (1 - calm)
        moved = mean.clone().requires_grad_()
        optimiser = torch.optim.Adam([moved], RATE * float(spread))
        for step in range(steps):
            rows = torch.arange(step * BATCH, (step + 1) * BATCH) % len(linguistic)
            felt = moved[None].expand(len(rows), -1)
            off = decoder(linguistic[rows], shapes[rows], felt).float() - target[rows]
            stray = ((moved - mean) / spread).pow(2).mean()
            loss = off.pow(2).sum(dim=-1).mean() + HELD * stray
            optimiser.zero_grad()
            loss.backward()
            optimiser.step()
        out.append(moved.detach().cpu().numpy())
        with torch.no_grad():
            first, last = (
                decoder(linguistic, shapes, each[None].expand(len(linguistic), -1)).mean(dim=(0, 1))
                for each in (mean, moved)
            )
        print(f"{name}: {_strength(first, calm, face):.2f} of its face, now "
              f"{_strength(last, calm, face):.2f}")  # fmt: skip
    return np.stack(out).astype(np.float32)


def _strength(predicted: Tensor, calm: Tensor, face: Tensor) -> float:
    """How much of an emotion's face is in a mean expression (52,)."""
    return float((predicted - calm.mean(dim=(0, 1))) @ face / (face @ face))


@torch.no_grad()
def calm_speech(
    size: Size, identity: IdentityEncoder, content: ContentEncoder
) -> tuple[Tensor, Tensor, Tensor]:
    """Return l-bar (N, L, 64), shapes (N, 80) and curves (N, L, 52) of calm training voices."""
    draw = Windows(Voices.open("train"), size.window, 21, augment=False, knowing="content")
    calm = draw.long[draw.voices.emotion[draw.long] == 0]
    chosen = np.random.default_rng(22).choice(calm, WINDOWS)

    def parts() -> Iterator[tuple[Tensor, Tensor, Tensor]]:
        for start in range(0, WINDOWS, BATCH):
            batch = draw.batch(list(chosen[start : start + BATCH])).to(device())
            yield content(batch.mel), identity(batch.mel)[0], batch.content

    linguistic, shapes, curves = (torch.cat(side) for side in zip(*parts(), strict=True))
    return linguistic, shapes, curves
