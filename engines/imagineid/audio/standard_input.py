"""A recording from standard input: it is read twice, so it is put into a temporary file first."""

from __future__ import annotations

import contextlib
import shutil
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

from imagineid.errors import BadOutput, BadSound

NAME = Path("-")
"""How standard input is named."""


@contextlib.contextmanager
def named(audio: Path) -> Iterator[Path]:
    """Return a recording's file; for ``-``, a temporary one with all of standard input.

    Raises:
        BadSound: standard input is closed or a terminal.
        BadOutput: there is no room for the temporary file.
    """
    if audio != NAME:
        yield audio
        return
    if sys.stdin is None or sys.stdin.isatty():
        raise BadSound(
            "Standard input is no recording.\n"
            "Pipe one in:  imagineid generate - -o OUT.mp4 < SPEECH.wav"
        )
    with tempfile.TemporaryDirectory(prefix="imagineid-") as folder:
        path = Path(folder) / "standard-input"
        try:
            with path.open("wb") as file:
                shutil.copyfileobj(sys.stdin.buffer, file)
        except OSError as error:
            raise BadOutput(
                f"No space for a temporary file in {tempfile.gettempdir()}: {error.strerror}.\n"
                "Name another folder:  TMPDIR=FOLDER imagineid generate - -o OUT.mp4"
            ) from error
        yield path
