"""Expression: who, what and how become the curves of a face (eq. 7)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from imagineid.pad.factors import VoiceFactors
from imagineid.pad.windows import OverlapAdd, batches, fill_batch, window_starts
from imagineid.spec import EMOTIONS, Size

if TYPE_CHECKING:
    from imagineid.engine import Engine

Array = np.ndarray


@dataclass(frozen=True)
class Conditioning:
    """What PAD took apart, of a recording of F video frames, ready to be imagined.

    Attributes:
        shape: alpha, (80,) standard deviations; identity: theta_id, (512,).
        emotion: theta_e, (512,), the mean over the recording.
        expression: beta, (F, 52) in [0, 1].
        level_db: loudness of each frame, (F,) dB below full scale.
        gender: "female" or "male"; age: years; emotions: share of each of the eight, (8,).
    """

    shape: Array
    identity: Array
    emotion: Array
    expression: Array
    level_db: Array
    gender: str
    age: float
    emotions: Array

    @property
    def frames(self) -> int:
        """F, the video frames the recording lasts."""
        return len(self.expression)

    @property
    def label(self) -> str:
        """The emotion heard most."""
        return EMOTIONS[int(self.emotions.argmax())]


def express(engines: Mapping[str, Engine], size: Size, heard: VoiceFactors) -> Conditioning:
    """Make the expression of what was heard, or of what was mixed of several recordings.

    Args:
        engines: ``expression``.
        size: of that network.
        heard: who, what and how.
    """
    starts, linguistic = window_starts(heard.frames, size.window), heard.content.linguistic
    felt = np.broadcast_to(heard.emotion.theta, (len(starts), size.emotion))
    made = OverlapAdd(heard.frames, size.window, size.expression)
    for rows in batches(range(len(starts))):
        full = fill_batch(rows)
        said = np.stack([linguistic[starts[i] : starts[i] + size.window] for i in full])
        shape = np.repeat(heard.identity.shape[None], len(full), axis=0)
        drawn = engines["expression"](linguistic=said, shape=shape, emotion=felt[full])
        for i, curves in zip(rows, drawn["expression"], strict=False):
            made.add(starts[i], curves)
    whole = heard.emotion.whole()
    return Conditioning(
        shape=heard.identity.shape,
        identity=heard.identity.theta,
        emotion=whole.theta[0],
        expression=np.clip(made.done(), 0, 1),
        level_db=heard.content.level_db,
        gender=heard.identity.gender,
        age=heard.identity.age,
        emotions=whole.shares[0],
    )
