"""Listening: a recording of any length through PAD's windows into factors."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from imagineid.audio import mel_windows
from imagineid.spec import EMOTIONS, FRAME_SAMPLES, MOUTH, Size

if TYPE_CHECKING:
    from imagineid.audio import Sound
    from imagineid.backends import Engine

Array = np.ndarray
BATCH = 16
"""Windows that go through the networks together."""


@dataclass(frozen=True)
class Factors:
    """What PAD took apart, of a recording of F video frames.

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
    def feeling(self) -> str:
        """The emotion heard most."""
        return EMOTIONS[int(self.emotions.argmax())]


def listen(
    engines: Mapping[str, Engine],
    size: Size,
    sound: Sound,
    on_progress: Callable[[float], None] | None = None,
) -> Factors:
    """Hear identity first, then content and emotion of each window, cross-faded.

    Args:
        engines: ``identity``, ``content``, ``emotion`` and ``expression``.
        size: of those networks.
        sound: the recording.
        on_progress: called with the share that is done, 0 to 1.
    """
    told = on_progress or (lambda share: None)
    starts = _starts(sound.frames, size.window)
    level = levels(sound)
    who = _identity(engines, size, sound, starts, level, lambda share: told(share / 2))
    frames, fade = sound.frames, _fade(size.window)
    total = np.zeros((frames, size.expression), np.float32)
    weight = np.zeros((frames, 1), np.float32)
    feeling, named, heard = np.zeros(size.emotion), np.zeros(len(EMOTIONS)), 0.0
    done = 0
    for group in _groups(starts):
        mel = _mels(sound, group, size)
        linguistic = engines["content"](mel=mel)["linguistic"]
        felt = engines["emotion"](mel=mel)
        shape = np.repeat(who.shape[None], len(group), axis=0)
        made = engines["expression"](linguistic=linguistic, shape=shape, emotion=felt["emotion"])[
            "expression"
        ]
        for row, start in enumerate(group):
            stop = min(frames, start + size.window)
            part = slice(0, stop - start)
            total[start:stop] += made[row, part] * fade[part]
            weight[start:stop] += fade[part]
            speech = _speech(level[start:stop])
            feeling += speech * felt["emotion"][row]
            named += speech * _softmax(felt["emotions"][row])
            heard += speech
        done += len(group)
        told(0.5 + done / len(starts) / 2)
    expression = np.clip(total / weight, 0, 1)
    expression[:, MOUTH] *= speaking(level)[:, None]
    return Factors(
        shape=who.shape,
        identity=who.identity,
        emotion=(feeling / heard).astype(np.float32),
        expression=expression.astype(np.float32),
        level_db=level,
        gender="male" if who.traits[0] > 0 else "female",
        age=float(np.clip(who.traits[1] * 100, 3, 95)),
        emotions=(named / heard).astype(np.float32),
    )


def speaking(level_db: Array) -> Array:
    """Return how far the mouth may leave its rest, (F,) in [0, 1]: not at all in silence.

    Speech is what comes within 38 dB of the recording's loudest; two frames on either side of it
    belong to it, so that lips may open before a sound.
    """
    loudest = max(float(np.percentile(level_db, 95)), -45.0)
    share = np.clip((level_db - (loudest - 38)) / 10, 0, 1)
    framed = np.pad(share, 2, mode="edge")
    near = np.lib.stride_tricks.sliding_window_view(framed, 5)
    return np.asarray(near.max(axis=1) * 0.5 + near.mean(axis=1) * 0.5, np.float32)


def levels(sound: Sound) -> Array:
    """Return the loudness of each video frame, (F,) dB below full scale, at least -100."""
    out = np.empty(sound.frames, np.float32)
    block = 1000
    for start in range(0, sound.frames, block):
        count = min(block, sound.frames - start)
        wave = sound.read(start * FRAME_SAMPLES, count * FRAME_SAMPLES)
        power = np.square(wave.reshape(count, FRAME_SAMPLES)).mean(axis=1)
        out[start : start + count] = 10 * np.log10(power + 1e-10)
    return out


@dataclass(frozen=True)
class _Who:
    shape: Array
    identity: Array
    traits: Array


def _identity(
    engines: Mapping[str, Engine],
    size: Size,
    sound: Sound,
    starts: list[int],
    level: Array,
    told: Callable[[float], None],
) -> _Who:
    """Average identity over the windows, each by how much speech is in it."""
    sums = [np.zeros(size.shape), np.zeros(size.identity), np.zeros(2)]
    heard, done = 0.0, 0
    for group in _groups(starts):
        found = engines["identity"](mel=_mels(sound, group, size))
        for row, start in enumerate(group):
            speech = _speech(level[start : start + size.window])
            for into, name in zip(sums, ("shape", "identity", "traits"), strict=True):
                into += speech * found[name][row]
            heard += speech
        done += len(group)
        told(done / len(starts))
    return _Who(*((s / heard).astype(np.float32) for s in sums))


def _speech(level_db: Array) -> float:
    """Return a window's weight: its share of frames with sound; a little even in silence."""
    return 1e-3 + float((level_db > -45).mean())


def _starts(frames: int, window: int) -> list[int]:
    """First frames of windows that cover the recording, half overlapping, the last one whole.

    They are whole multiples of 5 frames apart, where mel frames and video frames begin together.
    """
    if frames <= window:
        return [0]
    starts = list(range(0, frames - window, window // 10 * 5))
    return [*starts, frames - window]


def _groups(starts: list[int]) -> Iterator[list[int]]:
    for i in range(0, len(starts), BATCH):
        yield starts[i : i + BATCH]


def _mels(sound: Sound, starts: list[int], size: Size) -> Array:
    """Return A of each window, (len(starts), L, 1280)."""
    return np.stack([mel_windows(sound, start, size.window) for start in starts])


def _fade(window: int) -> Array:
    """Return the weight of a window's frames, (L, 1): most in its middle."""
    ramp = np.minimum(np.arange(1, window + 1), np.arange(window, 0, -1))
    return np.asarray(ramp / ramp.max(), np.float32)[:, None]


def _softmax(logits: Array) -> Array:
    raised = np.exp(logits - logits.max())
    return np.asarray(raised / raised.sum())
