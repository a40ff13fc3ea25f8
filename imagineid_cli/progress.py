"""Progress on stderr: bars on a terminal, plain lines in a pipe, nothing when quiet."""

from __future__ import annotations

import contextlib
import sys
import time
from collections.abc import Iterator
from types import TracebackType
from typing import TYPE_CHECKING

from imagineid.progress import size_text
from imagineid_cli.errors import say

if TYPE_CHECKING:
    from rich.progress import Progress, TaskID

    from imagineid.progress import Advance

LINE_EVERY_S = 10.0
"""Seconds between two lines of a stage in a pipe."""


class TerminalProgress:
    """The progress display: a :class:`imagineid.progress.Progress`.

    Args:
        quiet: show nothing at all, not even warnings.
    """

    def __init__(self, quiet: bool = False) -> None:
        self._quiet = quiet

    def line(self, text: str) -> None:
        """Print an information."""
        if not self._quiet:
            say(text)

    def warn(self, text: str) -> None:
        """Print a warning."""
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
    """Show a progress bar with the remaining time."""
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


def span(seconds: float) -> str:
    """Return a time in words: "12.3 s", "4 min"."""
    return f"{seconds:.1f} s" if seconds < 90 else f"{seconds / 60:.0f} min"


@contextlib.contextmanager
def _lines(name: str, total: float, unit: str) -> Iterator[Advance]:
    """Print a line at the start, every few seconds, and at the end."""
    start = last = time.monotonic()
    say(f"{name}: {total:g} {unit}" if unit else name)

    def advance(done: float) -> None:
        nonlocal last
        now = time.monotonic()
        if now - last >= LINE_EVERY_S and 0 < done < total:
            last = now
            left_s = (now - start) * (total - done) / done
            share = f"{done:g} of {total:g} {unit}" if unit else f"{done / total:.0%}"
            say(f"{name}: {share}, {span(left_s)} left")

    yield advance
    say(f"{name}: done in {span(time.monotonic() - start)}")


class DownloadProgress:
    """Shows the downloads of one command; a :class:`imagineid.hub.download.DownloadListener`.

    Args:
        quiet: show errors only.
    """

    def __init__(self, quiet: bool = False) -> None:
        self._quiet = quiet
        self._bars: Progress | None = None
        self._tasks: dict[str, TaskID] = {}
        self._began: dict[str, tuple[float, int]] = {}
        self._last_line_s = 0.0

    def __enter__(self) -> DownloadProgress:
        """Start; nothing is shown before the first download."""
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Remove the bars."""
        if self._bars is not None:
            self._bars.stop()

    def line(self, text: str) -> None:
        """Print a message."""
        if not self._quiet:
            say(text)

    def at(self, name: str, done: int, total: int) -> None:
        """Show how many bytes of an item have been downloaded."""
        if self._quiet:
            return
        if sys.stderr.isatty():
            self._bar(name, done, total)
        else:
            self._lines(name, done, total)

    def _bar(self, name: str, done: int, total: int) -> None:
        from rich import progress
        from rich.console import Console

        if self._bars is None:
            self._bars = progress.Progress(
                progress.TextColumn("{task.description}", markup=False),
                progress.BarColumn(),
                progress.DownloadColumn(),
                progress.TransferSpeedColumn(),
                progress.TextColumn("left"),
                progress.TimeRemainingColumn(),
                console=Console(stderr=True),
            )
            self._bars.start()
        if name not in self._tasks:  # bytes of an earlier run do not count for the speed
            self._tasks[name] = self._bars.add_task(name, total=total, completed=done)
        self._bars.update(self._tasks[name], completed=done)

    def _lines(self, name: str, done: int, total: int) -> None:
        now = time.monotonic()
        if name not in self._began:
            self._began[name] = now, done
            self._last_line_s = now
            resumed = f", {size_text(done)} already downloaded" if 0 < done < total else ""
            if done < total:
                say(f"{name}: {size_text(total)} to download{resumed}")
            return
        if now - self._last_line_s < LINE_EVERY_S or done >= total:
            return
        self._last_line_s = now
        began, before = self._began[name]
        speed = max(done - before, 0) / (now - began)
        remaining = f", {span((total - done) / speed)} left" if speed else ""
        share = f"{size_text(done)} of {size_text(total)}"
        say(f"{name}: {share}, {size_text(speed)}/s{remaining}")
