"""Recorded voices as training data: any folder of recordings with an index.

    python -m imagineid_world.recordings FOLDER --out .train/world/recordings

FOLDER holds the recordings and ``voices.csv`` (or ``--index``) with the columns ``path`` and
``split`` (train, val or test) and, as far as they are known, ``speaker``, ``sex`` (f or m), ``age``
(years), ``language`` (en, de, nl, fr), ``emotion`` and ``text``. Texts are aligned with the sound
(:mod:`imagineid_world.alignment`); alignments that disagree with a recognition without the text are
dropped, and so are the mouth curves of that recording. The shards look like those of
:mod:`imagineid_world.voices`, with one array more: ``known`` says what is known of each recording.

Public folders of this kind: LibriSpeech (CC BY 4.0, https://openslr.org/12), the Berlin Database of
Emotional Speech (CC0, https://github.com/audeering/emodb), Kerstin and Nathalie (CC0,
https://github.com/rhasspy), Picovoice's speech-to-intent benchmark (Apache 2.0).
"""

from __future__ import annotations

import argparse
import csv
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from imagineid.audio import open_sound
from imagineid.spec import EMOTIONS, FPS, SAMPLE_RATE
from imagineid_world.alignment import SPEECH, agreement, aligned, recognised
from imagineid_world.articulation import Phone, curves
from imagineid_world.people import WORLD, Traits, usual_pitch, usual_tract
from imagineid_world.persona import pitch_track
from imagineid_world.voice_shards import write_voices

KNOWN = ("content", "emotion", "sex", "age")
"""What a recording may tell, in the order of the columns of ``known``."""

AGREE = 0.6
"""Least agreement of an alignment with a recognition without the text; other texts get 0.3."""

CLIPS = 40
"""Recordings in a shard."""

ACTED = 0.8
"""Strength of an acted emotion, of which only the name is known."""

USUAL_AGE = 42.0
"""Years, where the age is not known; ``known`` says so."""

FEELINGS = {
    "anger": "angry",
    "disgust": "disgusted",
    "happiness": "happy",
    "joy": "happy",
    "sadness": "sad",
    "surprise": "surprised",
    "calm": "neutral",
}
"""Other names of the eight emotions; an emotion that is not among either is unknown."""

FIRST_SPEAKER = 1_000_000
"""Numbers of recorded speakers begin here; made ones are below."""


@dataclass(frozen=True, slots=True)
class Recording:
    """One recording and what is known of it; N samples, F = ceil(N / 640) frames.

    Attributes:
        wave: (N,) int16 at 16 kHz.
        content, full: (F, 52) curves; zeros where the phones are not known.
        phones: in order of time; empty where they are not known.
        traits: of the speaker; pitch is measured, what else is not known is usual.
        known: (4,) bool, as :data:`KNOWN`.
    """

    wave: NDArray[np.int16]
    content: NDArray[np.float16]
    full: NDArray[np.float16]
    phones: list[Phone]
    text: str
    corpus: str
    speaker: int
    emotion: int
    strength: float
    traits: Traits
    known: NDArray[np.bool_]


def rows(index: Path) -> list[dict[str, str]]:
    """Read an index.

    Raises:
        ValueError: a row has no path or an unknown split; the message names it.
    """
    with index.open(encoding="utf-8-sig", newline="") as file:
        found = list(csv.DictReader(file))
    for number, row in enumerate(found, 2):
        if not row.get("path"):
            raise ValueError(f"{index}, line {number}: no path")
        if row.get("split") not in ("train", "val", "test"):
            raise ValueError(
                f"{index}, line {number}: split {row.get('split')!r} is not train, val or test"
            )
    return found


def phones_of(wave: NDArray[np.float32], text: str, language: str) -> list[Phone]:
    """Align a text and check it; empty where it does not fit the sound."""
    if not text or language not in SPEECH:
        return []
    try:
        phones = aligned(wave, text, language)
    except ValueError:
        return []
    return phones if agreement(phones, recognised(wave)) >= AGREE else []


def read(folder: Path, row: dict[str, str]) -> Recording:
    """Read one recording of an index.

    Raises:
        BadSound: the file can't be read.
    """
    with open_sound(folder / row["path"]) as sound:
        wave = sound.read(0, sound.samples)
    name = FEELINGS.get(row.get("emotion", ""), row.get("emotion", ""))
    feels = name in EMOTIONS
    emotion = EMOTIONS.index(name) if feels else 0
    strength = ACTED if emotion else 0.0
    phones = phones_of(wave, row.get("text", ""), row.get("language") or "en")
    frames = -(-len(wave) * FPS // SAMPLE_RATE)
    rng = np.random.default_rng(zlib.crc32(row["path"].encode()))
    content, full = curves(phones, EMOTIONS[emotion], strength, rng, frames)
    known = [bool(phones), feels, row.get("sex", "") in ("f", "m"), bool(row.get("age"))]
    return Recording(
        wave=np.round(np.clip(wave, -1, 1) * 32767).astype(np.int16),
        content=content.astype(np.float16),
        full=full.astype(np.float16),
        phones=phones,
        text=row.get("text", ""),
        corpus=row.get("corpus", ""),
        speaker=FIRST_SPEAKER + zlib.crc32((row.get("speaker") or row["path"]).encode()) % 10**9,
        emotion=emotion,
        strength=strength,
        traits=_traits(wave, row),
        known=np.array(known),
    )


def _traits(wave: NDArray[np.float32], row: dict[str, str]) -> Traits:
    gender = {"f": 0.0, "m": 1.0}.get(row.get("sex", ""), 0.5)
    age = float(row.get("age") or USUAL_AGE)
    voiced = pitch_track(wave)
    pitch = float(np.median(voiced)) if len(voiced) else usual_pitch(gender, age)
    return Traits(gender, age, pitch, usual_tract(gender, age), 0.0, 0.0)


def write(path: Path, recordings: list[Recording]) -> float:
    """Write a shard and its side file; seconds of sound in it."""
    notes = [{"text": r.text, "voice": r.corpus, "phones": r.phones} for r in recordings]
    return write_voices(path, recordings, notes, known=np.stack([r.known for r in recordings]))


def shards(index: list[dict[str, str]]) -> Iterator[tuple[str, list[dict[str, str]]]]:
    """Yield the name of each shard and its rows: every split's, corpora mixed."""
    for split in ("train", "val", "test"):
        own = [row for row in index if row["split"] == split]
        order = np.random.default_rng(0).permutation(len(own))
        for number, start in enumerate(range(0, len(own), CLIPS)):
            some = [own[i] for i in order[start : start + CLIPS]]
            yield f"{split}/voices-{number:05d}.npz", some


def main() -> None:
    """Make the shards that are not there yet."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("folder", type=Path)
    parser.add_argument("--index", type=Path, help="FOLDER/voices.csv if not named")
    parser.add_argument("--out", type=Path, default=WORLD / "recordings")
    options = parser.parse_args()
    for name, some in shards(rows(options.index or options.folder / "voices.csv")):
        path = options.out / name
        if path.exists():
            continue
        recordings = [read(options.folder, row) for row in some]
        seconds = write(path, recordings)
        share = np.mean([bool(r.phones) for r in recordings])
        print(f"{name}: {seconds / 60:.1f} minutes, {share:.0%} aligned", flush=True)


if __name__ == "__main__":
    main()
