"""Choose who is re-animated: adults, seen by eye and by programs; and who only judges."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from imagineid_world.photos.framing import place

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from imagineid_world.photos.index import Label, Tile
    from imagineid_world.photos.survey import Survey

YOUNGEST = 18.0
"""Nobody who looks younger is used, to the network or to the eye."""

INSIDE = 0.95
"""Least share of the model's view that lies in the tile, of those who speak."""

INSIDE_STILL = 0.85
"""The same of all who train; below :data:`INSIDE` they only move as a whole."""

INSIDE_JUDGE = 0.80
SHARPEST_PX = 200.0
"""Least tile pixels across the view."""


@dataclass(frozen=True)
class Selection:
    """Who is used.

    Attributes:
        people: names of the pictures that train, validate and test.
        judges: names of those that only judge.
        funnel: how many of the trained-on generators' tiles are left after each test.
    """

    people: list[str]
    judges: list[str]
    funnel: dict[str, int]


def select(
    tiles: Sequence[Tile],
    tile_survey: Survey,
    labels: Mapping[str, Label],
    most: int | None = None,
) -> Selection:
    """Choose people and judges.

    Args:
        tiles: the folder's.
        tile_survey: its survey, in the same order.
        labels: what the eye saw; who is not in it does not train.
        most: people at most.
    """
    found = tile_survey.faces == 1
    places = [
        place(marks, tile.width, tile.height) if ok else None
        for tile, marks, ok in zip(tiles, tile_survey.landmarks, found, strict=True)
    ]
    inside = np.array([spot.inside if spot else 0.0 for spot in places])
    view_px = np.array([spot.view_px if spot else 0.0 for spot in places])
    adult = np.nan_to_num(tile_survey.age, nan=0.0) >= YOUNGEST
    trains = np.array([tile.trains for tile in tiles])
    tests = {
        "generators that may train": trains,
        "chosen by eye": np.array([tile.name in labels for tile in tiles]),
        "one face": found,
        "adult to the network": adult,
        f"{INSIDE_STILL:.0%} of the view inside": inside >= INSIDE_STILL,
        f"{SHARPEST_PX:.0f} px across": view_px >= SHARPEST_PX,
    }
    remaining, funnel = np.ones(len(tiles), bool), {}
    for name, test in tests.items():
        remaining = remaining & test
        funnel[name] = int(remaining.sum())
    usable = np.array([bool(tile.grade) for tile in tiles])
    judging = ~trains & usable & found & adult & (inside >= INSIDE_JUDGE)
    names = [tile.name for tile in tiles]
    return Selection(
        people=[names[i] for i in np.flatnonzero(remaining)][:most],
        judges=[names[i] for i in np.flatnonzero(judging)],
        funnel=funnel,
    )
