"""From a folder of photographs to shards of people who talk."""

from __future__ import annotations

import hashlib
import time
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import cv2
import numpy as np

from imagineid_prepare.fit import STILL, TALKING, Fitter
from imagineid_world.people import Traits, usual_pitch, usual_tract
from imagineid_world.photos import selection, shards
from imagineid_world.photos.acts import YAW_DEG, draw_act
from imagineid_world.photos.framing import frame_tile, place
from imagineid_world.photos.index import Label, Tile, read_labels, read_tiles
from imagineid_world.photos.person import PhotoPerson
from imagineid_world.photos.survey import Survey, survey
from imagineid_world.photos.variants import captions, vary
from imagineid_world.photos.words import Description
from imagineid_world.split import write_split

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from imagineid_prepare.fit import Fit
    from imagineid_world.photos.framing import Framed

SIDE = 512
"""Photographs are worked on at this size, whatever the size of the frames."""


@dataclass(frozen=True)
class Options:
    """What a run makes.

    Attributes:
        size: side of the frames, pixels.
        people: photographs at most; all that fit unless given.
        frames: frames of each person, even.
        variants: how often each photograph is used; the first time as it is.
        seed: of every random choice.
        resume: leave shards that are there.
        share: which of how many processes this one is, counted from 0.
    """

    size: int = 512
    people: int | None = None
    frames: int = 8
    variants: int = 5
    seed: int = 0
    resume: bool = False
    share: tuple[int, int] = (0, 1)


class Studio:
    """Everything that is known of a folder's photographs.

    Args:
        folder: with ``photos.csv``.
        out: where the survey is kept.
    """

    def __init__(self, folder: Path, out: Path) -> None:
        self.tiles = read_tiles(folder)
        self.labels = read_labels(folder)
        out.mkdir(parents=True, exist_ok=True)
        self.tile_survey: Survey = survey(self.tiles, out / "survey.npz")
        self._row = {tile.name: i for i, tile in enumerate(self.tiles)}

    @cached_property
    def fitter(self) -> Fitter:
        """Fits faces."""
        return Fitter()

    def select(self, most: int | None) -> selection.Selection:
        """Choose who is used."""
        return selection.select(self.tiles, self.tile_survey, self.labels, most)

    def tile(self, name: str) -> Tile:
        """A picture by its name."""
        return self.tiles[self._row[name]]

    def label(self, name: str) -> Label | None:
        """Its manual label; None for pictures used only by judges."""
        return self.labels.get(name)

    def framed(self, name: str) -> Framed:
        """A picture in the model's framing, :data:`SIDE` wide."""
        i = self._row[name]
        return frame_tile(
            self.tiles[i].read(), self.tile_survey.landmarks[i], self.tile_survey.person[i], SIDE
        )

    def fit(self, framed: Framed, label: Label | None) -> Fit:
        """The face model fitted to a framed picture."""
        spread = TALKING if label and label.mouth else STILL
        return self.fitter.fit(framed.landmarks, SIDE, spread=spread)

    def speaks(self, name: str) -> bool:
        """Whether enough of the model's view lies in a picture for its head to turn and speak."""
        i = self._row[name]
        tile, marks = self.tiles[i], self.tile_survey.landmarks[i]
        return place(marks, tile.width, tile.height).inside >= selection.INSIDE

    def age(self, name: str) -> float:
        """Years: the eye's if it differs from the network's, else the network's."""
        label = self.label(name)
        return (
            float(label.age)
            if label and label.age
            else float(self.tile_survey.age[self._row[name]])
        )

    def male(self, name: str) -> float:
        """0 for a woman, 1 for a man."""
        label = self.label(name)
        if label:
            return float(label.sex == "man")
        return float(self.tile_survey.male[self._row[name]] > 0.5)

    def traits(self, name: str) -> Traits:
        """Gender and age, with the voice that is usual for them."""
        male, age = self.male(name), self.age(name)
        return Traits(male, age, usual_pitch(male, age), usual_tract(male, age), 0.0, 0.0)


def make_person(
    studio: Studio, name: str, variant: int, others: Sequence[str], options: Options
) -> tuple[dict[str, NDArray[np.generic]], dict[str, Any]]:
    """Draw one photograph's frames, as it is (variant 0) or changed.

    Args:
        studio: all photographs.
        name: which.
        variant: how it is changed.
        others: names of the same split, from whom a variant may borrow.
        options: size, frames and seed.

    Returns:
        Arrays (frame, matte, alpha, beta, pose, traits) and a record (person, generator, variant,
        captions, emotions, attributes).
    """
    digest = int.from_bytes(hashlib.sha256(name.encode()).digest()[:8], "little")
    rng = np.random.default_rng([options.seed, variant, digest])
    label = studio.label(name)
    changed = vary(studio, name, variant, others, rng)
    shape = changed.shape
    person = PhotoPerson(shape, changed.look, keep_mouth=bool(label and label.mouth))
    turned = abs(float(shape.fit.pose[1])) > np.radians(YAW_DEG)
    still_face = turned or not studio.speaks(name)
    act = draw_act(
        shape.fit, rng, options.frames, still_mouth=person.keep_mouth, still_face=still_face
    )
    rest = shape.face.model.neutral(changed.alpha)
    frames = [
        person.frame(beta, pose, options.size, rest)
        for beta, pose in zip(act.beta, act.pose, strict=True)
    ]
    arrays: dict[str, NDArray[np.generic]] = {
        "frame": np.stack([picture for picture, _ in frames]),
        "matte": np.stack([matte for _, matte in frames]),
        "alpha": changed.alpha,
        "beta": act.beta.astype(np.float16),
        "pose": act.pose,
        "traits": studio.traits(name).array(),
    }
    record = {
        "person": name,
        "generator": studio.tile(name).generator,
        "variant": variant,
        "fit_px": round(shape.fit.error_px, 3),
        "emotions": act.emotions,
        **changed.words(rng),
    }
    return arrays, record


def build(folder: Path, out: Path, options: Options) -> None:
    """Write all shards of a folder of photographs.

    Raises:
        FileNotFoundError: the folder has no index.
        SystemExit: ``out`` holds the people of another seed, count or choice.
    """
    studio = Studio(folder, out)
    chosen = studio.select(options.people)
    for test, remaining in chosen.funnel.items():
        print(f"{remaining:5d} tiles: {test}")
    parts = shards.split_people(chosen.people, chosen.judges, options.seed)
    count = sum(map(len, parts.values()))
    write_split(out / "split.json", {"seed": options.seed, "people": count, **parts})
    jobs = shards.jobs(parts, options.variants)
    for number, (path, variant, split, names) in enumerate(jobs, 1):
        if number % options.share[1] != options.share[0]:
            continue
        if options.resume and (out / path).exists():
            continue
        start = time.perf_counter()
        people = [make_person(studio, name, variant, parts[split], options) for name in names]
        shards.write_shard(out / path, people)
        rate = len(names) * options.frames / (time.perf_counter() - start)
        print(f"{path} {number}/{len(jobs)} {rate:.1f} frames/s", flush=True)


def recaption(out: Path, seed: int) -> int:
    """Rewrite the captions of all finished shards from their attributes.

    Returns:
        How many people were described.
    """
    count = 0
    for path in sorted(out.glob("*/shard-*.json")):
        records = shards.read_records(path)
        for record in records:
            about = Description(**record["attributes"])
            rng = np.random.default_rng([seed, count])
            record["captions"] = captions(replace(about, extras=tuple(about.extras)), rng)
            count += 1
        shards.write_records(path, records)
    return count


def sheet(folder: Path, out: Path, path: Path, options: Options, rows: int = 12) -> None:
    """Write a contact sheet: a row a person, a column a frame, variants in turn."""
    studio = Studio(folder, out)
    names = studio.select(options.people).people
    order = np.random.default_rng(options.seed).permutation(len(names))[:rows]
    lines = []
    for k, i in enumerate(order):
        arrays, record = make_person(studio, names[i], k % options.variants, names, options)
        frames = [cv2.resize(f, (200, 200), interpolation=cv2.INTER_AREA) for f in arrays["frame"]]
        lines.append(np.concatenate(frames, 1))
        print(names[i], record["captions"][0])
    cv2.imwrite(str(path), np.concatenate(lines)[:, :, ::-1])
