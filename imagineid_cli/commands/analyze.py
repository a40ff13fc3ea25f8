"""``imagineid analyze``: identity, emotion and blendshape curves of a recording."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from imagineid_cli import options
from imagineid_cli.errors import error_handling
from imagineid_cli.progress import TerminalProgress

if TYPE_CHECKING:
    from imagineid.analysis import Analysis
    from imagineid.request import Request

RATES = (25, 60)
"""Frame rates of the CSV."""

BAR = 24
"""Length of the longest bar, in characters."""

LONGEST_LIST = 8
"""Most lines of a list in the summary."""


@options.asks("pose_from", "still", "track")
def analyze(
    speech: Annotated[
        Path, typer.Argument(metavar="SPEECH", help="A recording, or a video with sound.")
    ],
    csv: Annotated[
        Path | None,
        typer.Option(
            metavar="OUT.csv", help="Write ARKit blendshape curves as a Live Link Face CSV."
        ),
    ] = None,
    fps: Annotated[
        int, typer.Option(metavar="N", help="Frames per second of the CSV: 25 or 60.")
    ] = 25,
    seed: Annotated[
        int, typer.Option(metavar="N", help="Seed of head motion and blinks in the CSV.")
    ] = 0,
    *,
    values: dict[str, Any],
    plot: Annotated[
        Path | None,
        typer.Option(metavar="OUT.png", help="Draw loudness, emotions and curves over time."),
    ] = None,
    overwrite: options.Overwrite = False,
    quiet: options.Quiet = False,
    as_json: options.Json = False,
    debug: options.Debug = False,
    model: options.Model = "mini",
    engine: options.Engine = "auto",
) -> None:
    """Print gender, age, emotions and blendshape curves of a recording.

    Example:  analyze speech.wav --csv motion.csv --fps 60 --plot heard.png
    """
    with error_handling(debug):
        from imagineid import analysis, pipeline
        from imagineid.audio.standard_input import named
        from imagineid.rendering import opened

        request = replace(options.requested(**values), seed=seed)
        _check(speech, csv, fps, plot, request, overwrite)
        progress = TerminalProgress(quiet)
        with named(speech) as path, opened(path, progress, request.track) as sound:
            found = analysis.analyze(pipeline.load(model, engine=engine), sound, progress)
        if csv is not None:
            analysis.write_curves(csv, found.conditioning, request, fps, overwrite)
            progress.line(f"curves: {csv}, {fps} frames per second")
        if plot is not None:
            from imagineid.plots.analysis import draw

            draw(plot, speech.name, found, overwrite)
            progress.line(f"picture: {plot}")
        if as_json:
            known = {"path": str(speech), **found.as_json()}
            typer.echo(json.dumps(known, ensure_ascii=False))
        else:
            _summary(speech, found)


def _check(
    speech: Path,
    csv: Path | None,
    fps: int,
    plot: Path | None,
    request: Request,
    overwrite: bool,
) -> None:
    """Validate the options before the model is loaded."""
    from imagineid.errors import BadInput
    from imagineid.files import check_output, check_outputs

    request.check()
    if fps not in RATES:
        raise BadInput(f"--fps {fps} is neither 25 nor 60.\nTry:  --fps 60")
    check_outputs([csv, plot], [speech, request.pose_from])
    for path, suffix in ((csv, ".csv"), (plot, ".png")):
        if path is not None:
            check_output(path, overwrite, suffix)


def _summary(speech: Path, found: Analysis) -> None:
    """Print a summary."""
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    from imagineid.spec import EMOTIONS

    pauses = [s for s in found.speech if s.what == "silence"]
    table = Table.grid(padding=(0, 2))
    who = found.factors.identity
    sure = f"{who.gender} ({who.certainty:.0%} sure), about {who.age:.0f} years old"
    table.add_row("voice", Text(sure if found.conditioning.speaks else "no speech heard"))
    table.add_row("length", f"{found.duration_s:.1f} s")
    table.add_row("speech", f"{found.speech_s:.1f} s, {len(pauses)} silences")
    shares = found.factors.emotion.whole().shares[0]
    for i in sorted(range(len(EMOTIONS)), key=lambda i: -shares[i]):
        bar = "█" * round(BAR * float(shares[i]))
        table.add_row(EMOTIONS[i], f"{shares[i]:4.0%} {bar}")
    table.add_row("over time", _listed(found))
    moved = ", ".join(f"{name} {mean:.2f}" for name, mean in found.moved[:5])
    table.add_row("moves most", Text(moved))
    console = Console(highlight=False, markup=False, emoji=False, soft_wrap=True)
    console.print(Text(str(speech), style="bold"))
    console.print(table)


def _listed(found: Analysis) -> str:
    """Return lines with emotions and their times; only the longest if there are many."""
    chosen = sorted(found.emotions, key=lambda s: s.start_s - s.end_s)[:LONGEST_LIST]
    lines = [f"{s.start_s:6.1f} – {s.end_s:.1f} s  {s.what}" for s in found.emotions if s in chosen]
    hidden = len(found.emotions) - len(chosen)
    return "\n".join([*lines, *([f"and {hidden} shorter spans"] if hidden else [])])
