"""Samplers: from noise to a clean latent along decreasing times, for any denoiser and backend.

``sample_*(denoise, x, times, schedule)``: what the network predicts is part of the schedule, see
:mod:`imagineid.ccf.schedule`. All functions work on numpy arrays and on torch tensors.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any, TypeVar

from imagineid.ccf.schedule import Schedule, schedule_of
from imagineid.spec import Size

A = TypeVar("A", bound=Any)


def sample_ddim(
    denoise: Callable[[A, float], A], x: A, times: Sequence[float], schedule: Schedule
) -> A:
    """Denoise ``x`` along ``times`` with deterministic DDIM (eta = 0), the paper's sampler.

    Args:
        denoise: maps (latent, time) to the schedule's prediction.
        x: starting noise, (B, c, h, w), unit variance.
        times: falling, as ``schedule.times(50)``.
        schedule: how latent, noise and prediction belong together.

    Returns:
        The latent at ``schedule.end``, shape and type of ``x``.

    Raises:
        ValueError: ``times`` is empty or does not fall.

    Source:
        Song et al. 2021, eq. 12. https://arxiv.org/abs/2010.02502
    """
    for now, then in _pairs(times, schedule.end):
        clean, noise = schedule.split(x, denoise(x, now), now)
        x = schedule.mix(clean, noise, then)
    return x


def sample_dpmpp_2m(
    denoise: Callable[[A, float], A], x: A, times: Sequence[float], schedule: Schedule
) -> A:
    """Denoise ``x`` along ``times`` with DPM-Solver++(2M), a second-order sampler for few steps.

    The last step ends clean, and is of first order, as is the first one.

    Args:
        denoise: maps (latent, time) to the schedule's prediction.
        x: starting noise, (B, c, h, w), unit variance.
        times: falling, as ``schedule.times(20)``.
        schedule: how latent, noise and prediction belong together.

    Returns:
        The clean latent, shape and type of ``x``.

    Raises:
        ValueError: ``times`` is empty or does not fall.

    Source:
        Lu et al. 2022, algorithm 2. https://arxiv.org/abs/2211.01095
    """
    before: A | None = None
    stride = math.inf
    for now, then in _pairs(times, schedule.end):
        clean, _ = schedule.split(x, denoise(x, now), now)
        if then == schedule.end:
            return clean
        signal, noise = schedule.levels(now)
        signal_then, noise_then = schedule.levels(then)
        ahead = _log_ratio(signal_then, noise_then) - _log_ratio(signal, noise)
        slope = 0.0 if before is None else ahead / (2 * stride)
        guess = clean if before is None else clean + slope * (clean - before)
        shrink = signal * noise_then / (noise * signal_then)  # exp(-ahead)
        x = noise_then / noise * x + signal_then * (1 - shrink) * guess
        before, stride = clean, ahead
    return x


def _pairs(times: Sequence[float], end: float) -> list[tuple[float, float]]:
    """Return each time with the one after it.

    Raises:
        ValueError: there is none, or they do not fall.
    """
    path = [*times, end]
    pairs = list(zip(path, path[1:], strict=False))
    if not pairs or any(then >= now for now, then in pairs):
        raise ValueError(f"times must fall towards {end}, not {list(times)}")
    return pairs


def _log_ratio(signal: float, noise: float) -> float:
    """Return log(signal / noise), minus infinity where there is no signal."""
    return math.log(signal / noise) if signal else -math.inf


def guided(
    conditional: Callable[[A, float], A],
    negative: Callable[[A, float], A],
    scale: float,
) -> Callable[[A, float], A]:
    """Return a denoiser under classifier-free guidance; ``scale`` 1 is the conditional alone.

    ``negative`` is the denoiser of the empty prompt, or of one to lead away from.

    Source:
        Ho and Salimans 2022, eq. 6. https://arxiv.org/abs/2207.12598
    """
    if scale == 1:
        return conditional

    def denoise(latent: A, time: float) -> A:
        start = negative(latent, time)
        out: A = start + scale * (conditional(latent, time) - start)
        return out

    return denoise


sample_euler = sample_ddim
"""Under a rectified flow DDIM is Euler's method."""

SAMPLERS: dict[str, Callable[..., Any]] = {
    "euler": sample_euler,
    "ddim": sample_ddim,
    "dpmpp-2m": sample_dpmpp_2m,
}
"""Samplers by name: ``sample(denoise, x, times, schedule)``."""


@dataclass(frozen=True)
class Sampling:
    """A sampler with its schedule and steps: from noise to a clean latent.

    Attributes:
        sampler: of :data:`SAMPLERS`.
        schedule: how latent, noise and prediction belong together.
        steps: how often the network is asked, if no times are left out.
        until: times below it are left out; the sampler goes from there to the clean latent that is
            expected, in one step.
        temperature: scale of the noise it starts from.
    """

    sampler: str
    schedule: Schedule
    steps: int
    until: float = 0.0
    temperature: float = 1.0

    @classmethod
    def of(cls, size: Size, steps: int, sampler: str | None = None) -> Sampling:
        """Return the sampling of a model of ``size``, by its usual sampler or another one."""
        return cls(sampler or size.sampler, schedule_of(size.schedule), steps)

    @classmethod
    def first(cls, size: Size, steps: int, sampler: str | None = None) -> Sampling:
        """Return the sampling of the first frame, see :attr:`imagineid.spec.Size.first_until`."""
        usual = cls.of(size, steps, sampler)
        return replace(usual, until=size.first_until, temperature=size.first_temperature)

    def __call__(self, denoise: Callable[[A, float], A], x: A) -> A:
        """Denoise ``x``, (B, c, h, w) of unit variance."""
        first, *others = self.schedule.times(self.steps)
        times = [first, *(time for time in others if time >= self.until)]
        out: A = SAMPLERS[self.sampler](denoise, self.temperature * x, times, self.schedule)
        return out
