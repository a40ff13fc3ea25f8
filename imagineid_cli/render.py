"""Making one video: what ``generate`` does once and ``batch`` many times."""

from __future__ import annotations

import time
from dataclasses import dataclass, replace
from itertools import chain
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any

from imagineid import __version__
from imagineid_cli import resume, swap_store
from imagineid_cli.motion_options import MotionOptions
from imagineid_cli.progress import Progress
from imagineid_cli.request import Wish

if TYPE_CHECKING:
    from imagineid.audio import Sound
    from imagineid.cache import Cache
    from imagineid.pad.factors import VoiceFactors
    from imagineid.pipeline import Pipeline, Request


MOST_KEPT = 5 * 60 * 25
"""Frames of the longest video of which what was heard is kept for ``swap``: five minutes. What was
heard of a longer one is heard again from the video's own sound."""


@dataclass(frozen=True)
class Task:
    """One video to be made, checked.

    Attributes:
        audio: the recording.
        output: where the video goes; None: into a pipe.
        wish: what was asked for.
        seed: the wish's, or one that was chosen.
        chains: frames imagined together; None for the usual.
        overwrite: whether a file that is there may be replaced.
        moves: where head and eyes move from.
    """

    audio: Path
    output: Path | None
    wish: Wish
    seed: int
    chains: int | None = None
    overwrite: bool = False
    moves: MotionOptions = MotionOptions()


@dataclass(frozen=True)
class ModelChoice:
    """Which model, and what runs its networks, as they were typed."""

    model: str = "mini"
    engine: str = "auto"
    attention: str = "auto"

    def load(self) -> Pipeline:
        """Load the model."""
        from imagineid import pipeline

        return pipeline.load(self.model, engine=self.engine, attention=self.attention)


def request_of(task: Task, frames: int) -> Request:
    """Return what the pipeline is asked for, of a video of ``frames``."""
    from imagineid.pipeline import Request

    wish = task.wish
    return Request(
        prompt=wish.prompt or "",
        seed=task.seed,
        steps=wish.steps,
        guidance=wish.guidance,
        motion=task.moves.motion(frames),
        chains=task.chains,
        exact=bool(wish.exact),
    )


def render(
    pipe: Pipeline,
    sound: Sound,
    task: Task,
    show: Progress,
    cache: Cache | None,
    pipe_out: IO[bytes] | None = None,
) -> dict[str, Any]:
    """Listen, imagine and write a video, side by side.

    Args:
        pipe: the loaded model.
        sound: the recording, open.
        task: what to make.
        show: where progress goes.
        cache: of frames, or None.
        pipe_out: where the video goes if the task names no file.

    Returns:
        What is told about it; see ``docs/generate.md``.
    """
    from imagineid.prefetch import Prefetch
    from imagineid.spec import FPS
    from imagineid.video import VideoWriter

    started, request = time.monotonic(), request_of(task, sound.frames)
    if cache and task.output:
        resume.begin(task.audio, task.output, task.wish, task.seed)
    blocks = pipe.encode_blocks(sound)
    first = next(blocks)
    show.line(f"heard: {first.heard.describe()}")
    felt = (
        replace(b, heard=with_emotion(b.heard, pipe, task.wish)) for b in chain([first], blocks)
    )
    frames = pipe.imagine(pipe.express_blocks(felt), request, cache=cache)
    metadata = metadata_of(pipe, request, task)
    key = metadata["kept"] = swap_store.key_of(first.heard, metadata | {"sound": sound.digest()})
    target = task.output if task.output is not None else pipe_out
    assert target is not None
    opening: Any = None
    with (
        VideoWriter(target, pipe.size_px, task.audio, metadata, overwrite=task.overwrite) as video,
        show.stage("imagining", sound.frames, "frames") as advance,
        Prefetch(frames, FPS) as ready,
    ):
        for frame in ready:
            opening = frame if opening is None else opening
            video.write(frame)
            advance(video.frames)
    if cache and task.output:
        resume.end(task.output)
    if cache and cache.trouble:
        show.warn(cache.trouble)
    if sound.frames <= MOST_KEPT:
        whole = first.heard if sound.frames == first.heard.frames else pipe.encode(sound)
        swap_store.keep(key, with_emotion(whole, pipe, task.wish), opening)
    if task.output:
        swap_store.remember_last(task.output)
    return told_of(pipe, sound, first.heard, request) | {
        "path": str(task.output or "-"),
        "frames": video.frames,
        "took_s": round(time.monotonic() - started, 2),
    }


def with_emotion(heard: VoiceFactors, pipe: Pipeline, wish: Wish) -> VoiceFactors:
    """Let it feel as was asked for, if something was."""
    if wish.emotion is None:
        return heard
    strength = 1.0 if wish.strength is None else wish.strength
    return heard.with_emotion(pipe.emotion(wish.emotion), strength)


def metadata_of(pipe: Pipeline, request: Request, task: Task) -> dict[str, Any]:
    """Return what is written into the video."""
    wish = task.wish
    return {
        "made_by": "imagineid",
        "version": __version__,
        "model": pipe.model,
        "prompt": request.prompt,
        "seed": request.seed,
        "steps": request.steps,
        "guidance": request.guidance,
        **{n: v for n in ("emotion", "strength", "exact") if (v := getattr(wish, n)) is not None},
        **task.moves.said(),
    }


def told_of(pipe: Pipeline, sound: Sound, heard: VoiceFactors, request: Request) -> dict[str, Any]:
    """Return what is told of every result."""
    from imagineid.spec import FPS

    return {
        "seconds": round(sound.duration_s, 3),
        "fps": FPS,
        "size_px": pipe.size_px,
        "prompt": request.prompt,
        "seed": request.seed,
        "heard": heard_as_json(heard),
        "model": pipe.model,
        "engine": pipe.engine_line,
    }


def heard_as_json(heard: VoiceFactors) -> dict[str, Any]:
    """Say what was heard as JSON holds it."""
    from imagineid.spec import EMOTIONS

    shares = zip(EMOTIONS, heard.emotion.whole().shares[0].tolist(), strict=True)
    return {
        "gender": heard.identity.gender,
        "age": round(heard.identity.age),
        "emotion": heard.emotion.label,
        "emotions": {name: round(share, 4) for name, share in shares},
    }
