"""``imagineid generate``: a recording becomes a talking-face video."""

from __future__ import annotations

import contextlib
import json
import os
import random
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass, replace
from enum import Enum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from imagineid import __version__
from imagineid.errors import BadInput, BadOutput
from imagineid_cli import options
from imagineid_cli import resume as going_on
from imagineid_cli.errors import error_handling
from imagineid_cli.motion_options import MotionOptions
from imagineid_cli.progress import Progress
from imagineid_cli.render import ModelChoice, Task, render, request_of, told_of, with_emotion
from imagineid_cli.request import PREVIEWS, Wish, chains_of, wish_of

if TYPE_CHECKING:
    from imagineid.audio import Sound
    from imagineid.pipeline import Pipeline


PIPE = Path("-")
"""The name of standard output."""


class Attention(str, Enum):
    """How the torch engine attends."""

    auto = "auto"
    sdpa = "sdpa"
    xformers = "xformers"


@dataclass(frozen=True)
class Job:
    """Everything that was typed, checked."""

    task: Task
    previews: int
    caching: bool
    runs: ModelChoice
    known: dict[str, Any]  # metadata of the video to repeat; {} without --like


def generate(
    audio: Annotated[
        Path, typer.Argument(metavar="AUDIO", help="A recording, or a video with sound.")
    ],
    prompt: options.Prompt = None,
    output: Annotated[
        Path | None,
        typer.Option(
            "-o",
            "--output",
            metavar="OUT.mp4",
            help="The video; AUDIO's name and .mp4 if not given; - for standard output.",
        ),
    ] = None,
    seed: Annotated[
        int | None,
        typer.Option(metavar="N", help="The same seed gives the same face; random if not given."),
    ] = None,
    steps: options.Steps = None,
    guidance: options.Guidance = None,
    exact: options.Exact = False,
    preview: Annotated[
        int | None,
        typer.Option(
            metavar="N", help="Make only a sheet (.png) of N faces, seeds SEED, SEED + 1, ..."
        ),
    ] = None,
    emotion: options.Emotion = None,
    strength: options.Strength = None,
    pose_from: options.PoseFrom = None,
    still: options.Still = False,
    like: Annotated[
        Path | None,
        typer.Option(
            metavar="MP4",
            help="Repeat the prompt, seed, steps, guidance and emotion of a video made before.",
        ),
    ] = None,
    chains: options.Chains = "auto",
    resume: Annotated[
        bool, typer.Option("--resume", help="Go on where a run that was killed had come to.")
    ] = False,
    no_cache: options.NoCache = False,
    overwrite: options.Overwrite = False,
    quiet: options.Quiet = False,
    as_json: options.Json = False,
    debug: options.Debug = False,
    model: options.Model = "mini",
    adapters: options.Adapters = None,
    engine: options.Engine = options.EngineName.auto,
    attention: Annotated[
        Attention, typer.Option(help="How the torch engine attends.")
    ] = Attention.auto,
) -> None:
    """Turn a recording into a video of a face that says it.

    The voice decides who speaks, what is said and how it feels.
    The prompt adds what can't be heard.
    Standard output holds only the path of the result.
    """
    with error_handling(debug):
        named = emotion.value if emotion is not None else None
        wish = Wish(prompt, seed, steps, guidance, named, strength, exact or None)
        known: dict[str, Any] = {}
        if like is not None:
            before, known = wish_of(like)
            wish = wish.over(before)
        moves = MotionOptions(pose_from, still)
        output = output if output is not None else Path(audio.stem + ".mp4")
        if resume and (no_cache or preview is not None or output == PIPE):
            raise BadInput(
                "--resume goes on with a video in a file, from the frames that were kept.\n"
                "Leave out --no-cache, --preview and -o -"
            )
        if resume and (done := going_on.finished(audio, output, wish, moves.said())):
            result = {"path": str(output), **done}
            Progress(quiet).line(f"{output} is done already")
        else:
            chosen = _seed(audio, output, wish, resume)
            task = Task(audio, output, wish, chosen, chains_of(chains), overwrite, moves)
            chosen_model = options.with_adapters(model, adapters)
            runs = ModelChoice(chosen_model, engine.value, attention.value)
            job = _plan(task, preview, not no_cache, runs, known, like)
            result = _run(job, Progress(quiet))
        if output != PIPE:
            typer.echo(json.dumps(result, ensure_ascii=False) if as_json else result["path"])


def _seed(audio: Path, output: Path, wish: Wish, resume: bool) -> int:
    """Return the seed asked for, else that of the run to go on with, else one of chance."""
    if wish.seed is not None:
        return wish.seed
    before = going_on.begun_seed(audio, output, wish) if resume else None
    return before if before is not None else random.SystemRandom().randrange(1_000_000)


def _plan(
    task: Task,
    preview: int | None,
    caching: bool,
    runs: ModelChoice,
    known: dict[str, Any],
    like: Path | None,
) -> Job:
    """Check all that can be checked before anything heavy is loaded."""
    from imagineid.files import check_output, check_outputs

    task.wish.check()
    task.moves.check()
    if task.wish.strength is not None and task.wish.emotion is None:
        raise BadInput("--strength says how much of which emotion?\nAdd:  --emotion happy")
    if preview is not None and not 1 <= preview <= PREVIEWS:
        raise BadInput(f"--preview {preview} is outside 1 to {PREVIEWS}.\nTry:  --preview 9")
    output = task.output
    assert output is not None  # a file, or PIPE
    if output == PIPE:
        _check_pipe(preview)
        return Job(replace(task, output=None), 0, caching, runs, known)
    if preview is not None:
        output = output.with_suffix(".preview.png")
    check_outputs([output], [task.audio, task.moves.pose_from, like])
    check_output(output, task.overwrite, output.suffix if preview is not None else ".mp4")
    return Job(replace(task, output=output), preview or 0, caching, runs, known)


def _check_pipe(preview: int | None) -> None:
    """Refuse what can't go to standard output."""
    if preview is not None:
        raise BadInput("A sheet of faces goes into a file.\nName it:  -o FACES.mp4 --preview 9")
    if sys.stdout.isatty():
        raise BadOutput(
            "Standard output is a terminal, which can't show a video.\n"
            "Give it a player:  imagineid generate AUDIO -o - | mpv -"
        )


def _run(job: Job, show: Progress) -> dict[str, Any]:
    """Do the whole job and return what is told about it."""
    from imagineid.audio import open_sound

    started, task = time.monotonic(), job.task
    with open_sound(task.audio) as sound:
        from imagineid.cache import Cache

        pipe = job.runs.load()
        cache = Cache.usual() if job.caching else None
        _tell_start(job, pipe, sound, show)
        if job.previews:
            result = _imagine_faces(job, pipe, sound, show)
        elif task.output is None:
            with _broken_pipe_is_no_bug():
                result = render(pipe, sound, task, show, cache, sys.stdout.buffer)
        else:
            result = render(pipe, sound, task, show, cache)
        return result | {"took_s": round(time.monotonic() - started, 2)}


@contextlib.contextmanager
def _broken_pipe_is_no_bug() -> Iterator[None]:
    """Keep Python from writing once more to a pipe nobody reads, when it ends."""
    try:
        yield
    except BadOutput:
        with contextlib.suppress(OSError, ValueError):
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        raise


def _tell_start(job: Job, pipe: Pipeline, sound: Sound, show: Progress) -> None:
    """Say what is about to happen, and what of the prompt is not understood."""
    show.line(f"{job.task.audio}: {sound.duration_s:.1f} s of sound, {sound.frames} frames")
    show.line(f"model {pipe.model}, {pipe.engine_line}; seed {job.task.seed}")
    if unknown := pipe.unknown_words(job.task.wish.prompt or ""):
        words = ", ".join(f"{w} (closest: {near})" if near else w for w, near in unknown)
        show.warn(f"the model does not know these words of the prompt: {words}")
    for name, now in (("model", pipe.model), ("version", __version__)):
        if job.known and job.known.get(name) != now:
            show.warn(f"that video was made by {name} {job.known.get(name)}: this may differ")


def _imagine_faces(job: Job, pipe: Pipeline, sound: Sound, show: Progress) -> dict[str, Any]:
    """Write the contact sheet; return what is told about it."""
    from imagineid.pad.streaming import cut
    from imagineid_cli.contact_sheet import write_sheet

    task, request = job.task, request_of(job.task, 1)
    assert task.output is not None
    heard = next(pipe.encode_blocks(sound)).heard
    show.line(f"heard: {heard.describe()}")
    voice = pipe.express(with_emotion(heard, pipe, task.wish))
    seeds = range(task.seed, task.seed + job.previews)
    opening = cut(voice, 0, 1)
    faces: list[Any] = []
    with show.stage("imagining", job.previews, "faces") as advance:
        for seed in seeds:
            alone = replace(request, seed=seed, chains=1)
            faces += pipe.imagine(opening, alone)
            advance(len(faces))
    write_sheet(task.output, faces, seeds, task.overwrite)
    return told_of(pipe, sound, heard, request) | {"path": str(task.output), "frames": len(faces)}
