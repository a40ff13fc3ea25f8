"""The stages of sizes that move their first frame, by name and in order.

    python -m imagineid_train --size mini-512                                every stage in turn
    python -m imagineid_train --size mini-512 frame_decoder --minutes 60

A stage goes on until it has had its minutes in all, earlier runs included; a run that was killed
goes on from its last checkpoint.
"""

from __future__ import annotations

from dataclasses import replace

from imagineid.spec import MINI, MINI_512
from imagineid_train import moves, people
from imagineid_train.stage import Recipe, Step
from imagineid_train.stages import STAGES, autoencoder

MOVING_256 = replace(MINI, name="mini-256", frame_decoder=MINI_512.frame_decoder)
"""The embedded model's networks, with the decoder of later frames beside them."""

SIZES = {size.name: size for size in (MINI_512, MOVING_256)}

STEPS: dict[str, Step] = {
    "moves": moves.cache,
    "normalise": autoencoder.normalise,
    "latents": people.cache,
}
"""What ends by itself, by name."""

_BEFORE = {"autoencoder": ("moves",), "mesh_encoder": ("normalise",), "base": ("latents",)}
ORDER = tuple(name for stage in STAGES for name in (*_BEFORE.get(stage.name, ()), stage.name))
"""Stages and steps in turn."""

RECIPE = Recipe(STAGES, STEPS, ORDER)
