"""Prompts obeyed: 64 first frames, judged by a classifier trained on the world's pictures.

Each prompt names hair colour and length, or a bald head; half of the men a beard; half of all
glasses; and a plain background of a colour, a room or a landscape. The voices are two adults of the
world's test split, a man's for men and a woman's for women; prompt i is drawn with seed i. First
frames come from the program with its usual steps and guidance.

  hair colour, hair length   as named; colour is not judged on bald heads
  beard                      men asked for one have it, women have none
  glasses                    those asked for are there; "not asked for, not there" stands beside
  background                 the kind is right, and of a plain one the colour

The judge's own accuracy on held-out pictures of the world stands beside each. ``--seeds`` draws one
prompt-less voice with 8 seeds instead, and measures how similar the people are.
"""

from __future__ import annotations

import argparse
from dataclasses import dataclass
from itertools import combinations
from pathlib import Path

import numpy as np

from imagineid.errors import BadInput
from imagineid.pad.conditioning import Conditioning
from imagineid.pipeline import Pipeline, load
from imagineid.request import Request
from imagineid_evaluate import world
from imagineid_evaluate.pictures import sheet
from imagineid_evaluate.report import Row
from imagineid_evaluate.sounds import as_sound

Array = np.ndarray
HAIR = ("black", "brown", "blonde", "red", "grey", "pink", "blue", "purple")
BACKGROUNDS = (
    "red", "room", "blue", "landscape", "green", "yellow", "room", "white",
    "grey", "landscape", "black", "pink",
)  # fmt: skip
COUNT = 64
ADULT = (24, 50)
"""Years of the two voices, at least and at most."""


@dataclass(frozen=True)
class PromptSpec:
    """One prompt and what must be seen; None is not judged."""

    text: str
    male: bool
    colour: str | None
    length: str
    beard: str | None
    glasses: bool
    background: str
    backdrop_colour: str | None

    def expected_classes(self) -> dict[str, str | None]:
        """Return the class each head of the judge should give."""
        return {
            "hair colour": self.colour,
            "hair length": self.length,
            "beard": self.beard,
            "glasses": "glasses" if self.glasses else "none",
            "background": self.background,
            "background colour": self.backdrop_colour,
        }


def ask(number: int) -> PromptSpec:
    """Return prompt ``number`` of 0 to 63; men and women take turns."""
    male, turn = number % 2 == 0, number // 2
    colour: str | None = HAIR[turn % len(HAIR)]
    length = ("short", "long")[(turn // len(HAIR) + number) % 2]
    if male and turn % 8 == 7:
        colour, length = None, "bald"
    bearded = male and turn % 4 in (1, 2)
    glasses = (turn // 2 + turn // 8) % 2 == 0
    ground = BACKGROUNDS[(turn * 5 + number) % len(BACKGROUNDS)]
    age = "old" if colour == "grey" else "young" if colour in ("pink", "blue", "purple") else ""
    who = " ".join(w for w in (age, "man" if male else "woman") if w)
    hair = "a bald head" if colour is None else f"{length} {colour} hair"
    words = [f"{'an' if who[0] in 'aeiou' else 'a'} {who} with {hair}"]
    words += ["with a full beard"] if bearded else []
    words += ["glasses"] if glasses else []
    plain = ground not in ("room", "landscape")
    words.append(f"on a plain {ground} background" if plain else f"blurred {ground} background")
    return PromptSpec(
        text=", ".join(words),
        male=male,
        colour=colour,
        length=length,
        beard="beard" if bearded else None if male else "none",
        glasses=glasses,
        background="plain" if plain else ground,
        backdrop_colour=ground if plain else None,
    )


def arguments(parser: argparse.ArgumentParser) -> None:
    """Add the options of this group."""
    parser.add_argument("--count", type=int, default=COUNT, help="of the 64 prompts")
    parser.add_argument("--sheet", type=Path, default=Path("prompts.png"), help="the first frames")
    parser.add_argument("--judge", type=Path, help="the classifier's numbers")
    parser.add_argument("--seeds", action="store_true", help="one voice, 8 seeds, on a sheet")
    parser.add_argument("--audio", type=Path, help="of --seeds; a voice of the world if not given")


def run(options: argparse.Namespace) -> tuple[list[Row], dict[str, object]]:
    """Measure; see the module."""
    pipe = load()
    if options.seeds:
        return seeds(pipe, options)
    from imagineid_evaluate import attributes

    judge = attributes.load(options.judge or attributes.default_path())
    sure = attributes.accuracy(judge)
    conditionings = {male: listened(pipe, voice(male)) for male in (True, False)}
    specs = [ask(i) for i in range(options.count)]
    unknown = {w for a in specs for w, _ in pipe.unknown_words(a.text)}
    if unknown:
        raise BadInput(f"The model does not know these words: {', '.join(sorted(unknown))}.")
    frames = [
        next(iter(pipe.imagine(conditionings[a.male], Request(a.text, seed))))
        for seed, a in enumerate(specs)
    ]
    predicted = attributes.judged(judge, np.stack([attributes.small(p) for p in frames]))
    names = [
        {head: c[k] for (head, c), k in zip(attributes.HEADS.items(), row, strict=True)}
        for row in predicted
    ]
    faults = [
        disobeyed(a, predicted_names) for a, predicted_names in zip(specs, names, strict=True)
    ]
    captions = [
        f"{i}: {a.text}" if not wrong else f"{i} NOT {', '.join(wrong)}: {a.text}"
        for i, (a, wrong) in enumerate(zip(specs, faults, strict=True))
    ]
    sheet(options.sheet, frames, 8, captions)
    about = {"sheet": str(options.sheet.name), "prompts": [a.text for a in specs]}
    return rows(specs, faults, sure), about | {"disobeyed": faults}


def disobeyed(spec: PromptSpec, predicted: dict[str, str]) -> list[str]:
    """Return the names of the rows in which a picture differs from its prompt."""
    wrong = [k for k, v in spec.expected_classes().items() if v is not None and predicted[k] != v]
    if "background colour" in wrong:
        wrong = [*(w for w in wrong if w not in ("background", "background colour")), "background"]
    if "glasses" in wrong and not spec.glasses:
        wrong[wrong.index("glasses")] = "glasses not asked for"
    return wrong


def rows(specs: list[PromptSpec], faults: list[list[str]], sure: dict[str, float]) -> list[Row]:
    """Return the share obeyed of each attribute, the judge's own accuracy beside."""

    def row(name: str, able: list[bool], bar: float | None, judge: float) -> Row:
        right = [name not in f for f, ok in zip(faults, able, strict=True) if ok]
        share = float(np.mean(right)) if right else float("nan")
        note = f"of {len(right)}; the judge itself {judge:.3f}"
        return Row(name, share, bar=bar, note=note)

    both = min(sure["background"], sure["background colour"])
    return [
        row("hair colour", [a.colour is not None for a in specs], 0.95, sure["hair colour"]),
        row("hair length", [True] * len(specs), 0.95, sure["hair length"]),
        row("beard", [a.beard is not None for a in specs], 0.95, sure["beard"]),
        row("glasses", [a.glasses for a in specs], 0.95, sure["glasses"]),
        row("glasses not asked for", [not a.glasses for a in specs], None, sure["glasses"]),
        row("background", [True] * len(specs), 0.95, both),
    ]


def voice(male: bool) -> Array:
    """Return the first neutral adult utterance of a gender in the world's test split.

    Raises:
        FileNotFoundError: there is no world, or no such voice in it.
    """
    for spoken in world.utterances("test"):
        gender, age = float(spoken.traits[0]), float(spoken.traits[1])
        if (gender > 0.5) == male and ADULT[0] <= age <= ADULT[1] and spoken.emotion == 0:
            return spoken.wave
    raise FileNotFoundError("The world's test split has no adult of that gender.")


def listened(pipe: Pipeline, wave: Array) -> Conditioning:
    """Hear a wave."""
    with as_sound(wave) as sound:
        return pipe.express(pipe.encode(sound))


def seeds(pipe: Pipeline, options: argparse.Namespace) -> tuple[list[Row], dict[str, object]]:
    """Draw one voice with 8 seeds, and the first one again; see who is like whom."""
    from imagineid_evaluate.sounds import wave_of

    conditioning = listened(pipe, wave_of(options.audio) if options.audio else voice(male=False))
    frames = [next(iter(pipe.imagine(conditioning, Request("", seed)))) for seed in range(8)]
    again = next(iter(pipe.imagine(conditioning, Request("", 0))))
    sheet(options.sheet, frames, 8, [f"seed {i}" for i in range(8)])
    differences = [float(np.abs(a.astype(int) - b).mean()) for a, b in combinations(frames, 2)]
    same = float(np.array_equal(frames[0], again))
    found = [
        Row("same seed, same first frame", same, bar=1.0),
        Row("two seeds differ by", float(np.mean(differences)), "of 255", note="mean over pixels"),
        Row("the two most alike", float(np.min(differences)), "of 255"),
        *_cosines(frames),
    ]
    return found, {"sheet": options.sheet.name}


def _cosines(frames: list[Array]) -> list[Row]:
    """Return how similar the faces are, where the judges of ``video`` are installed."""
    from imagineid.errors import BackendMissing
    from imagineid_evaluate.landmarks import look
    from imagineid_evaluate.likeness import Likeness

    try:
        likeness, faces = Likeness(), look(frames)
    except (BackendMissing, FileNotFoundError):
        return []
    results = zip(frames, faces.landmarks, faces.found, strict=True)
    found = [likeness(frame, marks) for frame, marks, ok in results if ok]
    pairs = [float(a @ b) for a, b in combinations(found, 2)]
    value = float(np.mean(pairs)) if pairs else float("nan")
    return [Row("face embedding between seeds", value, note=f"{len(found)} faces")]
