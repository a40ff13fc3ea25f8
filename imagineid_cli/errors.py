"""Errors are printed to stderr and mapped to exit codes; tracebacks only with ``--debug``."""

from __future__ import annotations

import contextlib
import sys
from collections.abc import Iterator

import typer

from imagineid.errors import ImagineIDError, OutOfMemory
from imagineid.signals import Stopped
from imagineid_cli.terminal import drop_stdout, flush_results, give_up_stderr, printable


def say(text: str, style: str = "") -> None:
    """Print to stderr: no markup, no wrapping, colour only on a terminal, nothing that steers it.

    Where standard error can't be written, messages are dropped: the video matters more.
    """
    from rich.console import Console

    try:
        console = Console(stderr=True, highlight=False, markup=False, emoji=False, soft_wrap=True)
        console.print(printable(text), style=style or None)
    except (OSError, ValueError):
        give_up_stderr()


@contextlib.contextmanager
def error_handling(debug: bool) -> Iterator[None]:
    """Print the message of any error of the block and exit with its code.

    Args:
        debug: print the traceback as well.

    Raises:
        typer.Exit: for every error; 130 for Ctrl-C and 1 for unexpected ones.
    """
    try:
        yield
    except Stopped:
        say("Stopped. No incomplete file is left.")
        raise
    except KeyboardInterrupt:
        say("Stopped. No incomplete file is left.")
        raise typer.Exit(130) from None
    except ImagineIDError as error:
        _trace(debug)
        say(f"Error: {error}", style="red")
        raise typer.Exit(error.exit_code) from error
    except (typer.Exit, typer.Abort):
        raise
    except MemoryError as error:
        _trace(debug)
        full = OutOfMemory()
        say(f"Error: {full}", style="red")
        raise typer.Exit(full.exit_code) from error
    except BrokenPipeError as error:  # the reader has closed the pipe
        drop_stdout()
        raise typer.Exit(0) from error
    except Exception as error:
        _trace(debug)
        if isinstance(error, OSError) and error.filename is None and not flush_results():
            say(f"Error: standard output can't be written: {error.strerror}.\nLook:  df -h", "red")
            raise typer.Exit(2) from error
        kind = type(error).__name__
        say(f"Unexpected error ({kind}: {error}).", style="red")
        if not debug:
            say("For a traceback, run it again with --debug")
        raise typer.Exit(1) from error


def _trace(debug: bool) -> None:
    """Print the traceback of the current error, if ``debug`` is set."""
    if debug:
        import traceback

        traceback.print_exc(file=sys.stderr)
