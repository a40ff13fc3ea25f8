"""The stages of the sizes that move their first frame, in order."""

from __future__ import annotations

from imagineid_train.stage import Stage
from imagineid_train.stages import (
    autoencoder,
    base,
    first_decoder,
    frame_decoder,
    matte,
    mesh_encoder,
    restoration,
    sca,
    student,
    tia,
)

STAGES: tuple[Stage, ...] = (
    autoencoder.STAGE,
    mesh_encoder.STAGE,
    matte.STAGE,
    first_decoder.STAGE,
    frame_decoder.STAGE,
    base.STAGE,
    restoration.STAGE,
    tia.STAGE,
    sca.STAGE,
    student.STAGE,
)
"""A new stage is one file and one line here."""
