"""The stages of the embedded model, by name and in order.

    python -m imagineid_train                            every stage in turn
    python -m imagineid_train emotion --minutes 60

A stage goes on until it has had its minutes in all, earlier runs included; a run that was killed
goes on from its last checkpoint.
"""

from __future__ import annotations

from imagineid_train import (
    autoencoder,
    base,
    content,
    emotion,
    identity,
    latents,
    mba,
    sca,
    ship,
    tia,
)
from imagineid_train.stage import Recipe, Stage, Step

STAGES: tuple[Stage, ...] = (
    autoencoder.STAGE,
    autoencoder.DECODER_STAGE,
    identity.STAGE,
    content.READER_STAGE,
    content.STAGE,
    emotion.STAGE,
    base.STAGE,
    tia.STAGE,
    sca.STAGE,
    mba.STAGE,
    mba.MATTE_STAGE,
)
"""A new stage is one file and one line here."""

STEPS: dict[str, Step] = {
    "normalise": latents.normalise,
    "latents": latents.cache,
    "ship": ship.ship,
    "ship-voices": ship.ship_voices,
    "unship": ship.unship,
    "sums": ship.sums,
}
"""What ends by itself, by name."""

_AFTER = {"autoencoder": ("normalise", "latents")}
ORDER = (
    *(name for stage in STAGES for name in (stage.name, *_AFTER.get(stage.name, ()))),
    "ship",
)
"""Stages and steps in turn."""

RECIPE = Recipe(STAGES, STEPS, ORDER)
