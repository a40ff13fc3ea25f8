"""One photograph used many times: other faces, heads, glasses, colours, backgrounds and light."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from imagineid_world.look import COLOURS, HAIR_COLOURS, IRISES
from imagineid_world.photos import backgrounds, recolour, spectacles, swap
from imagineid_world.photos.layers import (
    Layers,
    crown_cover,
    edge_contrast,
    find_layers,
    mean_colour,
)
from imagineid_world.photos.matte import Cutout, cut_out
from imagineid_world.photos.person import Appearance, Geometry, appearance
from imagineid_world.photos.words import Description, describe

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from imagineid_world.photos.build import Studio

    F32 = NDArray[np.float32]

CAPTIONS = 24
"""Captions a person."""

ODDS = {
    "face": 0.6,
    "glasses": 0.22,
    "hair": 0.5,
    "skin": 0.22,
    "iris": 0.3,
    "clothes": 0.5,
    "background": 0.7,
    "light": 0.5,
    "head": 0.6,
}
"""How often a variant changes each thing, where it can."""

HEAD_SPREAD = 0.35
"""Deviation of a changed head's shape coefficients."""

LEAST_CONTRAST = 18.0
"""Hair nearer than this to its background (Lab) keeps its colour: its outline is a guess."""

LEAST_EXPOSURE = 0.7
"""In darker light than this, fair hair would be called what nobody sees."""

LEAST_COVER = 0.6
"""Hair keeps its colour, too, where its mask covers less than this of the crown."""

_NATURAL = ("black", "brown", "blonde", "red")
_GREYS = ("grey", "white")
_DYES = ("pink", "blue", "green", "purple", "red")
_TONES = ("pale", "light", "olive", "tan", "brown", "dark")
PEOPLE = {
    "asian": "asian",
    "african": "black",
    "native american": "native american",
    "south-american": "latino",
    "persian": "persian",
    "irish": "irish",
}
"""Words of a search that name a people, and what is said."""


@dataclass(frozen=True)
class Variant:
    """A photograph's colours and head shape, changed or not, and what is true of it.

    Attributes:
        shape: where the mesh lies in it.
        look: its layers.
        alpha: head shape, (80,).
        about: what is true of it.
        changes: what was changed, for the record.
    """

    shape: Geometry
    look: Appearance
    alpha: F32
    about: Description
    changes: list[str] = field(default_factory=list)

    def words(self, rng: np.random.Generator) -> dict[str, Any]:
        """Captions of the person at rest, what they are made of, and what was changed."""
        return {
            "captions": captions(self.about, rng),
            "attributes": self.about.attributes(),
            "changes": self.changes,
        }


def captions(about: Description, rng: np.random.Generator) -> list[str]:
    """Captions of one person."""
    return [describe(about, rng) for _ in range(CAPTIONS)]


def known(studio: Studio, name: str) -> Description:
    """What eye and network say of a photograph as it is."""
    label = studio.label(name)
    sex, age = ("woman", "man")[studio.male(name) > 0.5], studio.age(name)
    if label is None:
        return Description(sex=sex, age=age)
    query = studio.tile(name).query.split(" with ")[0]
    people = [word for key, word in PEOPLE.items() if key in query]
    return Description(
        sex=sex,
        age=age,
        hair=label.hair,
        hair_colour=label.hair_colour,
        beard=label.beard,
        skin=label.skin,
        people=people[-1] if people else "",
        glasses=label.glasses,
        extras=(*label.extras.split(), *(["smile"] if label.mouth == "smile" else [])),
        place=label.background,
    )


def vary(
    studio: Studio, name: str, variant: int, others: Sequence[str], rng: np.random.Generator
) -> Variant:
    """Draw a variant of a photograph.

    Args:
        studio: all photographs.
        name: which.
        variant: 0 leaves it as it is.
        others: names of the same split, whose faces and backgrounds may be borrowed.
        rng: source of every choice.
    """
    draft = _Draft(studio, name, rng)
    if variant and studio.label(name):
        draft.change(others)
    return draft.finished()


class _Draft:
    """A photograph being changed, step by step; every step keeps ``about`` true."""

    def __init__(self, studio: Studio, name: str, rng: np.random.Generator) -> None:
        self.studio, self.name, self.rng = studio, name, rng
        self.about = known(studio, name)
        self.framed = studio.framed(name)
        fit = studio.fit(self.framed, studio.label(name))
        self.shape = Geometry(self.framed, fit, glasses=bool(self.about.glasses))
        self.alpha = fit.alpha
        self.cutout = cut_out(self.framed.picture, self.framed.person, self.framed.landmarks)
        self.changes: list[str] = []

    def change(self, others: Sequence[str]) -> None:
        """Take every step that the odds want."""
        label = self.studio.label(self.name)
        fixed = label.fixed.split() if label else []
        changes = {key: self.rng.random() < odds and key not in fixed for key, odds in ODDS.items()}
        if changes["face"]:
            self._face(others)
        layers = self._measured()
        exposure = self._exposure(layers)
        for key in ("skin", "hair", "iris", "clothes"):
            if changes[key]:
                getattr(self, f"_{key}")(layers, exposure)
        if changes["glasses"]:
            self._glasses()
        if changes["background"]:
            self._background(others)
        if changes["light"]:
            self._light()
        if changes["head"]:
            noise = self.rng.normal(0, HEAD_SPREAD, len(self.alpha))
            self.alpha = np.clip(self.alpha + noise, -3, 3).astype(np.float32)
            self.changes.append("head")

    def finished(self) -> Variant:
        """What was made of it; an unchanged photograph is measured here."""
        if not self.changes and self.about.hair:
            self._measured()
        look = appearance(self.cutout, self.shape)
        return Variant(self.shape, look, self.alpha, self.about, self.changes)

    def _put(self, person: F32, change: str, **true: object) -> None:
        self.cutout = replace(self.cutout, person=person)
        self.about = replace(self.about, **true)  # type: ignore[arg-type]
        self.changes.append(change)

    def _measured(self) -> Layers:
        """Find the layers and name the colours of eyes, clothes, beard and plain background."""
        about = self.about
        layers = find_layers(self.cutout, self.shape, bool(about.beard), about.hair or "long")
        lab = recolour.to_lab(self.cutout.person)
        iris, cloth, beard = (
            mean_colour(lab, mask) for mask in (layers.irises, layers.clothes, layers.beard)
        )
        colour = ""
        if self.about.beard and beard is not None:
            # A beard is as the hair, or greyer.
            pale = float(np.hypot(beard[1], beard[2])) < 9 and beard[0] > 38
            colour = "grey" if pale else self.about.hair_colour
            if colour in _DYES and colour != "red" or colour in ("grey", "white") and not pale:
                colour = ""
        self.about = replace(
            self.about,
            iris=recolour.iris_name(iris) if iris is not None else "",
            clothes_colour=recolour.colour_name(cloth) if cloth is not None else "",
            beard_colour=colour,
            place_colour=backgrounds.main_colour(self.cutout.background)
            if self.about.place == "plain"
            else "",
        )
        return layers

    def _exposure(self, layers: Layers) -> float:
        """How brightly the person is lit: the face's lightness over that of its skin's word."""
        mean = mean_colour(recolour.to_lab(self.cutout.person), layers.skin)
        if mean is None or not self.about.skin:
            return 0.8
        usual = recolour.skin_target(self.about.skin, np.random.default_rng(0))[0]
        return float(np.clip(mean[0] / usual, 0.45, 1.05))

    def _face(self, others: Sequence[str]) -> None:
        """Borrow the face of someone of the same sex and a similar age."""
        about = self.about
        if about.beard or about.glasses or self._open_mouth(self.name):
            return
        pool = [
            other
            for other in others
            if other != self.name
            and self.studio.male(other) == self.studio.male(self.name)
            and abs(self.studio.age(other) - about.age) < 16
            and (label := self.studio.label(other)) is not None
            and not (label.beard or label.glasses or label.mouth)
        ]
        for other in self.rng.permutation(pool)[:3]:
            framed = self.studio.framed(str(other))
            donor = Geometry(framed, self.studio.fit(framed, None))
            if abs(float(donor.fit.pose[1] - self.shape.fit.pose[1])) > np.radians(12):
                continue
            swapped = swap.exchange(
                self.cutout.person, self.shape, framed.picture.astype(np.float32), donor
            )
            if swapped is not None:
                self.alpha = swap.blended_shape(self.alpha, donor.fit.alpha, self.rng)
                age = (about.age + self.studio.age(str(other))) / 2
                extras = tuple(e for e in about.extras if e not in ("freckles", "lipstick"))
                self._put(swapped, f"face {other}", age=age, extras=extras, people="")
                return

    def _open_mouth(self, name: str) -> bool:
        label = self.studio.label(name)
        return bool(label and label.mouth)

    def _skin(self, layers: Layers, exposure: float) -> None:
        """Move the skin by one or two words."""
        mean = mean_colour(recolour.to_lab(self.cutout.person), layers.skin)
        if mean is None or not self.about.skin:
            return
        here = _TONES.index(self.about.skin)
        near = [k for k in range(len(_TONES)) if 1 <= abs(k - here) <= 2 and _TONES[k] != "olive"]
        name = _TONES[int(self.rng.choice(near))]
        target = recolour.skin_target(name, self.rng)
        target *= exposure
        old, new = (recolour.to_rgb(lab) / 255 for lab in (mean, target))
        gain = np.asarray(np.clip((new + 0.02) ** 2.2 / (old + 0.02) ** 2.2, 0.25, 3.0), np.float32)
        mask = np.clip(layers.skin + 0.6 * layers.beard, 0, 1)
        self._put(recolour.shade(self.cutout.person, mask, gain), "skin", skin=name, people="")

    def _hair(self, layers: Layers, exposure: float) -> None:
        """Give hair, and beard and brows as far as nature does, another colour."""
        about = self.about
        if about.hair == "bald" and not about.beard or layers.hair.sum() < 200 and not about.beard:
            return
        if edge_contrast(self.cutout, layers.hair) < LEAST_CONTRAST and about.hair != "bald":
            return
        if about.hair != "bald" and (
            crown_cover(self.cutout, self.shape, layers.hair) < LEAST_COVER
        ):
            return
        exposure = max(exposure, LEAST_EXPOSURE)
        name = self._hair_colour(layers, exposure)
        if not name:
            return
        target = recolour.hair_target(name, self.rng)
        target *= exposure
        person = recolour.tint(self.cutout.person, layers.hair, target)
        true: dict[str, object] = {"hair_colour": name}
        if name in (*_NATURAL, *_GREYS):
            person = recolour.tint(person, layers.beard, target)
            brows = target * np.array([0.75, 0.8, 0.8], np.float32)
            person = recolour.tint(person, 0.7 * layers.brows, brows)
            if about.beard:
                true["beard_colour"] = name
        self._put(person, "hair", **true)

    def _hair_colour(self, layers: Layers, exposure: float) -> str:
        """Choose a colour that fits the age and that hair this dark can take; "" for none."""
        mean = mean_colour(recolour.to_lab(self.cutout.person), layers.hair)
        light = float(mean[0]) if mean is not None else 30.0
        old = self.about.age > 55
        kinds = {_DYES: 0.12 if old else 0.3, _GREYS: 0.6 if old else 0.06}
        kinds[_NATURAL] = 1 - sum(kinds.values())
        pools = list(kinds)
        pool = pools[int(self.rng.choice(len(pools), p=list(kinds.values())))]
        if self.about.hair == "bald" and pool is _DYES:
            pool = _NATURAL
        reach = recolour.MOST_GAIN * light + 6
        able = [
            name
            for name in pool
            if name != self.about.hair_colour
            and exposure * recolour.lab_of(HAIR_COLOURS[name])[0] <= reach
        ]
        return str(self.rng.choice(able)) if able else ""

    def _iris(self, layers: Layers, exposure: float) -> None:
        name = str(self.rng.choice([key for key in IRISES if key != "hazel"]))
        target = recolour.iris_target(name, self.rng)
        person = recolour.tint(self.cutout.person, layers.irises, target, 0.2, 0.25)
        self._put(person, "iris", iris=name)

    def _clothes(self, layers: Layers, exposure: float) -> None:
        if layers.clothes.sum() < 0.01 * layers.clothes.size:
            return
        name = str(self.rng.choice(list(COLOURS)))
        target = recolour.cloth_target(name, self.rng)
        target *= 0.5 + 0.5 * exposure
        person = recolour.tint(self.cutout.person, layers.clothes, target, 0.3)
        extras = tuple(extra for extra in self.about.extras if extra != "scarf")
        self._put(person, "clothes", clothes_colour=name, extras=extras)

    def _glasses(self) -> None:
        """Put glasses on."""
        if self.about.glasses:
            return
        form = str(self.rng.choice(list(spectacles.SHAPES)))
        colour = str(self.rng.choice(list(spectacles.FRAMES)))
        person = spectacles.put_on(self.cutout.person, self.shape, form, colour, self.rng)
        self.shape = self.shape.with_glasses()
        phrase = str(self.rng.choice(["glasses", f"{form} glasses", f"{colour} glasses"]))
        self._put(person, "glasses", glasses=phrase)

    def _background(self, others: Sequence[str]) -> None:
        """Exchange the background."""
        side, rng = self.shape.side, self.rng
        kind = rng.random()
        if kind < 0.45 and len(others) > 1:
            other = str(rng.choice([o for o in others if o != self.name]))
            label = self.studio.label(other)
            place = label.background if label else ""
            new = backgrounds.of_photograph(
                self.studio.framed(other), place, mirrored=rng.random() < 0.5
            )
        elif kind < 0.7:
            new = backgrounds.plain(side, rng)
        elif kind < 0.8:
            new = backgrounds.gradient(side, rng)
        else:
            new = backgrounds.painted(side, self.studio.traits(self.name), rng)
        self.cutout = replace(self.cutout, background=new.picture)
        self.about = replace(self.about, place=new.place, place_colour=new.colour)
        self.changes.append("background")

    def _light(self) -> None:
        """Make light warmer or colder, stronger or weaker, and more from one side."""
        rng = self.rng
        warmth, level = rng.normal(0, 0.06), float(np.clip(rng.normal(1, 0.13), 0.75, 1.25))
        gain = (level * np.array([1 + warmth, 1, 1 - warmth])).astype(np.float32)
        across = np.linspace(-1, 1, self.shape.side, dtype=np.float32)[None, :, None]
        sided = 1 + float(rng.normal(0, 0.12)) * across
        ones = np.ones(self.cutout.matte.shape, np.float32)
        person = recolour.shade(self.cutout.person, ones, gain * sided)
        ground = recolour.shade(self.cutout.background, ones, 0.5 + 0.5 * gain)
        self.cutout = Cutout(person, self.cutout.matte, ground)
        self.changes.append("light")
