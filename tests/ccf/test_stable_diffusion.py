"""The first frame without adapters is what diffusers' own pipeline makes of the same base."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from diffusers import DDIMScheduler, DPMSolverMultistepScheduler, StableDiffusionPipeline

from imagineid.ccf.clip_tokenizer import ClipTokenizer
from imagineid.ccf.generation import Text, initial_noise
from imagineid.ccf.sampling import Sampling, guided
from imagineid.nn.base import load_base, vocabulary_size
from imagineid.nn.networks import network
from support.tiny_sd import SIZE, write_base

VOICE = " face" * SIZE.pseudo_words
"""What the pseudo-words are in these tests: words of the vocabulary, one each."""
GUIDANCE = 7.5


@pytest.fixture(scope="module")
def base(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_base(tmp_path_factory.mktemp("sd") / "base")


@pytest.fixture(scope="module")
def networks(base: Path) -> dict[str, Any]:
    """Ours upon that base, with adapters that do nothing and say :data:`VOICE`."""
    modules = {}
    for name in ("text", "unet", "decoder", "sca"):
        modules[name] = network(name, SIZE, vocabulary_size(base) if name == "text" else 0)
        assert load_base(modules[name], name, base) == (name != "sca")
    words = ClipTokenizer.read(base / "tokenizer").tokens(VOICE, SIZE)
    pseudo = modules["text"].encoder.embedding.weight[words[1 : 1 + SIZE.pseudo_words]]
    last = modules["text"].inversion.mlp[-1]
    torch.nn.init.zeros_(last.weight)
    last.bias.data.copy_(pseudo.flatten())
    return modules


def encode(networks: dict[str, Any], base: Path, prompt: str) -> torch.Tensor:
    tokens = torch.from_numpy(ClipTokenizer.read(base / "tokenizer").tokens(prompt, SIZE))[None]
    voice = torch.ones(1, SIZE.identity), torch.ones(1, SIZE.emotion)
    found: torch.Tensor = networks["text"](tokens, *voice)
    return found


def our_picture(
    networks: dict[str, Any], base: Path, prompt: str, sampler: str, steps: int
) -> np.ndarray:
    text = Text(*(encode(networks, base, words) for words in (prompt, "")))
    nothing = torch.zeros(1, SIZE.latent_channels, SIZE.latent_px, SIZE.latent_px)
    residuals = networks["sca"](nothing, nothing, nothing)

    def denoiser(y: Any) -> Any:
        return lambda latent, time: networks["unet"](latent, torch.full((1,), time), y, *residuals)

    step = guided(denoiser(text.conditional), denoiser(text.negative), GUIDANCE)
    latent = Sampling.of(SIZE, steps, sampler)(step, torch.from_numpy(initial_noise(SIZE, 3)))
    person = torch.ones(1, 1, SIZE.feature_px, SIZE.feature_px)
    background = torch.zeros(1, SIZE.stages[0], SIZE.feature_px, SIZE.feature_px)
    image = networks["decoder"](latent, background, person)
    picture: np.ndarray = (image / 2 + 0.5).clamp(0, 1)[0].permute(1, 2, 0).numpy()
    return picture


def diffusers_picture(
    base: Path, scheduler: Any, prompt: str, steps: int | None, **more: Any
) -> np.ndarray:
    from diffusers import AutoencoderKL, UNet2DConditionModel
    from transformers import CLIPTextModel, CLIPTokenizer

    pipe = StableDiffusionPipeline(
        vae=AutoencoderKL.from_pretrained(base / "vae"),
        text_encoder=CLIPTextModel.from_pretrained(base / "text_encoder"),
        tokenizer=CLIPTokenizer.from_pretrained(base / "tokenizer", model_max_length=77),
        unet=UNet2DConditionModel.from_pretrained(base / "unet"),
        scheduler=scheduler,
        safety_checker=None,
        feature_extractor=None,
        requires_safety_checker=False,
    )
    pipe.set_progress_bar_config(disable=True)
    result = pipe(
        prompt + VOICE,
        negative_prompt=VOICE,
        num_inference_steps=steps,
        guidance_scale=GUIDANCE,
        latents=torch.from_numpy(initial_noise(SIZE, 3)),
        output_type="np",
        **more,
    )
    picture: np.ndarray = result.images[0]
    return picture


@pytest.mark.parametrize("prompt", ["", "a photo of a woman with red hair, xyzzy"])
@torch.no_grad()
def test_the_prompt_is_encoded_as_in_the_whole_sentence(
    networks: dict[str, Any], base: Path, prompt: str
) -> None:
    from transformers import CLIPTextModel, CLIPTokenizer

    theirs = CLIPTokenizer.from_pretrained(base / "tokenizer")
    tokens = theirs(prompt + VOICE, padding="max_length", max_length=77, return_tensors="pt")
    truth = CLIPTextModel.from_pretrained(base / "text_encoder")(tokens["input_ids"])[0]
    torch.testing.assert_close(encode(networks, base, prompt), truth, atol=1e-4, rtol=1e-4)


@pytest.mark.parametrize("steps", [10, pytest.param(50, marks=pytest.mark.slow)])
@torch.no_grad()
def test_steps_of_ddim_make_the_picture_that_diffusers_makes(
    networks: dict[str, Any], base: Path, steps: int
) -> None:
    prompt = "a photo of a man with blue eyes"
    scheduler = DDIMScheduler.from_pretrained(base / "scheduler")
    expected = diffusers_picture(base, scheduler, prompt, steps)
    assert expected.std() > 0.05
    assert np.abs(our_picture(networks, base, prompt, "ddim", steps) - expected).max() < 1e-3


@pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")  # diffusers'
@torch.no_grad()
def test_few_steps_of_the_second_order_make_the_picture_that_diffusers_makes(
    networks: dict[str, Any], base: Path
) -> None:
    scheduler = DPMSolverMultistepScheduler.from_pretrained(base / "scheduler")
    steps = Sampling.of(SIZE, 8).schedule.times(8)
    expected = diffusers_picture(
        base, scheduler, "old", None, timesteps=[round(t * 1000) for t in steps]
    )
    assert np.abs(our_picture(networks, base, "old", "dpmpp-2m", 8) - expected).max() < 1e-3
