"""The folder of photographs: which tiles it holds and where each comes from.

``photos.csv`` names every tile (path, generator, image_name, query, query_prefix, ...);
``usable.csv`` names those that a program found fit for re-animation, with a grade.
"""

from __future__ import annotations

import csv
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np

TRAINED_ON = ("SDXL", "FLUX1_schnell")
"""Generators whose pictures train; all others only judge."""

LABELS = Path(__file__).with_name("labels.csv")
"""What was seen by eye in the public pictures that train; all others are left out."""


@dataclass(frozen=True)
class Tile:
    """One synthetic photograph.

    Attributes:
        path: the file.
        name: the picture's name in its data set; one person each.
        generator: what made it, e.g. "SDXL".
        query: the text a search found it by, with its prefix; not a checked label.
        grade: "strict", "medium" or "loose" if it is listed as usable, else "".
        width: of the picture, pixels.
        height: of the picture, pixels.
    """

    path: Path
    name: str
    generator: str
    query: str
    grade: str
    width: int
    height: int

    @property
    def trains(self) -> bool:
        """Whether networks may learn from it."""
        return self.generator in TRAINED_ON

    def read(self) -> np.ndarray:
        """Return the picture, (H, W, 3) uint8 RGB.

        Raises:
            OSError: it is no picture.
        """
        picture = cv2.imread(str(self.path))
        if picture is None:
            raise OSError(f"{self.path} is no picture that can be read")
        return np.ascontiguousarray(picture[:, :, ::-1])


@dataclass(frozen=True)
class Label:
    """What a picture shows, seen by eye; "" where nothing is said.

    Attributes:
        sex: "woman" or "man".
        hair: style, e.g. "long", "bun", "short-afro".
        hair_colour: a word of ``imagineid_world.look.HAIR_COLOURS``.
        beard: "stubble", "moustache", "goatee", "beard" or "".
        skin: a word of ``imagineid_world.look.SKINS``.
        age: years, where the network's guess was wrong.
        glasses: "glasses" or "".
        background: "plain", "room", "wall", "out", "city" or "lights".
        extras: of "earrings freckles necklace suit scarf lipstick".
        mouth: "smile" or "open" where it shows teeth: such pictures do not speak.
        fixed: those of "hair clothes background" that cannot be segmented well enough to change.
    """

    sex: str
    hair: str
    hair_colour: str
    beard: str
    skin: str
    age: str
    glasses: str
    background: str
    extras: str
    mouth: str
    fixed: str


def read_labels(folder: Path) -> dict[str, Label]:
    """Read a folder's ``labels.csv`` or else the one of the public pictures, by image name."""
    own = folder / "labels.csv"
    with (own if own.is_file() else LABELS).open(newline="") as file:
        return {row.pop("image_name"): Label(**row) for row in csv.DictReader(file)}


def read_tiles(folder: Path) -> list[Tile]:
    """Read a folder's index; one tile a picture, in the order of its file.

    Raises:
        FileNotFoundError: the folder has no ``photos.csv``.
    """
    listing = folder / "photos.csv"
    if not listing.is_file():
        raise FileNotFoundError(
            f"There is no {listing}.\nName a folder that has one: see docs/photos.md"
        )
    usable = folder / "usable.csv"
    grades: dict[str, str] = {}
    if usable.is_file():
        with usable.open(newline="") as file:
            grades = {row["path"]: row["grade"] for row in csv.DictReader(file)}
    tiles: dict[str, Tile] = {}
    with listing.open(newline="") as file:
        for row in csv.DictReader(file):
            query = f"{row.get('query_prefix', '')} {row['query']}".strip()
            tile = Tile(
                path=folder / row["path"],
                name=row["image_name"],
                generator=row["generator"],
                query=query,
                grade=grades.get(row["path"], ""),
                width=int(row["width"]),
                height=int(row["height"]),
            )
            tiles.setdefault(tile.name, tile)
    return list(tiles.values())
