"""One schedule, one sampler."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from imagineid.ccf.sampling import Sampling, guided, sample_euler
from imagineid.ccf.schedule import Flow
from support.tiny import TINY

FLOW = Flow()
RNG = np.random.default_rng(0)


def perfect(clean: np.ndarray) -> object:
    """A denoiser that knows the answer: the velocity from ``clean`` through the latent."""
    return lambda latent, time: (latent - clean) / time


@pytest.mark.parametrize("steps", [1, 2, 7, 50])
def test_a_perfect_denoiser_gives_the_clean_latent_in_any_number_of_steps(steps: int) -> None:
    clean, noise = RNG.standard_normal((2, 1, 4, 8, 8))
    found = sample_euler(perfect(clean), noise, FLOW.times(steps), FLOW)  # type: ignore[arg-type]
    np.testing.assert_allclose(found, clean, atol=1e-9)


def test_split_undoes_mix_when_the_prediction_is_the_target() -> None:
    flow = FLOW
    clean, noise = RNG.standard_normal((2, 3, 4))
    latent = flow.mix(clean, noise, 0.3)
    again_clean, again_noise = flow.split(latent, flow.target(clean, noise), 0.3)
    np.testing.assert_allclose(again_clean, clean, atol=1e-12)
    np.testing.assert_allclose(again_noise, noise, atol=1e-12)


def test_more_steps_follow_a_curved_path_more_closely() -> None:
    def curved(latent: np.ndarray, time: float) -> np.ndarray:
        return np.asarray(np.cos(3 * time) * latent)

    start = np.ones(1)
    exact = start * np.exp(-np.sin(3) / 3)
    errors = [
        abs(float(sample_euler(curved, start, FLOW.times(n), FLOW)[0] - exact[0]))
        for n in (4, 16, 64)
    ]
    assert errors[0] > errors[1] > errors[2]


@pytest.mark.parametrize("wrong", [[], [0.5, 0.5], [0.2, 0.9], [1.0, 0.0]])
def test_times_that_do_not_fall_are_refused(wrong: list[float]) -> None:
    with pytest.raises(ValueError, match="fall"):
        sample_euler(perfect(np.zeros(1)), np.ones(1), wrong, FLOW)  # type: ignore[arg-type]


def test_no_steps_are_refused() -> None:
    with pytest.raises(ValueError, match="1 or more"):
        FLOW.times(0)


def test_guidance_of_one_never_asks_without_the_prompt() -> None:
    times = []

    def with_prompt(latent: np.ndarray, time: float) -> np.ndarray:
        return latent

    def without(latent: np.ndarray, time: float) -> np.ndarray:
        times.append(time)
        return 0 * latent

    assert guided(with_prompt, without, 1.0)(np.ones(2), 0.5).tolist() == [1, 1]
    assert times == []
    assert guided(with_prompt, without, 3.0)(np.ones(2), 0.5).tolist() == [3, 3]
    assert times == [0.5]


def test_times_below_a_limit_are_left_out_and_the_noise_is_scaled() -> None:
    size = replace(TINY, first_steps=8, first_until=0.5, first_temperature=0.8)
    times: list[float] = []

    def denoise(latent: np.ndarray, time: float) -> np.ndarray:
        times.append(time)
        return latent * 0 + 2.0

    noise = np.full((1, 1, 2, 2), 10.0)
    clean = Sampling.first(size, size.first_steps)(denoise, noise)
    assert times == [1, 0.875, 0.75, 0.625, 0.5]
    np.testing.assert_allclose(clean, 0.8 * 10 - 2)
