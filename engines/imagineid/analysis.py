"""What was heard over time: stretches of speech and of one emotion."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from imagineid.pad.conditioning import Conditioning
from imagineid.pad.factors import VoiceFactors
from imagineid.pad.windows import OverlapAdd, window_starts
from imagineid.spec import ARKIT, EMOTIONS, FPS

Array = np.ndarray
SPEAKING = 0.5
"""From this share of an opened mouth on a frame counts as speech."""

SHORTEST_PAUSE = 5
"""Frames; a shorter silence between words is no pause."""


@dataclass(frozen=True)
class Span:
    """A part of a recording, in seconds, and what is in it."""

    start_s: float
    end_s: float
    what: str


@dataclass(frozen=True)
class Analysis:
    """A recording of F frames as a person would want to see it.

    Attributes:
        feelings: share of each of the eight emotions at each frame, (F, 8).
        speech: stretches of "speech" and "silence", without gaps.
        emotions: stretches in which one emotion is heard most, without gaps.
        moved: every ARKit unit with its mean over frames, the most moved first.
    """

    feelings: Array
    speech: tuple[Span, ...]
    emotions: tuple[Span, ...]
    moved: tuple[tuple[str, float], ...]

    @property
    def speech_s(self) -> float:
        """Seconds of speech."""
        return sum(s.end_s - s.start_s for s in self.speech if s.what == "speech")


def analyze_voice(heard: VoiceFactors, factors: Conditioning, window: int) -> Analysis:
    """Look at what was heard over time.

    Args:
        heard: of a recording, unmixed.
        factors: its expression.
        window: L, the frames the networks hear at once.
    """
    feelings = OverlapAdd(heard.frames, window, len(EMOTIONS))
    for start, row in zip(window_starts(heard.frames, window), heard.emotion.shares, strict=True):
        feelings.add(start, np.repeat(row[None], window, axis=0))
    over_time = feelings.done()
    loud = _without_gaps(speaking(heard.content.level_db) >= SPEAKING)
    means = factors.expression.mean(axis=0)
    return Analysis(
        feelings=over_time,
        speech=spans(loud.astype(int), ("silence", "speech")),
        emotions=spans(over_time.argmax(axis=1), EMOTIONS),
        moved=tuple((ARKIT[i], float(means[i])) for i in np.argsort(-means)),
    )


def spans(frames: Array, names: Sequence[str]) -> tuple[Span, ...]:
    """Join frames (F,) of indices into ``names`` into stretches of one each."""
    edges = [0, *(np.flatnonzero(np.diff(frames)) + 1).tolist(), len(frames)]
    return tuple(
        Span(a / FPS, b / FPS, names[int(frames[a])])
        for a, b in zip(edges, edges[1:], strict=False)
    )


def _without_gaps(loud: Array) -> Array:
    """Fill silences shorter than :data:`SHORTEST_PAUSE` between speech, (F,) bool."""
    out, last = loud.copy(), -1
    for frame in np.flatnonzero(loud):
        if last >= 0 and frame - last <= SHORTEST_PAUSE:
            out[last:frame] = True
        last = int(frame)
    return np.asarray(out)


def speaking(level_db: Array) -> Array:
    """Return how much each frame is speech, (F,) in [0, 1].

    Speech is what comes within 38 dB of the loudness that only one frame in twenty exceeds; two
    frames on either side of it belong to it.

    Args:
        level_db: loudness of each frame, (F,) dB below full scale.
    """
    loud = max(float(np.percentile(level_db, 95)), -45.0)
    share = np.clip((level_db - (loud - 38)) / 10, 0, 1)
    framed = np.pad(share, 2, mode="edge")
    near = np.lib.stride_tricks.sliding_window_view(framed, 5)
    return np.asarray(near.max(axis=1) * 0.5 + near.mean(axis=1) * 0.5, np.float32)
