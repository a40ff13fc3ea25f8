"""``imagineid swap``: replace one factor of a video and keep the others."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated, Any

import typer

from imagineid_cli import options
from imagineid_cli.errors import error_handling
from imagineid_cli.progress import TerminalProgress


@options.asks(*options.PERSON, *options.MOTION, "track", *options.LOOK)
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
    *,
    values: dict[str, Any],
    output: Annotated[
        Path | None,
        typer.Option(
            "-o",
            "--output",
            metavar="OUT",
            help="As for generate. [default: BASE-swapped.mp4]",
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
    Size, aspect and frame rate stay those of the base, unless asked otherwise.
    Examples:  swap --emotion-from b.wav    swap out.mp4 --emotion happy --strength 0.5
    """
    with error_handling(debug):
        from imagineid import pipeline, swap
        from imagineid.cache import Cache

        request = options.requested(**values)
        typed = {"size_px": values["size"], "aspect": values["aspect"], "fps": values["fps"]}
        keeps = tuple(name for name, value in typed.items() if value is None)
        swaps = swap.Swaps(emotion_from, identity_from, content_from, request, keeps)
        job = swap.prepare(base, swaps, output, overwrite)
        pipe = pipeline.load(model, engine=engine)
        cache = None if no_cache else Cache.default()
        result = swap.swap(pipe, job, cache=cache, progress=TerminalProgress(quiet)).as_json()
        typer.echo(json.dumps(result, ensure_ascii=False) if as_json else result["path"])
