"""Every stage by name and in order.

    python -m imagineid_train                                every stage in turn
    python -m imagineid_train emotion --minutes 60

A stage runs until it has had its minutes in all, earlier runs included; a run that was killed
resumes from its last checkpoint.
"""

from __future__ import annotations

from imagineid_train import content, emotion, identity, moves, people, ship
from imagineid_train.stage import Recipe, Stage, Step
from imagineid_train.stages import STAGES as FACES
from imagineid_train.stages import autoencoder

VOICES: tuple[Stage, ...] = (
    identity.STAGE,
    content.READER_STAGE,
    content.STAGE,
    emotion.STAGE,
)
"""The stages of PAD. A new one is one file and one line here."""

STAGES = (*VOICES, *FACES)

STEPS: dict[str, Step] = {
    "moves": moves.cache,
    "normalise": autoencoder.normalise,
    "latents": people.cache,
    "ship": ship.ship,
    "ship-faces": ship.ship_faces,
    "ship-voices": ship.ship_voices,
    "unship": ship.unship,
    "sums": ship.sums,
}
"""What ends by itself, by name."""

_BEFORE = {"autoencoder": ("moves",), "mesh_encoder": ("normalise",), "base": ("latents",)}
ORDER = (
    *(name for stage in STAGES for name in (*_BEFORE.get(stage.name, ()), stage.name)),
    "ship",
)
"""Stages and steps in turn."""

RECIPE = Recipe(STAGES, STEPS, ORDER)
