"""A job of the page: long work in a thread of its own, watched and cancelled from the page."""

from __future__ import annotations

import contextlib
import threading
import time
from collections.abc import Callable, Iterator
from typing import Generic, TypeVar

from imagineid.errors import ImagineIDError
from imagineid.progress import Advance

T = TypeVar("T")

LOOK_EVERY_S = 0.2
"""How often the page is told how far a job has come."""


class Cancelled(ImagineIDError):
    """The page asked the job to stop."""


class Watched:
    """A progress that the page can read, and by which it can stop the work."""

    def __init__(self) -> None:
        self.text, self.share = "", 0.0
        self._stop = threading.Event()

    def cancel(self) -> None:
        """Let the work end with :class:`Cancelled` the next time it reports progress."""
        self._stop.set()

    def line(self, text: str) -> None:
        """Receive a line about a finding or a choice."""
        self.text = text

    def warn(self, text: str) -> None:
        """Take a line the user should not overlook."""
        self.text = f"⚠ {text}"

    @contextlib.contextmanager
    def stage(self, name: str, total: float, unit: str) -> Iterator[Advance]:
        """Follow one stage of the work."""
        started = time.monotonic()

        def advance(done: float) -> None:
            if self._stop.is_set():
                raise Cancelled("Stopped.\nPress the button again.")
            self.share = done / total
            left_s = (time.monotonic() - started) * (total - done) / max(done, 1e-9)
            share = f"{done:g} of {total:g} {unit}" if unit else f"{self.share:.0%}"
            self.text = f"{name}: {share}, {_minutes(left_s)} left"

        if self._stop.is_set():
            raise Cancelled("Stopped.\nPress the button again.")
        self.share, self.text = 0.0, name
        yield advance


def _minutes(seconds: float) -> str:
    """Say a time as 0:42 or 12:05."""
    whole = round(seconds)
    return f"{whole // 60}:{whole % 60:02}"


class Job(Generic[T]):
    """Work that runs while the page waits.

    Args:
        work: what to do; it is given the progress to tell.
    """

    def __init__(self, work: Callable[[Watched], T]) -> None:
        self.progress = Watched()
        self._work = work
        self._result: T | None = None
        self._error: BaseException | None = None
        self._thread = threading.Thread(target=self._run, name="imagineid-studio", daemon=True)
        self._thread.start()

    def watched(self) -> Iterator[str]:
        """Yield how far it is, now and then, until it has ended."""
        while self._thread.is_alive():
            self._thread.join(LOOK_EVERY_S)
            yield f"{self.progress.text} ({self.progress.share:.0%})"

    def result(self) -> T:
        """Wait for the result.

        Raises:
            Cancelled: it was stopped.
            ImagineIDError: whatever the work raised.
        """
        self._thread.join()
        if self._error is not None:
            raise self._error
        assert self._result is not None
        return self._result

    def _run(self) -> None:
        try:
            self._result = self._work(self.progress)
        except BaseException as error:
            self._error = error
