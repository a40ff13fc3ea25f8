"""``imagineid analyze``: what was heard in a recording, for people, programs and animators."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from imagineid_cli import options
from imagineid_cli.errors import error_handling
from imagineid_cli.motion_options import MotionOptions
from imagineid_cli.progress import Progress
from imagineid_cli.render import ModelChoice, heard_as_json

if TYPE_CHECKING:
    from imagineid.analysis import Analysis
    from imagineid.face.motion import Motion
    from imagineid.pad.conditioning import Conditioning
    from imagineid.pad.factors import VoiceFactors

RATES = (25, 60)
"""Rows a second that the CSV may have."""

BAR = 24
"""Characters of the longest bar."""

LONGEST_LIST = 8
"""Lines of a list in the summary."""


def analyze(
    speech: Annotated[
        Path, typer.Argument(metavar="SPEECH", help="A recording, or a video with sound.")
    ],
    csv: Annotated[
        Path | None,
        typer.Option(metavar="OUT.csv", help="Write the face's curves as Live Link Face does."),
    ] = None,
    fps: Annotated[int, typer.Option(metavar="N", help="Rows a second: 25 or 60.")] = 25,
    seed: Annotated[
        int, typer.Option(metavar="N", help="Of the head's motion and the blinks in the CSV.")
    ] = 0,
    pose_from: options.PoseFrom = None,
    still: options.Still = False,
    plot: Annotated[
        Path | None, typer.Option(metavar="OUT.png", help="Draw what was heard over time.")
    ] = None,
    overwrite: options.Overwrite = False,
    quiet: options.Quiet = False,
    as_json: options.Json = False,
    debug: options.Debug = False,
    model: options.Model = "mini",
    engine: options.Engine = options.EngineName.auto,
) -> None:
    """Tell what is heard in a recording: who speaks, how it feels, and how the face moves.

    Example:  analyze speech.wav --csv motion.csv --fps 60 --plot heard.png
    """
    with error_handling(debug):
        show, moves = Progress(quiet), MotionOptions(pose_from, still)
        _check(speech, csv, fps, plot, moves, overwrite)
        heard, factors, window = _heard(speech, ModelChoice(model, engine.value), show)
        from imagineid.analysis import analyze_voice

        found = analyze_voice(heard, factors, window)
        if csv is not None:
            motion = moves.motion(heard.frames) or _made_up(factors, seed)
            _write_csv(csv, factors, motion, fps, overwrite)
            show.line(f"curves: {csv}, {fps} rows a second")
        if plot is not None:
            from imagineid_cli.plots.analysis import draw

            draw(plot, speech.name, heard, factors, found, overwrite)
            show.line(f"picture: {plot}")
        if as_json:
            typer.echo(json.dumps(_as_json(speech, heard, factors, found), ensure_ascii=False))
        else:
            _summary(speech, heard, found)


def _check(
    speech: Path,
    csv: Path | None,
    fps: int,
    plot: Path | None,
    moves: MotionOptions,
    overwrite: bool,
) -> None:
    """Check all that can be checked before anything heavy is loaded."""
    from imagineid.errors import BadInput
    from imagineid.files import check_output, check_outputs

    moves.check()
    if fps not in RATES:
        raise BadInput(f"--fps {fps} is neither 25 nor 60.\nTry:  --fps 60")
    check_outputs([csv, plot], [speech, moves.pose_from])
    for path, suffix in ((csv, ".csv"), (plot, ".png")):
        if path is not None:
            check_output(path, overwrite, suffix)


def _heard(
    speech: Path, runs: ModelChoice, show: Progress
) -> tuple[VoiceFactors, Conditioning, int]:
    """Listen; return what was heard, its expression, and the networks' window."""
    from imagineid.audio import open_sound

    with open_sound(speech) as sound:
        pipe = runs.load()
        with show.stage("listening", 1.0, "") as advance:
            heard = pipe.encode(sound, advance)
    return heard, pipe.express(heard), pipe.size.window


def _made_up(factors: Conditioning, seed: int) -> Motion:
    """Return the motion ``generate`` would make up for this voice and seed."""
    from imagineid.face.motion import default_motion

    return default_motion(factors.level_db, seed)


def _write_csv(
    path: Path, factors: Conditioning, motion: Motion, fps: int, overwrite: bool
) -> None:
    """Write what the face would do, blinks and head motion included."""
    import numpy as np

    from imagineid.face.livelink import write
    from imagineid.files import atomic_output, write_errors

    curves = np.clip(np.maximum(factors.expression, motion.eyes), 0, 1)
    with atomic_output(path, overwrite) as part, write_errors(path):
        with part.open("w", encoding="ascii", newline="") as file:
            write(file, curves, motion.pose, fps)


def _as_json(
    speech: Path, heard: VoiceFactors, factors: Conditioning, found: Analysis
) -> dict[str, Any]:
    """Say all of it as JSON holds it."""
    from dataclasses import asdict

    from imagineid.spec import ARKIT, EMOTIONS, FPS

    def rounded(columns: Any, names: Any) -> dict[str, list[float]]:
        pairs = zip(names, columns.T.tolist(), strict=True)
        return {name: [round(x, 4) for x in column] for name, column in pairs}

    return {
        "path": str(speech),
        "seconds": round(heard.frames / FPS, 2),
        "fps": FPS,
        "frames": heard.frames,
        **heard_as_json(heard),
        "speech": [asdict(s) for s in found.speech],
        "feelings": [asdict(s) for s in found.emotions],
        "emotions_over_time": rounded(found.feelings, EMOTIONS),
        "curves": rounded(factors.expression, ARKIT),
    }


def _summary(speech: Path, heard: VoiceFactors, found: Analysis) -> None:
    """Print what was heard for people."""
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    from imagineid.spec import EMOTIONS, FPS

    seconds = heard.frames / FPS
    pauses = [s for s in found.speech if s.what == "silence"]
    table = Table.grid(padding=(0, 2))
    who = heard.identity
    table.add_row("voice", Text(f"{who.gender}, about {who.age:.0f} years old"))
    table.add_row("length", f"{seconds:.1f} s")
    table.add_row("speech", f"{found.speech_s:.1f} s, {len(pauses)} silences")
    shares = heard.emotion.whole().shares[0]
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
    """Say in lines which emotion is heard when; the longest if they are many."""
    chosen = sorted(found.emotions, key=lambda s: s.start_s - s.end_s)[:LONGEST_LIST]
    lines = [f"{s.start_s:6.1f} – {s.end_s:.1f} s  {s.what}" for s in found.emotions if s in chosen]
    left = len(found.emotions) - len(chosen)
    return "\n".join([*lines, *([f"and {left} shorter stretches"] if left else [])])
