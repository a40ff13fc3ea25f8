"""Pairs of held-out voices: one factor swapped, the face kept.

A is a voice of the world's TEST split that acts neutral, B another speaker's, three of each of the
eight emotions. A's video is made, then with B's emotion, then with B's words, as `swap` makes them.

  emotion      share of videos in which B's acted emotion is read (imagineid_evaluate.feelings: what
               changed against A's own video); the same for the emotion PAD heard in B stands beside
  face         cosine of faceres descriptors with the first frame of A's video, mean over frames
  lips         correlation of the swapped video's jawOpen with that of B heard alone
  lips seen    correlation of the gap between the inner lips MediaPipe sees with that jawOpen
  emotion kept cosine of the mean brows, eyes, cheeks and nose given to the video with B's words and
               to A's own; the share in which no change of emotion is read stands beside
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np

from imagineid.analysis import SPEAKING, speaking
from imagineid.pad.factors import Content, VoiceFactors
from imagineid.pipeline import Pipeline, load
from imagineid.request import Request
from imagineid.spec import ARKIT, EMOTIONS, MOUTH
from imagineid_evaluate import feelings, world
from imagineid_evaluate.landmarks import INNER, Detections, look
from imagineid_evaluate.likeness import Likeness
from imagineid_evaluate.report import Row
from imagineid_evaluate.sounds import as_sound
from imagineid_evaluate.voices import correlation, cosine
from imagineid_evaluate.world import Spoken

Array = np.ndarray
JAW = ARKIT.index("jawOpen")
UPPER = [i for i in range(len(ARKIT)) if i not in MOUTH]
NEUTRAL = EMOTIONS.index("neutral")


def arguments(parser: argparse.ArgumentParser) -> None:
    """Add the options of this group."""
    parser.add_argument("--pairs", type=int, default=24, help="24 is what the bars are about")
    parser.add_argument("--frames", type=int, default=50, help="of each video, at most")
    parser.add_argument("--every", type=int, default=3, help="look at one frame in so many")
    parser.add_argument("--people", type=int, default=600, help="whose pictures teach the judge")


@dataclass(frozen=True)
class Measured:
    """What one pair gave; emotions are indices into ``EMOTIONS``, -1 where no face was found."""

    acted: int
    heard_emotion: int
    read: int
    read_with_words: int
    face: float
    face_with_words: float
    upper_face_cosine: float
    lips: float
    lips_seen: float


def run(options: argparse.Namespace) -> tuple[list[Row], dict[str, object]]:
    """Measure; see the module."""
    pipe, likeness = load(), Likeness()
    judge = feelings.fitted(*feelings.differences("train", options.people))
    true, named = feelings.differences("test", options.people)
    floor = float((judge(true) == named).mean())
    found = []
    for number, (a, b) in enumerate(pairs(options.pairs)):
        found.append(measured(pipe, judge, likeness, a, b, number, options.frames, options.every))
        print(f"pair {number + 1}: {found[-1]}", flush=True)
    return rows(found, floor), {"pairs": len(found), "frames": options.frames}


def pairs(count: int) -> Iterator[tuple[Spoken, Spoken]]:
    """Yield neutral voices, each with another speaker's of the emotions in turn."""
    calm: list[Spoken] = []
    acted: list[list[Spoken]] = [[] for _ in EMOTIONS]
    for spoken in world.utterances("test"):
        if spoken.emotion == NEUTRAL and len(calm) < 2 * count:
            calm.append(spoken)
        if len(acted[spoken.emotion]) < 2 * count:
            acted[spoken.emotion].append(spoken)
    rng = np.random.default_rng(4)
    for number in range(count):
        a = calm[int(rng.integers(len(calm)))]
        others = [b for b in acted[number % len(EMOTIONS)] if b.speaker != a.speaker]
        if not others:
            raise FileNotFoundError("The test split has too few speakers.\nMake more:  make world")
        yield a, others[int(rng.integers(len(others)))]


def measured(
    pipe: Pipeline,
    judge: feelings.Judge,
    likeness: Likeness,
    a: Spoken,
    b: Spoken,
    seed: int,
    frames: int,
    every: int,
) -> Measured:
    """Make the three videos of a pair and look at them."""
    one, two = factors_of(pipe, a, frames), factors_of(pipe, b, frames)
    base = video(pipe, one, seed, None)
    first = base[0]
    felt = video(pipe, one.with_emotion(two.emotion), seed, first)
    mixed = one.with_content(two.content)
    reworded = video(pipe, mixed, seed, first)
    before, with_emotion, with_words = (look(v[::every]) for v in (base, felt, reworded))
    calm = feelings.mean_expression(before)
    curves = {
        name: pipe.express(x).expression for name, x in (("a", one), ("b", two), ("m", mixed))
    }
    alone, swapped = curves["b"][:, JAW], curves["m"][:, JAW]
    gap = inner_gap(with_words)
    ok = ~np.isnan(gap)
    face = likeness(first, before.landmarks[0]) if before.found[0] else None
    return Measured(
        acted=b.emotion,
        heard_emotion=EMOTIONS.index(two.emotion.label),
        read=_read(judge, feelings.mean_expression(with_emotion) - calm),
        read_with_words=_read(judge, feelings.mean_expression(with_words) - calm),
        face=_identity_cosine(likeness, face, felt[::every], with_emotion),
        face_with_words=_identity_cosine(likeness, face, reworded[::every], with_words),
        upper_face_cosine=cosine(
            curves["a"][:, UPPER].mean(axis=0), curves["m"][:, UPPER].mean(axis=0)
        ),
        lips=correlation(alone, swapped),
        lips_seen=correlation(alone[::every][ok], gap[ok]),
    )


def factors_of(pipe: Pipeline, spoken: Spoken, frames: int) -> VoiceFactors:
    """Hear an utterance, and keep ``frames`` of its words from where speech begins."""
    with as_sound(spoken.wave) as sound:
        found = pipe.encode(sound)
    level = found.content.level_db
    begin = int((speaking(level) >= SPEAKING).argmax())
    begin = max(0, min(begin, len(level) - max(frames, pipe.size.window)))
    linguistic = found.content.linguistic[begin : begin + max(frames, pipe.size.window)]
    content = Content(linguistic, level[begin : begin + frames])
    return replace(found, content=content, emotion=found.emotion.whole())


def video(pipe: Pipeline, factors: VoiceFactors, seed: int, first: Array | None) -> list[Array]:
    """Return the frames of a video, as the command makes them but for the coding."""
    return list(pipe.imagine(pipe.express(factors), Request(seed=seed), first))


def inner_gap(faces: Detections) -> Array:
    """Return how far the inner lips are apart, (N,) shares of the distance of the eyes."""
    upper, lower = INNER
    level = feelings.upright(faces.landmarks).reshape(len(faces.landmarks), -1, 2)
    return np.asarray(np.linalg.norm(level[:, upper] - level[:, lower], axis=1))


def _read(judge: feelings.Judge, difference: Array) -> int:
    return -1 if np.isnan(difference).any() else int(judge(difference[None])[0])


def _identity_cosine(
    likeness: Likeness, face: Array | None, frames: list[Array], faces: Detections
) -> float:
    """Return the mean cosine of frames with a face; NaN without any."""
    if face is None or not faces.found.any():
        return float("nan")
    zipped = zip(frames, faces.landmarks, faces.found, strict=True)
    return float(np.mean([face @ likeness(f, marks) for f, marks, ok in zipped if ok]))


def rows(found: list[Measured], floor: float) -> list[Row]:
    """Return the numbers of all pairs; ``floor`` is the judge's accuracy on true pictures."""

    def mean(name: str) -> float:
        values = np.array([getattr(m, name) for m in found], float)
        return float(np.nanmean(values)) if np.isfinite(values).any() else float("nan")

    def share(right: list[bool]) -> float:
        return float(np.mean(right)) if right else float("nan")

    note = f"the judge on single true pictures: {floor:.2f}"
    return [
        Row(
            "swap emotion: as acted", share([m.read == m.acted for m in found]), "", 0.75, note=note
        ),
        Row("  as PAD heard it", share([m.read == m.heard_emotion for m in found])),
        Row("  PAD heard it as acted", share([m.heard_emotion == m.acted for m in found])),
        Row("swap emotion: face kept", mean("face"), bar=0.9),
        Row("swap content: jawOpen correlation", mean("lips"), bar=0.9),
        Row("  with the gap that is seen", mean("lips_seen")),
        Row("swap content: emotion kept", mean("upper_face_cosine"), bar=0.9),
        Row("  no change is read", share([m.read_with_words == NEUTRAL for m in found])),
        Row("swap content: face kept", mean("face_with_words"), bar=0.9),
    ]
