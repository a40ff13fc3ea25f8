"""Real people, from any folder with an index: calm, feelings, sex, age, lips, rest, invariance.

The folder and its ``voices.csv`` are those of :mod:`imagineid_world.recordings`; recordings of one
split (``--split test``) are heard by the program as a user's would be, and compared with what the
index says and with the alignment of the text.

  calm         share of recordings labelled neutral that are heard as neutral, a corpus each
  feelings     share of recordings of an actor heard as acted; labels that are none of the eight
               (boredom) are left out
  sex, age     of speakers: majority of the recordings, and the mean over them
  p b m        share of holds with a closed frame; the same of curves shifted in time at random,
               which is what chance gives; both as imagineid_evaluate.recordings defines them
  jawOpen      correlation, over all frames, with the world's curves of the aligned phones
  same lips    correlation of jawOpen with that of the recording as it is, where it is 35 dB below
               full scale, cut to a telephone's band (300 to 3400 Hz), or in noise 15 dB below it
  at rest      frames at rest where nobody speaks: noise at -40 dB, a tone, plucked chords
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from scipy import signal

from imagineid.face import FaceModel
from imagineid.pad.conditioning import Conditioning
from imagineid.spec import ARKIT, EMOTIONS, FPS, SAMPLE_RATE
from imagineid_evaluate.alignment import Phone
from imagineid_evaluate.lips import at_rest, opening
from imagineid_evaluate.recordings import Tally, judge
from imagineid_evaluate.report import Row
from imagineid_evaluate.sounds import Wave, room_noise, wave_of
from imagineid_evaluate.voices import correlation
from imagineid_world.articulation import curves
from imagineid_world.recordings import FEELINGS, phones_of, rows

Array = np.ndarray
Hear = Callable[[Wave], Conditioning]
JAW = ARKIT.index("jawOpen")
SHIFTS = 20
"""Random shifts in time that give the chance level."""

REST_S = 5.0
"""Seconds of each sound in which nobody speaks."""

EVERY = 4
"""One recording in so many is heard again, quieter, cut in band and in noise."""

CALM_BAR = {"librispeech": 0.95, "nathalie": 0.90}


@dataclass
class Results:
    """Results over all recordings so far."""

    calm: dict[str, list[bool]] = field(default_factory=dict)
    acted: dict[str, dict[str, list[bool]]] = field(default_factory=dict)
    sex: dict[tuple[str, str], list[bool]] = field(default_factory=dict)
    age: dict[tuple[str, str], list[float]] = field(default_factory=dict)
    same: dict[str, list[float]] = field(default_factory=dict)
    jaw: list[tuple[Array, Array]] = field(default_factory=list)
    lips: Tally = field(default_factory=Tally)
    chance: Tally = field(default_factory=Tally)
    sound_s: float = 0.0
    taken_s: float = 0.0


def measure(
    face: FaceModel,
    hear: Hear,
    folder: Path,
    split: str,
    most: int | None,
    cache: Path | None,
) -> list[Row]:
    """Measure a split of a folder; see the module.

    Args:
        face: the baked face.
        hear: what the program hears in a wave.
        folder: with an index.
        split: train, val or test.
        most: recordings of each corpus; None for all.
        cache: a JSON file in which alignments are kept for the next time.
    """
    results, known = Results(), _read(cache)
    for number, row in enumerate(chosen_rows(folder, split, most)):
        wave = wave_of(folder / row["path"])
        start = time.perf_counter()
        factors = hear(wave)
        results.taken_s += time.perf_counter() - start
        results.sound_s += len(wave) / SAMPLE_RATE
        if row["path"] not in known:
            found = phones_of(wave, row.get("text", ""), row.get("language") or "en")
            known[row["path"]] = found
        labels(results, row, factors)
        spoken = [(name, start, end) for name, start, end in known[row["path"]]]
        if spoken:
            mouth(results, face, spoken, factors, np.random.default_rng(number))
        if number % EVERY == 0:
            same_lips(results, hear, wave, factors)
    if cache:
        cache.write_text(json.dumps(known), encoding="utf-8")
    return [*result_rows(results), *resting(hear, face)]


def _read(cache: Path | None) -> dict[str, list[tuple[str, float, float]]]:
    found: dict[str, list[tuple[str, float, float]]] = {}
    if cache and cache.exists():
        found = json.loads(cache.read_text(encoding="utf-8"))
    return found


def chosen_rows(folder: Path, split: str, most: int | None) -> Iterator[dict[str, str]]:
    """Yield the rows of a split, at most ``most`` of each corpus, evenly picked."""
    own = [row for row in rows(folder / "voices.csv") if row["split"] == split]
    for corpus in sorted({row.get("corpus", "") for row in own}):
        some = [row for row in own if row.get("corpus", "") == corpus]
        yield from some[:: max(1, -(-len(some) // most))] if most else some


def labels(results: Results, row: dict[str, str], factors: Conditioning) -> None:
    """Compare the estimated speaker and emotion with the index."""
    corpus, label = row.get("corpus", ""), row.get("emotion", "")
    name = FEELINGS.get(label, label)
    if name == "neutral":
        results.calm.setdefault(corpus, []).append(factors.label == "neutral")
    if name in EMOTIONS:
        results.acted.setdefault(corpus, {}).setdefault(name, []).append(factors.label == name)
    who = (corpus, row.get("speaker") or row["path"])
    if row.get("sex") in ("f", "m"):
        right = (factors.gender == "male") == (row["sex"] == "m")
        results.sex.setdefault(who, []).append(right)
    if row.get("age"):
        results.age.setdefault(who, []).append(factors.age - float(row["age"]))


def mouth(
    results: Results,
    face: FaceModel,
    spoken: list[tuple[str, float, float]],
    factors: Conditioning,
    rng: np.random.Generator,
) -> None:
    """Compare the mouth with the phones of a recording, and with itself at other moments."""
    expression = factors.expression
    true, _ = curves(spoken, "neutral", 0.0, rng, len(expression))
    results.jaw.append((expression[:, JAW], true[:, JAW]))
    opened = opening(face, factors.shape, expression)
    phones = [Phone(*p) for p in spoken]
    judge(results.lips, phones, opened, expression)
    speech = [p for p in phones if p.name != "SIL"]
    for _ in range(SHIFTS):
        shift = int(rng.integers(FPS // 2, max(len(expression) - FPS // 2, FPS // 2 + 1)))
        judge(results.chance, speech, np.roll(opened, shift), np.roll(expression, shift, axis=0))


def same_lips(results: Results, hear: Hear, wave: Wave, factors: Conditioning) -> None:
    """Hear a recording quieter, through a telephone and in noise; compare the jaw."""
    loud = np.sqrt(np.mean(wave**2)) + 1e-9
    noise = np.random.default_rng(0).standard_normal(len(wave)).astype(np.float32)
    band = signal.butter(4, [300, 3400], "bandpass", fs=SAMPLE_RATE, output="sos")
    ways = {
        "at -35 dB": wave * (10 ** (-35 / 20) / loud),
        "through a telephone": signal.sosfilt(band, wave).astype(np.float32),
        "in noise 15 dB below": wave + noise * loud * 10 ** (-15 / 20),
    }
    for name, changed in ways.items():
        other = hear(np.asarray(changed, np.float32)).expression[:, JAW]
        found = correlation(factors.expression[:, JAW], other)
        if np.isfinite(found):
            results.same.setdefault(name, []).append(found)


def nobody() -> dict[str, Wave]:
    """Return sounds without speech, by name."""
    time_s = np.arange(int(REST_S * SAMPLE_RATE)) / SAMPLE_RATE
    tone = 0.1 * np.sin(2 * np.pi * 440 * time_s)
    chords = np.zeros_like(time_s)
    for beat, root in enumerate((110.0, 146.8, 164.8, 130.8, 110.0, 146.8, 164.8, 130.8)):
        begun = np.clip(time_s - beat * 0.6, 0, None)
        ring = np.where(begun > 0, np.exp(-3 * begun), 0)
        for step in (1, 1.26, 1.5):
            parts = (np.sin(2 * np.pi * root * step * k * begun) / k for k in range(1, 6))
            chords += ring * sum(parts)
    return {
        "at rest in noise at -40 dB": room_noise(REST_S, -40, seed=2),
        "at rest under a tone": np.asarray(tone, np.float32),
        "at rest under plucked chords": np.asarray(0.1 * chords / chords.std(), np.float32),
    }


def resting(hear: Hear, face: FaceModel) -> list[Row]:
    """Return how much the mouth rests in sounds without speech."""
    out = []
    for name, wave in nobody().items():
        factors = hear(wave)
        rest = at_rest(opening(face, factors.shape, factors.expression), factors.expression)
        out.append(Row(name, float(rest.mean()), bar=0.95, note=f"of {len(rest)}"))
    return out


def result_rows(results: Results) -> list[Row]:
    """Return the numbers."""
    out = [
        Row(f"calm heard as neutral, {corpus}", _mean(right), bar=CALM_BAR.get(corpus, 0.85),
            note=f"{len(right)} recordings")
        for corpus, right in results.calm.items()
    ]  # fmt: skip
    for corpus, named in results.acted.items():
        if len(named) > 1:
            every = [ok for right in named.values() for ok in right]
            out.append(Row(f"feelings, {corpus}", _mean(every), bar=0.75, note=f"of {len(every)}"))
            out += [Row(f"  {n}", _mean(r), note=f"of {len(r)}") for n, r in named.items()]
    for corpus in sorted({corpus for corpus, _ in results.sex}):
        each = [bool(np.mean(right) > 0.5) for (c, _), right in results.sex.items() if c == corpus]
        out.append(Row(f"sex, {corpus}", _mean(each), bar=0.98, note=f"{len(each)} speakers"))
    for corpus in sorted({corpus for corpus, _ in results.age}):
        each = [abs(np.mean(off)) for (c, _), off in results.age.items() if c == corpus]
        value = float(np.mean(each))
        out.append(Row(f"age, {corpus}", value, "years", 8, "at most", f"{len(each)} speakers"))
    if results.jaw:
        predicted, true = (np.concatenate(side) for side in zip(*results.jaw, strict=True))
        out += [
            results.lips.row("holds", 0.90, "lips closed at p, b, m"),
            results.chance.row("holds", name="  of shifted curves (chance)"),
            results.lips.row("open vowels", 0.85, "lips open at open vowels"),
            results.lips.row("pause frames inside", 0.95, "at rest in pauses"),
            Row("jawOpen against the alignment", correlation(predicted, true), bar=0.80),
        ]
    bars = {"at -35 dB": 0.95, "through a telephone": 0.90, "in noise 15 dB below": 0.85}
    out += [
        Row(f"same lips {name}", _mean(found), bar=bars[name], note=f"{len(found)} recordings")
        for name, found in results.same.items()
    ]
    taken = 60 * results.taken_s / max(results.sound_s, 1e-9)
    return [*out, Row("listening to a minute", taken, "s", 1.5, "at most", "as the machine is now")]


def _mean(values: list[bool] | list[float]) -> float:
    return float(np.mean(values)) if values else float("nan")
