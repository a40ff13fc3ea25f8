"""A stage of training: a name, its usual minutes, and what learns."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace

from torch import Tensor, nn

from imagineid.spec import Size
from imagineid_train.loop import Budget, Progress, train


@dataclass(frozen=True)
class Learning:
    """The parts of a stage.

    Attributes:
        modules: what learns, by the prefix its weights get in the checkpoint.
        loss: draws a batch and returns named terms; their sum is minimised.
        check: measures on held-out people, with the averaged weights in place.
        budget: rates and averages; its minutes are the stage's.
        check_every: steps between checks.
        progress: receives the stage's progress, for losses that begin late.
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

    Its checkpoint lies under ``<root>/<size>/<name>`` or, unless ``by_size``, ``<root>/<name>``, as
    those of the embedded model do: its PAD serves the other sizes, too.
    """

    name: str
    minutes: float
    build: Callable[[Size], Learning]
    by_size: bool = True

    def folder(self, size: Size) -> str:
        """Return the checkpoint's folder below the root."""
        return f"{size.name}/{self.name}" if self.by_size else self.name

    def run(self, size: Size, minutes: float | None = None, steps: int | None = None) -> None:
        """Train until the stage has had ``minutes`` in all, or ``steps``."""
        training = self.build(size)
        budget = replace(training.budget, minutes=minutes or self.minutes, steps=steps)
        train(
            self.folder(size),
            training.modules,
            training.loss,
            budget,
            training.check,
            training.check_every,
            training.progress,
        )


Step = Callable[[Size], None]
"""What ends by itself, between stages."""


@dataclass(frozen=True)
class Recipe:
    """How a kind of model is trained.

    Attributes:
        stages: what learns.
        steps: what ends by itself, by name.
        order: the names of both that are run in turn if none is named.
    """

    stages: tuple[Stage, ...]
    steps: dict[str, Step]
    order: tuple[str, ...]

    @property
    def names(self) -> tuple[str, ...]:
        """Every name there is: those in order, then the others."""
        known = (*self.order, *(stage.name for stage in self.stages), *self.steps)
        return tuple(dict.fromkeys(known))

    def run(self, size: Size, names: Sequence[str], minutes: float | None) -> None:
        """Run the stages and steps named, or all in order.

        Args:
            size: of the model.
            names: of :attr:`names`.
            minutes: of training in all; None: each stage's usual ones.

        Raises:
            ValueError: there is no such stage.
        """
        if unknown := [name for name in names if name not in self.names]:
            raise ValueError(
                f"no stage {unknown[0]} at {size.name}; there are {', '.join(self.names)}"
            )
        stages = {stage.name: stage for stage in self.stages}
        for name in names or self.order:
            if name in self.steps:
                self.steps[name](size)
            else:
                stages[name].run(size, minutes)
