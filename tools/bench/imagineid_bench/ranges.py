"""What may be measured: ranges of the numbers of a plan, and how they are typed."""

from __future__ import annotations

from typing import TypeVar

from imagineid.backends import ENGINES
from imagineid.errors import BadInput

Number = TypeVar("Number", int, float)

SHORTEST_S, LONGEST_S = 0.2, 7200.0
"""Range of a length of sound, seconds."""

MOST_FRAMES = 1000
"""Most frames of Algorithm 1 as published: hours on a laptop."""


def parse_engines(text: str) -> tuple[str, ...] | None:
    """Parse ``--engines``: None for all that work here.

    Raises:
        BadInput: a backend is unknown.
    """
    if text == "all":
        return None
    named = tuple(dict.fromkeys(name.strip() for name in text.split(",")))
    if unknown := [name for name in named if name not in ENGINES[1:]]:
        known = ",".join(ENGINES[1:])
        raise BadInput(f"Unknown backend {unknown[0]!r}.\nUse:  --engines {known}")
    return named


def parse_numbers(
    option: str, text: str, kind: type[Number], least: Number, most: Number
) -> tuple[Number, ...]:
    """Parse a comma-separated list of numbers; "0" is an empty list.

    Raises:
        BadInput: it is not a list of numbers, or one is out of range.
    """
    if text.strip() == "0":
        return ()
    try:
        numbers = tuple(dict.fromkeys(kind(word) for word in text.split(",")))
    except ValueError:
        raise BadInput(
            f"{option} {text!r} is not a list of numbers.\nTry:  {option} {least:g},{2 * least:g}"
        ) from None
    for number in numbers:
        within(option, number, least, most)
    return numbers


def within(option: str, number: float, least: float, most: float) -> None:
    """Validate a number.

    Raises:
        BadInput: it is out of range.
    """
    if not least <= number <= most:  # NaN is in no range
        raise BadInput(
            f"{option} {number:g} is outside {least:g} to {most:g}.\nTry:  {option} {least:g}"
        )
