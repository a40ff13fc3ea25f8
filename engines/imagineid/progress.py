"""The interface by which the library reports progress; the command line draws bars of it."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from typing import Protocol

Advance = Callable[[float], None]
"""A function that is called with how much of a stage's total is done."""


class Progress(Protocol):
    """A listener to long work."""

    def line(self, text: str) -> None:
        """Receive a line about a finding or a choice."""

    def warn(self, text: str) -> None:
        """Take a line the user should not overlook."""

    def stage(self, name: str, total: float, unit: str) -> AbstractContextManager[Advance]:
        """Follow one stage of the work.

        Args:
            name: the activity, such as "imagining".
            total: how much there is to do.
            unit: of what, as "frames"; "" for a share of the whole.
        """


class Silent:
    """A listener that shows nothing."""

    def line(self, text: str) -> None:
        """Show nothing."""

    def warn(self, text: str) -> None:
        """Show nothing."""

    @contextlib.contextmanager
    def stage(self, name: str, total: float, unit: str) -> Iterator[Advance]:
        """Show nothing."""
        yield lambda done: None


SILENT = Silent()

SHOWN_AFTER_S = 1.0
"""Seconds after which work that is usually quick is shown."""


@contextlib.contextmanager
def shown_when_slow(progress: Progress, name: str) -> Iterator[Advance]:
    """Follow a share of the whole, as a stage that is shown only if it takes a second."""
    with contextlib.ExitStack() as stack:
        started, advance = time.monotonic(), None

        def report(share: float) -> None:
            nonlocal advance
            if advance is None and time.monotonic() - started > SHOWN_AFTER_S:
                advance = stack.enter_context(progress.stage(name, 1.0, ""))
            if advance is not None:
                advance(share)

        yield report


def size_text(count: float) -> str:
    """Format a number of bytes: ``1.7 GB``, ``743 B``."""
    for unit in ("B", "kB", "MB"):
        if count < 1000:
            return f"{count:.0f} {unit}" if unit == "B" else f"{count:.1f} {unit}"
        count /= 1000
    return f"{count:.1f} GB"
