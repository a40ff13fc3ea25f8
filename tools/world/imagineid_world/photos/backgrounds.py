"""Backgrounds to put a person before: another photograph's, plain ones, gradients, painted ones."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import cv2
import numpy as np

from imagineid_world.backdrop import paint
from imagineid_world.look import COLOURS, draw_look
from imagineid_world.photos.matte import without_person
from imagineid_world.photos.recolour import cloth_target, colour_name, to_lab, to_rgb

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from imagineid_world.people import Traits
    from imagineid_world.photos.framing import Framed

    F32 = NDArray[np.float32]

PAINTED = {"room": "room", "landscape": "out", "bokeh": "lights", "studio": "studio"}
"""Kinds of the drawn world's backdrops and the places they are called."""


@dataclass(frozen=True)
class Background:
    """A picture without a person.

    Attributes:
        picture: (S, S, 3) RGB 0..255.
        place: a key of ``words.PLACES``.
        colour: a colour word, or "".
    """

    picture: F32
    place: str
    colour: str = ""


def of_photograph(framed: Framed, place: str, mirrored: bool) -> Background:
    """Another photograph's background, its person filled in."""
    picture = without_person(framed.picture, framed.person.astype(np.float32) / np.float32(255))
    if mirrored:
        picture = np.ascontiguousarray(picture[:, ::-1])
    return Background(picture, place, main_colour(picture) if place == "plain" else "")


def plain(side: int, rng: np.random.Generator) -> Background:
    """One colour, a little lighter in the middle, with fine grain."""
    name = str(rng.choice(list(COLOURS)))
    picture = _flat(name, side, rng) * _vignette(side, float(rng.uniform(0, 0.25)))
    return Background(_grained(picture, rng), "plain", name)


def gradient(side: int, rng: np.random.Generator) -> Background:
    """One colour, lighter at one end."""
    name = str(rng.choice(list(COLOURS)))
    lab = to_lab(_flat(name, side, rng))
    turn = rng.uniform(0, 2 * np.pi)
    rows, columns = np.mgrid[-1 : 1 : side * 1j, -1 : 1 : side * 1j]
    along = (np.cos(turn) * columns + np.sin(turn) * rows).astype(np.float32)
    lab[..., 0] = np.clip(lab[..., 0] + rng.uniform(8, 18) * along, 2, 98)
    return Background(_grained(to_rgb(lab), rng), "gradient", name)


def painted(side: int, traits: Traits, rng: np.random.Generator) -> Background:
    """A blurred room, landscape, studio or lights of the drawn world."""
    look = draw_look(traits, (0.3, 0.3, 0.4), rng)
    kind = str(rng.choice(list(PAINTED)))
    rendered = paint(replace(look, backdrop=kind), side)
    colour = look.backdrop_name if kind == "studio" else ""
    return Background(np.asarray(np.clip(rendered, 0, 1) * 255, np.float32), PAINTED[kind], colour)


def main_colour(picture: F32) -> str:
    """Name of a background's colour, "" where it has none."""
    return colour_name(np.median(to_lab(cv2.resize(picture, (32, 32))).reshape(-1, 3), axis=0))


def _flat(name: str, side: int, rng: np.random.Generator) -> F32:
    return np.array(np.broadcast_to(to_rgb(cloth_target(name, rng)), (side, side, 3)))


def _vignette(side: int, depth: float) -> F32:
    rows, columns = np.mgrid[-1 : 1 : side * 1j, -1 : 1 : side * 1j]
    return np.asarray(1 - depth * (rows**2 + columns**2)[..., None] / 2, np.float32)


def _grained(picture: F32, rng: np.random.Generator) -> F32:
    noise = rng.normal(0, 1.2, picture.shape[:2]).astype(np.float32)
    return np.asarray(np.clip(picture + cv2.GaussianBlur(noise, (0, 0), 0.7)[..., None], 0, 255))
