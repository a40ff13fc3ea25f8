"""One video of ours: does it follow its mesh, stay one person, stand still where it should.

Makes the video with the program (AUDIO, --prompt, --seed), or takes one made before (--mp4) of the
same AUDIO; everything is measured on frames decoded from the mp4, every --every-th of them.

  mouth        distance in pixels of 256 between 14 lip points MediaPipe sees and the same points of
               the mesh the frame was asked to follow; "raw", and less the constant difference of
               the two conventions, measured on the world's true pictures (never on our output);
               the floor is the same number on those true pictures, half of the people giving the
               differences and the other half the number
  inner lips   correlation over time of the gap between the inner lips, expected and seen
  background   PSNR between consecutive frames where MediaPipe's selfie model sees no person in
               either (share above 0.1, grown by 8 px): of the mean squared error of all pairs
  embedding    cosine of faceres descriptors with frame 1; beside it the same for different
               people, and for different frames of one, of the world's true pictures
  sharpness    variance of the Laplacian inside the face's outline, mean over the video's last
               second over the same of the second that starts 2 s in
  flicker      how far a frame lies from the middle of its two neighbours inside the outline,
               mean of absolute brightness, 0 to 255
"""

from __future__ import annotations

import argparse
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from imagineid.audio import open_sound
from imagineid.errors import BadInput
from imagineid.face import FaceModel, mesh_picture
from imagineid.face.controls import FrameControls
from imagineid.face.motion import default_motion
from imagineid.pad.conditioning import Conditioning
from imagineid.pipeline import Pipeline, load
from imagineid.rendering import render
from imagineid.request import Request
from imagineid.spec import FPS
from imagineid.video import read_metadata
from imagineid_evaluate import pictures, world
from imagineid_evaluate.landmarks import (
    LIPS,
    OVAL,
    Detections,
    convention,
    distances,
    expected_lips,
    look,
    seen_lips,
)
from imagineid_evaluate.likeness import Likeness
from imagineid_evaluate.report import Row
from imagineid_evaluate.voices import correlation

Array = np.ndarray
PERSON = 0.1
"""Share of person from which a pixel is none of the background."""

GROW_PX = 8
_UPPER, _LOWER = list(LIPS).index(13), list(LIPS).index(14)


def arguments(parser: argparse.ArgumentParser) -> None:
    """Add the options of this group."""
    parser.add_argument("audio", type=Path, help="the recording")
    parser.add_argument("--mp4", type=Path, help="a video of ours of that recording")
    parser.add_argument("--keep", type=Path, metavar="OUT.mp4", help="keep the video that is made")
    parser.add_argument("--prompt", default="", help="of the video that is made")
    parser.add_argument("--seed", type=int, default=0, help="of the video that is made")
    parser.add_argument("--every", type=int, default=3, help="look at one frame in so many")


def run(options: argparse.Namespace) -> tuple[list[Row], dict[str, object]]:
    """Measure; see the module."""
    pipe = load()
    with (
        tempfile.TemporaryDirectory(prefix="imagineid-evaluate-") as folder,
        open_sound(options.audio) as sound,
    ):
        factors = pipe.express(pipe.encode(sound))
        path = options.mp4 or options.keep or Path(folder) / "video.mp4"
        if options.mp4 is None:
            render(pipe, sound, path, Request(options.prompt, options.seed), overwrite=True)
        metadata = read_metadata(path)
        frames = list(pictures.frames(path))
    if len(frames) != factors.frames:
        raise BadInput(
            f"{path} has {len(frames)} frames, and {options.audio} gives {factors.frames}.\n"
            "Name the recording that the video was made of."
        )
    seed = int(metadata["seed"])
    expected = targets(pipe, factors, seed)
    picked = list(range(1, len(frames) - 1, options.every))
    faces = look([frames[0], *(frames[i] for i in picked)])
    pairs = look([frames[i + 1] for i in picked])
    truth = floor(pipe.face)
    rows = [
        *mouth(seen_lips(faces)[1:], expected[picked], truth),
        *still(frames, picked, faces, pairs),
        *person(frames, picked, faces, truth),
        *quality(frames, picked, faces),
    ]
    about = {"audio": options.audio.name, "seed": seed, "prompt": metadata.get("prompt", "")}
    return rows, about | {"frames": len(frames), "looked at": len(picked)}


def meshes(pipe: Pipeline, factors: Conditioning, seed: int) -> Iterator[Array]:
    """Yield the posed vertices (V, 3) that each frame should follow."""
    motion = default_motion(factors.level_db, seed)
    rest = pipe.rest(factors, seed)
    for beta, eyes, pose in zip(factors.expression, motion.eyes, motion.pose, strict=True):
        units = np.clip(np.maximum(beta, eyes), 0, 1)
        placed = pipe.placed(FrameControls(units, pose, 0))
        yield pipe.face.posed(pipe.face.express(rest, units), placed.pose)


def targets(pipe: Pipeline, factors: Conditioning, seed: int) -> Array:
    """Return the lips that each frame should show, (F, 14, 2) pixels.

    Raises:
        RuntimeError: the pipeline draws other meshes than this evaluator expects.
    """
    out, rendered = [], pipe.meshes(factors, seed)
    for number, (points, (mesh, *_)) in enumerate(
        zip(meshes(pipe, factors, seed), rendered, strict=True)
    ):
        if number in (0, factors.frames // 2) and not np.allclose(
            mesh, mesh_picture(points, pipe.face, len(mesh)), atol=1
        ):
            raise RuntimeError("Pipeline.meshes has changed: follow it in imagineid_evaluate.video")
        out.append(expected_lips(pipe.face, points, pipe.size_px))
    return np.stack(out)


@dataclass(frozen=True)
class Floor:
    """What the judges say of the world's true pictures of the test split.

    Attributes:
        offset: (14, 2) pixels, the difference of the lips' conventions over all people.
        raw, corrected: mean distance in pixels; corrected is of people who gave no offset.
        same, other: mean cosine of two frames of one person, and of different people.
    """

    offset: Array
    raw: float
    corrected: float
    same: float
    other: float


def floor(face: FaceModel) -> Floor:
    """Ask the judges about two frames of each person of the world's test split."""
    frames, expected = [], []
    for someone in world.people("test"):
        for i in (0, 4):
            points = face.vertices(someone.alpha, someone.beta[i], someone.pose[i])
            frames.append(someone.frame[i])
            expected.append(expected_lips(face, points, frames[-1].shape[0]))
    detected, lips = look(frames), np.stack(expected)
    saw = seen_lips(detected)
    half = np.arange(len(lips)) // 2 % 2 == 0
    offset = convention(saw[half], lips[half])
    likeness = Likeness()
    faces = [
        likeness(f, m) if ok else None
        for f, m, ok in zip(frames, detected.landmarks, detected.found, strict=True)
    ]
    same: list[float] = []
    other: list[float] = []
    for i, a in enumerate(faces):
        for j, b in enumerate(faces[:i]):
            if a is not None and b is not None:
                (same if i // 2 == j // 2 else other).append(float(a @ b))
    return Floor(
        offset=convention(saw, lips),
        raw=float(np.nanmean(distances(saw, lips))),
        corrected=float(np.nanmean(distances(saw[~half], lips[~half], offset))),
        same=float(np.mean(same)),
        other=float(np.mean(other)),
    )


def mouth(detected: Array, expected: Array, truth: Floor) -> list[Row]:
    """Compare lips seen and expected, (N, 14, 2) pixels each."""
    raw, corrected = distances(detected, expected), distances(detected, expected, truth.offset)
    gap_seen, gap_told = (
        np.linalg.norm(x[:, _UPPER] - x[:, _LOWER], axis=1) for x in (detected, expected)
    )
    ok = ~np.isnan(gap_seen)
    note = f"floor {truth.corrected:.2f}"
    worst = float(np.nanpercentile(corrected.mean(axis=1), 95)) if ok.any() else float("nan")
    return [
        Row("frames with a face", float(ok.mean()), note=f"of {len(ok)}"),
        Row("mouth", _mean(corrected), "px", 2.7, "at most", note=note),
        Row("mouth, raw", _mean(raw), "px", note=f"floor {truth.raw:.2f}"),
        Row("mouth, worst 5 % of frames", worst, "px", note="above this"),
        Row("inner lips' gap, correlation", correlation(gap_told[ok], gap_seen[ok])),
    ]


def still(
    frames: list[Array], picked: list[int], faces: Detections, after: Detections
) -> list[Row]:
    """Compare the backgrounds of frames i and i + 1; ``faces`` has frame 1 before frames i."""
    errors, sizes = [], []
    for k, i in enumerate(picked):
        where = background(faces.person[k + 1], after.person[k])
        if where.any():
            errors.append(pictures.squared_error(frames[i], frames[i + 1], where))
            sizes.append(float(where.mean()))
    each = np.array([pictures.psnr_of(e) for e in errors])
    note = f"{np.mean(sizes):.0%} of the picture" if sizes else "no background"
    pooled = pictures.psnr_of(float(np.mean(errors))) if errors else float("nan")
    worst = float(np.percentile(each, 5, method="lower")) if errors else float("nan")
    return [
        Row("background between frames", pooled, "dB", 38.0, note=note),
        Row("background, worst 5 % of pairs", worst, "dB", note="below this"),
    ]


def background(*person: Array) -> Array:
    """Return where no person is in any of some masks, (H, W) uint8 each: (H, W) bool."""
    anyone = np.maximum.reduce(person) > PERSON * 255
    return ~pictures.grown(anyone, GROW_PX)


def person(frames: list[Array], picked: list[int], faces: Detections, truth: Floor) -> list[Row]:
    """Compare faces with frame 1's."""
    beside = f"true pictures: same {truth.same:.2f}, others {truth.other:.2f}"
    if not faces.found[0]:
        return [Row("face embedding against frame 1", float("nan"), bar=0.9, note="no face there")]
    likeness = Likeness()
    first = likeness(frames[0], faces.landmarks[0])
    cosines = [
        float(first @ likeness(frames[i], faces.landmarks[k + 1]))
        for k, i in enumerate(picked)
        if faces.found[k + 1]
    ]
    if not cosines:
        return [Row("face embedding against frame 1", float("nan"), bar=0.9, note="no faces")]
    late = cosines[-max(1, len(cosines) // 10) :]
    return [
        Row("face embedding against frame 1", float(np.mean(cosines)), bar=0.9, note=beside),
        Row("  its last tenth", float(np.mean(late))),
        Row("  its worst frame", float(np.min(cosines))),
    ]


def quality(frames: list[Array], picked: list[int], faces: Detections) -> list[Row]:
    """Compare sharpness late and early, and measure flicker."""
    sharp, trembling = {}, []
    for k, i in enumerate(picked):
        if faces.found[k + 1]:
            where = pictures.hull(faces.landmarks[k + 1][list(OVAL)], len(frames[i]))
            sharp[i] = pictures.sharpness(frames[i], where)
            trembling.append(pictures.flicker(frames[i - 1], frames[i], frames[i + 1], where))
    early = [v for i, v in sharp.items() if 2 * FPS <= i < 3 * FPS]
    late = [v for i, v in sharp.items() if i >= len(frames) - FPS]
    if early and late:
        change = float(np.mean(late) / np.mean(early) - 1)
        note = f"{change:+.1%}; it was {np.mean(early):.0f}"
    else:
        change, note = float("nan"), "needs 4 s of video with faces"
    return [
        Row(
            "sharpness at the end",
            abs(change) * 100,
            "%",
            10.0,
            "at most",
            note,
        ),
        Row("flicker in the face", _mean(np.array(trembling)), "of 255"),
    ]


def _mean(values: Array) -> float:
    ok = values[~np.isnan(values)]
    return float(ok.mean()) if ok.size else float("nan")
