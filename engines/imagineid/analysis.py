"""Analysis: the estimates for a recording over time, for people, programs and animators."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from imagineid.audio import Sound
from imagineid.face import livelink
from imagineid.face.controls import frame_controls
from imagineid.face.retiming import Retiming
from imagineid.files import atomic_output, write_errors
from imagineid.pad.conditioning import Conditioning
from imagineid.pad.factors import VoiceFactors
from imagineid.pad.windows import OverlapAdd, window_starts
from imagineid.progress import SILENT, Progress
from imagineid.rendering import factors_as_json, opened
from imagineid.request import Request
from imagineid.spec import ARKIT, EMOTIONS, FPS

if TYPE_CHECKING:
    from imagineid.pipeline import Pipeline

Array = np.ndarray
SPEAKING = 0.5
"""Speech activity from which a frame counts as speech."""

SHORTEST_PAUSE = 5
"""Frames of the shortest pause; shorter silences between words are ignored."""


@dataclass(frozen=True)
class Span:
    """A segment of a recording in seconds, and its label."""

    start_s: float
    end_s: float
    what: str


@dataclass(frozen=True)
class Analysis:
    """A recording of F frames as a person would want to see it.

    Attributes:
        factors: who, what and how, as ``generate`` hears them.
        conditioning: the curves of the face, as ``generate`` uses them.
        feelings: share of each of the eight emotions at each frame, (F, 8).
        speech: spans of "speech" and "silence", without gaps.
        emotions: spans in which one emotion is strongest, without gaps.
        moved: every ARKit unit with its mean over frames, the most moved first.
    """

    factors: VoiceFactors
    conditioning: Conditioning
    feelings: Array
    speech: tuple[Span, ...]
    emotions: tuple[Span, ...]
    moved: tuple[tuple[str, float], ...]

    @property
    def duration_s(self) -> float:
        """Seconds of the recording, in whole frames."""
        return self.factors.frames / FPS

    @property
    def speech_s(self) -> float:
        """Seconds of speech."""
        return sum(s.end_s - s.start_s for s in self.speech if s.what == "speech")

    def as_json(self) -> dict[str, Any]:
        """Return all of it as JSON holds it; see ``docs/analyze.md``."""

        def rounded(columns: Array, names: Sequence[str]) -> dict[str, list[float]]:
            pairs = zip(names, columns.T.tolist(), strict=True)
            return {name: [round(x, 4) for x in column] for name, column in pairs}

        return {
            "seconds": round(self.duration_s, 2),
            "fps": FPS,
            "frames": self.factors.frames,
            **factors_as_json(self.factors),
            "speech_heard": self.conditioning.speaks,
            "speech": [asdict(span) for span in self.speech],
            "feelings": [asdict(span) for span in self.emotions],
            "emotions_over_time": rounded(self.feelings, EMOTIONS),
            "curves": rounded(self.conditioning.expression, ARKIT),
        }


def analyze(
    pipe: Pipeline, audio: str | os.PathLike[str] | Sound, progress: Progress = SILENT
) -> Analysis:
    """Hear a recording, and look at it over time.

    Args:
        pipe: a loaded model.
        audio: anything that holds sound, or an open recording.
        progress: receives messages and progress.

    Raises:
        BadSound: it can't be read, or there is nothing to hear.
    """
    with opened(audio, progress) as sound, progress.stage("listening", 1.0, "") as advance:
        factors = pipe.encode(sound, advance)
    window = pipe.size.window
    feelings = OverlapAdd(window, len(EMOTIONS))
    rows = zip(window_starts(factors.frames, window), factors.emotion.shares, strict=True)
    for start, row in rows:
        feelings.add(start, np.repeat(row[None], window, axis=0))
    over_time = feelings.take(factors.frames)
    loud = _without_gaps(speaking(factors.content.level_db) >= SPEAKING)
    conditioning = pipe.express(factors)
    means = conditioning.expression.mean(axis=0)
    return Analysis(
        factors=factors,
        conditioning=conditioning,
        feelings=over_time,
        speech=spans(loud.astype(int), ("silence", "speech")),
        emotions=spans(over_time.argmax(axis=1), EMOTIONS),
        moved=tuple((ARKIT[i], float(means[i])) for i in np.argsort(-means)),
    )


def write_curves(
    path: Path, conditioning: Conditioning, request: Request, fps: int, overwrite: bool = False
) -> None:
    """Write what the face would do as Live Link Face does: curves, blinks and head motion.

    Args:
        path: a .csv.
        conditioning: the curves.
        request: the seed and the source of the motion, as for a video.
        fps: rows a second.
        overwrite: whether an existing file may be replaced.

    Raises:
        BadInput: the reference of the motion can't be used.
        BadOutput: the place can't be written.
    """
    amounts, motion = request.amounts, request.motion(conditioning.frames)
    frame_by_frame = frame_controls([conditioning], request.seed or 0, motion, amounts.blink)
    controls = list(Retiming(amounts)(frame_by_frame))
    curves = np.stack([control.units for control in controls])
    pose = np.stack([control.pose for control in controls])
    with atomic_output(path, overwrite) as part, write_errors(path):
        with part.open("w", encoding="ascii", newline="") as file:
            livelink.write(file, curves, pose, fps)


def spans(frames: Array, names: Sequence[str]) -> tuple[Span, ...]:
    """Join equal neighbours of (F,) indices into ``names`` to segments."""
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
    """Return the speech activity of each frame, (F,) in [0, 1].

    Frames within 38 dB of the 95th percentile of loudness are speech, and two frames on either
    side of them.

    Args:
        level_db: loudness of each frame, (F,) dB below full scale.
    """
    loud = max(float(np.percentile(level_db, 95)), -45.0)
    share = np.clip((level_db - (loud - 38)) / 10, 0, 1)
    framed = np.pad(share, 2, mode="edge")
    near = np.lib.stride_tricks.sliding_window_view(framed, 5)
    return np.asarray(near.max(axis=1) * 0.5 + near.mean(axis=1) * 0.5, np.float32)
