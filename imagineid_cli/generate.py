"""``imagineid generate``: a recording becomes a talking-face video."""

from __future__ import annotations

import json
import random
import time
from dataclasses import dataclass
from enum import Enum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from imagineid import __version__
from imagineid_cli import kept
from imagineid_cli.acting import (
    EmotionOption,
    Moves,
    PoseFromOption,
    StillOption,
    StrengthOption,
)
from imagineid_cli.request import PREVIEWS, Wish, wish_of
from imagineid_cli.show import Show
from imagineid_cli.told import told

if TYPE_CHECKING:
    from imagineid.audio import Sound
    from imagineid.pad.express import Factors
    from imagineid.pad.heard import Heard
    from imagineid.pipeline import Pipeline, Request


class EngineName(str, Enum):
    """What may run the networks."""

    auto = "auto"
    onnx = "onnx"
    torch = "torch"
    tensorrt = "tensorrt"
    tensorrt_rtx = "tensorrt-rtx"


class Attention(str, Enum):
    """How the torch engine attends."""

    auto = "auto"
    sdpa = "sdpa"
    xformers = "xformers"


@dataclass(frozen=True)
class Job:
    """Everything that was typed, checked."""

    audio: Path
    output: Path
    wish: Wish
    seed: int
    previews: int
    overwrite: bool
    model: str
    engine: str
    attention: str
    moves: Moves
    known: dict[str, Any]  # metadata of the video to repeat; {} without --like


def generate(
    audio: Annotated[
        Path, typer.Argument(metavar="AUDIO", help="A recording, or a video with sound.")
    ],
    prompt: Annotated[
        str | None,
        typer.Option(metavar="TEXT", help='What the face shall look like: "red hair, glasses".'),
    ] = None,
    output: Annotated[
        Path | None,
        typer.Option(
            "-o",
            "--output",
            metavar="OUT.mp4",
            help="The video; AUDIO's name and .mp4 if not given.",
        ),
    ] = None,
    seed: Annotated[
        int | None,
        typer.Option(metavar="N", help="The same seed gives the same face; random if not given."),
    ] = None,
    steps: Annotated[
        int | None, typer.Option(metavar="N", help="Denoising steps of a frame.")
    ] = None,
    guidance: Annotated[
        float | None,
        typer.Option(metavar="X", help="How strongly the prompt pulls; 1 is not at all."),
    ] = None,
    preview: Annotated[
        int | None,
        typer.Option(
            metavar="N", help="Make only a sheet (.png) of N faces, seeds SEED, SEED + 1, ..."
        ),
    ] = None,
    emotion: EmotionOption = None,
    strength: StrengthOption = None,
    pose_from: PoseFromOption = None,
    still: StillOption = False,
    like: Annotated[
        Path | None,
        typer.Option(
            metavar="MP4",
            help="Repeat the prompt, seed, steps, guidance and emotion of a video made before.",
        ),
    ] = None,
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Replace what is there.")] = False,
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="Show no progress.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object.")] = False,
    debug: Annotated[bool, typer.Option("--debug", help="Show where an error arose.")] = False,
    model: Annotated[
        str, typer.Option(metavar="mini|DIR", help="The model; DIR is what export made.")
    ] = "mini",
    engine: Annotated[EngineName, typer.Option(help="What runs the networks.")] = EngineName.auto,
    attention: Annotated[
        Attention, typer.Option(help="How the torch engine attends.")
    ] = Attention.auto,
) -> None:
    """Turn a recording into a video of a face that says it.

    The voice decides who speaks, what is said and how it feels.
    The prompt adds what can't be heard.
    Standard output holds only the path of the result.
    """
    with told(debug):
        named = emotion.value if emotion is not None else None
        wish = Wish(prompt, seed, steps, guidance, named, strength)
        known: dict[str, Any] = {}
        if like is not None:
            before, known = wish_of(like)
            wish = wish.over(before)
        moves = Moves(pose_from, still)
        runs = (model, engine.value, attention.value)
        job = _plan(audio, output, wish, preview, overwrite, runs, moves, known)
        result = _run(job, Show(quiet))
        typer.echo(json.dumps(result, ensure_ascii=False) if as_json else result["path"])


def _plan(
    audio: Path,
    output: Path | None,
    wish: Wish,
    preview: int | None,
    overwrite: bool,
    runs: tuple[str, str, str],
    moves: Moves,
    known: dict[str, Any],
) -> Job:
    """Check all that can be checked before anything heavy is loaded."""
    from imagineid.errors import BadInput, BadOutput
    from imagineid.video import check_output

    wish.check()
    moves.check()
    if wish.strength is not None and wish.emotion is None:
        raise BadInput("--strength says how much of which emotion?\nAdd:  --emotion happy")
    if preview is not None and not 1 <= preview <= PREVIEWS:
        raise BadInput(f"--preview {preview} is outside 1 to {PREVIEWS}.\nTry:  --preview 9")
    output = output if output is not None else Path(audio.stem + ".mp4")
    if preview is not None:
        output = output.with_suffix(".preview.png")
    if output.exists() and audio.exists() and output.samefile(audio):
        raise BadOutput(f"{output} is the recording itself.\nName another place:  -o OUT.mp4")
    check_output(output, overwrite, output.suffix if preview is not None else ".mp4")
    seed = wish.seed if wish.seed is not None else random.SystemRandom().randrange(1_000_000)
    return Job(audio, output, wish, seed, preview or 0, overwrite, *runs, moves, known)


def _run(job: Job, show: Show) -> dict[str, Any]:
    """Do the whole job and return what is told about it."""
    from imagineid.audio import open_sound

    started = time.monotonic()
    with open_sound(job.audio) as sound:
        from imagineid import pipeline as way

        pipe = way.load(job.model, engine=job.engine, attention=job.attention)
        request = way.Request(
            prompt=job.wish.prompt or "",
            seed=job.seed,
            steps=job.wish.steps,
            guidance=job.wish.guidance,
            motion=job.moves.motion(sound.frames),
        )
        _tell_start(job, pipe, sound, show)
        with show.stage("listening", 1.0, "") as advance:
            heard = pipe.hear(sound, on_progress=advance)
        show.line(f"heard: {heard.in_words()}")
        told = heard_as_json(heard)
        if job.wish.emotion is not None:
            strength = 1.0 if job.wish.strength is None else job.wish.strength
            heard = heard.felt_as(pipe.emotion(job.wish.emotion), strength)
        factors = pipe.express(heard)
        if job.previews:
            frames = _imagine_faces(job, pipe, factors, request, show)
        else:
            frames = _imagine_video(job, pipe, heard, factors, request, show)
        return {
            "path": str(job.output),
            "frames": frames,
            "seconds": round(sound.duration_s, 3),
            "fps": _fps(),
            "size_px": pipe.size_px,
            "prompt": request.prompt,
            "seed": job.seed,
            "heard": told,
            "model": pipe.model,
            "engine": pipe.engine_line,
            "took_s": round(time.monotonic() - started, 2),
        }


def _tell_start(job: Job, pipe: Pipeline, sound: Sound, show: Show) -> None:
    """Say what is about to happen, and what of the prompt is not understood."""
    show.line(f"{job.audio}: {sound.duration_s:.1f} s of sound, {sound.frames} frames")
    show.line(f"model {pipe.model}, {pipe.engine_line}; seed {job.seed}")
    if unknown := pipe.unknown_words(job.wish.prompt or ""):
        words = ", ".join(f"{w} (closest: {near})" if near else w for w, near in unknown)
        show.warn(f"the model does not know these words of the prompt: {words}")
    for name, now in (("model", pipe.model), ("version", __version__)):
        if job.known and job.known.get(name) != now:
            show.warn(f"that video was made by {name} {job.known.get(name)}: this may differ")


def _imagine_video(
    job: Job, pipe: Pipeline, heard: Heard, factors: Factors, request: Request, show: Show
) -> int:
    """Write the video; return its frames."""
    from imagineid.video import VideoWriter

    metadata = {
        "made_by": "imagineid",
        "version": __version__,
        "model": pipe.model,
        "prompt": request.prompt,
        "seed": request.seed,
        "steps": request.steps,
        "guidance": request.guidance,
        **{n: v for n in ("emotion", "strength") if (v := getattr(job.wish, n)) is not None},
        **job.moves.said(),
    }
    key = metadata["kept"] = kept.key_of(heard, metadata)
    with (
        VideoWriter(
            job.output, pipe.size_px, job.audio, metadata, overwrite=job.overwrite
        ) as video,
        show.stage("imagining", factors.frames, "frames") as advance,
    ):
        for frame in kept.keeping(pipe.imagine(factors, request), key, heard):
            video.write(frame)
            advance(video.frames)
    kept.remember_last(job.output)
    return video.frames


def _imagine_faces(job: Job, pipe: Pipeline, factors: Factors, request: Request, show: Show) -> int:
    """Write the contact sheet; return how many faces are on it."""
    from dataclasses import replace

    from imagineid_cli.preview import write_sheet

    seeds = range(job.seed, job.seed + job.previews)
    faces = []
    with show.stage("imagining", job.previews, "faces") as advance:
        for seed in seeds:
            faces.append(next(iter(pipe.imagine(factors, replace(request, seed=seed)))))
            advance(len(faces))
    write_sheet(job.output, faces, seeds, job.overwrite)
    return len(faces)


def _fps() -> int:
    """Frames a second of every video."""
    from imagineid.spec import FPS

    return FPS


def heard_as_json(heard: Heard) -> dict[str, Any]:
    """Say what was heard as JSON holds it."""
    from imagineid.spec import EMOTIONS

    shares = zip(EMOTIONS, heard.emotion.whole().shares[0].tolist(), strict=True)
    return {
        "gender": heard.identity.gender,
        "age": round(heard.identity.age),
        "emotion": heard.emotion.feeling,
        "emotions": {name: round(share, 4) for name, share in shares},
    }
