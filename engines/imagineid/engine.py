"""The seam between the method and what runs its networks."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Protocol


class Engine(Protocol):
    """One loaded network: named arrays in, named arrays out, on its own device.

    It holds weights and nothing else: what goes from frame to frame is passed in and out. An array
    passed in is not written to afterwards: an engine on a card keeps the last one there. Several
    threads may call it.
    """

    def __call__(self, **inputs: Any) -> dict[str, Any]:
        """Run the network once on arrays named and shaped as its ports say."""
        ...


Engines = Mapping[str, Engine]
"""Loaded networks by the names of their ports."""

Opener = Callable[[str], Engine]
"""Opens a model's network by the name of its ports."""
