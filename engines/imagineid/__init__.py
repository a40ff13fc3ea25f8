"""imagineid: a talking face imagined from a voice.

::

    import imagineid

    pipe = imagineid.load()
    imagineid.render(pipe, "speech.wav", "out.mp4", imagineid.Request(prompt="red hair", seed=7))

:mod:`imagineid.errors` draws the tree of everything that can go wrong.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any

__version__ = "0.2.0"

# onnxruntime >= 1.29 reports to its makers unless told not to, from the moment it is imported.
# Users' voices are private. A user's own setting is respected.
os.environ.setdefault("ORT_DISABLE_TELEMETRY", "1")

if TYPE_CHECKING:
    from imagineid import errors
    from imagineid.cache import Cache
    from imagineid.pipeline import Pipeline, load
    from imagineid.rendering import Rendered, render
    from imagineid.request import Request

_WHERE = {
    "Cache": "imagineid.cache",
    "Pipeline": "imagineid.pipeline",
    "Rendered": "imagineid.rendering",
    "Request": "imagineid.request",
    "load": "imagineid.pipeline",
    "render": "imagineid.rendering",
}
"""What is handed out here, and its module: imported when asked for, so that a command line that
only prints its help imports neither numpy nor onnxruntime."""

__all__ = [
    "Cache",
    "Pipeline",
    "Rendered",
    "Request",
    "__version__",
    "errors",
    "load",
    "render",
]


def __getattr__(name: str) -> Any:
    """Import an exported name on first use."""
    from importlib import import_module

    if name == "errors":
        return import_module("imagineid.errors")
    if name not in _WHERE:
        raise AttributeError(f"module 'imagineid' has no attribute {name!r}")
    return getattr(import_module(_WHERE[name]), name)


def __dir__() -> list[str]:
    """List the exported names."""
    return sorted(__all__)
