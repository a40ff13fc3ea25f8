"""The average voices by sex and age that correct what was heard: see imagineid.pad.average_voices.

The face of a sex and age is the mean face of the world's tie for its usual voice; theta_id is the
mean of what the identity encoder hears in training voices of about that age.
"""

from __future__ import annotations

import numpy as np
import torch

from imagineid.nn.identity import IdentityEncoder
from imagineid.spec import Size
from imagineid_train.loop import device
from imagineid_train.voices import Voices, Windows
from imagineid_world.people import Traits, load_tie, usual_pitch, usual_tract

AGES = (6, 9, 12, 15, 18, 24, 32, 42, 54, 66, 80)
"""Years at which voices are averaged."""

ALIKE = 0.25
"""How far apart ages may be that count as one: standard deviation of their ratio's logarithm."""

MOST = 600
"""Windows that are heard."""


@torch.no_grad()
def averaged(encoder: IdentityEncoder, size: Size) -> dict[str, np.ndarray]:
    """Return ``ages`` (A,), ``shape`` (2, A, 80) and ``identity`` (2, A, 512) of women and men."""
    voices = Voices.open("train", recorded=False)
    draw = Windows(voices, size.window, 31, augment=False)
    chosen = np.random.default_rng(32).permutation(draw.long)[:MOST]
    embeddings = np.concatenate(
        [
            encoder(draw.batch(list(chosen[i : i + 50])).mel.to(device()))[1].float().cpu().numpy()
            for i in range(0, len(chosen), 50)
        ]
    )
    male, ages = voices.traits[chosen, 0] > 0.5, voices.traits[chosen, 1]
    tie, shape, identity = load_tie(), [], []
    for gender in (0.0, 1.0):
        for age in AGES:
            far = np.log(ages / age) / ALIKE
            weight = np.exp(-0.5 * far**2) * (male == bool(gender)) + 1e-9
            identity.append(weight @ embeddings / weight.sum())
            usual = usual_pitch(gender, age), usual_tract(gender, age)
            shape.append(tie.expected(Traits(gender, age, *usual, 0.0, 0.0)))
    grid = (2, len(AGES), -1)
    return {
        "ages": np.array(AGES, np.float32),
        "shape": np.stack(shape).reshape(grid).astype(np.float32),
        "identity": np.stack(identity).reshape(grid).astype(np.float32),
    }
