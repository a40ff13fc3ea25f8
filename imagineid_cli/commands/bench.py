"""``imagineid bench``: how fast it is here, beside Algorithm 1 as the paper writes it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated, TypeVar

import typer

from imagineid.backends import ENGINES
from imagineid.errors import BadInput
from imagineid_cli.errors import error_handling
from imagineid_cli.options import Debug, Json, Model, Overwrite, Quiet
from imagineid_cli.progress import TerminalProgress

Number = TypeVar("Number", int, float)

SHORTEST_S, LONGEST_S = 0.2, 7200.0
"""Seconds that a sound may last."""

MOST_FRAMES = 1000
"""Frames of Algorithm 1 as written: hours on a laptop."""


def bench(
    audio: Annotated[
        Path, typer.Argument(metavar="AUDIO", help="A recording; it is repeated as needed.")
    ],
    seconds: Annotated[
        float, typer.Option(metavar="S", help="Of the sound that engines are compared on.")
    ] = 10.0,
    engines: Annotated[
        str, typer.Option(metavar="all|A,B", help="Which engines; all is those that run here.")
    ] = "all",
    reference_frames: Annotated[
        int, typer.Option(metavar="N", help="Frames of Algorithm 1 as written: seconds each.")
    ] = 6,
    lengths: Annotated[
        str, typer.Option(metavar="S,S,...", help="Other lengths of sound, in seconds.")
    ] = "10,60",
    chains: Annotated[
        str, typer.Option(metavar="K,K,...", help="Chains: stretches imagined side by side.")
    ] = "1,2,5,10",
    agreement: Annotated[
        float, typer.Option(metavar="S", help="Hold so many seconds against 50 steps a frame.")
    ] = 2.0,
    roofline: Annotated[
        bool, typer.Option(help="Hold each network against what the machine could do.")
    ] = True,
    plot: Annotated[
        Path | None, typer.Option(metavar="OUT.png", help="Draw the numbers as well.")
    ] = None,
    overwrite: Overwrite = False,
    quiet: Quiet = False,
    as_json: Json = False,
    debug: Debug = False,
    model: Model = "mini",
) -> None:
    """Measure speed and memory here: every engine beside Algorithm 1 as written.

    It takes some minutes; 0 leaves out the frames of Algorithm 1, lengths, chains or agreement.
    Let nothing else run meanwhile.
    """
    with error_handling(debug):
        from imagineid.files import check_output, check_outputs
        from imagineid.request import CHAINS

        if plot is not None:
            check_outputs([plot], [audio])
            check_output(plot, overwrite, ".png")
        _within("--seconds", seconds, SHORTEST_S, LONGEST_S)
        _within("--reference-frames", reference_frames, 0, MOST_FRAMES)
        _within("--agreement", agreement, SHORTEST_S if agreement else 0, LONGEST_S)
        from imagineid_bench.plan import Plan, measured

        plan = Plan(
            audio,
            model,
            engines=_engines(engines),
            seconds=seconds,
            reference_frames=reference_frames,
            lengths=_numbers("--lengths", lengths, float, SHORTEST_S, LONGEST_S),
            chains=_numbers("--chains", chains, int, 1, CHAINS),
            agreement_s=agreement,
            roofline=roofline,
        )
        report = measured(plan, TerminalProgress(quiet))
        if plot is not None:
            from imagineid_bench.chart import draw

            draw(plot, report, overwrite)
            TerminalProgress(quiet).line(f"picture: {plot}")
        if as_json:
            typer.echo(json.dumps(report.as_json(), ensure_ascii=False))
        else:
            from imagineid_bench.table import show

            show(report)


def _engines(said: str) -> tuple[str, ...] | None:
    """Read ``--engines``: None for all that run here.

    Raises:
        BadInput: there is no such engine.
    """
    if said == "all":
        return None
    named = tuple(dict.fromkeys(name.strip() for name in said.split(",")))
    if unknown := [name for name in named if name not in ENGINES[1:]]:
        known = ",".join(ENGINES[1:])
        raise BadInput(f"There is no engine called {unknown[0]!r}.\nUse:  --engines {known}")
    return named


def _numbers(
    option: str, said: str, kind: type[Number], least: Number, most: Number
) -> tuple[Number, ...]:
    """Read numbers between commas; "0" is none.

    Raises:
        BadInput: they are none, or one is outside its range.
    """
    if said.strip() == "0":
        return ()
    try:
        numbers = tuple(dict.fromkeys(kind(word) for word in said.split(",")))
    except ValueError:
        raise BadInput(
            f"{option} {said!r} is no list of numbers.\nTry:  {option} {least:g},{2 * least:g}"
        ) from None
    for number in numbers:
        _within(option, number, least, most)
    return numbers


def _within(option: str, number: float, least: float, most: float) -> None:
    """Check a number.

    Raises:
        BadInput: it is outside its range.
    """
    if not least <= number <= most:  # not a number is in none
        raise BadInput(
            f"{option} {number:g} is outside {least:g} to {most:g}.\nTry:  {option} {least:g}"
        )
