"""``imagineid bench``: speed and memory, compared with Algorithm 1 as published."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated

import typer

from imagineid_cli.errors import error_handling
from imagineid_cli.options import Debug, Json, Model, Overwrite, Quiet, Track
from imagineid_cli.progress import TerminalProgress


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
    track: Track = None,
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
        from imagineid_bench.plan import Plan, measured
        from imagineid_bench.ranges import LONGEST_S, SHORTEST_S, parse_engines, parse_numbers

        plan = Plan(
            audio,
            model,
            engines=parse_engines(engines),
            seconds=seconds,
            reference_frames=reference_frames,
            lengths=parse_numbers("--lengths", lengths, float, SHORTEST_S, LONGEST_S),
            chains=parse_numbers("--chains", chains, int, 1, CHAINS),
            agreement_s=agreement,
            roofline=roofline,
            track=track,
        )
        plan.check()
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
