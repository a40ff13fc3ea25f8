"""Noise schedules and samplers, held to diffusers' schedulers."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from diffusers import DDIMScheduler, DPMSolverMultistepScheduler

from imagineid.ccf.sampling import sample_ddim, sample_dpmpp_2m
from imagineid.ccf.schedule import (
    Diffusion,
    Flow,
    Schedule,
    alpha_bar,
    read_scheduler_config,
    schedule_of,
)
from imagineid.errors import BadWeights
from imagineid.spec import MINI, SD15, ScheduleConfig

SD15_FILE = {
    "_class_name": "PNDMScheduler",
    "_diffusers_version": "0.6.0",
    "beta_end": 0.012,
    "beta_schedule": "scaled_linear",
    "beta_start": 0.00085,
    "num_train_timesteps": 1000,
    "set_alpha_to_one": False,
    "skip_prk_steps": True,
    "steps_offset": 1,
    "trained_betas": None,
    "clip_sample": False,
}
"""Stable Diffusion 1.5's own ``scheduler_config.json``."""

EPSILON = SD15.schedule
V = replace(EPSILON, prediction="v_prediction", spacing="trailing")
RNG = np.random.default_rng(0)


def network(latent: Any, time: float) -> Any:
    """A smooth stand-in for a UNet: numbers about one, other ones for each time."""
    tanh: Callable[[Any], Any] = torch.tanh if isinstance(latent, torch.Tensor) else np.tanh
    return tanh(latent + 0.3 * time) + 0.2 * latent


def reference(kind: type, config: ScheduleConfig, **more: Any) -> Any:
    """Diffusers' scheduler of the same numbers."""
    numbers = {
        "num_train_timesteps": config.train_steps,
        "beta_start": config.betas[0],
        "beta_end": config.betas[1],
        "beta_schedule": config.beta_schedule,
        "prediction_type": config.prediction,
        "timestep_spacing": config.spacing,
        "steps_offset": config.steps_offset,
    }
    return kind(**numbers, **more)


def run_reference(scheduler: Any, x: torch.Tensor) -> torch.Tensor:
    for step in scheduler.timesteps:
        prediction = network(x, float(step) / scheduler.config.num_train_timesteps)
        x = scheduler.step(prediction, step, x).prev_sample
    return x


def far(a: torch.Tensor, b: torch.Tensor) -> float:
    return float((a - b).abs().max())


@pytest.mark.parametrize("config", [EPSILON, V], ids=["epsilon", "v"])
@pytest.mark.parametrize("steps", [1, 4, 20, 50])
@pytest.mark.parametrize("to_one", [False, True], ids=["ends at 0", "ends clean"])
def test_ddim_is_that_of_diffusers(config: ScheduleConfig, steps: int, to_one: bool) -> None:
    config = replace(config, set_alpha_to_one=to_one)
    scheduler = reference(DDIMScheduler, config, set_alpha_to_one=to_one, clip_sample=False)
    scheduler.set_timesteps(steps)
    schedule = Diffusion(config)
    assert schedule.timesteps(steps) == scheduler.timesteps.tolist()
    x = torch.from_numpy(RNG.standard_normal((2, 4, 8, 8))).float()
    ours = sample_ddim(network, x, schedule.times(steps), schedule)
    assert far(ours, run_reference(scheduler, x)) < 1e-3


@pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")  # diffusers'
@pytest.mark.parametrize("config", [EPSILON, V], ids=["epsilon", "v"])
@pytest.mark.parametrize("steps", [1, 2, 8, 20])
def test_dpm_solver_is_that_of_diffusers(config: ScheduleConfig, steps: int) -> None:
    schedule = Diffusion(config)
    scheduler = reference(DPMSolverMultistepScheduler, config)
    scheduler.set_timesteps(timesteps=schedule.timesteps(steps))
    x = torch.from_numpy(RNG.standard_normal((2, 4, 8, 8))).float()
    ours = sample_dpmpp_2m(network, x, schedule.times(steps), schedule)
    assert far(ours, run_reference(scheduler, x)) < 1e-3


@pytest.mark.parametrize("spacing", ["leading", "trailing", "linspace"])
@pytest.mark.parametrize("steps", [1, 7, 50, 999])
def test_timesteps_are_spaced_as_diffusers_spaces_them(spacing: Any, steps: int) -> None:
    config = replace(EPSILON, spacing=spacing, steps_offset=0)
    scheduler = reference(DDIMScheduler, config)
    scheduler.set_timesteps(steps)
    assert Diffusion(config).timesteps(steps) == scheduler.timesteps.tolist()


def test_noised_latents_and_targets_are_those_of_diffusers() -> None:
    clean, noise = torch.randn(2, 3, 4, 8, 8, generator=torch.Generator().manual_seed(0))
    step = torch.tensor([0, 499, 999])
    time = (step / 1000).view(-1, 1, 1, 1)
    scheduler = reference(DDIMScheduler, V)
    assert far(Diffusion(V).mix(clean, noise, time), scheduler.add_noise(clean, noise, step)) < 1e-5
    expected = scheduler.get_velocity(clean, noise, step)
    assert far(Diffusion(V).target(clean, noise, time), expected) < 1e-5
    assert Diffusion(EPSILON).target(clean, noise, time) is noise


@pytest.mark.parametrize("schedule", [Flow(), Diffusion(EPSILON), Diffusion(V)], ids=str)
def test_split_undoes_mix_when_the_prediction_is_the_target(schedule: Schedule) -> None:
    clean, noise = RNG.standard_normal((2, 3, 4))
    latent = schedule.mix(clean, noise, 0.3)
    again = schedule.split(latent, schedule.target(clean, noise, 0.3), 0.3)
    np.testing.assert_allclose(again, (clean, noise), atol=1e-9)


@pytest.mark.parametrize("schedule", [Flow(), Diffusion(EPSILON), Diffusion(V)], ids=str)
@pytest.mark.parametrize("sample", [sample_ddim, sample_dpmpp_2m])
@pytest.mark.parametrize("steps", [1, 2, 9])
def test_a_perfect_denoiser_gives_the_clean_latent_in_any_number_of_steps(
    schedule: Schedule, sample: Any, steps: int
) -> None:
    clean, noise = RNG.standard_normal((2, 1, 4, 8, 8)).astype(np.float32)
    times = schedule.times(steps)
    start = schedule.mix(clean, noise, times[0])

    def perfect(latent: np.ndarray, time: float) -> np.ndarray:
        signal, rest = schedule.levels(time)
        return schedule.target(clean, (latent - signal * clean) / rest, time)

    found = sample(perfect, start, times, schedule)
    assert found.dtype == np.float32
    np.testing.assert_allclose(found, clean, atol=0.2 if sample is sample_ddim else 1e-3)


def test_times_of_arrays_and_of_numbers_agree() -> None:
    schedule = Diffusion(EPSILON)
    times = schedule.times(50)
    one_by_one = np.array([schedule.levels(time) for time in times]).T
    np.testing.assert_allclose(schedule.levels(np.array(times, np.float32)), one_by_one, rtol=1e-5)
    tensors = schedule.levels(torch.tensor(times))
    np.testing.assert_allclose(torch.stack(tensors), one_by_one, rtol=1e-5)


def test_the_second_order_sampler_gains_more_of_more_steps_than_the_first_order_one() -> None:
    """The exact path of a Gaussian of a known variance is known in closed form."""
    schedule, variance = Diffusion(replace(EPSILON, set_alpha_to_one=True)), 0.25

    def gaussian(latent: np.ndarray, time: float) -> np.ndarray:
        signal, rest = schedule.levels(time)
        return latent * rest / (signal**2 * variance + rest**2)

    def gain(sample: Any) -> float:
        errors = []
        for steps in (20, 100):
            times = schedule.times(steps)
            signal, rest = schedule.levels(times[0])
            exact = variance**0.5 / (signal**2 * variance + rest**2) ** 0.5
            errors.append(abs(float(sample(gaussian, np.ones(1), times, schedule)[0]) - exact))
        return errors[0] / errors[1]

    assert gain(sample_ddim) > 4
    assert gain(sample_dpmpp_2m) > 10


def test_the_schedule_of_stable_diffusion_is_read_from_its_own_file(tmp_path: Path) -> None:
    path = tmp_path / "scheduler_config.json"
    path.write_text(json.dumps(SD15_FILE))
    assert read_scheduler_config(path) == SD15.schedule
    DDIMScheduler.from_config(SD15_FILE).save_pretrained(tmp_path / "written")
    assert read_scheduler_config(tmp_path / "written" / path.name) == SD15.schedule
    truth = DDIMScheduler.from_config(SD15_FILE).alphas_cumprod.numpy()
    np.testing.assert_allclose(alpha_bar(SD15.schedule), truth, rtol=1e-4)


@pytest.mark.parametrize(
    ("wrong", "what"),
    [
        ({"prediction_type": "sample"}, "prediction is 'sample'"),
        ({"beta_schedule": "squaredcos_cap_v2"}, "beta_schedule"),
        ({"trained_betas": [0.1]}, "trained_betas, which is not supported"),
        ({"beta_end": 2}, "can't be"),
        ({"num_train_timesteps": 0}, "can't be"),
    ],
)
def test_a_schedule_that_is_not_implemented_is_refused(
    tmp_path: Path, wrong: dict[str, Any], what: str
) -> None:
    path = tmp_path / "scheduler_config.json"
    path.write_text(json.dumps(SD15_FILE | wrong))
    with pytest.raises(BadWeights, match=what):
        read_scheduler_config(path)


def test_a_damaged_scheduler_config_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "scheduler_config.json"
    with pytest.raises(BadWeights, match="can't be used"):
        read_scheduler_config(path)
    path.write_text("{")
    with pytest.raises(BadWeights, match="can't be used"):
        read_scheduler_config(path)


@pytest.mark.parametrize("steps", [0, 1001])
def test_a_number_of_steps_that_cannot_be_is_refused(steps: int) -> None:
    with pytest.raises(ValueError, match="1 to 1000"):
        Diffusion(EPSILON).times(steps)


def test_the_sizes_have_the_schedules_the_design_gives() -> None:
    assert schedule_of(MINI.schedule) == Flow()
    assert schedule_of(SD15.schedule) == Diffusion(SD15.schedule)
