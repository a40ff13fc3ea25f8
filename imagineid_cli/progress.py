"""Progress on stderr: bars on a terminal, plain lines in a pipe, nothing when quiet."""

from __future__ import annotations

import contextlib
import sys
import time
from collections.abc import Iterator
from typing import TYPE_CHECKING

from imagineid_cli.errors import say

if TYPE_CHECKING:
    from imagineid.progress import Advance

LINE_EVERY_S = 10.0
"""Seconds between the lines of a stage in a pipe."""


class TerminalProgress:
    """What the user sees while waiting: a :class:`imagineid.progress.Progress`.

    Args:
        quiet: show nothing at all, not even warnings.
    """

    def __init__(self, quiet: bool = False) -> None:
        self._quiet = quiet

    def line(self, text: str) -> None:
        """Print a line about what was found or chosen."""
        if not self._quiet:
            say(text)

    def warn(self, text: str) -> None:
        """Print a line the user should not overlook."""
        if not self._quiet:
            say(f"Warning: {text}", style="yellow")

    @contextlib.contextmanager
    def stage(self, name: str, total: float, unit: str) -> Iterator[Advance]:
        """Show one stage of the work; see :class:`imagineid.progress.Progress`."""
        if self._quiet:
            yield lambda done: None
        elif sys.stderr.isatty():
            with _bar(name, total, unit) as advance:
                yield advance
        else:
            with _lines(name, total, unit) as advance:
                yield advance


@contextlib.contextmanager
def _bar(name: str, total: float, unit: str) -> Iterator[Advance]:
    """Draw a bar with the time that is left."""
    from rich import progress
    from rich.console import Console

    amount = progress.MofNCompleteColumn() if unit else progress.TaskProgressColumn()
    with progress.Progress(
        progress.TextColumn(f"{name:<10}", markup=False),
        progress.BarColumn(),
        amount,
        progress.TextColumn(unit, markup=False),
        progress.TimeElapsedColumn(),
        progress.TextColumn("left"),
        progress.TimeRemainingColumn(),
        console=Console(stderr=True),
    ) as bars:
        task = bars.add_task(name, total=total)
        yield lambda done: bars.update(task, completed=done)


@contextlib.contextmanager
def _lines(name: str, total: float, unit: str) -> Iterator[Advance]:
    """Print a line at the start, now and then, and at the end."""
    start = last = time.monotonic()
    say(f"{name}: {total:g} {unit}" if unit else name)

    def advance(done: float) -> None:
        nonlocal last
        now = time.monotonic()
        if now - last >= LINE_EVERY_S and 0 < done < total:
            last = now
            left_s = (now - start) * (total - done) / done
            share = f"{done:g} of {total:g} {unit}" if unit else f"{done / total:.0%}"
            say(f"{name}: {share}, {left_s:.0f} s left")

    yield advance
    say(f"{name}: done in {time.monotonic() - start:.1f} s")
