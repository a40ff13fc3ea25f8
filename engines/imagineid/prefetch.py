"""Prefetching: an iterator that runs in its own thread, a few items ahead."""

from __future__ import annotations

import contextlib
import queue
import threading
from collections.abc import Iterable, Iterator
from types import TracebackType
from typing import Generic, TypeVar

T = TypeVar("T")

LOOK_EVERY_S = 0.1
"""Interval at which a waiting thread checks whether to stop, seconds."""


class _End:
    """Marks the end of the items, with the error of the source, if any."""

    def __init__(self, error: BaseException | None) -> None:
        self.error = error


class Prefetch(Generic[T]):
    """Run an iterator ahead in a thread, while a ``with`` block takes its items in order.

    The thread waits once ``depth`` items are ready, so memory is bounded. An error of the source
    is raised where its item would have come. When the block ends, in whatever way, the source is
    closed in its own thread and the thread has ended.

    Args:
        source: what to run; if it is a generator, its ``finally`` blocks run in the thread.
        depth: the most items that may wait.
    """

    def __init__(self, source: Iterable[T], depth: int) -> None:
        self._source = source
        self._ready: queue.Queue[T | _End] = queue.Queue(depth)
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._work, name="imagineid-ahead", daemon=True)

    def __enter__(self) -> Prefetch[T]:
        self._thread.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._stop.set()
        self._thread.join()

    def __iter__(self) -> Iterator[T]:
        return self

    def __next__(self) -> T:
        item = self._ready.get()
        if isinstance(item, _End):
            self._ready.put(item)  # further calls get the same result
            raise item.error or StopIteration
        return item

    def _work(self) -> None:
        """Fill the queue until the source or the block ends."""
        error: BaseException | None = None
        try:
            for item in self._source:
                if not self._offer(item):
                    break
        except BaseException as raised:
            error = raised
        with contextlib.suppress(Exception):
            getattr(self._source, "close", lambda: None)()
        self._offer(_End(error))

    def _offer(self, item: T | _End) -> bool:
        """Wait for space in the queue; False if the block has ended."""
        while not self._stop.is_set():
            with contextlib.suppress(queue.Full):
                self._ready.put(item, timeout=LOOK_EVERY_S)
                return True
        return False
