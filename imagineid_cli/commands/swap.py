"""``imagineid swap``: replace one factor of a video and keep the others."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated

import typer

from imagineid_cli import options
from imagineid_cli.errors import error_handling
from imagineid_cli.progress import TerminalProgress


def swap(
    base: Annotated[
        Path | None,
        typer.Argument(
            metavar="[BASE]",
            help="A video made by imagineid, or a recording. [default: the last video]",
        ),
    ] = None,
    emotion_from: Annotated[
        Path | None, typer.Option(metavar="B", help="Take the emotion of this recording.")
    ] = None,
    identity_from: Annotated[
        Path | None,
        typer.Option(metavar="B", help="Take the identity of this recording: a new face."),
    ] = None,
    content_from: Annotated[
        Path | None,
        typer.Option(metavar="B", help="Take the words and the sound of this recording."),
    ] = None,
    prompt: Annotated[
        str | None, typer.Option(metavar="TEXT", help="Appearance: a new face.")
    ] = None,
    seed: Annotated[int | None, typer.Option(metavar="N", help="Seed: a new face.")] = None,
    emotion: options.Emotion = None,
    strength: options.Strength = None,
    voice: options.Voice = None,
    pose_from: options.PoseFrom = None,
    still: options.Still = False,
    output: Annotated[
        Path | None,
        typer.Option(
            "-o",
            "--output",
            metavar="OUT.mp4",
            help="Output file. [default: BASE-swapped.mp4]",
        ),
    ] = None,
    no_cache: options.NoCache = False,
    overwrite: options.Overwrite = False,
    quiet: options.Quiet = False,
    as_json: options.Json = False,
    debug: options.Debug = False,
    model: options.Model = "mini",
    engine: options.Engine = "auto",
) -> None:
    """Replace one factor of a video and keep the others.

    A new emotion, new words or new head motion keep the face.
    A new identity, prompt or seed gives a new face.
    Examples:  swap --emotion-from b.wav    swap out.mp4 --emotion happy --strength 0.5
    """
    with error_handling(debug):
        from imagineid import pipeline, swap
        from imagineid.cache import Cache
        from imagineid.request import Request

        asked = Request(
            prompt, seed, emotion=emotion, strength=strength,
            pose_from=pose_from, still=still, voice=voice,
        )  # fmt: skip
        swaps = swap.Swaps(emotion_from, identity_from, content_from, asked)
        job = swap.prepare(base, swaps, output, overwrite)
        pipe = pipeline.load(model, engine=engine)
        cache = None if no_cache else Cache.default()
        result = swap.swap(pipe, job, cache=cache, progress=TerminalProgress(quiet)).as_json()
        typer.echo(json.dumps(result, ensure_ascii=False) if as_json else result["path"])
