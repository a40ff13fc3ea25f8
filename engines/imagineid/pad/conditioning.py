"""Expression: who, what and how become the curves of a face, ready to be imagined (eq. 7)."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from imagineid.pad.factors import VoiceFactors
from imagineid.pad.windows import OverlapAdd, batches, fill_batch, stride
from imagineid.spec import ARKIT, EMOTIONS, Size

if TYPE_CHECKING:
    from imagineid.engine import Engines

Array = np.ndarray
JAW = ARKIT.index("jawOpen")

SPEAKING_JAW, SPEAKING_FRAMES = 0.12, 3
"""A voice opens the jaw by so much in so many frames at least."""


@dataclass(frozen=True)
class Conditioning:
    """What frames are imagined from, of a recording of F video frames.

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
        """F, the length of the recording in video frames."""
        return len(self.expression)

    @property
    def speaks(self) -> bool:
        """Whether the mouth ever opens; it rests in noise and music, so there is no speech."""
        opened = self.expression[:, JAW] > SPEAKING_JAW
        return bool(opened.sum() >= SPEAKING_FRAMES)

    @property
    def label(self) -> str:
        """The strongest emotion."""
        return EMOTIONS[int(self.emotions.argmax())]


def express(engines: Engines, size: Size, factors: VoiceFactors) -> Conditioning:
    """Predict the expression of a recording, or of mixed factors of several.

    Args:
        engines: ``expression``.
        size: of that network.
        factors: who, what and how.
    """
    return join(list(express_blocks(engines, size, [factors])))


def express_blocks(
    engines: Engines, size: Size, blocks: Iterable[VoiceFactors]
) -> Iterator[Conditioning]:
    """Make the expression of the parts of a recording as they come.

    The same numbers as :func:`express` of all of them: every window sees the same rows, and goes
    through the network in a batch of the same size.

    Args:
        engines: ``expression``.
        size: of that network.
        blocks: see :func:`imagineid.pad.encode.encode_blocks`; identity, and emotion as a whole,
            are those of the first one.

    Yields:
        The frames that no later window touches; at the end the rest.
    """
    decoder = _Windows(engines, size)
    level = np.empty(0, np.float32)
    constant: Conditioning | None = None
    done = 0
    for block in blocks:
        constant = constant or _without_frames(block)
        level = np.concatenate([level, block.content.level_db])
        decoder.append(block, constant.shape)
        if (stop := decoder.complete) > done:
            yield _with_frames(constant, decoder.curves.take(stop), level[: stop - done])
            level, done = level[stop - done :], stop
    if constant is not None and len(level):
        decoder.finish(constant.shape)
        yield _with_frames(constant, decoder.curves.take(done + len(level)), level)


def cut(conditioning: Conditioning, first: int, stop: int) -> Conditioning:
    """Return the frames ``first`` to ``stop`` alone."""
    rows = slice(first, stop)
    return _with_frames(conditioning, conditioning.expression[rows], conditioning.level_db[rows])


def join(parts: Sequence[Conditioning]) -> Conditioning:
    """Join neighbouring parts of one recording."""
    return _with_frames(
        parts[0],
        np.concatenate([part.expression for part in parts]),
        np.concatenate([part.level_db for part in parts]),
    )


class _Windows:
    """Applies the expression decoder to the windows of a recording that arrives in parts.

    Attributes:
        curves: beta of the windows that went through.
    """

    def __init__(self, engines: Engines, size: Size) -> None:
        self.curves = OverlapAdd(size.window, size.expression)
        self._engine, self._size, self._step = engines["expression"], size, stride(size.window)
        self._parts: list[tuple[int, Array]] = []  # the first frame of each, and its theta_e
        self._linguistic = np.empty((0, size.linguistic), np.float32)  # l-bar of the last frames
        self._frames = 0
        self._last = -self._step  # the window that went through last

    @property
    def complete(self) -> int:
        """The frame before which no later window begins, wherever the recording ends."""
        return self._frames - self._size.window

    def append(self, block: VoiceFactors, shape: Array) -> None:
        """Express all windows that are whole with the next part."""
        self._parts.append((self._frames, block.emotion.theta))
        self._linguistic = np.concatenate(
            [self._linguistic[-self._size.window :], block.content.linguistic]
        )
        self._frames += len(block.content.linguistic)
        self._run(range(self._last + self._step, self.complete + 1, self._step), shape)
        while len(self._parts) > 1 and self._parts[1][0] <= self.complete:
            self._parts.pop(0)

    def finish(self, shape: Array) -> None:
        """Express the last window, which ends with the recording."""
        self._run([self.complete] if self.complete > self._last else [], shape)

    def _run(self, starts: Sequence[int], shape: Array) -> None:
        window, first = self._size.window, self._frames - len(self._linguistic)
        for group in batches(starts):
            full = fill_batch(group)
            output = self._engine(
                linguistic=np.stack(
                    [self._linguistic[i - first : i - first + window] for i in full]
                ),
                shape=np.repeat(shape[None], len(full), axis=0),
                emotion=np.stack([self._emotion_at(start) for start in full]),
            )
            for start, rows in zip(group, output["expression"], strict=False):
                self.curves.add(start, rows)
                self._last = start

    def _emotion_at(self, start: int) -> Array:
        """Return theta_e of a window: its own row, or the only one of its part."""
        begin, theta = next(part for part in reversed(self._parts) if part[0] <= start)
        row: Array = theta[min(-(-(start - begin) // self._step), len(theta) - 1)]
        return row


def _without_frames(factors: VoiceFactors) -> Conditioning:
    """Return the conditioning that is constant over frames."""
    whole, identity = factors.emotion.whole(), factors.identity
    return Conditioning(
        shape=identity.shape,
        identity=identity.theta,
        emotion=whole.theta[0],
        expression=np.empty((0, 0), np.float32),
        level_db=np.empty(0, np.float32),
        gender=identity.gender,
        age=identity.age,
        emotions=whole.shares[0],
    )


def _with_frames(of: Conditioning, expression: Array, level_db: Array) -> Conditioning:
    return replace(of, expression=np.clip(expression, 0, 1), level_db=level_db)
