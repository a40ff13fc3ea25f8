"""Where the library reports what it does; the command line draws bars of it."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from typing import Protocol

Advance = Callable[[float], None]
"""A function that is called with how much of a stage's total is done."""


class Progress(Protocol):
    """A listener to long work."""

    def line(self, text: str) -> None:
        """Take a line about what was found or chosen."""

    def warn(self, text: str) -> None:
        """Take a line the user should not overlook."""

    def stage(self, name: str, total: float, unit: str) -> AbstractContextManager[Advance]:
        """Follow one stage of the work.

        Args:
            name: what is done, as "imagining".
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
