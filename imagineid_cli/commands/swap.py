"""``imagineid swap``: one factor of a video is taken from elsewhere, the rest is kept."""

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
            metavar="[BASE]", help="A video of ours, or a recording; the last video if not given."
        ),
    ] = None,
    emotion_from: Annotated[
        Path | None, typer.Option(metavar="B", help="Feel as this recording does.")
    ] = None,
    identity_from: Annotated[
        Path | None, typer.Option(metavar="B", help="Be who speaks in this recording: a new face.")
    ] = None,
    content_from: Annotated[
        Path | None, typer.Option(metavar="B", help="Say what this recording says, with its sound.")
    ] = None,
    prompt: Annotated[
        str | None, typer.Option(metavar="TEXT", help="Look like this: a new face.")
    ] = None,
    seed: Annotated[int | None, typer.Option(metavar="N", help="Another seed: a new face.")] = None,
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
            help="The video; BASE-swapped.mp4 (or -swapped-2 ...) if not given.",
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
    """Take one factor of a video from elsewhere, and keep the rest.

    Another emotion, other words or another motion keep the face.
    Another identity, prompt or seed imagines a new one.
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
