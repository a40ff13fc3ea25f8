"""Text on its way out: escaped where it could steer a terminal, written where it can be."""

from __future__ import annotations

import codecs
import contextlib
import io
import os
import re
import sys
import unicodedata
from typing import TextIO

ERRORS = "imagineid"
"""Name of the codec error handler: bytes of a file's name as they are, the rest escaped."""

_COLOUR = re.compile(r"(\x1b\[[0-9;]*m)")
_BIDI = "\u061c\u200e\u200f\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069"


def printable(text: str) -> str:
    r"""Escape unsafe characters: control characters, direction marks, broken bytes.

    Args:
        text: which may hold names, metadata or messages from anywhere.

    Returns:
        The text, lines and tabs kept, ``\x1b`` and the like written out.
    """
    if text.isprintable():
        return text
    return "".join(c if _is_plain(c) else _escaped(c) for c in text)


def _is_plain(c: str) -> bool:
    kinds = ("Cc", "Cs", "Zl", "Zp")
    return c in "\n\t" or (unicodedata.category(c) not in kinds and c not in _BIDI)


def _escaped(c: str) -> str:
    if "\udc80" <= c <= "\udcff":  # a byte that is not UTF-8, as Python holds it in a name
        return f"\\x{ord(c) - 0xDC00:02x}"
    return c.encode("unicode_escape", "backslashreplace").decode("ascii")


def prepare_streams() -> None:
    """Let no name fail to be printed, and no stream that is closed fail the command."""
    codecs.register_error(ERRORS, _encode_somehow)
    _ignore_impossible_widths()
    _fill_closed_numbers()
    _keep_stdout_for_results()
    for name in ("stdout", "stderr"):
        stream = getattr(sys, name)
        if stream is None and name == "stderr":
            sys.stderr = _nowhere()
        elif hasattr(stream, "reconfigure"):
            stream.reconfigure(errors=ERRORS)


def _ignore_impossible_widths() -> None:
    """Forget a width of the terminal that nothing could be printed in."""
    width = os.environ.get("COLUMNS", "80").strip()
    if not (width.isdecimal() and width.strip("0")):
        del os.environ["COLUMNS"]


class _Terminal(io.TextIOWrapper):
    """Standard output on a terminal: colours pass, all other control sequences are escaped."""

    def write(self, text: str) -> int:
        parts = _COLOUR.split(text)
        return super().write("".join(p if _COLOUR.fullmatch(p) else printable(p) for p in parts))


def _fill_closed_numbers() -> None:
    """Let no video be opened under the number of a standard stream that is closed."""
    for number in range(3):
        try:
            os.fstat(number)
        except OSError:
            os.open(os.devnull, os.O_RDWR)  # gets the lowest number that is free


def _keep_stdout_for_results() -> None:
    """Send to standard error what libraries print by themselves to standard output."""
    with contextlib.suppress(OSError, ValueError, AttributeError):  # closed, or no real file
        sys.stdout.flush()
        real = os.dup(sys.stdout.fileno())
        os.dup2(2, 1)
        raw = open(real, "wb")
        coding, live = sys.stdout.encoding, os.isatty(real)
        kind = _Terminal if live else io.TextIOWrapper
        sys.stdout = kind(raw, coding, line_buffering=live)


def give_up_stderr() -> None:
    """Say nothing more: standard error is full or gone, and the video is worth more."""
    sys.stderr = _nowhere()


def flush_results() -> bool:
    """Return whether all of standard output could be written."""
    if sys.stdout is None:
        return True
    try:
        sys.stdout.flush()
    except BrokenPipeError:  # the reader closed the pipe, as head does
        drop_stdout()
    except (OSError, ValueError):
        drop_stdout()
        return False
    return True


def drop_stdout() -> None:
    """Keep Python from writing once more when it ends."""
    with contextlib.suppress(OSError, ValueError):
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def _nowhere() -> TextIO:
    return open(os.devnull, "w", encoding="utf-8")


def _encode_somehow(error: UnicodeError) -> tuple[bytes, int]:
    """Encode characters that the stream's encoding can't represent."""
    if not isinstance(error, UnicodeEncodeError):
        raise error
    encoded = b"".join(
        bytes([ord(c) - 0xDC00]) if "\udc80" <= c <= "\udcff" else _escaped(c).encode("ascii")
        for c in error.object[error.start : error.end]
    )
    return encoded, error.end
