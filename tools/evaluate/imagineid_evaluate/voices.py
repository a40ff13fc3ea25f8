"""Held-out voices of the world: who speaks, how it feels, and the jaw.

Every utterance of the TEST split goes whole through the program: written as a wav, opened by
imagineid.audio, heard by the shipped networks through imagineid.pad.encode.

  gender       share of speakers whose mean gender vote over their utterances is right
  age          correlation over speakers between mean heard age and the true one
  shape        cosine between the mean heard alpha and the true one, mean over speakers
  emotion      share of utterances whose most heard emotion of eight is the acted one
  jawOpen      correlation with the true curve over all frames of all utterances

Boys and girls have one voice: pitch and tract tell the gender from about 14 years on. So gender
stands for older speakers alone too; and beside gender and shape stands what could be known at
best, by a listener who is told the true age, pitch, tract, breath and tilt (for shape, and gender).
"""

from __future__ import annotations

import argparse

import numpy as np

from imagineid.pad.conditioning import Conditioning, express
from imagineid.pad.encode import encode
from imagineid.spec import ARKIT, EMOTIONS
from imagineid_evaluate.model_under_test import PAD, SIZE, calm, engines
from imagineid_evaluate.report import Row
from imagineid_evaluate.sounds import as_sound
from imagineid_evaluate.world import Spoken, utterances
from imagineid_world.people import WORLD, Tie, Traits, draw_traits, load_tie

JAW = ARKIT.index("jawOpen")

BROKEN = 14.0
"""Years from which a voice tells its gender."""

DRAWN, ALIKE = 20_000, 101
"""Speakers drawn to know what a voice can tell, and how many like it are asked."""


def arguments(parser: argparse.ArgumentParser) -> None:
    """Add the options of this group."""
    parser.add_argument("--split", default="test", help="test is what the bars are about")
    parser.add_argument("--most", type=int, help="stop after this many utterances")


def run(options: argparse.Namespace) -> tuple[list[Row], dict[str, object]]:
    """Measure; see the module."""
    opened = engines(PAD)
    results: list[tuple[Spoken, Conditioning]] = []
    for spoken in utterances(options.split):
        if options.most and len(results) >= options.most:
            break
        with as_sound(spoken.wave) as sound:
            factors = encode(opened, SIZE, sound, calm=calm())
            results.append((spoken, express(opened, SIZE, factors)))
    return rows(results, load_tie(WORLD / "tie.npz")), {
        "split": options.split,
        "utterances": len(results),
    }


def rows(results: list[tuple[Spoken, Conditioning]], tie: Tie) -> list[Row]:
    """Return the metrics of utterances and their estimates, given the tie of voice and face."""
    by_speaker: dict[int, list[tuple[Spoken, Conditioning]]] = {}
    for pair in results:
        by_speaker.setdefault(pair[0].speaker, []).append(pair)
    gender, age, true_age, cosines = [], [], [], []
    for pairs in by_speaker.values():
        truth = pairs[0][0]
        male = np.mean([f.gender == "male" for _, f in pairs]) > 0.5
        gender.append(male == (truth.traits[0] > 0.5))
        age.append(float(truth.traits[1]))
        true_age.append(float(np.mean([f.age for _, f in pairs])))
        estimated = np.mean([f.shape for _, f in pairs], axis=0)
        cosines.append(cosine(truth.alpha, estimated))
    truths = np.stack([pairs[0][0].traits for pairs in by_speaker.values()])
    alphas = [pairs[0][0].alpha for pairs in by_speaker.values()]
    old = truths[:, 1] >= BROKEN
    right = np.array([s.emotion == int(f.emotions.argmax()) for s, f in results])
    true_jaw = np.concatenate([s.full[:, JAW] for s, _ in results])
    made_jaw = np.concatenate([f.expression[: len(s.full), JAW] for s, f in results])
    each = [correlation(s.full[:, JAW], f.expression[: len(s.full), JAW]) for s, f in results]
    speakers = f"{len(by_speaker)} speakers"
    found = [
        Row("gender accuracy", float(np.mean(gender)), bar=0.95, note=speakers),
        Row(
            "  from 14 years on",
            float(np.mean(np.array(gender)[old])),
            note=f"{old.sum()} speakers",
        ),
        Row("  at best", float(np.mean(known_gender(truths)))),
        Row(
            "age correlation",
            correlation(np.array(age), np.array(true_age)),
            bar=0.70,
            note=speakers,
        ),
        Row("age error, mean", float(np.abs(np.subtract(age, true_age)).mean()), "years"),
        Row("shape cosine", float(np.mean(cosines)), bar=0.75, note=speakers),
        Row("  at best", float(np.mean(known_shape(truths, alphas, tie)))),
        Row("emotion accuracy", float(right.mean()), bar=0.76, note=f"{len(results)} utterances"),
        Row("jawOpen correlation", correlation(true_jaw, made_jaw), bar=0.90, note="all frames"),
        Row("jawOpen correlation, median utterance", float(np.nanmedian(each))),
    ]
    for i, name in enumerate(EMOTIONS):
        own = [ok for ok, (s, _) in zip(right, results, strict=True) if s.emotion == i]
        if own:
            found.append(Row(f"  {name}", float(np.mean(own)), note=f"{len(own)} utterances"))
    return found


def known_gender(truths: np.ndarray) -> np.ndarray:
    """Return for each speaker's traits (n, 6) whether the other five predict the gender.

    Those most like a speaker, of many drawn from the world, vote.
    """
    rng = np.random.default_rng(0)
    samples = np.stack([draw_traits(rng).array() for _ in range(DRAWN)])

    def vowels_of(traits: np.ndarray) -> np.ndarray:
        return np.column_stack([np.log(traits[:, 1:4]), traits[:, 4:]])

    spread = vowels_of(samples).std(axis=0)
    distance = (vowels_of(truths)[:, None] - vowels_of(samples)[None]) / spread
    far = np.square(distance).sum(axis=2)
    votes = samples[np.argpartition(far, ALIKE)[:, :ALIKE], 0] > 0.5
    male: np.ndarray = (votes.mean(axis=1) > 0.5) == (truths[:, 0] > 0.5)
    return male


def known_shape(truths: np.ndarray, alphas: list[np.ndarray], tie: Tie) -> list[float]:
    """Return the cosine of each face (80,) with the mean face of its voice's traits (n, 6)."""
    best = [tie.expected(Traits(*(float(v) for v in row))) for row in truths]
    return [cosine(alpha, face) for alpha, face in zip(alphas, best, strict=True)]


def cosine(a: np.ndarray, b: np.ndarray) -> float:
    """Return the cosine of two vectors (n,); 0 if one of them is zero."""
    return float(a @ b / (np.linalg.norm(a) * np.linalg.norm(b) + 1e-12))


def correlation(a: np.ndarray, b: np.ndarray) -> float:
    """Return Pearson's correlation of two series (n,); NaN if one of them never changes."""
    if len(a) < 2 or a.std() == 0 or b.std() == 0:
        return float("nan")
    return float(np.corrcoef(a, b)[0, 1])
