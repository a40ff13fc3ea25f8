"""Noise schedules: the relation between clean latent, noise and the network's prediction.

A latent at time ``t`` is ``signal(t) * clean + noise(t) * e``, with ``e`` of unit variance and
``t`` from 0 (clean) to 1 (noise only). What the network predicts is part of the schedule, so that
the training loss and the samplers cannot disagree. All functions take numpy arrays and torch
tensors.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path
from typing import Any, Protocol, TypeVar

import numpy as np

from imagineid.errors import BadWeights
from imagineid.json_files import read_json
from imagineid.spec import ScheduleConfig

A = TypeVar("A", bound=Any)


class Schedule(Protocol):
    """Interface of a noise schedule, for training and sampling.

    Attributes:
        end: the time after the last step, where sampling stops.
    """

    @property
    def end(self) -> float:
        """Return the time after the last step."""
        ...

    def levels(self, time: Any) -> tuple[Any, Any]:
        """Return (signal, noise), the shares of both in the latent at ``time``."""
        ...

    def mix(self, clean: A, noise: A, time: Any) -> A:
        """Return the latent at ``time``; ``time`` broadcasts against ``clean``."""
        ...

    def target(self, clean: A, noise: A, time: Any) -> A:
        """Return what the network should predict at ``time``; broadcasts."""
        ...

    def split(self, latent: A, prediction: A, time: Any) -> tuple[A, A]:
        """Return the (clean, noise) that ``prediction`` at ``time`` stands for; broadcasts."""
        ...

    def times(self, steps: int) -> list[float]:
        """Return ``steps`` decreasing times, at which a sampler evaluates the network.

        Raises:
            ValueError: the schedule does not support this number of steps.
        """
        ...


@dataclass(frozen=True, slots=True)
class Flow:
    """Rectified flow: a straight line from clean to noise; the network predicts its velocity.

    Source:
        Liu et al. 2022, https://arxiv.org/abs/2209.03003
    """

    end: float = 0.0

    def levels(self, time: Any) -> tuple[Any, Any]:
        """Return (1 - t, t)."""
        return 1 - time, time

    def mix(self, clean: A, noise: A, time: Any) -> A:
        """Return the latent at ``time``; ``time`` broadcasts against ``clean``."""
        out: A = (1 - time) * clean + time * noise
        return out

    def target(self, clean: A, noise: A, time: Any = None) -> A:
        """Return d latent / d time, which is the same at every ``time``."""
        out: A = noise - clean
        return out

    def split(self, latent: A, prediction: A, time: Any) -> tuple[A, A]:
        """Return the (clean, noise) that ``prediction`` at ``time`` stands for; broadcasts."""
        return latent - time * prediction, latent + (1 - time) * prediction

    def times(self, steps: int) -> list[float]:
        """Return ``steps`` falling times in (0, 1], the first 1.

        Raises:
            ValueError: ``steps`` is below 1.
        """
        if steps < 1:
            raise ValueError(f"steps must be 1 or more, not {steps}")
        return [1 - i / steps for i in range(steps)]


@dataclass(frozen=True, slots=True)
class Diffusion:
    """Discrete variance-preserving diffusion: the network predicts the noise, or v.

    The time of timestep ``k`` of ``config.train_steps`` is ``k / train_steps``, which the UNet
    turns back into the timestep. A negative time is the end: clean, or as clean as timestep 0 where
    ``config.set_alpha_to_one`` is false, as in Stable Diffusion 1.5.

    Source:
        Ho et al. 2020, https://arxiv.org/abs/2006.11239; v: Salimans and Ho 2022,
        https://arxiv.org/abs/2202.00512; spacings: Lin et al. 2023, table 2,
        https://arxiv.org/abs/2305.08891
    """

    config: ScheduleConfig

    @property
    def end(self) -> float:
        """Return the time after timestep 0."""
        return -1 / self.config.train_steps

    def levels(self, time: Any) -> tuple[Any, Any]:
        """Return (signal, noise): sqrt(alpha-bar) and sqrt(1 - alpha-bar) of the nearest timestep.

        A number gives two numbers, an array or tensor gives two like it.
        """
        alphas = alpha_bar(self.config)
        if isinstance(time, (int, float)):
            last = 1.0 if self.config.set_alpha_to_one else float(alphas[0])
            alpha = last if time < 0 else float(alphas[round(time * self.config.train_steps)])
            return alpha**0.5, (1 - alpha) ** 0.5
        index = (time * self.config.train_steps).round()
        if hasattr(time, "new_tensor"):  # torch
            alpha_bars = time.new_tensor(alphas)[index.long()]
        else:
            alpha_bars = alphas.astype(time.dtype)[index.astype(np.int64)]
        return alpha_bars**0.5, (1 - alpha_bars) ** 0.5

    def mix(self, clean: A, noise: A, time: Any) -> A:
        """Return the latent at ``time``; ``time`` broadcasts against ``clean``."""
        signal, level = self.levels(time)
        out: A = signal * clean + level * noise
        return out

    def target(self, clean: A, noise: A, time: Any) -> A:
        """Return the noise, or v = signal * noise - level * clean, with the noise's level."""
        if self.config.prediction == "epsilon":
            return noise
        signal, level = self.levels(time)
        out: A = signal * noise - level * clean
        return out

    def split(self, latent: A, prediction: A, time: Any) -> tuple[A, A]:
        """Return the (clean, noise) that ``prediction`` at ``time`` stands for; broadcasts."""
        signal, level = self.levels(time)
        if self.config.prediction == "epsilon":
            return (latent - level * prediction) / signal, prediction
        return (
            signal * latent - level * prediction,
            level * latent + signal * prediction,
        )

    def times(self, steps: int) -> list[float]:
        """Return ``steps`` falling times, spaced as the configuration says.

        Raises:
            ValueError: ``steps`` is below 1 or above ``config.train_steps``.
        """
        total = self.config.train_steps
        if not 1 <= steps <= total:
            raise ValueError(f"steps must be 1 to {total}, not {steps}")
        return [step / total for step in self.timesteps(steps)]

    def timesteps(self, steps: int) -> list[int]:
        """Return the falling timesteps of :meth:`times`, each in [0, ``train_steps``)."""
        total, spacing = self.config.train_steps, self.config.spacing
        if spacing == "trailing":
            timesteps = np.round(np.arange(total, 0, -total / steps))[:steps] - 1
        elif spacing == "linspace":
            timesteps = np.linspace(0, total - 1, steps).round()[::-1]
        else:
            rising = np.arange(steps) * (total // steps) + self.config.steps_offset
            timesteps = np.minimum(rising, total - 1)[::-1]
        return [int(timestep) for timestep in timesteps]


@cache
def alpha_bar(config: ScheduleConfig) -> np.ndarray:
    """Return the share of the clean latent's variance at each timestep, (train_steps,) float64."""
    first, last = config.betas
    if config.beta_schedule == "scaled_linear":
        betas = np.linspace(first**0.5, last**0.5, config.train_steps) ** 2
    else:
        betas = np.linspace(first, last, config.train_steps)
    return np.cumprod(1 - betas)


def schedule_of(config: ScheduleConfig) -> Flow | Diffusion:
    """Return the schedule that ``config`` describes."""
    return Flow() if config.prediction == "velocity" else Diffusion(config)


_FIELDS = {
    "num_train_timesteps": "train_steps",
    "beta_schedule": "beta_schedule",
    "prediction_type": "prediction",
    "timestep_spacing": "spacing",
    "steps_offset": "steps_offset",
    "set_alpha_to_one": "set_alpha_to_one",
}
"""Names in ``scheduler_config.json`` and the fields of :class:`ScheduleConfig` they fill."""

_DEFAULTS = {
    "num_train_timesteps": 1000,
    "beta_start": 0.0001,
    "beta_end": 0.02,
    "beta_schedule": "linear",
    "prediction_type": "epsilon",
    "timestep_spacing": "leading",
    "steps_offset": 0,
    "set_alpha_to_one": False,
}
"""Defaults of diffusers for missing entries."""


def read_scheduler_config(path: Path) -> ScheduleConfig:
    """Read a base's ``scheduler_config.json``, as diffusers writes it.

    Raises:
        BadWeights: the file is missing or damaged, or needs something that is not implemented.
    """
    remedy = "Check it:  imagineid weights verify"
    try:
        stored = read_json(path)
        entries = {**_DEFAULTS, **stored}
        betas = float(entries["beta_start"]), float(entries["beta_end"])
        fields = {field: entries[name] for name, field in _FIELDS.items()}
        config = replace(ScheduleConfig(), betas=betas, **fields)
        config.check()
    except (OSError, ValueError, TypeError) as error:
        raise BadWeights(f"{path} can't be used: {error}.\n{remedy}") from error
    unknown = [
        key
        for key in ("trained_betas", "rescale_betas_zero_snr", "thresholding", "clip_sample")
        if stored.get(key)
    ]
    if unknown:
        raise BadWeights(f"{path} needs {', '.join(unknown)}, which is not supported.\n{remedy}")
    return config
