"""Rendering: a recording becomes a video. Every video is written by :func:`write_video`."""

from __future__ import annotations

import contextlib
import os
import time
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from itertools import chain
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any, Protocol

from imagineid import __version__, avatars, resume, swap_store
from imagineid.audio import Sound, open_sound
from imagineid.audio.padding import PaddedSound
from imagineid.pad.average_voices import parse
from imagineid.pad.conditioning import Conditioning, cut
from imagineid.pad.factors import VoiceFactors
from imagineid.prefetch import Prefetch
from imagineid.progress import SILENT, Progress, shown_when_slow
from imagineid.request import Request
from imagineid.spec import EMOTIONS, FPS
from imagineid.video.output import open_writer

if TYPE_CHECKING:
    import numpy as np

    from imagineid.avatars import Avatar
    from imagineid.cache import Cache
    from imagineid.pipeline import Pipeline

    Frame = np.ndarray

MOST_REMEMBERED = 5 * 60 * FPS
"""Frames of the longest video whose factors are remembered for a swap: five minutes. Those of a
longer one are heard again from the video's own sound."""

Target = str | os.PathLike[str] | IO[bytes]
"""Where a video goes: an .mp4, or a binary stream such as a pipe."""


@dataclass(frozen=True)
class Rendered:
    """A rendered video.

    Attributes:
        path: the video; None if it went into a stream.
        frames: how many; size_px: height and width of each; duration_s: of the sound.
        request: the request, with the seed.
        factors: the voice factors of the first half minute.
        model, engine: what made it.
        took_s: seconds from the open recording to the end.
    """

    path: Path | None
    frames: int
    size_px: int
    duration_s: float
    request: Request
    factors: VoiceFactors
    model: str
    engine: str
    took_s: float

    def as_json(self) -> dict[str, Any]:
        """Return all of it as JSON holds it; see ``docs/generate.md``."""
        return {
            "path": str(self.path or "-"),
            "seconds": round(self.duration_s, 3),
            "frames": self.frames,
            "fps": self.request.output.fps,
            "size_px": self.request.output.framing.size_px or self.size_px,
            "prompt": self.request.words,
            "seed": self.request.seed,
            "heard": factors_as_json(self.factors),
            "model": self.model,
            "engine": self.engine,
            "took_s": round(self.took_s, 2),
        }


def render(
    pipe: Pipeline,
    audio: str | os.PathLike[str] | Sound,
    out: Target,
    request: Request | None = None,
    *,
    cache: Cache | None = None,
    overwrite: bool = False,
    remember: bool = False,
    progress: Progress = SILENT,
) -> Rendered:
    """Make a video of a recording: listen, imagine and write, side by side.

    Args:
        pipe: a loaded model, see :func:`imagineid.pipeline.load`.
        audio: anything that holds sound, or an open recording.
        out: an .mp4, .webm or .mov, or a folder of PNG frames, which appears when it is whole; or a
            binary stream, which gets fragments of an mp4.
        request: the options beside the voice.
        cache: cache of frames, read and written; it also lets an interrupted run be
            resumed, see :mod:`imagineid.resume`.
        overwrite: whether an existing file may be replaced.
        remember: whether the factors are kept in the user's home, so that a swap can start from
            this video, and the video counts as the last one made.
        progress: receives messages and progress.

    Raises:
        BadSound: the recording can't be read, or there is nothing to hear.
        BadOutput: it can't be written, or the disk is full.
        BadInput: an option is outside its range.
        BadWeights: the model is damaged.
    """
    request = request or Request()
    request.check()
    path = Path(out) if isinstance(out, (str, os.PathLike)) else None
    with opened(audio, progress, request.track) as recording:
        started = time.monotonic()
        request = replace(request, track=recording.track)
        request, avatar = avatars.with_avatar(pipe, request, progress)
        request, output = request.with_seed(recording), request.output
        sound = PaddedSound(recording, output.pad_s) if output.pad_s else recording
        announce(pipe, request, sound, progress)
        if cache and path:
            resume.begin(sound.path, path, request)
        blocks = pipe.encode_blocks(sound)
        first = next(blocks)
        progress.line(f"heard: {first.describe()}")
        recorded = _RememberedBlocks(chain([first], blocks), sound.frames if remember else 0)
        with_faces = (with_face(pipe, block, request, avatar) for block in recorded)
        conditionings = _SpeechTracker(pipe.express_blocks(with_faces))
        motion = request.motion(sound.frames)
        face = None if avatar is None else avatar.first_at(pipe.size_px)
        frames = pipe.imagine(
            conditionings, request, face,
            motion=motion, retiming=output.retiming(sound.samples), cache=cache,
        )  # fmt: skip
        metadata = metadata_of(pipe, request)
        with contextlib.suppress(OSError):  # an open recording may have no file any more
            metadata |= resume.source_metadata(sound.path, request)
        if remember:
            known = metadata | {"sound": sound.digest()}
            metadata["kept"] = swap_store.key_of(first, known)
        writer = output.finishing(
            open_writer(
                out, pipe.size_px, sound.path, metadata, output, overwrite, recording.track
            ),
            pipe.matte,
        )
        total = output.frames(sound.samples)
        opening, count = write_video(frames, writer, total=total, progress=progress)
        if cache and path:
            resume.end(path)
        if not conditionings.speaks:
            progress.warn("no speech was heard: the mouth rests, and the face is a guess")
        if cache and cache.trouble:
            progress.warn(cache.trouble)
        if remember and (parts := recorded.blocks):
            whole = with_face(pipe, VoiceFactors.join(parts), request, avatar)
            swap_store.keep(metadata["kept"], whole, opening if face is None else face)
        if remember and path:
            swap_store.remember_last(path)
        took_s = time.monotonic() - started
        return Rendered(
            path, count, pipe.size_px, sound.duration_s, request, first,
            pipe.model, pipe.engine_line, took_s,
        )  # fmt: skip


def preview(
    pipe: Pipeline, audio: str | os.PathLike[str] | Sound, request: Request, count: int,
    *, progress: Progress = SILENT,
) -> tuple[list[Frame], Rendered]:  # fmt: skip
    """Imagine the first frame alone, of ``count`` seeds from the request's on.

    Returns:
        The faces, (H, W, 3) uint8 each, and their description.
    """
    request.check()
    with opened(audio, progress, request.track) as sound:
        started = time.monotonic()
        request = request.with_seed(sound)
        announce(pipe, request, sound, progress)
        factors = next(pipe.encode_blocks(sound))
        progress.line(f"heard: {factors.describe()}")
        opening = cut(pipe.express(as_requested(pipe, factors, request)), 0, 1)
        motion = request.motion(1)
        faces: list[Frame] = []
        with progress.stage("imagining", count, "faces") as advance:
            for number in range(count):
                one = replace(request, seed=(request.seed or 0) + number, chains=1)
                faces += pipe.imagine(opening, one, motion=motion)
                advance(len(faces))
        took_s = time.monotonic() - started
        return faces, Rendered(
            None, count, pipe.size_px, sound.duration_s, request, factors,
            pipe.model, pipe.engine_line, took_s,
        )  # fmt: skip


def with_face(
    pipe: Pipeline, factors: VoiceFactors, request: Request, avatar: Avatar | None
) -> VoiceFactors:
    """Correct the speaker and swap the emotion if requested; an avatar replaces the speaker."""
    factors = as_requested(pipe, factors, request)
    return factors if avatar is None else factors.with_identity(avatar.identity)


class Writer(Protocol):
    """What takes frames in a ``with`` block; see :class:`imagineid.video.VideoWriter`."""

    @property
    def frames(self) -> int:
        """How many it has taken."""
        ...

    def __enter__(self) -> Any:
        """Open the file."""
        ...

    def __exit__(self, *error: Any) -> None:
        """Give the file its name, or leave nothing of it after an error."""
        ...

    def write(self, frame: Frame) -> None:
        """Add a frame."""
        ...


def write_video(
    frames: Iterator[Frame], writer: Writer, *, total: int, progress: Progress = SILENT
) -> tuple[Frame, int]:
    """Write frames as they come, made ahead in a thread of their own.

    Args:
        frames: (H, W, 3) uint8 each; at least one.
        writer: where they go, not yet open.
        total: how many are expected, for the progress.
        progress: receives messages and progress.

    Returns:
        The first frame, and how many there were.
    """
    opening: Frame | None = None
    with (
        writer,
        progress.stage("imagining", total, "frames") as advance,
        Prefetch(frames, FPS) as ready,
    ):
        for frame in ready:
            opening = frame if opening is None else opening
            writer.write(frame)
            advance(writer.frames)
    assert opening is not None, "a recording has one frame at least"
    return opening, writer.frames


def metadata_of(pipe: Pipeline, request: Request) -> dict[str, Any]:
    """Return the metadata of a video that record how it was made."""
    about = {"made_by": "imagineid", "version": __version__, "model": pipe.model}
    return about | request.metadata()


def announce(pipe: Pipeline, request: Request, sound: Sound, progress: Progress) -> None:
    """Print recording, model and seed, and warn about unknown words of the prompt."""
    progress.line(f"{sound.path}: {sound.duration_s:.1f} s of sound, {sound.frames} frames")
    progress.line(f"model {pipe.model}, {pipe.engine_line}; seed {request.seed}")
    warn_unknown(pipe, request, progress)


def warn_unknown(pipe: Pipeline, request: Request, progress: Progress) -> None:
    """Warn of words of the prompt that the model does not know."""
    if unknown := pipe.unknown_words(request.words):
        words = ", ".join(f"{w} (closest: {near})" if near else w for w, near in unknown)
        foreign = 2 * sum(near is None for _, near in unknown) >= len(request.words.split())
        hint = "; prompts are English words, such as: woman, red hair" if foreign else ""
        progress.warn(f"unknown words in the prompt: {words}{hint}")


def as_requested(pipe: Pipeline, factors: VoiceFactors, request: Request) -> VoiceFactors:
    """Correct the speaker, and swap the emotion, if requested."""
    if request.voice is not None:
        factors = pipe.corrected(factors, parse(request.voice))
    if request.emotion is None:
        return factors
    strength = 1.0 if request.strength is None else request.strength
    return factors.with_emotion(pipe.emotion(request.emotion), strength)


def factors_as_json(factors: VoiceFactors) -> dict[str, Any]:
    """Return the estimated speaker and emotion, as JSON values."""
    shares = zip(EMOTIONS, factors.emotion.whole().shares[0].tolist(), strict=True)
    return {
        "gender": factors.identity.gender,
        "gender_certainty": round(factors.identity.certainty, 3),
        "age": round(factors.identity.age),
        "emotion": factors.emotion.label,
        "emotion_certainty": round(factors.emotion.certainty, 3),
        "emotions": {name: round(share, 4) for name, share in shares},
    }


class _RememberedBlocks:
    """Iterates over blocks and stores them, unless the recording is too long."""

    def __init__(self, blocks: Iterable[VoiceFactors], frames: int) -> None:
        self._source, self._keep = blocks, 0 < frames <= MOST_REMEMBERED
        self.blocks: list[VoiceFactors] = []

    def __iter__(self) -> Iterator[VoiceFactors]:
        for block in self._source:
            if self._keep:
                self.blocks.append(block)
            yield block


class _SpeechTracker:
    """Iterates over a recording's expression, and records whether there is speech."""

    def __init__(self, parts: Iterator[Conditioning]) -> None:
        self._parts, self.speaks = parts, False

    def __iter__(self) -> Iterator[Conditioning]:
        for part in self._parts:
            self.speaks = self.speaks or part.speaks
            yield part


@contextlib.contextmanager
def opened(
    audio: str | os.PathLike[str] | Sound, progress: Progress = SILENT, track: int | None = None
) -> Iterator[Sound]:
    """Open a recording, unless it is open; the caller's own stays open, with its own track."""
    if isinstance(audio, Sound):
        yield audio
        return
    with shown_when_slow(progress, "reading") as report:
        sound = open_sound(audio, report, track)
    with sound:
        for note in sound.notes:
            progress.warn(note)
        yield sound
