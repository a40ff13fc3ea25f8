"""``imagineid export``: ONNX files of a model, or TensorRT engines for NVIDIA GPUs."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated

import typer

from imagineid_cli import options
from imagineid_cli.errors import error_handling
from imagineid_cli.progress import TerminalProgress


def export(
    fp16: Annotated[bool, typer.Option("--fp16/--fp32", help="Precision of the networks.")] = False,
    format: options.Format = "onnx",
    model: Annotated[str, typer.Option(metavar="mini|sd15|DIR", help="Model to export.")] = "mini",
    target: Annotated[
        list[str] | None,
        typer.Option(
            metavar="current|smXY",
            help="Compute capability of the GPU, e.g. sm89; repeat for several.",
        ),
    ] = None,
    output: Annotated[
        Path | None,
        typer.Option("-o", "--output", metavar="DIR", help="Output folder."),
    ] = None,
    overwrite: options.Overwrite = False,
    adapters: options.Adapters = None,
    random_weights: Annotated[
        bool,
        typer.Option(
            "--random-weights", help="Initialise missing weights randomly, to try engines."
        ),
    ] = False,
    quiet: options.Quiet = False,
    as_json: options.Json = False,
    debug: options.Debug = False,
) -> None:
    """Export all networks of a model to ONNX, or build TensorRT engines.

    Each file is run by onnxruntime and compared with torch.
    Standard output holds only the path of the folder.
    """
    with error_handling(debug):
        from imagineid.errors import BackendMissing, BadInput

        if target and format == "onnx":
            raise BadInput(
                "--target is for engines; ONNX files run on any GPU.\n"
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
