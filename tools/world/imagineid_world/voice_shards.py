"""Voices as shards to learn from: sound and curves along one axis each, cut at offsets."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from imagineid.spec import SAMPLE_RATE
from imagineid_world.articulation import Phone, phone_index
from imagineid_world.people import Traits


class Spoken(Protocol):
    """An utterance of N samples and F = ceil(N / 640) video frames."""

    @property
    def wave(self) -> NDArray[np.int16]:
        """(N,) at 16 kHz."""

    @property
    def content(self) -> NDArray[np.float16]:
        """Curves of the speech content, (F, 52)."""

    @property
    def full(self) -> NDArray[np.float16]:
        """Curves of content and emotion, (F, 52)."""

    @property
    def phones(self) -> list[Phone]:
        """Name, begin and end of each, seconds."""

    @property
    def speaker(self) -> int:
        """Number of the speaker."""

    @property
    def emotion(self) -> int:
        """Index into ``EMOTIONS``."""

    @property
    def strength(self) -> float:
        """Of the emotion, 0 to 1."""

    @property
    def traits(self) -> Traits:
        """Of the speaker."""


def write_voices(
    path: Path,
    spoken: Sequence[Spoken],
    notes: list[dict[str, Any]],
    **more: NDArray[np.generic],
) -> float:
    """Write a shard and its side file, each under its name only when complete.

    Args:
        path: of the shard.
        spoken: its utterances.
        notes: the side file's entry of each.
        more: further arrays.

    Returns:
        Seconds of sound in it.
    """
    samples, frames = [len(u.wave) for u in spoken], [len(u.content) for u in spoken]
    arrays: dict[str, Any] = {
        "wave": np.concatenate([u.wave for u in spoken]),
        "offsets": np.concatenate([[0], np.cumsum(samples)]).astype(np.int64),
        "content": np.concatenate([u.content for u in spoken]),
        "full": np.concatenate([u.full for u in spoken]),
        "frame_offsets": np.concatenate([[0], np.cumsum(frames)]).astype(np.int64),
        "phone": np.concatenate([phone_index(u.phones, len(u.content)) for u in spoken]),
        "speaker": np.array([u.speaker for u in spoken], np.int32),
        "emotion": np.array([u.emotion for u in spoken], np.int8),
        "strength": np.array([u.strength for u in spoken], np.float32),
        "traits": np.stack([u.traits.array() for u in spoken]),
        **more,
    }
    path.parent.mkdir(parents=True, exist_ok=True)
    path.with_suffix(".json").write_text(json.dumps(notes), encoding="utf-8")
    temporary = path.with_suffix(".part")
    with temporary.open("wb") as file:
        np.savez(file, **arrays)
    temporary.replace(path)
    return sum(samples) / SAMPLE_RATE
