"""The stages at the paper's scale, in order."""

from __future__ import annotations

from imagineid_train.sd15.stage import Stage
from imagineid_train.sd15.stages import (
    content,
    emotion,
    identity,
    joint,
    matte,
    mba,
    reader,
    sca,
    tia,
)

STAGES: tuple[Stage, ...] = (
    identity.STAGE,
    reader.STAGE,
    content.STAGE,
    emotion.STAGE,
    tia.STAGE,
    sca.STAGE,
    mba.STAGE,
    joint.STAGE,
    matte.STAGE,
)
"""A new stage is one file and one line here."""
