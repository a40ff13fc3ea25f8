"""Live encoding: expression frame by frame while sound arrives, with a fixed look-ahead.

For each frame the networks get the L frames that end with its look-ahead. So a frame needs
:func:`delay_samples` of sound after its start, and the result does not depend on how the sound is
split into chunks.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from imagineid.audio.mel import FFT_SAMPLES, MEL_FRAMES_PER_SECOND, RANGE, mel_windows
from imagineid.audio.stream import StreamSound
from imagineid.pad.factors import NEUTRAL, Emotion, Identity, visible
from imagineid.pad.loudness import RunningLevel, factor, frame_levels
from imagineid.spec import FPS, FRAME_SAMPLES, HOP_SAMPLES, MEL_FRAMES, MELS, SAMPLE_RATE, Size

if TYPE_CHECKING:
    from imagineid.engine import Engine

Array = np.ndarray

LOOK_AHEAD = 1
"""Frames of look-ahead. A frame is the mean over LOOK_AHEAD + 1 windows, which reduces jitter; each
frame of look-ahead adds a latency of 40 ms."""

EMOTION_EVERY = 5
"""Frames between two predictions of the emotion."""

EMOTION_S = 4.0
"""Time constant of the emotion's moving average, seconds of speech."""

SPEECH_DB = -45.0
"""Level from which a frame counts as speech."""


@dataclass(frozen=True)
class LiveFrame:
    """Prediction for one video frame.

    Attributes:
        number: index of the frame, at the time ``number / FPS``.
        expression: beta, (52,) in [0, 1].
        level_db: loudness, dB below full scale.
    """

    number: int
    expression: Array
    level_db: float


def delay_samples(look_ahead: int = LOOK_AHEAD) -> int:
    """Return the most sound that a frame needs after its own start, in samples at 16 kHz."""
    last_mel = -(-look_ahead * MEL_FRAMES_PER_SECOND // FPS) + MEL_FRAMES - 1
    return last_mel * HOP_SAMPLES + FFT_SAMPLES // 2


class LiveEncoder:
    """Hears a stream.

    Args:
        engines: ``content``, ``emotion`` and ``expression``.
        size: of those networks.
        identity: the speaker's identity.
        emotion: the emotion at the start, in one row, and whenever the estimate is doubtful.
        follow_emotion: whether the estimated emotion is followed.
        look_ahead: frames; see :data:`LOOK_AHEAD`.
    """

    def __init__(
        self,
        engines: Mapping[str, Engine],
        size: Size,
        identity: Identity,
        emotion: Emotion,
        follow_emotion: bool = True,
        look_ahead: int = LOOK_AHEAD,
    ) -> None:
        self._engines, self._size = engines, size
        self._shape = identity.shape[None]
        self._calm = self._estimated = self._theta = emotion.theta[:1]
        self._likely = np.log(np.maximum(emotion.shares[:1], 1e-4))
        self._loudness = RunningLevel()
        self._follow, self._look_ahead = follow_emotion, look_ahead
        self._sound = StreamSound()
        silence = np.full(MELS * MEL_FRAMES, -RANGE, np.float32)
        self._rows = deque([silence] * size.window, maxlen=size.window)
        self._levels: deque[float] = deque(maxlen=size.window)
        self._sums: deque[Array] = deque()  # of frames that more windows will contribute to
        self._encoded = 0  # frames that windows have covered
        self._last = np.zeros((size.window, size.expression), np.float32)

    def push(self, samples: Array, late: bool = False) -> Iterator[LiveFrame]:
        """Append sound and yield the frames that are complete.

        Args:
            samples: mono at 16 kHz, (n,), in [-1, 1].
            late: whether to save time by repeating the previous expression.
        """
        for start in range(0, len(samples), SAMPLE_RATE):  # no more than the stream buffers
            self._sound.push(np.asarray(samples[start : start + SAMPLE_RATE], np.float32))
            while self._sound.samples >= self._needed(self._encoded):
                yield from self._next(late)

    def finish(self) -> Iterator[LiveFrame]:
        """Yield the remaining frames, as if silence followed."""
        frames = self._sound.frames if self._sound.samples else 0
        while self._encoded < frames + self._look_ahead:
            yield from self._next()

    def _needed(self, frame: int) -> int:
        """Return the number of samples needed for a frame's mel window."""
        last = frame * MEL_FRAMES_PER_SECOND // FPS + MEL_FRAMES - 1
        return last * HOP_SAMPLES + FFT_SAMPLES // 2

    def _next(self, late: bool = False) -> Iterator[LiveFrame]:
        """Encode one more frame and yield the frame ``look_ahead`` before it."""
        newest = self._encoded
        level = self._level(newest)
        gain = self._loudness.next(level)
        self._rows.append(mel_windows(self._sound, newest, 1, factor(gain))[0])
        self._levels.append(level)
        self._encoded += 1
        if not late:
            self._last = self._expressed(newest)
        self._sums.append(np.zeros(self._size.expression, np.float32))
        for row, total in zip(self._last, reversed(self._sums), strict=False):
            total += row
        if newest >= self._look_ahead:
            mean = self._sums.popleft() / np.float32(self._look_ahead + 1)
            level = self._levels[-1 - self._look_ahead]
            yield LiveFrame(newest - self._look_ahead, np.clip(mean, 0, 1), level)

    def _expressed(self, newest: int) -> Array:
        """Predict the expression of the window that ends with a frame, newest first, (L, 52)."""
        mel = np.stack(self._rows)[None]
        if self._follow and newest % EMOTION_EVERY == 0:
            self._feel(mel)
        linguistic = self._engines["content"](mel=mel)["linguistic"]
        expression: Array = self._engines["expression"](
            linguistic=linguistic, shape=self._shape, emotion=self._theta
        )["expression"][0]
        return expression[::-1]

    def _level(self, frame: int) -> float:
        """Return a frame's loudness, dB below full scale."""
        return float(frame_levels(self._sound.read(frame * FRAME_SAMPLES, FRAME_SAMPLES))[0])

    def _feel(self, mel: Array) -> None:
        """Update the emotion with that of a window, weighted by its share of speech."""
        share = float(np.mean([level > SPEECH_DB for level in self._levels]))
        if share > 0:
            weight = np.float32(share * EMOTION_EVERY / (EMOTION_S * FPS))
            output = self._engines["emotion"](mel=mel)
            self._estimated = (1 - weight) * self._estimated + weight * output["emotion"]
            likely = output["emotions"] - np.logaddexp.reduce(output["emotions"], axis=1)[:, None]
            self._likely = (1 - weight) * self._likely + weight * likely
            shares = np.exp(self._likely)
            strength = np.float32(visible(shares[:, NEUTRAL] / shares.sum(axis=1))[0])
            self._theta = (1 - strength) * self._calm + strength * self._estimated
