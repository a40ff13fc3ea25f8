"""An iterator in a thread of its own."""

from __future__ import annotations

import threading
from collections.abc import Iterator

import pytest

from imagineid.prefetch import Prefetch


def threads() -> list[str]:
    return [t.name for t in threading.enumerate() if t.name == "imagineid-ahead"]


class Source:
    """Counts up; records the items produced, their thread, and whether it was closed."""

    def __init__(self, stop: int, fail: bool = False) -> None:
        self.produced, self.closed, self.where = 0, False, ""
        self._stop, self._fail = stop, fail

    def __iter__(self) -> Iterator[int]:
        self.where = threading.current_thread().name
        try:
            for i in range(self._stop):
                self.produced += 1
                yield i
            if self._fail:
                raise ZeroDivisionError("at the end")
        finally:
            self.closed = True


def test_items_come_in_order_from_another_thread() -> None:
    source = Source(100)
    with Prefetch(iter(source), depth=3) as ready:
        assert list(ready) == list(range(100))
        assert list(ready) == []
    assert source.where == "imagineid-ahead"
    assert threads() == []


def test_it_runs_ahead_only_so_far() -> None:
    source = Source(100)
    with Prefetch(iter(source), depth=3) as ready:
        assert next(ready) == 0
        for _ in range(100):
            if source.produced == 5:
                break
            threading.Event().wait(0.02)
        threading.Event().wait(0.1)
        assert source.produced == 5, "one taken, three waiting, one in hand"


def test_an_error_comes_where_its_item_would_have_come() -> None:
    items: list[int] = []
    with Prefetch(iter(Source(3, fail=True)), depth=1) as ready:
        with pytest.raises(ZeroDivisionError):
            items.extend(ready)
        with pytest.raises(ZeroDivisionError):
            next(ready)
    assert items == [0, 1, 2]
    assert threads() == []


def stopped(source: Source) -> None:
    with Prefetch(iter(source), depth=2) as ready:
        next(ready)
        raise KeyboardInterrupt


def test_a_block_that_is_stopped_leaves_no_thread_and_closes_its_source() -> None:
    source = Source(10**9)
    with pytest.raises(KeyboardInterrupt):
        stopped(source)
    assert source.closed
    assert threads() == []


def test_one_inside_another_ends_with_it() -> None:
    inner = Source(10**9)

    def doubled() -> Iterator[int]:
        with Prefetch(iter(inner), depth=2) as ready:
            for item in ready:
                yield 2 * item

    with Prefetch(doubled(), depth=2) as ready:
        assert [next(ready) for _ in range(3)] == [0, 2, 4]
    assert inner.closed
    assert threads() == []
