"""The command ``imagineid``: what it can be asked, and nothing heavy at start-up."""

from __future__ import annotations

import signal
import sys
from typing import Annotated, NoReturn

import typer

from imagineid import __version__
from imagineid_cli.commands import cache, weights
from imagineid_cli.commands.analyze import analyze
from imagineid_cli.commands.batch import batch
from imagineid_cli.commands.bench import bench
from imagineid_cli.commands.doctor import doctor
from imagineid_cli.commands.export import export
from imagineid_cli.commands.generate import generate
from imagineid_cli.commands.retrieve import retrieve
from imagineid_cli.commands.swap import swap
from imagineid_cli.examples import epilog

app = typer.Typer(
    name="imagineid",
    help="Imagine a talking face from a voice: speech in, video out.",
    epilog=epilog(),
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)
for command in (generate, batch, swap, analyze, retrieve, export, bench, doctor):
    app.command(epilog=epilog(command.__name__))(command)
app.add_typer(weights.app)
app.add_typer(cache.app)


def _version(wanted: bool) -> None:
    """Print the version and end."""
    if wanted:
        typer.echo(f"imagineid {__version__}")
        raise typer.Exit


@app.callback()
def main(
    version: Annotated[
        bool,
        typer.Option("--version", callback=_version, is_eager=True, help="Print the version."),
    ] = False,
) -> None:
    """Imagine a talking face from a voice: speech in, video out."""


def run() -> None:
    """Run the command: the entry point of the package."""
    signal.signal(signal.SIGTERM, _stop)  # so that a half-written video is removed then, too
    try:
        app()
    except KeyboardInterrupt:  # before or after a command's own handling
        sys.exit(130)


def _stop(number: int, _frame: object) -> NoReturn:
    """End as the signal asks, but through every ``finally``."""
    sys.exit(128 + number)
