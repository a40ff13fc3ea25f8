"""``imagineid bench``: speed and memory, compared with Algorithm 1 as published."""

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
"""Range of ``--seconds``."""

MOST_FRAMES = 1000
"""Most frames of Algorithm 1 as published: hours on a laptop."""


def bench(
    audio: Annotated[
        Path,
        typer.Argument(metavar="AUDIO", help="A recording; it is repeated if it is too short."),
    ],
    seconds: Annotated[
        float, typer.Option(metavar="S", help="Length of the sound for comparing backends.")
    ] = 10.0,
    engines: Annotated[
        str, typer.Option(metavar="all|A,B", help="Backends to measure; all: those that work here.")
    ] = "all",
    reference_frames: Annotated[
        int,
        typer.Option(metavar="N", help="Frames of Algorithm 1 as published; each takes seconds."),
    ] = 6,
    lengths: Annotated[
        str, typer.Option(metavar="S,S,...", help="Further lengths of sound, in seconds.")
    ] = "10,60",
    chains: Annotated[
        str,
        typer.Option(metavar="K,K,...", help="Numbers of parts that are generated in parallel."),
    ] = "1,2,5,10",
    agreement: Annotated[
        float, typer.Option(metavar="S", help="Seconds to compare with 50 steps a frame.")
    ] = 2.0,
    roofline: Annotated[
        bool, typer.Option(help="Compare each network with the limits of this machine.")
    ] = True,
    plot: Annotated[Path | None, typer.Option(metavar="OUT.png", help="Draw the results.")] = None,
    overwrite: Overwrite = False,
    quiet: Quiet = False,
    as_json: Json = False,
    debug: Debug = False,
    model: Model = "mini",
) -> None:
    """Measure speed and memory of each backend, compared with Algorithm 1 as published.

    It takes minutes. Run nothing else meanwhile.
    0 skips the frames of Algorithm 1, lengths, chains or agreement.
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
    """Parse ``--engines``: None for all that work here.

    Raises:
        BadInput: a backend is unknown.
    """
    if said == "all":
        return None
    named = tuple(dict.fromkeys(name.strip() for name in said.split(",")))
    if unknown := [name for name in named if name not in ENGINES[1:]]:
        known = ",".join(ENGINES[1:])
        raise BadInput(f"Unknown backend {unknown[0]!r}.\nUse:  --engines {known}")
    return named


def _numbers(
    option: str, said: str, kind: type[Number], least: Number, most: Number
) -> tuple[Number, ...]:
    """Parse a comma-separated list of numbers; "0" is an empty list.

    Raises:
        BadInput: it is not a list of numbers, or one is out of range.
    """
    if said.strip() == "0":
        return ()
    try:
        numbers = tuple(dict.fromkeys(kind(word) for word in said.split(",")))
    except ValueError:
        raise BadInput(
            f"{option} {said!r} is not a list of numbers.\nTry:  {option} {least:g},{2 * least:g}"
        ) from None
    for number in numbers:
        _within(option, number, least, most)
    return numbers


def _within(option: str, number: float, least: float, most: float) -> None:
    """Validate a number.

    Raises:
        BadInput: it is out of range.
    """
    if not least <= number <= most:  # NaN is in no range
        raise BadInput(
            f"{option} {number:g} is outside {least:g} to {most:g}.\nTry:  {option} {least:g}"
        )
