"""The stages of the size that moves its first frame, in order."""

from __future__ import annotations

from imagineid_train.stage import Stage
from imagineid_train.stages import autoencoder, first_decoder, frame_decoder, mesh_encoder

STAGES: tuple[Stage, ...] = (
    autoencoder.STAGE,
    first_decoder.STAGE,
    mesh_encoder.STAGE,
    frame_decoder.STAGE,
)
"""A new stage is one file and one line here."""
