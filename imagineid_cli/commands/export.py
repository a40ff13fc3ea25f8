"""``imagineid export``: a model becomes ONNX files, or engines for NVIDIA cards."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated

import typer

from imagineid_cli import options
from imagineid_cli.errors import error_handling
from imagineid_cli.progress import TerminalProgress


def export(
    fp16: Annotated[
        bool, typer.Option("--fp16/--fp32", help="Compute in half or in full precision.")
    ] = False,
    format: options.Format = "onnx",
    model: Annotated[str, typer.Option(metavar="mini|sd15|DIR", help="What to export.")] = "mini",
    target: Annotated[
        list[str] | None,
        typer.Option(metavar="current|smXY", help="The card, as sm89; give it again for more."),
    ] = None,
    output: Annotated[
        Path | None,
        typer.Option("-o", "--output", metavar="DIR", help="The folder to make."),
    ] = None,
    overwrite: options.Overwrite = False,
    adapters: options.Adapters = None,
    random_weights: Annotated[
        bool,
        typer.Option("--random-weights", help="Draw what weights are not here, to try engines."),
    ] = False,
    quiet: options.Quiet = False,
    as_json: options.Json = False,
    debug: options.Debug = False,
) -> None:
    """Write every network of a model as a checked ONNX file, or build engines of them.

    Each file is run by onnxruntime and compared with torch before it is kept.
    Standard output holds only the path of the folder.
    """
    with error_handling(debug):
        from imagineid.errors import BackendMissing, BadInput

        if target and format == "onnx":
            raise BadInput(
                "--target is for engines, and ONNX files run on any card.\n"
                "Build engines:  --format tensorrt-rtx"
            )
        from imagineid_export.job import Job
        from imagineid_export.job import export as do

        job = Job(
            model=options.with_adapters(model, adapters),
            precision="fp16" if fp16 else "fp32",
            format=format,
            targets=tuple(t for each in target or ["current"] for t in each.lower().split(",")),
            output=output,
            overwrite=overwrite,
            random_weights=random_weights,
        )
        try:
            result = do(job, TerminalProgress(quiet).line)
        except ImportError as error:
            raise BackendMissing("export", "export") from error
        typer.echo(json.dumps(result) if as_json else result["path"])
