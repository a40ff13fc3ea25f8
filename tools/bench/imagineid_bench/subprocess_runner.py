"""A process of its own for each thing measured, so that none leaves memory to the next."""

from __future__ import annotations

import contextlib
import multiprocessing
import signal
import time
import traceback
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any, TypeVar

from imagineid.errors import ImagineIDError

T = TypeVar("T")
OnProgress = Callable[[float], None]
"""Called with how much is done so far."""


@dataclass(frozen=True)
class Setting:
    """What is measured.

    Attributes:
        audio: the recording. video: where a video may go.
        model, engine: as they are typed.
        chains: stretches imagined side by side; None for the usual one.
        frames: of Algorithm 1 as written. steps: of it, and of what the default is compared with.
        seed: of face and motion.
        began_s: when the process was started, on the monotonic clock.
    """

    audio: Path
    video: Path
    model: str = "mini"
    engine: str = "auto"
    chains: int | None = None
    frames: int = 0
    steps: int = 50
    seed: int = 0
    began_s: float = 0.0


Work = Callable[[Setting, OnProgress], T]
"""A function of a module, so that another process finds it."""


def run_in_subprocess(work: Work[T], setting: Setting, tell: OnProgress) -> T:
    """Run ``work`` in a new process and return what it returns.

    Raises:
        ImagineIDError: whatever of it the work raised.
        RuntimeError: the work raised something else, or its process was killed.
    """
    context = multiprocessing.get_context("spawn")
    ours, theirs = context.Pipe(duplex=False)
    with _no_interrupt():
        begun = replace(setting, began_s=time.monotonic())
        child = context.Process(target=_child, args=(theirs, work, begun), daemon=True)
        child.start()
    theirs.close()
    try:
        while True:
            kind, message = ours.recv()
            if kind == "done":
                tell(message)
            elif kind == "made":
                result: T = message
                return result
            elif kind == "bug":
                what, where = message
                raise RuntimeError(what) from RuntimeError(where)
            else:
                raise _again(*message)
    except EOFError:
        child.join()
        raise RuntimeError(f"the process that measured was ended with {child.exitcode}") from None
    finally:
        child.terminate()
        child.join()
        ours.close()


@contextlib.contextmanager
def _no_interrupt() -> Iterator[None]:
    """Start a process that Ctrl-C does not reach: this one ends it, and without a traceback."""
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def _child(parent: Connection, work: Work[Any], setting: Setting) -> None:
    """Run in the new process."""
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    message: tuple[str, Any]
    try:
        message = "made", work(setting, lambda done: parent.send(("done", done)))
    except ImagineIDError as error:
        message = "error", (type(error), str(error))
    except Exception as error:
        message = "bug", (f"{type(error).__name__}: {error}", traceback.format_exc())
    with contextlib.suppress(BrokenPipeError):
        parent.send(message)


def _again(kind: type[ImagineIDError], message: str) -> ImagineIDError:
    """Rebuild an error: some of ours are constructed from more than their message."""
    error = kind.__new__(kind)
    Exception.__init__(error, message)
    return error
