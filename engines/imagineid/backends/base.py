"""The interface of a backend: one way to run a model's networks."""

from __future__ import annotations

import importlib
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from imagineid.engine import Opener
    from imagineid.models import Model


@dataclass(frozen=True)
class Options:
    """Options a user may set beside the backend.

    Attributes:
        attention: how torch's UNet attends, one of :data:`imagineid.backends.ATTENTION`.
    """

    attention: str = "auto"


class Backend(Protocol):
    """One way to run networks."""

    @property
    def name(self) -> str:
        """What the user calls it."""
        ...

    def available(self, model: Model) -> bool:
        """Return whether ``auto`` may choose it for this model on this machine."""
        ...

    def open(self, model: Model, options: Options) -> tuple[Opener, str]:
        """Return what opens the model's networks, and one line that says what will run them.

        Raises:
            BackendMissing, NoGpu: a package, driver or GPU is missing.
            BadEngine, BadWeights: a file it needs is missing, stale or damaged.
        """
        ...


@dataclass(frozen=True)
class LazyBackend:
    """A backend whose module is imported when it is used, as the command line starts without it.

    Attributes:
        name: what the user calls it.
        module: below ``imagineid.backends``; its ``backend(name)`` returns the backend.
        exported: whether ``imagineid export`` writes files for it.
    """

    name: str
    module: str
    exported: bool = False

    def available(self, model: Model) -> bool:
        """Return whether ``auto`` may choose it; see :class:`Backend`."""
        return self._load().available(model)

    def open(self, model: Model, options: Options) -> tuple[Opener, str]:
        """Return what opens networks; see :class:`Backend`."""
        return self._load().open(model, options)

    def _load(self) -> Backend:
        module = importlib.import_module(f"imagineid.backends.{self.module}")
        found: Backend = module.backend(self.name)
        return found
