"""The three factors of a voice: identity, content and emotion.

Factors of recordings are exchanged here, one at a time (the paper's Fig. 5);
:func:`imagineid.pad.conditioning.express` predicts the expression from the result.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields

import numpy as np

from imagineid.pad.windows import window_starts
from imagineid.spec import EMOTIONS

Array = np.ndarray

NEUTRAL = EMOTIONS.index("neutral")

DOUBT, CLEAR = 0.4, 0.75
"""Share of all emotions but neutral from which on a face is moved at all, and fully."""

SURE, CLEARLY = 0.8, 0.4
"""Certainty of gender and of an emotion from which on no doubt is told."""

OWN = 0.6
"""How much of what is felt in a window is its own; the rest is its neighbours'."""

REACH = 3
"""Windows on either side that are heard together with one: five seconds in all."""

SETTLING_WINDOWS = 52
"""The windows, 31 s, that settle who speaks and how it feels as a whole: what comes later changes
neither, so that a recording that has grown begins with the same face."""


def visible(neutral: Array) -> Array:
    """Return how strongly an emotion is shown, 0 to 1, given the shares of neutral."""
    return np.asarray(np.clip((1 - neutral - DOUBT) / (CLEAR - DOUBT), 0, 1))


@dataclass(frozen=True)
class Identity:
    """Identity of a speaker.

    Attributes:
        shape: alpha, (80,) standard deviations of the face model.
        theta: theta_id, (512,).
        traits: logit of male, and age in centuries, (2,).
    """

    shape: Array
    theta: Array
    traits: Array

    @property
    def gender(self) -> str:
        """Predicted gender, "female" or "male"."""
        return "male" if self.traits[0] > 0 else "female"

    @property
    def certainty(self) -> float:
        """How sure the gender is, 0.5 to 1."""
        return float(1 / (1 + np.exp(-abs(float(self.traits[0])))))

    @property
    def age(self) -> float:
        """Years."""
        return float(np.clip(self.traits[1] * 100, 3, 95))

    def blend(self, other: Identity, strength: float) -> Identity:
        """Interpolate: this identity at 0, the other at 1."""
        ours, theirs = (
            (self.shape, self.theta, self.traits),
            (other.shape, other.theta, other.traits),
        )
        return Identity(*(_between(a, b, strength) for a, b in zip(ours, theirs, strict=True)))


@dataclass(frozen=True)
class Content:
    """Content of F frames.

    Attributes:
        linguistic: l-bar of each frame, (F, 64); if F is less than a window, the whole window's.
        level_db: loudness of each frame, (F,) dB below full scale.
    """

    linguistic: Array
    level_db: Array


@dataclass(frozen=True)
class Emotion:
    """Emotion of each of W windows, or one row for the whole recording.

    Attributes:
        theta: theta_e, (W, 512).
        shares: share of each of the eight emotions, (W, 8).
        speech: weight of each window, (W,).
    """

    theta: Array
    shares: Array
    speech: Array

    @property
    def label(self) -> str:
        """The strongest emotion."""
        return EMOTIONS[int(self.whole().shares[0].argmax())]

    def whole(self) -> Emotion:
        """Return one row for all, each window weighing as much as there is speech in it.

        The first :data:`SETTLING_WINDOWS` count. Shares are averaged as logarithms, as training
        does: a window that is in doubt has no say.
        """
        first = slice(SETTLING_WINDOWS)
        weight = (self.speech[first] / self.speech[first].sum())[:, None]
        theta = (weight * self.theta[first]).sum(axis=0)[None]
        logs = np.log(np.maximum(self.shares[first], 1e-9))
        likely = np.exp((weight * logs).sum(axis=0)[None])
        shares = likely / likely.sum()
        return Emotion(theta.astype(np.float32), shares.astype(np.float32), np.ones(1, np.float32))

    @property
    def certainty(self) -> float:
        """How sure the label is, 0 to 1: the share of the emotion felt most."""
        return float(self.whole().shares[0].max())

    def settle(self, calm: Emotion, before: Emotion | None = None) -> Emotion:
        """Return the course of feeling as a face shows it: calm unless it is clearly otherwise.

        Windows up to :data:`REACH` away together decide how far it is from calm, and in part how
        it feels. Most people are calm most of the time, and a face that is moved for nothing is
        worse than one that is not moved enough.

        Args:
            calm: neutral, one row.
            before: the windows before these, as they were heard; the last ones count.
        """
        past = before.last(REACH) if before else Emotion(*(a[:0] for a in self._rows()))
        theta, shares, speech = (
            np.concatenate(pair) for pair in zip(past._rows(), self._rows(), strict=True)
        )
        rows = np.arange(len(past.speech), len(speech))
        near = np.abs(rows[:, None] - np.arange(len(speech))[None]) <= REACH
        weight = near * speech.astype(np.float64)[None]
        weight = weight / weight.sum(axis=1, keepdims=True)  # (W, W and those before)
        likely = np.exp(weight @ np.log(np.maximum(shares, 1e-9)))
        strength = visible(likely[:, NEUTRAL] / likely.sum(axis=1))[:, None]
        smoothed = (1 - OWN) * (weight @ theta) + OWN * self.theta
        settled = (1 - strength) * calm.theta + strength * smoothed
        return Emotion(settled.astype(np.float32), self.shares, self.speech)

    def last(self, windows: int) -> Emotion:
        """Return the last rows."""
        return Emotion(*(rows[-windows:] for rows in self._rows()))

    def _rows(self) -> tuple[Array, Array, Array]:
        return self.theta, self.shares, self.speech

    def blend(self, other: Emotion, strength: float) -> Emotion:
        """Interpolate: this emotion at 0, the mean of the other at 1.

        The other recording has its words at other times, so its timing can't be transferred.
        """
        one = other.whole()
        if strength == 1:
            return one
        theta = _between(self.theta, one.theta, strength)
        return Emotion(theta, _between(self.shares, one.shares, strength), self.speech)


@dataclass(frozen=True)
class VoiceFactors:
    """The factors of a recording."""

    identity: Identity
    content: Content
    emotion: Emotion

    @property
    def frames(self) -> int:
        """F, the length of the recording in video frames."""
        return len(self.content.level_db)

    @classmethod
    def join(cls, parts: Sequence[VoiceFactors]) -> VoiceFactors:
        """Join neighbouring parts of one recording; the identity is the first one's."""

        def rows(factor: str, name: str) -> Array:
            return np.concatenate([getattr(getattr(part, factor), name) for part in parts])

        content = Content(*(rows("content", field.name) for field in fields(Content)))
        emotion = Emotion(*(rows("emotion", field.name) for field in fields(Emotion)))
        return cls(parts[0].identity, content, emotion)

    def describe(self) -> str:
        """Describe the speaker and the emotion, and which of them is uncertain."""
        identity, emotion = self.identity, self.emotion
        gender = identity.gender if identity.certainty >= SURE else f"{identity.gender} (perhaps)"
        label = emotion.label if emotion.certainty >= CLEARLY else f"{emotion.label} (perhaps)"
        return f"{gender}, about {identity.age:.0f}, {label}"

    def with_emotion(self, emotion: Emotion, strength: float = 1.0) -> VoiceFactors:
        """Replace the emotion, by ``strength`` in [0, 1]."""
        return VoiceFactors(self.identity, self.content, self.emotion.blend(emotion, strength))

    def with_identity(self, identity: Identity, strength: float = 1.0) -> VoiceFactors:
        """Replace the identity, by ``strength`` in [0, 1]."""
        return VoiceFactors(self.identity.blend(identity, strength), self.content, self.emotion)

    def with_content(self, content: Content) -> VoiceFactors:
        """Replace the content and thereby the length; the mean emotion is kept."""
        return VoiceFactors(self.identity, content, self.emotion.whole())

    def padded(self, frames: int, window: int) -> VoiceFactors:
        """Return the same with silence before and after it.

        Args:
            frames: of silence, at each end.
            window: frames of a window of the model.
        """
        count = self.frames + 2 * frames
        linguistic = np.zeros((max(count, window), self.content.linguistic.shape[1]), np.float32)
        linguistic[frames : frames + self.frames] = self.content.linguistic[: self.frames]
        level_db = np.pad(self.content.level_db, frames, constant_values=-100.0)
        starts = np.array(window_starts(self.frames, window))
        near = [int(np.abs(starts + frames - at).argmin()) for at in window_starts(count, window)]
        emotion = self.emotion
        if len(emotion.speech) > 1:
            emotion = Emotion(*(rows[near] for rows in emotion._rows()))
        return VoiceFactors(self.identity, Content(linguistic, level_db), emotion)

    def arrays(self) -> dict[str, Array]:
        """Return all factors as named arrays, for :func:`factors_from_arrays`."""
        return {
            f"{factor.name}.{part.name}": getattr(getattr(self, factor.name), part.name)
            for factor in fields(self)
            for part in fields(getattr(self, factor.name))
        }


def factors_from_arrays(arrays: Mapping[str, Array]) -> VoiceFactors:
    """Inverse of :meth:`VoiceFactors.arrays`.

    Raises:
        KeyError: an array is missing.
        ValueError: shapes are inconsistent, or a number is not finite.
    """

    def part(factor: type, name: str) -> dict[str, Array]:
        return {f.name: np.asarray(arrays[f"{name}.{f.name}"], np.float32) for f in fields(factor)}

    factors = VoiceFactors(
        Identity(**part(Identity, "identity")),
        Content(**part(Content, "content")),
        Emotion(**part(Emotion, "emotion")),
    )
    emotion, content = factors.emotion, factors.content
    windows = len(emotion.speech)
    if (
        factors.identity.shape.ndim != 1
        or factors.identity.theta.ndim != 1
        or factors.identity.traits.shape != (2,)
        or content.linguistic.ndim != 2
        or not 0 < len(content.level_db) <= len(content.linguistic)
        or emotion.theta.ndim != 2
        or not windows
        or len(emotion.theta) != windows
        or emotion.shares.shape != (windows, len(EMOTIONS))
        or not all(np.isfinite(x).all() for x in factors.arrays().values())
    ):
        raise ValueError("these arrays are not the factors of one recording")
    return factors


def _between(a: Array, b: Array, strength: float) -> Array:
    return np.asarray((1 - strength) * a + strength * b, np.float32)
