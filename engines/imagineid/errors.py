"""Everything that can go wrong, as a tree.

::

    ImagineIDError              exit code 1
    ├── BadInput                2   what the user gave can't be used
    │   ├── BadSound            2   a recording that can't be read or heard
    │   └── BadOutput           2   a place that can't be written
    ├── BackendMissing          3   an engine whose package is not installed
    ├── NoGpu                  3   an engine that needs an NVIDIA card or driver that is not here
    ├── BadEngine               3   an engine or network that can't be built, or is stale or wrong
    ├── BadWeights              3   a weights file that is missing, corrupt or of another version
    ├── OutOfMemory             3   the memory is full
    ├── DownloadFailed          3   weights that no server gave as they must be
    └── SomeFailed              4   a batch in which some inputs failed

Each message says what happened and, on its last line, what to type next. Ctrl-C ends with 130.
"""

from __future__ import annotations

from typing import ClassVar


class ImagineIDError(Exception):
    """Base class of all errors; the command line prints its message without a traceback."""

    exit_code: ClassVar[int] = 1


class BadInput(ImagineIDError):
    """The user's input is invalid."""

    exit_code = 2


class BadSound(BadInput):
    """A recording can't be decoded, or contains no sound."""


class BadOutput(BadInput):
    """An output file can't be written."""


class BackendMissing(ImagineIDError):
    """The package of the requested backend is not installed."""

    exit_code = 3

    def __init__(self, backend: str, extra: str) -> None:
        super().__init__(
            f"The {backend} backend is not installed.\n"
            f"Install it:  pip install 'imagineid[{extra}]'"
        )


class NoGpu(ImagineIDError):
    """A backend needs an NVIDIA GPU or its driver, and there is none."""

    exit_code = 3


class BadEngine(ImagineIDError):
    """An engine or an exported network can't be built, or is missing, outdated or damaged."""

    exit_code = 3


class BadWeights(ImagineIDError):
    """A weights file is missing, corrupt, or made for another version."""

    exit_code = 3


class OutOfMemory(ImagineIDError):
    """The memory is full."""

    exit_code = 3

    def __init__(self, what: str = "this") -> None:
        super().__init__(
            f"There is not enough memory for {what}.\nClose something, then look:  free -h"
        )


class DownloadFailed(ImagineIDError):
    """No server provided a valid weights file."""

    exit_code = 3


class SomeFailed(ImagineIDError):
    """Some inputs of a batch failed; the other videos were made."""

    exit_code = 4
