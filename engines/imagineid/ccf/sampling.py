"""One schedule and one sampler, for training and for every backend.

A latent at time ``t`` is ``signal(t) * clean + noise(t) * e``, with ``e`` of unit variance and
``t`` from 0 (clean) to 1 (noise only). What the network predicts is part of the schedule, so that
the loss and the sampler can't disagree. All functions work on numpy arrays and on torch tensors.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

A = TypeVar("A", bound=Any)


@dataclass(frozen=True, slots=True)
class Flow:
    """Rectified flow: a straight line from clean to noise; the network predicts its velocity.

    Source:
        Liu et al. 2022, https://arxiv.org/abs/2209.03003
    """

    def mix(self, clean: A, noise: A, time: Any) -> A:
        """Return the latent at ``time``; ``time`` broadcasts against ``clean``."""
        out: A = (1 - time) * clean + time * noise
        return out

    def target(self, clean: A, noise: A) -> A:
        """Return what the network should predict: d latent / d time."""
        out: A = noise - clean
        return out

    def split(self, latent: A, prediction: A, time: Any) -> tuple[A, A]:
        """Return the (clean, noise) that ``prediction`` at ``time`` stands for; broadcasts."""
        return latent - time * prediction, latent + (1 - time) * prediction


def times(steps: int) -> list[float]:
    """Return ``steps`` falling times in (0, 1], the first 1: where the network is asked.

    Raises:
        ValueError: ``steps`` is below 1.
    """
    if steps < 1:
        raise ValueError(f"steps must be 1 or more, not {steps}")
    return [1 - i / steps for i in range(steps)]


def ddim(
    denoise: Callable[[A, float], A], noise: A, at: Sequence[float], schedule: Flow | None = None
) -> A:
    """Denoise deterministically (DDIM, eta = 0; for :class:`Flow` this is Euler's method).

    Args:
        denoise: maps (latent, time) to the schedule's prediction; any backend.
        noise: starting noise, (B, c, h, w), unit variance.
        at: falling times in (0, 1], see :func:`times`.
        schedule: how latents, noise and predictions belong together.

    Returns:
        The clean latent, shape and type of ``noise``.

    Raises:
        ValueError: ``at`` is empty or does not fall.

    Source:
        Song et al. 2021, eq. 12. https://arxiv.org/abs/2010.02502
    """
    path = [*at, 0.0]
    if len(path) < 2 or any(b >= a for a, b in zip(path, path[1:], strict=False)):
        raise ValueError(f"times must fall from 1 towards 0, not {list(at)}")
    rule = schedule or Flow()
    latent = noise
    for now, then in zip(path, path[1:], strict=False):
        clean, left = rule.split(latent, denoise(latent, now), now)
        latent = rule.mix(clean, left, then)
    return latent


def guided(
    conditional: Callable[[A, float], A],
    unconditional: Callable[[A, float], A],
    scale: float,
) -> Callable[[A, float], A]:
    """Return a denoiser under classifier-free guidance; ``scale`` 1 is the conditional alone.

    Source:
        Ho and Salimans 2022, eq. 6. https://arxiv.org/abs/2207.12598
    """
    if scale == 1:
        return conditional

    def denoise(latent: A, time: float) -> A:
        away = unconditional(latent, time)
        out: A = away + scale * (conditional(latent, time) - away)
        return out

    return denoise
