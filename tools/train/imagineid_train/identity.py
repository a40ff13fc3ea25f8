"""Stage PAD 1: identity (eq. 1-3). Shape by reconstruction, theta_id by contrast of speakers."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F

from imagineid.nn.identity import IdentityEncoder
from imagineid.spec import Size
from imagineid_train.loop import Budget, train
from imagineid_train.voices import Batch, Voices, Windows

NAME = "identity"
PAIRS = 32
TEMPERATURE = 0.1


def contrast(embedding: Tensor, label: Tensor) -> Tensor:
    """InfoNCE with cosine similarity (eq. 3) where rows of one label are the positives.

    Args:
        embedding: (B, D), rows 2i and 2i + 1 a positive pair.
        label: (B,); rows of the same label are never each other's negatives.
    """
    unit = F.normalize(embedding.float(), dim=-1)
    like = unit @ unit.T / TEMPERATURE
    own = torch.arange(len(unit))
    same = label[:, None] == label[None]
    partner = own ^ 1
    negatives = like.masked_fill(same, float("-inf"))
    together = torch.cat([like[own, partner][:, None], negatives], dim=1)
    return -(together[:, 0] - together.logsumexp(dim=1)).mean()


def score(encoder: IdentityEncoder, windows: Windows) -> dict[str, float]:
    """Measure on whole utterances of unheard speakers, factors averaged over their windows."""
    voices = windows.voices
    shapes: dict[int, list[np.ndarray]] = {}
    traits: dict[int, list[np.ndarray]] = {}
    for start in range(0, len(windows.long), 64):
        chosen = windows.long[start : start + 64]
        shape, _, read = encoder(windows.batch(list(chosen)).mel)
        for row, u in enumerate(chosen):
            shapes.setdefault(int(voices.speaker[u]), []).append(shape[row].numpy())
            traits.setdefault(int(voices.speaker[u]), []).append(read[row].numpy())
    first = {int(s): i for i, s in reversed(list(enumerate(voices.speaker)))}
    who = list(shapes)
    true = voices.traits[[first[s] for s in who]]
    alpha = voices.shapes[[first[s] for s in who]]
    made = np.stack([np.mean(shapes[s], axis=0) for s in who])
    said = np.stack([np.mean(traits[s], axis=0) for s in who])
    cosine = (alpha * made).sum(1) / np.linalg.norm(alpha, axis=1) / np.linalg.norm(made, axis=1)
    return {
        "gender": float(((said[:, 0] > 0) == (true[:, 0] > 0.5)).mean()),
        "age_r": float(np.corrcoef(said[:, 1], true[:, 1])[0, 1]),
        "shape_cos": float(cosine.mean()),
        "speakers": float(len(who)),
    }


def run(size: Size, minutes: float) -> None:
    """Train Phi_E^id for ``minutes`` in all."""
    encoder = IdentityEncoder(size)
    draw = Windows(Voices.open("train"), size.window, 0)
    held = Windows(Voices.open("val"), size.window, 1, augment=False)

    def loss() -> dict[str, Tensor]:
        batch: Batch = draw(PAIRS)
        shape, identity, read = encoder(batch.mel)
        male, age = batch.traits[:, 0], batch.traits[:, 1] / 100
        return {
            "shape": (shape - batch.likely).pow(2).mean(),
            "contrast": 0.1 * contrast(identity, batch.speaker),
            "gender": 0.3 * F.binary_cross_entropy_with_logits(read[:, 0].float(), male),
            "age": (read[:, 1] - age).abs().mean(),
        }

    @torch.no_grad()
    def check() -> dict[str, float]:
        return score(encoder, held)

    train(NAME, {"identity": encoder}, loss, Budget(minutes, rate=1e-3, decay=0.05), check)
