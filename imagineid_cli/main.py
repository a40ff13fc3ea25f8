"""The command ``imagineid``; heavy modules are imported by the commands that need them."""

from __future__ import annotations

import sys
from typing import Annotated

import typer

from imagineid import __version__, signals
from imagineid.errors import BadOutput
from imagineid_cli import terminal
from imagineid_cli.commands import avatar, cache, weights
from imagineid_cli.commands.analyze import analyze
from imagineid_cli.commands.batch import batch
from imagineid_cli.commands.bench import bench
from imagineid_cli.commands.doctor import doctor
from imagineid_cli.commands.export import export
from imagineid_cli.commands.forget import forget
from imagineid_cli.commands.generate import generate
from imagineid_cli.commands.live import live
from imagineid_cli.commands.retrieve import retrieve
from imagineid_cli.commands.studio import studio
from imagineid_cli.commands.swap import swap
from imagineid_cli.errors import say
from imagineid_cli.examples import epilog

app = typer.Typer(
    name="imagineid",
    help="Make a talking-face video from a speech recording.",
    epilog=epilog(),
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,  # help is printed by half a second sooner without rich
    context_settings={"help_option_names": ["-h", "--help"]},
)
COMMANDS = (generate, batch, swap, live, studio, analyze, retrieve, export, bench, doctor, forget)
for command in COMMANDS:
    app.command(epilog=epilog(command.__name__))(command)
app.add_typer(avatar.app)
app.add_typer(weights.app)
app.add_typer(cache.app)


def _version(requested: bool) -> None:
    """Print the version and exit."""
    if requested:
        typer.echo(f"imagineid {__version__}")
        raise typer.Exit


@app.callback()
def main(
    version: Annotated[
        bool,
        typer.Option("--version", callback=_version, is_eager=True, help="Print the version."),
    ] = False,
) -> None:
    """Make a talking-face video from a speech recording."""


def run() -> None:
    """Run the command: the entry point of the package."""
    signals.install()
    terminal.prepare_streams()
    try:
        app()
    except signals.Stopped as stopped:
        signals.end_now(int(str(stopped.code)))
    except KeyboardInterrupt:
        sys.exit(130)
    except SystemExit as ended:
        if not terminal.flush_results() and not ended.code:
            say("Error: the result can't be written to standard output.\nLook:  df -h")
            sys.exit(BadOutput.exit_code)
        raise
