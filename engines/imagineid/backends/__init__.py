"""Engines: one loaded network each, behind one protocol; only this package knows which runs."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from imagineid.errors import BadInput

if TYPE_CHECKING:
    from typing import Any


class Engine(Protocol):
    """One loaded network: named arrays in, named arrays out, on its own device.

    It holds weights and nothing else: what goes from frame to frame is passed in and out.
    """

    def __call__(self, **inputs: Any) -> dict[str, Any]:
        """Run the network once on arrays named and shaped as its ports say."""
        ...


Opener = Callable[[Path], Engine]


def choose(engine: str) -> tuple[Opener, str]:
    """Return what opens a network's file, and one line that says what will run it.

    Args:
        engine: ``auto`` or ``onnx``.

    Raises:
        BadInput: there is no such engine.
        BackendMissing: its package is not installed.
    """
    if engine not in ("auto", "onnx"):
        raise BadInput(f"There is no engine called {engine!r}.\nUse:  --engine auto  or  onnx")
    from imagineid.backends import onnx

    return onnx.load, onnx.describe()
