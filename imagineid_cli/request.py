"""What was asked for: checked before anything is loaded, and repeated with ``--like``."""

from __future__ import annotations

from dataclasses import dataclass, fields, replace
from pathlib import Path
from typing import Any

from imagineid.errors import BadInput
from imagineid.spec import EMOTIONS

SEEDS = 2**32
"""Seeds are 0 to SEEDS - 1."""

STEPS = 200
"""The most denoising steps of a frame."""

GUIDANCE = 30.0
"""The largest guidance."""

PROMPT_CHARACTERS = 500
"""The longest prompt."""

CHAINS = 16
"""The most frames imagined together."""

PREVIEWS = 64
"""The most faces of one contact sheet."""


@dataclass(frozen=True)
class Wish:
    """What decides the picture, besides the voice; None is the model's default.

    Attributes:
        prompt: what the face shall look like.
        seed: decides all that chance decides; None: not chosen yet.
        steps: denoising steps of a frame.
        guidance: how strongly the prompt pulls; 1 is not at all.
        emotion: felt instead of what is heard; one of :data:`imagineid.spec.EMOTIONS`.
        strength: how much of that, 0 to 1; None is all.
        exact: whether the paper's algorithm is followed as it is written.
    """

    prompt: str | None = None
    seed: int | None = None
    steps: int | None = None
    guidance: float | None = None
    emotion: str | None = None
    strength: float | None = None
    exact: bool | None = None

    def check(self) -> None:
        """Check every range.

        Raises:
            BadInput: a number or the prompt is outside what a model takes.
        """
        _within("--seed", self.seed, 0, SEEDS - 1)
        _within("--steps", self.steps, 1, STEPS)
        _within("--guidance", self.guidance, 0, GUIDANCE)
        _within("--strength", self.strength, 0, 1)
        if self.emotion is not None and self.emotion not in EMOTIONS:
            raise BadInput(
                f"There is no emotion {self.emotion!r}.\nUse one of:  {', '.join(EMOTIONS)}"
            )
        prompt = self.prompt or ""
        if len(prompt) > PROMPT_CHARACTERS:
            raise BadInput(
                f"The prompt has {len(prompt)} characters, and {PROMPT_CHARACTERS} is the most.\n"
                f'Say it shorter:  --prompt "red hair, glasses"'
            )
        if any(not c.isprintable() for c in prompt):
            raise BadInput(
                "The prompt holds characters that can't be printed, such as a line break.\n"
                'Say it in one line:  --prompt "red hair, glasses"'
            )

    def over(self, other: Wish) -> Wish:
        """Take from ``other`` whatever was not said here."""
        said = {f.name: getattr(self, f.name) for f in fields(self)}
        return replace(other, **{name: value for name, value in said.items() if value is not None})


def chains_of(said: str) -> int | None:
    """Read ``--chains``: None for ``auto``.

    Raises:
        BadInput: it is neither that nor a number from 1 to CHAINS.
    """
    if said == "auto":
        return None
    if said.isdecimal() and 1 <= int(said) <= CHAINS:
        return int(said)
    raise BadInput(f"--chains {said} is neither auto nor 1 to {CHAINS}.\nTry:  --chains auto")


def _within(option: str, value: float | None, low: float, high: float) -> None:
    """Refuse a number outside [low, high], and NaN, which is in no range."""
    if value is not None and not low <= value <= high:
        raise BadInput(
            f"{option} {value} is outside {low:g} to {high:.10g}.\n"
            f"Leave it out, or try:  {option} 1"
        )


def wish_of(path: Path) -> tuple[Wish, dict[str, Any]]:
    """Read from a video of ours how it was made.

    Args:
        path: the video given to ``--like``.

    Returns:
        The wish that made it, and all of its metadata.

    Raises:
        BadInput: it is not a video of ours, or its metadata were tampered with.
    """
    from imagineid.video import read_metadata

    known = read_metadata(path)
    kinds: dict[str, type | tuple[type, ...]] = {
        "prompt": str,
        "seed": int,
        "steps": int,
        "guidance": (int, float),
        "emotion": str,
        "strength": (int, float),
        "exact": bool,
    }
    for name, kind in kinds.items():
        value = known.get(name)
        wrong = isinstance(value, bool) and kind is not bool
        if value is not None and (wrong or not isinstance(value, kind)):
            raise BadInput(
                f"{path} says {name} is {value!r}: it can't be repeated.\n"
                f"Say it yourself:  --prompt TEXT --seed N"
            )
    wish = Wish(**{name: known.get(name) for name in kinds})
    wish.check()
    return wish, known
