"""Signals: the first ends the command through every ``finally``, and later ones change nothing.

Python would raise ``KeyboardInterrupt`` again for a second Ctrl-C, in the middle of cleaning up,
and end without any when a terminal is closed. So each signal that asks for an end is taken once.
"""

from __future__ import annotations

import contextlib
import multiprocessing
import os
import signal
import sys
import threading
from collections.abc import Callable, Iterator
from typing import Any, NoReturn

from imagineid.files import remove_parts

ENDING = tuple(
    number
    for name in ("SIGINT", "SIGTERM", "SIGHUP", "SIGQUIT", "SIGUSR1", "SIGUSR2", "SIGABRT")
    if (number := getattr(signal, name, None)) is not None
)
"""What ends a command."""

TERMINAL = tuple(
    number
    for name in ("SIGINT", "SIGQUIT", "SIGHUP")
    if (number := getattr(signal, name, None)) is not None
)
"""What a terminal sends to every process at once; workers leave it to their parent."""

GRACE_S = 8.0
"""What cleaning up may take; then the process ends with what is cleaned until then."""


AGAIN_S = 0.02
"""After so many seconds a signal that was lost in a destructor is sent again."""

_timers: list[threading.Timer] = []


class Stopped(SystemExit):
    """A signal requested the end."""


def install() -> None:
    """Handle the signals of :data:`ENDING`, except for those that the parent process ignores."""
    for number in ENDING:
        if signal.getsignal(number) is not signal.SIG_IGN:  # as nohup does
            signal.signal(number, _stop)
    sys.unraisablehook = _send_again_unless(sys.unraisablehook)


def _send_again_unless(usual: Callable[[Any], object]) -> Callable[[Any], object]:
    """Return a hook for errors raised in a destructor, where Python would drop them.

    A signal may come there, as anywhere; it is sent again when the destructor has ended.
    """

    def hook(unraised: Any) -> None:
        stopped = unraised.exc_value
        if not isinstance(stopped, Stopped):
            usual(unraised)
            return
        number = int(str(stopped.code)) - 128
        signal.signal(number, _stop)
        timer = threading.Timer(AGAIN_S, os.kill, (os.getpid(), number))
        timer.daemon = True
        timer.start()

    return hook


def _stop(number: int, _frame: object) -> NoReturn:
    """End, through every ``finally``, and at the latest when the grace is over."""
    for each in ENDING:
        signal.signal(each, signal.SIG_IGN)
    end_after(GRACE_S, 128 + number)
    raise Stopped(128 + number)


def end_after(seconds: float, code: int) -> None:
    """End this process after this many seconds, even if it is busy."""
    timer = threading.Timer(seconds, end_now, (code,))
    timer.daemon = True
    timer.start()
    _timers.append(timer)


def stopped_on_purpose() -> None:
    """Continue after a signal that was the usual way to end some work, such as live pictures."""
    while _timers:
        _timers.pop().cancel()
    for number in ENDING:
        signal.signal(number, _stop)


def end_now(code: int) -> NoReturn:
    """End this process without waiting for a thread; nothing half-written stays."""
    remove_parts()
    os._exit(code)


@contextlib.contextmanager
def hidden_from_children() -> Iterator[None]:
    """Start processes in this block that ignore the terminal's signals."""
    if not hasattr(signal, "pthread_sigmask"):  # Windows
        yield
        return
    from multiprocessing import resource_tracker

    resource_tracker.ensure_running()  # started within the block, it would unblock them
    before = signal.pthread_sigmask(signal.SIG_BLOCK, TERMINAL)
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def end_with_parent() -> None:
    """End this worker when its parent ends, however that ends."""

    def watch() -> None:
        parent = multiprocessing.parent_process()
        if parent is not None:
            parent.join()
            os.kill(os.getpid(), signal.SIGTERM)

    threading.Thread(target=watch, name="imagineid-parent", daemon=True).start()
