"""The default against many steps a frame, both from the same first frame.

  psnr         of 8-bit frames, mean of the frames' dB
  mouth        distance in pixels between 14 lip points MediaPipe sees in the one and the other
  embedding    cosine of the faceres descriptors of the one's face and the other's

One frame in --every is shown to MediaPipe; PSNR is of all. ``imagineid bench --agreement`` tells
PSNR too, and needs no judges.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np

from imagineid.audio import open_sound
from imagineid.pipeline import Pipeline, load
from imagineid.request import Request
from imagineid_bench.workloads import beside, psnr
from imagineid_evaluate.landmarks import Detections, distances, look, seen_lips
from imagineid_evaluate.likeness import Likeness
from imagineid_evaluate.report import Row

Array = np.ndarray


def arguments(parser: argparse.ArgumentParser) -> None:
    """Add the options of this group."""
    parser.add_argument("audio", type=Path, nargs="?", default=Path("examples/speech.flac"))
    parser.add_argument("--prompt", default="", help="of both videos")
    parser.add_argument("--seed", type=int, default=0, help="of both videos")
    parser.add_argument("--steps", type=int, default=50, help="of the reference's frames")
    parser.add_argument("--every", type=int, default=3, help="look at one frame in so many")


def run(options: argparse.Namespace) -> tuple[list[Row], dict[str, object]]:
    """Measure; see the module."""
    pipe = load()
    found, own, other = both(pipe, options)
    a, b = look(own), look(other)
    rows = [
        Row("PSNR", float(np.mean(found)), "dB", 28.0, note=f"of {len(found)} frames"),
        Row("PSNR, worst frame", min(found), "dB"),
        mouth(a, b),
        *person(own, other, a, b),
    ]
    about = {"audio": options.audio.name, "seed": options.seed, "prompt": options.prompt}
    return rows, about | {"steps": options.steps, "frames": len(found), "looked at": len(own)}


def both(
    pipe: Pipeline, options: argparse.Namespace
) -> tuple[list[float], list[Array], list[Array]]:
    """Imagine both videos side by side.

    Returns:
        PSNR of every frame, dB, and the frames of each that are looked at, (H, W, 3) uint8.
    """
    with open_sound(options.audio) as sound:
        voice = pipe.express(pipe.encode(sound))
    request = Request(prompt=options.prompt, seed=options.seed)
    found, own, other = [], [], []
    for number, pair in enumerate(beside(pipe, voice, request, options.steps)):
        found.append(psnr(*pair))
        if number % options.every == 0:
            own.append(pair[0])
            other.append(pair[1])
    return found, own, other


def mouth(a: Detections, b: Detections) -> Row:
    """Compare the lips seen in the same frames of both."""
    distance_px = distances(seen_lips(a), seen_lips(b)).mean(axis=1)
    ok = ~np.isnan(distance_px)
    value = float(distance_px[ok].mean()) if ok.any() else float("nan")
    note = f"a face in both in {ok.sum()} of {len(ok)} frames"
    return Row("mouth landmarks", value, "px", 1.5, "at most", note)


def person(own: list[Array], other: list[Array], a: Detections, b: Detections) -> list[Row]:
    """Compare who is seen in the same frames of both."""
    likeness, cosines = Likeness(), []
    for i in np.flatnonzero(a.found & b.found):
        one, two = likeness(own[i], a.landmarks[i]), likeness(other[i], b.landmarks[i])
        cosines.append(float(one @ two))
    if not cosines:
        return [Row("face embedding", float("nan"), bar=0.95, note="no faces")]
    return [
        Row("face embedding", float(np.mean(cosines)), bar=0.95),
        Row("face embedding, worst frame", min(cosines)),
    ]
