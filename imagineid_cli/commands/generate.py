"""``imagineid generate``: a talking-face video of a recording."""

from __future__ import annotations

import json
import math
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from imagineid import __version__
from imagineid.errors import BadInput, BadOutput
from imagineid_cli import options
from imagineid_cli.errors import error_handling
from imagineid_cli.progress import TerminalProgress

if TYPE_CHECKING:
    from imagineid.cache import Cache
    from imagineid.pipeline import Pipeline
    from imagineid.request import Request

PIPE = Path("-")
"""The name of standard output."""

PREVIEWS = 64
"""Most faces of a contact sheet."""


@options.asks(
    *options.PERSON, *options.MOTION, "avatar", "face", "track", *options.LOOK,
    "steps", "guidance", "exact", "chains",
)  # fmt: skip
def generate(
    audio: Annotated[
        Path, typer.Argument(metavar="AUDIO", help="A recording, a video with sound, or - (stdin).")
    ],
    output: Annotated[
        Path | None,
        typer.Option(
            "-o",
            "--output",
            metavar="OUT",
            help="OUT.mp4, .webm, .mov or a folder for PNG frames; AUDIO's name and .mp4 if not "
            "given; - for standard output.",
        ),
    ] = None,
    preview: Annotated[
        int | None,
        typer.Option(
            metavar="N", help="Write only a sheet (.png) of N faces, with seeds SEED, SEED + 1, ..."
        ),
    ] = None,
    like: Annotated[
        Path | None,
        typer.Option(
            metavar="MP4",
            help="Use prompt, seed, steps, guidance and emotion of a video.",
        ),
    ] = None,
    *,
    values: dict[str, Any],
    resume: Annotated[bool, typer.Option("--resume", help="Resume an interrupted run.")] = False,
    no_cache: options.NoCache = False,
    overwrite: options.Overwrite = False,
    quiet: options.Quiet = False,
    as_json: options.Json = False,
    debug: options.Debug = False,
    model: options.Model = "mini",
    adapters: options.Adapters = None,
    engine: options.Engine = "auto",
    attention: options.Attention = "auto",
) -> None:
    """Make a talking-face video of a recording.

    The voice determines identity, words and emotion.
    The prompt adds what a voice can't tell, such as hair or glasses.
    Standard output holds only the path of the result.
    """
    with error_handling(debug):
        from imagineid import resume as resuming
        from imagineid.batch import ModelChoice
        from imagineid.cache import Cache
        from imagineid.request import request_of
        from imagineid.video import read_metadata

        progress = TerminalProgress(quiet)
        request = options.requested(**values)
        known = {} if like is None else read_metadata(like)
        if like is not None:
            request = request.over(request_of(known, like))
        taken = resume or overwrite or preview is not None
        source = Path("standard-input") if audio == PIPE else audio
        output = output or request.default_output(source, taken)
        if resume and (no_cache or preview is not None or PIPE in (audio, output)):
            raise BadInput(
                "--resume continues a video file from cached frames.\n"
                "Remove --no-cache and --preview, and name files instead of -"
            )
        if resume and (done := resuming.finished(audio, output, request)):
            progress.line(f"{output} is already finished")
            result = {"path": str(output), **done}
        else:
            if resume:
                request = resuming.with_begun_seed(audio, output, request)
            place = _check(audio, output, request, preview, overwrite, like)
            cache = None if no_cache else Cache.default()
            choice = ModelChoice(options.with_adapters(model, adapters), engine, attention)
            result = _make(
                choice, audio, place, request, preview, known, cache, overwrite, progress
            )
        if output != PIPE:
            typer.echo(json.dumps(result, ensure_ascii=False) if as_json else result["path"])


def _check(
    audio: Path,
    output: Path,
    request: Request,
    preview: int | None,
    overwrite: bool,
    like: Path | None,
) -> Path:
    """Check all that can be checked before anything heavy is loaded; return the place."""
    from imagineid.files import check_output, check_outputs
    from imagineid.video.output import check_video_output

    request.check()
    if preview is not None and not 1 <= preview <= PREVIEWS:
        raise BadInput(f"--preview {preview} is outside 1 to {PREVIEWS}.\nTry:  --preview 9")
    if output == PIPE:
        if preview is not None:
            raise BadInput(
                "A sheet of faces can't be written to standard output.\n"
                "Name a file:  -o FACES.mp4 --preview 9"
            )
        if sys.stdout is None:
            raise BadOutput("Standard output is closed.\nName a file:  -o OUT.mp4")
        if sys.stdout.isatty():
            raise BadOutput(
                "Standard output is a terminal, which can't show a video.\n"
                "Give it a player:  imagineid generate AUDIO -o - | mpv -"
            )
        return output
    if preview is not None and output.suffix != ".png":
        output = output.with_suffix(".preview.png")
    check_outputs([output], [audio, like, *request.files()])
    if preview is None:
        check_video_output(output, request.output, overwrite)
    else:
        check_output(output, overwrite, output.suffix)
    return output


def _make(
    choice: Any,
    audio: Path,
    output: Path,
    request: Request,
    preview: int | None,
    known: dict[str, Any],
    cache: Cache | None,
    overwrite: bool,
    progress: TerminalProgress,
) -> dict[str, Any]:
    """Make the video or the sheet; return its JSON report."""
    from imagineid.audio.standard_input import named
    from imagineid.rendering import opened, render

    started = time.monotonic()
    with named(audio) as path, opened(path, progress, request.track) as sound:
        pipe = choice.load()
        _warn_of_another(pipe, known, progress)
        if preview is not None:
            result = _sheet(pipe, sound, output, request, preview, overwrite, progress)
        else:
            rendered = render(
                pipe, sound, sys.stdout.buffer if output == PIPE else output, request,
                cache=cache, overwrite=overwrite, remember=True, progress=progress,
            )  # fmt: skip
            result = rendered.as_json()
    return result | {"took_s": round(time.monotonic() - started, 2)}


def _warn_of_another(pipe: Pipeline, known: dict[str, Any], progress: TerminalProgress) -> None:
    """Warn if the video to repeat was made by something else."""
    for name, now in (("model", pipe.model), ("version", __version__)):
        if known and known.get(name) != now:
            progress.warn(f"that video was made by {name} {known.get(name)}: this may differ")


def _sheet(
    pipe: Pipeline,
    sound: Any,
    output: Path,
    request: Request,
    count: int,
    overwrite: bool,
    progress: TerminalProgress,
) -> dict[str, Any]:
    """Write the contact sheet; return its JSON report."""
    from imagineid.plots.contact_sheet import write_contact_sheet
    from imagineid.rendering import preview

    faces, rendered = preview(pipe, sound, request, count, progress=progress)
    first = rendered.request.seed or 0
    captions = [str(first + number) for number in range(count)]
    write_contact_sheet(output, faces, captions, math.ceil(math.sqrt(count)), overwrite)
    return rendered.as_json() | {"path": str(output)}
