"""Real recordings: lips closed at p, b, m, and a mouth at rest in silence.

Recordings: the LibriVox clips of Debian's pocketsphinx-testdata, with their text; with
``--asterisk`` a share of asterisk-core-sounds-en-g722 as well. Phones come from pocketsphinx 5.1.1,
forced to the text, or recognised freely with ``--free``. The curves are those the program predicts
from the recording; lips are measured on the baked face with the heard shape and with the mean one.

Definitions, fixed before any output was seen, with the numbers of imagineid_evaluate.lips:

  opening      height of the gap between the inner lips, less at rest, over the mouth's width
  closed       opening <= 0.03
  hold         one p, b or m of the alignment; its frames are those whose middle lies in it
  holds        share of holds with a closed frame among theirs
  hold frames  share of all frames of holds that are closed
  open vowels  share of aa, ae, ao, aw, ay with no closed frame: a mouth that never opens fails here
  at rest      |opening| <= 0.03 and jawOpen <= 0.05
  pause        a silence of the alignment of at least 0.2 s; lips open ahead of the sound and close
               after it, so the bar is about frames 0.16 s or more away from speech (in the world's
               truth 98 % of such frames rest, of all pause frames 80 %); all stand beside
  silences     5 s of zeros, 5 s of room noise at -60 and -50 dB, and 2 s of zeros put before and
               after each recording (their frames 0.16 s or more away from speech)
  calm         share of recordings, in which nobody acts, whose strongest emotion is neutral

"true" rows are the same on the world's own curves of the test split, what the definition allows;
pauses are those of neutral voices there, as a mood has its own resting face.
"""

from __future__ import annotations

import argparse
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from imagineid.engine import Engine
from imagineid.pad.conditioning import Conditioning, express
from imagineid.pad.encode import encode
from imagineid.spec import EMOTIONS, FPS, SAMPLE_RATE
from imagineid_evaluate import model_under_test, world
from imagineid_evaluate.alignment import (
    BILABIALS,
    OPEN_VOWELS,
    Phone,
    frames_in,
    pauses,
    phones,
    prompts,
    transcripts,
)
from imagineid_evaluate.lips import CLOSED, at_rest, opening
from imagineid_evaluate.report import Row
from imagineid_evaluate.sounds import Wave, as_sound, room_noise, wave_of

Array = np.ndarray
LIBRIVOX = Path("/usr/share/pocketsphinx/test/data/librivox")
"""Where Debian's package puts its clips."""

PAUSE_S = 0.2
MARGIN_S = 0.16
"""How far from speech a mouth has come to rest: 4 frames."""

AROUND_S = 2.0
"""Zeros put before and after each recording."""

SILENCE_S = 5.0


@dataclass
class Tally:
    """Outcomes, one bool each, by kind: holds, hold frames, open vowels, pauses, ..."""

    results: dict[str, list[bool]] = field(default_factory=dict)

    def add(self, kind: str, outcomes: Array | list[bool]) -> None:
        """Add outcomes of a kind."""
        self.results.setdefault(kind, []).extend(bool(x) for x in outcomes)

    def row(self, kind: str, bar: float | None = None, name: str = "") -> Row:
        """Return the share of a kind, NaN if there was none."""
        outcomes = self.results.get(kind, [])
        share = float(np.mean(outcomes)) if outcomes else float("nan")
        return Row(name or kind, share, bar=bar, note=f"of {len(outcomes)}")


def arguments(parser: argparse.ArgumentParser) -> None:
    """Add the options of this group."""
    parser.add_argument(
        "folder", type=Path, nargs="?", help="with a voices.csv: measure imagineid_evaluate.readers"
    )
    parser.add_argument("--split", default="test", help="of the folder: train, val or test")
    parser.add_argument("--phones", type=Path, metavar="JSON", help="keep alignments here")
    parser.add_argument("--librivox", type=Path, default=LIBRIVOX, metavar="FOLDER")
    parser.add_argument(
        "--asterisk",
        type=Path,
        metavar="FOLDER",
        help="holds *.g722; core-sounds-en.txt[.gz] may lie in it",
    )
    parser.add_argument(
        "--most", type=int, help="clips of --asterisk (60), or of each corpus (all)"
    )
    parser.add_argument("--free", action="store_true", help="do not use the texts")


def run(options: argparse.Namespace) -> tuple[list[Row], dict[str, object]]:
    """Measure; see the module."""
    engines, face = model_under_test.engines(model_under_test.PAD), model_under_test.face()
    if options.folder:
        from imagineid_evaluate import readers

        found = readers.measure(
            face,
            lambda wave: conditioning(engines, wave),
            options.folder,
            options.split,
            options.most,
            options.phones,
        )
        return found, {"folder": options.folder.name, "split": options.split}
    ours, mean = Tally(), Tally()
    clips = librivox(options.librivox)
    if options.asterisk:
        clips |= asterisk(options.asterisk, options.most or 60)
    refused = []
    for path, text in clips.items():
        wave = wave_of(path)
        try:
            spoken = phones(wave, None if options.free else text)
        except ValueError as error:
            refused.append(f"{path.name}: {error}")
            continue
        factors = conditioning(engines, wave)
        alpha, curves = factors.shape, factors.expression
        judge(ours, spoken, opening(face, alpha, curves), curves)
        judge(mean, spoken, opening(face, np.zeros_like(alpha), curves), curves)
        ours.add("calm", [factors.label == "neutral"])
        around(ours, engines, wave)
    for name, wave in silences().items():
        factors = conditioning(engines, wave)
        curves = factors.expression
        ours.add(name, at_rest(opening(face, factors.shape, curves), curves))
    table = rows(ours, mean) + true_rows("test")
    return table, {
        "recordings": [path.name for path in clips],
        "refused": refused,
        "aligned": "freely" if options.free else "to the text",
    }


def librivox(folder: Path) -> dict[Path, str]:
    """Return the LibriVox clips of pocketsphinx-testdata and their texts.

    Raises:
        FileNotFoundError: the package is not installed.
    """
    listing = folder / "transcription"
    if not listing.exists():
        raise FileNotFoundError(
            f"No {listing}.\nInstall it:  apt-get install pocketsphinx-testdata"
        )
    texts = transcripts(listing.read_text(encoding="utf-8"))
    return {folder / f"{name}.wav": text for name, text in sorted(texts.items())}


def asterisk(folder: Path, most: int) -> dict[Path, str]:
    """Return clips of Asterisk that have a text of four words or more, evenly picked."""
    lists = sorted(folder.glob("core-sounds-en.txt*"))
    if not lists:
        raise FileNotFoundError(f"No core-sounds-en.txt in {folder}: it holds what is said.")
    texts = prompts(lists[0])
    able = [p for p in sorted(folder.glob("*.g722")) if len(texts.get(p.stem, "").split()) >= 4]
    picked = able[:: max(1, -(-len(able) // most))][:most]
    return {path: texts[path.stem] for path in picked}


def conditioning(engines: Mapping[str, Engine], wave: Wave) -> Conditioning:
    """Return the factors that the program encodes from ``wave``."""
    with as_sound(wave) as sound:
        size, calm = model_under_test.SIZE, model_under_test.calm()
        return express(engines, size, encode(engines, size, sound, calm=calm))


def silences() -> dict[str, Wave]:
    """Return recordings without speech, by name."""
    return {
        "at rest in zeros": np.zeros(int(SILENCE_S * SAMPLE_RATE), np.float32),
        "at rest in room noise, -60 dB": room_noise(SILENCE_S, -60),
        "at rest in room noise, -50 dB": room_noise(SILENCE_S, -50, seed=1),
    }


def judge(tally: Tally, spoken: list[Phone], opened: Array, curves: Array) -> None:
    """Count one recording: its phones against the opening (F,) and curves (F, 52) of its frames."""
    closed, rest = opened <= CLOSED, at_rest(opened, curves)
    count = len(opened)
    for phone in spoken:
        own = closed[list(frames_in(phone.start, phone.end, count))]
        if phone.name in BILABIALS:
            tally.add("holds", [bool(own.any())])
            tally.add("hold frames", own)
        elif phone.name in OPEN_VOWELS:
            tally.add("open vowels", [not bool(own.any())])
    for pause in pauses(spoken, PAUSE_S):
        tally.add("pause frames", rest[list(frames_in(pause.start, pause.end, count))])
        tally.add("pause frames inside", rest[_inside(pause, count)])


def _inside(pause: Phone, count: int) -> list[int]:
    """Frames of a pause that keep :data:`MARGIN_S` from speech; an outer edge needs none."""
    start = pause.start + MARGIN_S if pause.start > 0 else 0.0
    last = pause.end >= (count - 1) / FPS
    end = count / FPS if last else pause.end - MARGIN_S
    return list(frames_in(start, end, count)) if end > start else []


def around(tally: Tally, engines: Mapping[str, Engine], wave: Wave) -> None:
    """Put zeros before and after a recording and count the frames of those that rest."""
    quiet = np.zeros(int(AROUND_S * SAMPLE_RATE), np.float32)
    factors = conditioning(engines, np.concatenate([quiet, wave, quiet]))
    curves = factors.expression
    rest = at_rest(opening(model_under_test.face(), factors.shape, curves), curves)
    end = AROUND_S + len(wave) / SAMPLE_RATE
    for edge in (Phone("SIL", 0.0, AROUND_S), Phone("SIL", end, end + AROUND_S)):
        tally.add("at rest in zeros around", rest[_inside(edge, len(rest))])


def rows(ours: Tally, mean: Tally) -> list[Row]:
    """Return the numbers: with the heard shape, holds with the mean one beside."""
    return [
        ours.row("holds", 0.85, "lips closed at p, b, m: holds"),
        mean.row("holds", name="  the same on the mean face"),
        ours.row("hold frames", name="lips closed at p, b, m: frames"),
        ours.row("open vowels", name="lips open in open vowels"),
        ours.row("pause frames inside", 0.97, "at rest in pauses"),
        ours.row("pause frames", name="  up to the very edges"),
        ours.row("at rest in zeros around", 0.97),
        *(ours.row(name, 0.97) for name in silences()),
        ours.row("calm", name="calm readings heard as neutral"),
    ]


def true_rows(split: str) -> list[Row]:
    """Return the same numbers of the world's true curves; none where there is no world."""
    tally, face = Tally(), model_under_test.face()
    neutral = EMOTIONS.index("neutral")
    try:
        for spoken in world.utterances(split):
            phones = [Phone(*p) for p in spoken.phones]
            if spoken.emotion != neutral:
                phones = [p for p in phones if p.name != "SIL"]
            judge(tally, phones, opening(face, spoken.alpha, spoken.full), spoken.full)
    except FileNotFoundError:
        return []
    kinds = ("holds", "hold frames", "open vowels", "pause frames inside", "pause frames")
    return [tally.row(kind, name=f"true: {kind}") for kind in kinds]
