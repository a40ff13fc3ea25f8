"""Swapping: one factor of a video is replaced, the others stay (paper, Fig. 5)."""

from __future__ import annotations

import re
import time
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from imagineid import __version__, swap_store
from imagineid.audio.decode import open_regular
from imagineid.errors import BadInput
from imagineid.face.retiming import Amounts
from imagineid.files import check_outputs
from imagineid.pad.average_voices import parse
from imagineid.progress import SILENT, Progress
from imagineid.rendering import metadata_of, opened, warn_unknown, write_video
from imagineid.request import Request, joined_prompt
from imagineid.spec import FPS, SAMPLE_RATE
from imagineid.swap_source import LOOK, SwapSource, find_source, read_source
from imagineid.video.output import OutputOptions, check_video_output, open_writer

if TYPE_CHECKING:
    from imagineid.cache import Cache
    from imagineid.pad.factors import VoiceFactors
    from imagineid.pipeline import Pipeline


@dataclass(frozen=True)
class Swaps:
    """Where each factor is taken from; None keeps the source's.

    Attributes:
        emotion_from, identity_from, content_from: recordings.
        request: prompt, seed, emotion and motion that replace the source's; the strength of any
            blend.
        keeps: of :data:`imagineid.swap_source.LOOK`, what the new video has from the source's
            where ``request`` leaves it at its default.
    """

    emotion_from: Path | None = None
    identity_from: Path | None = None
    content_from: Path | None = None
    request: Request = field(default_factory=Request)
    keeps: tuple[str, ...] = LOOK

    @property
    def new_face(self) -> bool:
        """Whether a new face is generated."""
        request = self.request
        options = (self.identity_from, request.prompt, request.seed, request.voice)
        return any(x is not None for x in options)

    def check(self) -> None:
        """Validate the options before the model is loaded.

        Raises:
            BadInput: nothing is swapped, or the options contradict each other.
        """
        self.request.check(blends=True)
        emotion = self.request.emotion
        if self.emotion_from is not None and emotion is not None:
            raise BadInput("--emotion and --emotion-from exclude each other.\nRemove one of them.")
        blends = any(x is not None for x in (self.emotion_from, self.identity_from, emotion))
        if self.request.strength is not None and not blends:
            raise BadInput(
                "--strength blends emotions or identities, but neither is swapped.\n"
                "Add:  --emotion-from B.wav  or  --identity-from B.wav"
            )
        request = self.request
        moves = request.motion_label is not None or request.amounts != Amounts()
        moves = moves or request.output != OutputOptions() or self.keeps != LOOK
        if not (self.new_face or moves or self.content_from or blends):
            raise BadInput(
                "Nothing is swapped.\n"
                "Add one of:  --emotion-from B.wav, --identity-from, --content-from or --prompt"
            )

    def metadata(self, source: Path) -> dict[str, Any]:
        """Return the entries for the video's metadata."""
        names = ("emotion_from", "identity_from", "content_from")
        found = {name: path.name for name in names if (path := getattr(self, name)) is not None}
        return {"base": source.name, **found}


@dataclass(frozen=True)
class SwapJob:
    """A swap that was checked; see :func:`prepare`."""

    source: SwapSource
    swaps: Swaps
    output: Path
    overwrite: bool

    def track_of(self, path: Path) -> int | None:
        """Return the requested sound track; a base made by imagineid has one."""
        own = bool(self.source.known) and path == self.source.path
        return None if own else self.swaps.request.track


@dataclass(frozen=True)
class Swapped:
    """The result of a swap.

    Attributes:
        path: the video; source: its base.
        frames: how many.
        request: prompt, seed and so on, as the new video has them.
        new_face: whether another face was imagined.
        before, after: the factors.
        model, engine: what made it.
        took_s: seconds.
    """

    path: Path
    source: Path
    frames: int
    request: Request
    new_face: bool
    before: VoiceFactors
    after: VoiceFactors
    model: str
    engine: str
    took_s: float

    def as_json(self) -> dict[str, Any]:
        """Return all of it as JSON holds it; see ``docs/swap.md``."""
        return {
            "path": str(self.path),
            "base": str(self.source),
            "frames": self.frames,
            "prompt": self.request.words,
            "seed": self.request.seed,
            "new_face": self.new_face,
            "before": self.before.describe(),
            "after": self.after.describe(),
            "model": self.model,
            "engine": self.engine,
            "took_s": round(self.took_s, 2),
        }


def prepare(
    source: Path | None, swaps: Swaps, output: Path | None = None, overwrite: bool = False
) -> SwapJob:
    """Check a swap before anything heavy is loaded.

    Args:
        source: a video of ours, or a recording; None is the last video made.
        swaps: the factors to replace, and their sources.
        output: as :func:`imagineid.rendering.render` takes it, but no stream; None is a free name
            in the working folder, from the source's.
        overwrite: whether an existing file may be replaced.

    Raises:
        BadInput: the source or an option can't be used.
        BadOutput: the place can't be written, or is one of the inputs.
    """
    swaps.check()
    found = find_source(source)
    request = replace(swaps.request, output=found.look(swaps.request.output, swaps.keeps))
    swaps = replace(swaps, request=request)
    inputs = (found.path, swaps.emotion_from, swaps.identity_from, swaps.content_from)
    named = [path for path in inputs if path is not None]
    for path in named:
        open_regular(path).close()
    output = output if output is not None else free_name(found.path, swaps.request.suffix)
    check_outputs([output], [*named, *swaps.request.files()])
    check_video_output(output, swaps.request.output, overwrite)
    return SwapJob(found, swaps, output, overwrite)


def free_name(source: Path, suffix: str = ".mp4") -> Path:
    """Return SOURCE-swapped.mp4 in the working folder, with a number if it is taken."""
    stem = re.sub(r"-swapped(-\d+)?$", "", source.stem)
    path, number = Path(f"{stem}-swapped{suffix}"), 2
    while path.exists():
        path, number = Path(f"{stem}-swapped-{number}{suffix}"), number + 1
    return path


def swap(
    pipe: Pipeline, job: SwapJob, *, cache: Cache | None = None, progress: Progress = SILENT
) -> Swapped:
    """Make the video of a swap, and remember it as the last one made.

    Args:
        pipe: a loaded model.
        job: see :func:`prepare`.
        cache: cache of frames, read and written.
        progress: receives messages and progress.

    Raises:
        BadSound: a recording can't be read.
        BadInput: the source can't be swapped by this model.
        BadOutput: the disk is full.
    """
    started = time.monotonic()
    source, swaps = job.source, job.swaps
    progress.line(f"base: {source.path}{' (the last video made)' if source.is_last else ''}")
    _announce(job, pipe, progress)
    encode = _encoder(job, pipe, progress)
    before, first = read_source(source, pipe, encode, progress)
    after = _mixed(before, swaps, pipe, encode)
    progress.line(f"it becomes: {after.describe()}")
    request = _request(job)
    if swaps.new_face:
        first = None
    elif first is None:
        plain = replace(request, pose_from=None, still=False)
        first = next(iter(pipe.imagine(pipe.express(before), plain, cache=cache)))
    metadata = metadata_of(pipe, request) | {"swapped": swaps.metadata(source.path)}
    options = request.output
    if pad_frames := round(options.pad_s * FPS):
        options = replace(options, pad_s=pad_frames / FPS)  # whole frames, so that it is in step
        after = after.padded(pad_frames, pipe.size.window)
    key = metadata["kept"] = swap_store.key_of(after, metadata)
    samples = after.frames * SAMPLE_RATE // FPS
    frames = pipe.imagine(
        pipe.express(after), request, first, motion=request.motion(after.frames),
        retiming=options.retiming(samples), cache=cache,
    )  # fmt: skip
    sound = swaps.content_from or source.path
    writer = open_writer(
        job.output, pipe.size_px, sound, metadata, options, job.overwrite, job.track_of(sound)
    )
    finished, total = options.finishing(writer, pipe.matte), options.frames(samples)
    opening, count = write_video(frames, finished, total=total, progress=progress)
    swap_store.keep(key, after, opening if first is None else first)
    if cache and cache.trouble:
        progress.warn(cache.trouble)
    swap_store.remember_last(job.output)
    return Swapped(
        job.output, source.path, count, request, swaps.new_face, before, after,
        pipe.model, pipe.engine_line, time.monotonic() - started,
    )  # fmt: skip


def _request(job: SwapJob) -> Request:
    """Return the request of the new video: the source's, except for swapped factors."""
    source, own = job.source, job.swaps.request
    request = own.over(source.request)
    if own.prompt:
        request = replace(request, prompt=joined_prompt(source.request.words, own.prompt))
    if job.swaps.emotion_from is not None:
        request = replace(request, emotion=None, strength=own.strength)
    keeps_still = source.motion == "still" and own.motion_label is None
    return replace(request, still=own.still or keeps_still)


def _announce(job: SwapJob, pipe: Pipeline, progress: Progress) -> None:
    """Warn about another model or motion, and about unknown words of the prompt."""
    source, request = job.source, job.swaps.request
    for name, now in (("model", pipe.model), ("version", __version__)):
        if source.known and source.known.get(name) != now:
            before = source.known.get(name)
            progress.warn(f"the base was made by {name} {before}: the face may differ")
    warn_unknown(pipe, request, progress)
    if source.motion not in ("", "still") and request.motion_label is None:
        progress.warn(f"the base moved as {source.motion} does; to keep that, add --pose-from")


def _encoder(job: SwapJob, pipe: Pipeline, progress: Progress) -> Callable[[Path], VoiceFactors]:
    """Return a function that predicts the factors of a recording, each recording once."""
    known: dict[Path, VoiceFactors] = {}

    def encode(path: Path) -> VoiceFactors:
        if path not in known:
            with (
                opened(path, progress, job.track_of(path)) as sound,
                progress.stage(f"hearing {path.name}", 1.0, "") as advance,
            ):
                known[path] = pipe.encode(sound, advance)
            progress.line(f"heard: {known[path].describe()}")
        return known[path]

    return encode


def _mixed(
    factors: VoiceFactors, swaps: Swaps, pipe: Pipeline, encode: Callable[[Path], VoiceFactors]
) -> VoiceFactors:
    """Return the factors after the swap."""
    request = swaps.request
    strength = 1.0 if request.strength is None else request.strength
    if swaps.identity_from is not None:
        factors = factors.with_identity(encode(swaps.identity_from).identity, strength)
    if request.voice is not None:
        factors = pipe.corrected(factors, parse(request.voice))
    if swaps.content_from is not None:
        factors = factors.with_content(encode(swaps.content_from).content)
    if swaps.emotion_from is not None:
        factors = factors.with_emotion(encode(swaps.emotion_from).emotion, strength)
    if request.emotion is not None:
        factors = factors.with_emotion(pipe.emotion(request.emotion), strength)
    return factors
