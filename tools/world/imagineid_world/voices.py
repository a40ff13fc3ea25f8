"""Make the voices: speakers with bodies and moods, their speech and the face that says it.

    python -m imagineid_world.voices --out .train/world/voices --hours 3 --seed 0

A shard depends on the seed and its number alone, is written under another name and renamed when
whole; shards that exist are kept, so the command may be stopped, started again, or given more
hours. Each holds :data:`SPEAKERS` speakers with :data:`LINES` utterances each, about ten minutes
of clean speech. Noise, rooms and telephone bands belong to training, not here.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from functools import lru_cache
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from imagineid.spec import EMOTIONS, FPS, SAMPLE_RATE
from imagineid_world import persona
from imagineid_world.articulation import Phone, curves
from imagineid_world.bank import SECOND_CAST, VOICES, Bank, Voice, bank_at, voices_of_splits
from imagineid_world.emotions import PROSODY, Prosody
from imagineid_world.people import WORLD, Traits, draw_traits
from imagineid_world.split import write_split
from imagineid_world.texts import CALIBRATION
from imagineid_world.voice_shards import write_voices

SPLITS = ("train", "val", "test")
SPEAKERS = 14
"""Speakers in a shard."""
LINES = 10
"""Utterances of a speaker: every emotion once, two more at random."""
HELD_OUT_SHARDS = 2
"""Shards of validation and of test each."""
_FRAME = SAMPLE_RATE // FPS
_LONGEST_S = 6.0


@dataclass(frozen=True, slots=True)
class Utterance:
    """One clean utterance and the mouth that says it; N samples, F = ceil(N / 640) frames."""

    wave: NDArray[np.int16]
    content: NDArray[np.float16]
    full: NDArray[np.float16]
    phones: list[Phone]
    text: str
    speaker: int
    voice: str
    emotion: int
    strength: float
    traits: Traits


class Studio:
    """Base voices, analysed once, and the measurements of each.

    Args:
        bank: spoken sentences.
        known: JSON file that keeps each base voice's pitch, tract and tilt.
    """

    def __init__(self, bank: Bank, known: Path) -> None:
        self._bank = bank
        self._sources = self._measure(known)
        self.analysed = lru_cache(maxsize=256)(self._analysed)

    def _analysed(self, voice: Voice, number: int) -> persona.Analysed:
        return persona.analyse(self._bank.line(voice, number))

    def source(self, voice: Voice) -> persona.Source:
        """Return the measurements of a base voice."""
        return self._sources[voice.key]

    def _measure(self, known: Path) -> dict[str, persona.Source]:
        """Compare all voices on the calibration sentences; tracts against their gender's mean."""
        if known.exists():
            stored = json.loads(known.read_text(encoding="utf-8"))
            if set(stored) == {v.key for v in VOICES}:
                return {key: persona.Source(**value) for key, value in stored.items()}
        spectra, pitch = {}, {}
        for voice in VOICES:
            utterances = [self._analysed(voice, i) for i in range(len(CALIBRATION))]
            spectra[voice] = persona.vowel_spectrum(utterances)
            pitch[voice] = persona.pitch_of(utterances)
        out = {}
        for voice in VOICES:
            same_sex = [v for v in VOICES if (v.male, v.split, v.cast) == (voice.male, "train", 1)]
            reference = np.mean([spectra[v] for v in same_sex], axis=0)
            ratio = np.clip(persona.tract_ratio(spectra[voice], reference), 0.91, 1.10)
            out[voice.key] = persona.Source(
                pitch[voice],
                persona.TRACT[voice.male] * float(ratio),
                persona.tilt_of(spectra[voice]),
            )
        known.write_text(
            json.dumps({k: asdict(v) for k, v in out.items()}, indent=1) + "\n", encoding="utf-8"
        )
        return out


def choose_voice(
    traits: Traits,
    split: str,
    sources: dict[Voice, persona.Source],
    rng: np.random.Generator,
    cast: int = 1,
) -> Voice:
    """A base voice of the right gender, likelier the closer its pitch is to the wanted one."""
    male = traits.gender > 0.5
    if traits.age < 13 and male:  # boys sound like girls: most come from women's voices
        male = bool(rng.random() < 0.4)
    able = [v for v in VOICES if (v.male, v.split, v.cast) == (male, split, cast)]
    far = np.array([np.log2(traits.pitch_hz / sources[v].pitch_hz) for v in able])
    liked = {"kokoro": 1.0, "flite": 1.2, "espeak": 0.35}
    odds = np.array([liked[v.engine] for v in able])
    odds *= np.exp(-0.5 * ((far - np.median(far)) / 0.5) ** 2)
    return able[int(rng.choice(len(able), p=odds / odds.sum()))]


def _framed(
    wave: NDArray[np.float32], phones: list[Phone], rng: np.random.Generator
) -> tuple[NDArray[np.float32], list[Phone]]:
    """Give the speech 0.1 to 0.8 s of quiet on either side and move its phones along."""
    voiced = [p for p in phones if p[0] != "SIL"]
    first, last = voiced[0][1], voiced[-1][2]
    lead, trail = (float(x) for x in rng.uniform(0.1, 0.8, 2))
    edge_s = 0.06
    begin = max(int((first - edge_s) * SAMPLE_RATE), 0)
    end = min(int((last + 2 * edge_s) * SAMPLE_RATE), len(wave))
    speech = wave[begin:end].astype(np.float64)
    ramp = np.linspace(0, 1, min(160, len(speech) // 2))
    speech[: len(ramp)] *= ramp
    speech[len(speech) - len(ramp) :] *= ramp[::-1]
    before = max(int(lead * SAMPLE_RATE), 0)
    out = np.concatenate([np.zeros(before), speech, np.zeros(int(trail * SAMPLE_RATE))])
    shift = (before - begin) / SAMPLE_RATE
    length = len(out) / SAMPLE_RATE
    middle = [(n, a + shift, b + shift) for n, a, b in phones if a >= first and b <= last]
    moved = [("SIL", 0.0, middle[0][1]), *middle, ("SIL", middle[-1][2], length)]
    return out.astype(np.float32), moved


def utter(
    studio: Studio,
    voice: Voice,
    number: int,
    traits: Traits,
    emotion: int,
    strength: float,
    speaker: int,
    rng: np.random.Generator,
    habits: Prosody = persona.PLAIN,
) -> Utterance:
    """One utterance: sentence ``number`` of ``voice`` as ``traits`` would say it."""
    spoken = studio.analysed(voice, number)
    wave, phones = persona.speak(
        spoken, studio.source(voice), traits, EMOTIONS[emotion], strength, rng, habits
    )
    wave, phones = _framed(wave, phones, rng)
    frames = -(-len(wave) // _FRAME)
    content, full = curves(phones, EMOTIONS[emotion], strength, rng, frames)
    return Utterance(
        np.round(np.clip(wave, -1, 1) * 32767).astype(np.int16),
        content.astype(np.float16),
        full.astype(np.float16),
        phones,
        spoken.text,
        speaker,
        voice.key,
        emotion,
        strength,
        traits,
    )


def _number(
    studio: Studio, voice: Voice, unused: list[int], emotion: str, rng: np.random.Generator
) -> int:
    """Take a sentence that is not too long for the emotion's pace; refill ``unused`` when empty."""
    if not unused:
        unused += rng.permutation(voice.sentences).tolist()
    pace = PROSODY[emotion].rate_ratio
    lengths = [studio.analysed(voice, n).phones[-2][2] / pace for n in unused[:4]]
    best = next(
        (i for i, length in enumerate(lengths) if length < _LONGEST_S), int(np.argmin(lengths))
    )
    return unused.pop(best)


def shard(studio: Studio, split: str, number: int, seed: int) -> Iterator[Utterance]:
    """The utterances of one shard; they depend on the seed only, not on earlier shards.

    Speakers to learn from have manners of their own (:func:`imagineid_world.persona.manner`).
    Those held out read alike, as they always did, so that numbers can be compared.
    """
    kind = SPLITS.index(split)
    sources = {v: studio.source(v) for v in VOICES}
    cast = 2 if split == "train" and number >= SECOND_CAST else 1
    for i in range(SPEAKERS):
        rng = np.random.default_rng([seed, kind, number, i])
        traits = draw_traits(rng)
        habits = persona.PLAIN
        if split == "train":
            habits = persona.manner(np.random.default_rng([seed, kind, number, i, 1]))
        voice = choose_voice(traits, split, sources, rng, cast)
        speaker = kind * 100_000 + number * SPEAKERS + i
        moods = [*range(len(EMOTIONS)), *rng.integers(0, len(EMOTIONS), LINES - len(EMOTIONS))]
        unused: list[int] = []
        for mood in rng.permutation(moods).tolist():
            strength = 0.0 if mood == 0 else float(0.4 + 0.6 * rng.beta(2.0, 1.2))
            line = _number(studio, voice, unused, EMOTIONS[mood], rng)
            yield utter(studio, voice, line, traits, mood, strength, speaker, rng, habits)


def write(path: Path, spoken: list[Utterance]) -> float:
    """Write a shard and its side file; seconds of sound in it."""
    notes = [
        {
            "text": u.text,
            "voice": u.voice,
            "phones": [[n, round(a, 4), round(b, 4)] for n, a, b in u.phones],
        }
        for u in spoken
    ]
    return write_voices(path, spoken, notes)


def schedule(hours: float) -> list[tuple[str, int]]:
    """Which shards make ``hours``, held-out ones early: (split, number) in order."""
    train = max(round(hours * 6) - 2 * HELD_OUT_SHARDS, 1)
    order = [("train", n) for n in range(train)]
    held_out = [(s, n) for n in range(HELD_OUT_SHARDS) for s in ("val", "test")]
    for place, item in enumerate(held_out):
        order.insert(min(2 * place + 1, len(order)), item)
    return order


def main() -> None:
    """Make the shards that are not there yet."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--out", type=Path, default=WORLD / "voices")
    parser.add_argument("--hours", type=float, default=3.0)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument(
        "--resume", action="store_true", help="keep whole shards; without it they are made anew"
    )
    parser.add_argument(
        "--kokoro-voices",
        type=Path,
        default=WORLD / "kokoro-js.tgz",
        help="npm package kokoro-js as .tgz, needed once",
    )
    options = parser.parse_args()
    write_split(options.out / "split.json", {"seed": options.seed, **voices_of_splits()})
    studio = Studio(bank_at(options.out, options.kokoro_voices), options.out / "sources.json")
    total = 0.0
    for split, number in schedule(options.hours):
        path = options.out / split / f"voices-{number:05d}.npz"
        if options.resume and path.exists():
            continue
        total += write(path, list(shard(studio, split, number, options.seed)))
        print(f"{path.parent.name}/{path.name}: {total / 60:.1f} minutes made", flush=True)


if __name__ == "__main__":
    main()
