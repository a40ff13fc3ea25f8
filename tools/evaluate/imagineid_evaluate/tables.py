"""The paper's Tables 1 and 2 and Figures 6 and 7, on the clips of DATA.

DATA is what ``python -m imagineid_prepare CLIPS -o DATA`` wrote: of people whom the model never
heard or saw. Each number stands beside the paper's own, which was measured on other clips.

Table 1: a face imagined from the sound alone, against the clip's first frame.
  shape, age, gender, emotion   cosine of the judges' outputs for both
  FID                           Fréchet distance of the judge's features

Table 2: the clip again, from its sound, its poses and its first frame, frame by frame.
  EACC       mean absolute difference of the emotion judge's outputs; the paper does not define it
  LMD        distance of mouth landmarks, px of 256, less the mean of each frame; by MediaPipe
  sync       SyncNet's confidence
  FID, PSNR, SSIM

The judges (``--judges FOLDER``) are networks of others: see ``imagineid_evaluate/judges.py``. A row
whose judge is missing is empty and says so. Table 2 begins with a frame of a recorded person, as
the paper does. It exists in memory only: no command of imagineid takes a picture of a person.
"""

from __future__ import annotations

import argparse
import io
from collections.abc import Sequence
from dataclasses import dataclass, replace
from importlib import import_module
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import soundfile

from imagineid.errors import BackendMissing, BadInput
from imagineid.face.motion import Motion, still
from imagineid.pad.conditioning import cut
from imagineid.pad.encode import encode
from imagineid.pipeline import load
from imagineid.request import Request
from imagineid.spec import EMOTIONS
from imagineid_evaluate.first_frames import frechet
from imagineid_evaluate.judges import SYNC_FRAMES, Judges, open_judges, resized
from imagineid_evaluate.landmarks import LIPS, look
from imagineid_evaluate.pictures import psnr_of, sheet, squared_error
from imagineid_evaluate.report import Row
from imagineid_evaluate.sounds import as_sound
from imagineid_train.sd15.shards import Sample, Shards

if TYPE_CHECKING:
    from imagineid.pad.factors import VoiceFactors
    from imagineid.pipeline import Pipeline

Array = np.ndarray

SIDE = 256
"""Landmarks are compared in pixels of pictures of this side."""
LEAST = 1
"""Fewest frames of a clip."""
MATCHES = 3
"""Voices that are shown beside each in ``retrieval.png``."""

SHAPE, AGE, GENDER, EMOTION, FID_FACES = 0.75, 0.58, 0.93, 0.76, 25.78
EACC, LMD, SYNC, FID, PSNR, SSIM = 0.090, 2.67, 5.91, 28.37, 29.66, 0.67
"""The paper's results, the last rows of Tables 1 and 2."""


@dataclass(frozen=True)
class Result:
    """A clip and what was imagined for it.

    Attributes:
        factors: what was heard.
        felt: theta_e of each window as it was estimated, not held to neutral, (W, 512).
        true: the clip's frames, (F, H, W, 3) uint8.
        face: imagined from sound alone, (H, W, 3) uint8.
        video: imagined from the clip's first frame, (F, H, W, 3) uint8.
        wave: the sound, (samples,) in [-1, 1], 16 kHz.
        emotion: as labelled, an index; -1 if it is not known.
    """

    factors: VoiceFactors
    felt: Array
    true: Array
    face: Array
    video: Array
    wave: Array
    emotion: int


def arguments(parser: argparse.ArgumentParser) -> None:
    """Add the options."""
    parser.add_argument("data", type=Path, help="folder that imagineid_prepare wrote")
    parser.add_argument("--model", default="mini", help="a model or adapters (default mini)")
    parser.add_argument("--judges", type=Path, metavar="FOLDER", help="ONNX files of the judges")
    parser.add_argument("--most", type=int, default=22, metavar="N", help="clips (default 22)")
    parser.add_argument(
        "--seconds", type=float, default=4.0, metavar="S", help="of each clip (default 4)"
    )
    parser.add_argument("--steps", type=int, metavar="N", help="denoising steps of each frame")
    parser.add_argument("--exact", action="store_true", help="Algorithm 1 as the paper writes it")
    parser.add_argument(
        "-o", "--out", type=Path, default=Path("tables"), help="folder of the pictures"
    )


def run(options: argparse.Namespace) -> tuple[list[Row], dict[str, object]]:
    """Imagine and judge; return rows and what they were measured on.

    Raises:
        BadInput: DATA has no clips, or a judge can't be used.
        BackendMissing: scikit-image or scikit-learn is missing.
    """
    _check_packages()
    if options.most < 1:
        raise BadInput(f"--most {options.most} leaves no clips.\nTry:  --most 22")
    if options.out.exists() and not options.out.is_dir():
        raise BadInput(f"{options.out} is a file.\nName a folder:  -o tables")
    judges = open_judges(options.judges)
    samples = Shards.open(options.data, LEAST).samples
    pipe = load(options.model)
    request = Request(steps=options.steps, exact=options.exact or None)
    results = [
        imagined(pipe, sample, replace(request, seed=number), options.seconds)
        for number, sample in enumerate(islice(_spread(samples), options.most))
    ]
    options.out.mkdir(parents=True, exist_ok=True)
    figures(results, options.out)
    rows = [*table_1(results, judges), *table_2(results, judges)]
    frames = sum(len(each.video) for each in results)
    about = {"model": pipe.model, "clips": len(results), "frames": frames}
    return rows, {**about, "pictures": str(options.out)}


def _spread(samples: Sequence[Sample]) -> list[Sample]:
    """Order samples so that every speaker comes before any comes again."""
    turns: dict[str, int] = {}
    keyed = []
    for number, sample in enumerate(samples):
        speaker = str(sample.about["speaker"])
        turns[speaker] = turns.get(speaker, -1) + 1
        keyed.append((turns[speaker], number, sample))
    return [sample for *_, sample in sorted(keyed, key=lambda item: item[:2])]


def imagined(pipe: Pipeline, sample: Sample, request: Request, seconds: float) -> Result:
    """Imagine a clip twice: a face from its sound, and the clip from its first frame."""
    wave, rate = soundfile.read(io.BytesIO(sample.read("flac")), dtype="float32")
    with as_sound(wave) as sound:
        factors = pipe.encode(sound)
        felt = encode(pipe.engines, pipe.size, sound).emotion.theta
    voice = pipe.express(factors)
    count = min(sample.frames, len(voice.expression), max(1, round(25 * seconds)))
    voice = cut(voice, 0, count)
    true = np.stack([resized(_frame(sample, i), pipe.size_px) for i in range(count)])
    with np.load(io.BytesIO(sample.read("npz")), allow_pickle=False) as fit:
        pose = fit["pose"][:count].astype(np.float32)
    motion = Motion(pose, still(count).eyes)
    face = next(iter(pipe.imagine(cut(voice, 0, 1), request)))
    video = np.stack(list(pipe.imagine(voice, request, first=true[0], motion=motion)))
    return Result(factors, felt, true, face, video, wave[: count * rate // 25], sample.emotion)


def _frame(sample: Sample, number: int) -> Array:
    return sample.picture(f"frame.{number:04d}.jpg")


def table_1(results: Sequence[Result], judges: Judges) -> list[Row]:
    """Return the rows of Table 1."""
    true, faces = [each.true[0] for each in results], [each.face for each in results]
    rows = []
    for name, published in (
        ("shape", SHAPE),
        ("age", AGE),
        ("gender", GENDER),
        ("emotion", EMOTION),
    ):
        judge = judges.pictures.get(name)
        value = float("nan") if judge is None else cosine(judge(true), judge(faces))
        rows.append(_row(f"Table 1  {name}", value, published, _missing(judge, name)))
    return [*rows, _fid("Table 1  FID", true, faces, FID_FACES, judges)]


def table_2(results: Sequence[Result], judges: Judges) -> list[Row]:
    """Return the rows of Table 2."""
    true = [frame for each in results for frame in each.true]
    made = [frame for each in results for frame in each.video]
    emotion = judges.pictures.get("emotion")
    eacc = float("nan")
    if emotion is not None:
        eacc = float(np.abs(emotion(true) - emotion(made)).mean())
    try:
        lmd, note = mouth_distance(look(true).landmarks, look(made).landmarks, len(true[0]))
    except BackendMissing:
        lmd, note = float("nan"), "no MediaPipe: docs/quality.md"
    pairs = list(zip(true, made, strict=True))
    return [
        _row("Table 2  EACC", eacc, EACC, _missing(emotion, "emotion")),
        _row("Table 2  LMD", lmd, LMD, note),
        _sync(results, judges),
        _fid("Table 2  FID", true, made, FID, judges),
        _row("Table 2  PSNR", float(np.mean([_psnr(a, b) for a, b in pairs])), PSNR),
        _row("Table 2  SSIM", float(np.mean([similarity(a, b) for a, b in pairs])), SSIM),
    ]


def _row(name: str, value: float, published: float, note: str = "") -> Row:
    return Row(name, value, note=note, published=published)


def _missing(judge: object | None, name: str) -> str:
    return "" if judge is not None else f"no {name}.onnx in --judges FOLDER"


def _fid(
    name: str, true: Sequence[Array], made: Sequence[Array], published: float, judges: Judges
) -> Row:
    judge = judges.pictures.get("inception")
    if judge is None or len(true) < 2:
        note = _missing(judge, "inception") or "needs two pictures"
        return _row(name, float("nan"), published, note)
    value = frechet(judge(true).astype(np.float64), judge(made).astype(np.float64))
    return _row(name, value, published, f"{len(true)} pictures; the smaller, the higher")


def _sync(results: Sequence[Result], judges: Judges) -> Row:
    judge = judges.sync
    if judge is None:
        return _row("Table 2  sync", float("nan"), SYNC, _missing(judge, "syncnet"))
    long = [each for each in results if len(each.video) > SYNC_FRAMES]
    if not long:
        return _row("Table 2  sync", float("nan"), SYNC, "no clip is long enough")
    made, true = (
        float(np.mean([judge.confidence(list(getattr(each, which)), each.wave) for each in long]))
        for which in ("video", "true")
    )
    return _row("Table 2  sync", made, SYNC, f"the clips themselves: {true:.2f}")


def cosine(a: Array, b: Array) -> float:
    """Return the mean cosine of the rows of two arrays, (N, D) each."""
    lengths = np.linalg.norm(a, axis=1) * np.linalg.norm(b, axis=1)
    return float(((a * b).sum(1) / np.maximum(lengths, 1e-12)).mean())


def mouth_distance(true: Array, made: Array, side: int) -> tuple[float, str]:
    """Return the LMD, px of 256, and a note.

    Args:
        true: MediaPipe's landmarks in pixels, (N, 478, 2); NaN where there is no face.
        made: those of the imagined frames.
        side: of the pictures, pixels.

    Source:
        Chen et al. 2018. https://arxiv.org/abs/1803.10404
    """
    both = ~np.isnan(true[:, 0, 0]) & ~np.isnan(made[:, 0, 0])
    note = f"a face in {both.sum()} of {len(both)} frames"
    if not both.any():
        return float("nan"), note
    lips = [marks[both][:, list(LIPS)] * (SIDE / side) for marks in (true, made)]
    first, second = (each - each.mean(1, keepdims=True) for each in lips)
    return float(np.linalg.norm(first - second, axis=2).mean()), note


def _psnr(a: Array, b: Array) -> float:
    return min(psnr_of(squared_error(a, b)), 100.0)


def similarity(a: Array, b: Array) -> float:
    """Return the SSIM of two pictures (H, W, 3) uint8.

    Source:
        Wang et al. 2004, as scikit-image computes it with their Gaussian window.
    """
    from skimage.metrics import structural_similarity

    return float(
        structural_similarity(
            *(a, b), channel_axis=2, gaussian_weights=True, sigma=1.5, use_sample_covariance=False
        )
    )


def figures(results: Sequence[Result], folder: Path) -> None:
    """Draw ``retrieval.png`` (Figure 6) and ``emotions.png`` (Figure 7)."""
    voices = np.stack([each.factors.identity.theta for each in results]).astype(np.float64)
    voices /= np.maximum(np.linalg.norm(voices, axis=1, keepdims=True), 1e-12)
    alike = voices @ voices.T
    strips, captions = [], []
    for number, each in enumerate(results):
        others = [int(i) for i in np.argsort(-alike[number]) if i != number][:MATCHES]
        shown = [each.true[0], each.face, *(results[i].true[0] for i in others)]
        padding = [np.zeros_like(each.face)] * (2 + MATCHES - len(shown))
        strips.append(np.concatenate([*shown, *padding], 1))
        near = ", ".join(f"{alike[number, i]:.2f}" for i in others)
        captions.append(f"clip, imagined, nearest voices: {near}")
    sheet(folder / "retrieval.png", strips, 1, captions)
    theta = np.concatenate([each.felt for each in results])
    names = np.repeat([each.emotion for each in results], [len(each.felt) for each in results])
    (folder / "emotions.png").unlink(missing_ok=True)
    if len(np.unique(theta, axis=0)) > 3:  # t-SNE draws equal points apart
        _scatter(folder / "emotions.png", embedded(theta), names)


def embedded(theta: Array) -> Array:
    """Return a t-SNE embedding of emotion embeddings (N, 512), N above 3, (N, 2).

    Source:
        Van der Maaten and Hinton 2008.
    """
    from sklearn.manifold import TSNE

    perplexity = min(30.0, (len(theta) - 1) / 3)
    out: Array = TSNE(perplexity=perplexity, random_state=0, init="pca").fit_transform(theta)
    return out


def _scatter(path: Path, points: Array, emotions: Array) -> None:
    """Draw points (N, 2) in the colours of their emotions, grey where it is not known."""
    from PIL import Image, ImageDraw

    low, high = points.min(0), points.max(0)
    at = 60 + (points - low) / np.maximum(high - low, 1e-6) * 480
    picture = Image.new("RGB", (760, 600), "white")
    pen = ImageDraw.Draw(picture)
    colours = ("grey", "red", "olive", "green", "purple", "orange", "blue", "teal")
    for (x, y), emotion in zip(at, emotions, strict=True):
        colour = "lightgrey" if emotion < 0 else colours[emotion % len(colours)]
        pen.ellipse((x - 4, y - 4, x + 4, y + 4), fill=colour)
    for row, emotion in enumerate(sorted({int(e) for e in emotions})):
        name = "not labelled" if emotion < 0 else EMOTIONS[emotion]
        colour = "lightgrey" if emotion < 0 else colours[emotion % len(colours)]
        pen.ellipse((610, 64 + 24 * row, 620, 74 + 24 * row), fill=colour)
        pen.text((628, 62 + 24 * row), name, fill="black")
    picture.save(path)


def _check_packages() -> None:
    """Import what the tables need, before anything is imagined.

    Raises:
        BackendMissing: one of the packages is missing.
    """
    for name in ("skimage.metrics", "sklearn.manifold"):
        try:
            import_module(name)
        except ImportError as error:
            raise _NoPackages from error


class _NoPackages(BackendMissing):
    """A package of the extra is missing."""

    def __init__(self) -> None:
        Exception.__init__(
            self,
            "scikit-image or scikit-learn is not installed.\n"
            "Install them:  pip install 'imagineid[evaluate]'",
        )
