"""Stage PAD 1: identity (eq. 1-3). Shape by reconstruction, theta_id by contrast of speakers.

Synthetic speakers have a known face and age; of most recorded ones only the sex is known. Their
shape is that of the mean face with such a voice, and their unlabelled ages are pulled towards those
of people who read aloud (:data:`READERS`): trained on synthetic voices alone, the model estimates
sixty for every adult. Where weights were laid out, theta_id of synthetic voices stays near its old
value, as other networks read it.
"""

from __future__ import annotations

from copy import deepcopy

import numpy as np
import torch
from safetensors.torch import load_file
from torch import Tensor, nn
from torch.nn import functional as F

from imagineid.nn.identity import IdentityEncoder
from imagineid.spec import Size
from imagineid_train.loop import LAID_OUT, ROOT, Budget, device, laid_out
from imagineid_train.stage import Learning, Stage
from imagineid_train.voices import Batch, Voices, Windows
from imagineid_world.recordings import FIRST_SPEAKER

NAME = "identity"
PAIRS = 32
TEMPERATURE = 0.1

READERS = (0.42, 0.14)
"""Ages of people who read aloud for others, centuries: mean and standard deviation. Assumed, as no
corpus here tells them; volunteers and actors are grown up and seldom old."""

STAY = 0.05
"""Weight of staying near the theta_id that was laid out."""

EVERY = 300
"""Steps between checks."""


def contrast(embedding: Tensor, label: Tensor) -> Tensor:
    """InfoNCE with cosine similarity (eq. 3) where rows of one label are the positives.

    Args:
        embedding: (B, D), rows 2i and 2i + 1 a positive pair.
        label: (B,); rows of the same label are never each other's negatives.
    """
    unit = F.normalize(embedding.float(), dim=-1)
    like = unit @ unit.T / TEMPERATURE
    own = torch.arange(len(unit), device=unit.device)
    same = label[:, None] == label[None]
    partner = own ^ 1
    negatives = like.masked_fill(same, float("-inf"))
    together = torch.cat([like[own, partner][:, None], negatives], dim=1)
    return -(together[:, 0] - together.logsumexp(dim=1)).mean()


def readers(ages: Tensor) -> Tensor:
    """How far ages (n,), in centuries, are from those of people who read aloud (Wasserstein)."""
    if len(ages) < 2:
        return ages.sum() * 0
    ranks = (torch.arange(len(ages), device=ages.device) + 0.5) / len(ages)
    mean, spread = READERS
    target = (mean + spread * 2**0.5 * torch.erfinv(2 * ranks - 1)).clamp(0.18, 0.85)
    return (ages.sort().values - target).abs().mean()


def anchored(stage: str, prefix: str, module: nn.Module) -> nn.Module | None:
    """Return a frozen copy of ``module`` with the weights laid out for a stage, if there are."""
    if not laid_out(stage):
        return None
    before = load_file(ROOT / stage / LAID_OUT)
    own = {k.removeprefix(prefix + "."): v for k, v in before.items() if k.startswith(prefix + ".")}
    copy = deepcopy(module)
    copy.load_state_dict(own)
    return copy.requires_grad_(requires_grad=False).eval().to(device())


def strayed(now: Tensor, before: Tensor, synthetic: Tensor) -> Tensor:
    """Drift of embeddings (B, D) of synthetic voices (B,), relative to their variance."""
    off = (now.float() - before.float()).pow(2).mean(dim=1) / before.float().var(dim=0).mean()
    return (off * synthetic).sum() / synthetic.sum().clamp(min=1)


def score(encoder: IdentityEncoder, windows: Windows) -> dict[str, float]:
    """Measure on whole utterances of unheard speakers, factors averaged over their windows."""
    voices = windows.voices
    shapes: dict[int, list[np.ndarray]] = {}
    traits: dict[int, list[np.ndarray]] = {}
    for start in range(0, len(windows.long), 64):
        chosen = windows.long[start : start + 64]
        for _ in range(2):
            shape, _, read = encoder(windows.batch(list(chosen)).mel.to(device()))
            for row, u in enumerate(chosen):
                shapes.setdefault(int(voices.speaker[u]), []).append(shape[row].cpu().numpy())
                traits.setdefault(int(voices.speaker[u]), []).append(read[row].cpu().numpy())
    first = {int(s): i for i, s in reversed(list(enumerate(voices.speaker)))}
    who = list(shapes)
    true = voices.traits[[first[s] for s in who]]
    alpha = voices.shapes[[first[s] for s in who]]
    known, real = voices.known[[first[s] for s in who]], np.array(who) >= FIRST_SPEAKER
    means = np.stack([np.mean(shapes[s], axis=0) for s in who])
    predicted = np.stack([np.mean(traits[s], axis=0) for s in who])
    cosine = (alpha * means).sum(1) / np.linalg.norm(alpha, axis=1) / np.linalg.norm(means, axis=1)
    right = (predicted[:, 0] > 0) == (true[:, 0] > 0.5)
    out = {
        "gender": float(right[~real].mean()),
        "age_r": float(np.corrcoef(predicted[~real, 1], true[~real, 1])[0, 1]),
        "shape_cos": float(cosine[~real].mean()),
    }
    if real.any():
        out["real_sex"] = float(right[real & known[:, 2]].mean())
        out["real_age"] = float(100 * predicted[real, 1].mean())
    return out


def build(size: Size) -> Learning:
    """Train Phi_E^id."""
    encoder = IdentityEncoder(size).to(device())
    before = anchored(NAME, "identity", encoder)
    draw = Windows(Voices.open("train"), size.window, 0)
    held = Windows(Voices.open("val"), size.window, 1, augment=False)

    def loss() -> dict[str, Tensor]:
        batch: Batch = draw(PAIRS)
        shape, identity, read = encoder(batch.mel)
        male, age = batch.traits[:, 0], batch.traits[:, 1] / 100
        sex_known, age_known = batch.known[:, 2], batch.known[:, 3]
        named = F.binary_cross_entropy_with_logits(read[:, 0].float(), male, reduction="none")
        unknown = read[:, 1].float()[age_known == 0]
        terms = {
            "shape": (((shape - batch.likely).pow(2).mean(dim=1)) * sex_known).mean(),
            "contrast": 0.1 * contrast(identity, batch.speaker),
            "gender": 0.3 * (named * sex_known).sum() / sex_known.sum().clamp(min=1),
            "age": 2 * ((read[:, 1] - age).abs() * age_known).sum() / age_known.sum().clamp(min=1),
            "readers": 0.3 * readers(unknown),
        }
        if before is not None:
            with torch.no_grad():
                _, was, _ = before(batch.mel)
            terms["strayed"] = STAY * strayed(identity, was, (~batch.real).float())
        return terms

    @torch.no_grad()
    def check() -> dict[str, float]:
        return score(encoder, held)

    return Learning({"identity": encoder}, loss, check, Budget(0, rate=1e-3, decay=0.05), EVERY)


STAGE = Stage(NAME, 15.0, build, by_size=False)
