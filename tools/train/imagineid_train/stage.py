"""A stage of training: a name, its usual minutes, and what learns."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace

from torch import Tensor, nn

from imagineid.spec import Size
from imagineid_train.loop import Budget, Progress, train


@dataclass(frozen=True)
class Learning:
    """What a stage is made of.

    Attributes:
        modules: what learns, by the prefix its weights get in the checkpoint.
        loss: draws a batch and returns named terms; their sum is minimised.
        check: measures on held-out people, with the averaged weights in place.
        budget: rates and averages; its minutes are the stage's.
        check_every: steps between checks.
        progress: told how far the stage is, for losses that begin late.
    """

    modules: dict[str, nn.Module]
    loss: Callable[[], dict[str, Tensor]]
    check: Callable[[], dict[str, float]] | None = None
    budget: Budget = field(default_factory=lambda: Budget(0))
    check_every: int = 500
    progress: Progress | None = None


@dataclass(frozen=True)
class Stage:
    """One stage; ``build`` makes its modules and loss for a size.

    Its checkpoint lies under ``<root>/<size>/<name>``.
    """

    name: str
    minutes: float
    build: Callable[[Size], Learning]

    def folder(self, size: Size) -> str:
        """Return the checkpoint's folder below the root."""
        return f"{size.name}/{self.name}"

    def run(self, size: Size, minutes: float | None = None, steps: int | None = None) -> None:
        """Train until the stage has had ``minutes`` in all, or ``steps``."""
        made = self.build(size)
        budget = replace(made.budget, minutes=minutes or self.minutes, steps=steps)
        train(
            self.folder(size),
            made.modules,
            made.loss,
            budget,
            made.check,
            made.check_every,
            made.progress,
        )
