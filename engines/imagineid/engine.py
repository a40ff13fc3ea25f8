"""The interface between the method and the backends that run its networks."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Protocol


class Engine(Protocol):
    """One loaded network: named arrays in, named arrays out, on its own device.

    It holds weights only; state between frames is passed in and out. The caller must not change an
    array after passing it, because an engine on a GPU may keep a copy of the last one. Several
    threads may call it.
    """

    def __call__(self, **inputs: Any) -> dict[str, Any]:
        """Run the network once; names and shapes of the arrays are those of its ports."""
        ...


Engines = Mapping[str, Engine]
"""Loaded networks by name."""

Opener = Callable[[str], Engine]
"""A function that loads a network of a model, given its name."""
