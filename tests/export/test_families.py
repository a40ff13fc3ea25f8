"""Stable Diffusion's autoencoder, CLIP and UNet behind the same ports, and their true size."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from imagineid.networks import network, redraw_zeros
from imagineid.spec import SD15, ports
from imagineid_export.files import write
from imagineid_export.networks import sample
from support.tiny import TINY_SD


def count(module: torch.nn.Module) -> int:
    return sum(p.numel() for p in module.parameters())


def test_sd15_is_stable_diffusion_to_the_last_parameter() -> None:
    with torch.device("meta"):
        made = {name: network(name, SD15, 0) for name in ports(SD15)}
    assert count(made["unet"]) == 859_520_964
    assert count(made["text"].encoder) == 123_060_480
    autoencoder = count(made["encoder"]) + count(made["decoder"])
    assert autoencoder - count(made["decoder"].blend) == 83_653_863


def test_sd15_has_the_shapes_the_design_gives() -> None:
    assert (SD15.latent_px, SD15.latent_channels, SD15.feature_px) == (64, 4, 512)
    assert ports(SD15)["text"].outputs[0].dims == ("batch", 77, 768)


def test_the_pseudo_words_hear_the_prompt_and_are_heard_by_the_unet() -> None:
    torch.manual_seed(0)
    text = redraw_zeros(network("text", TINY_SD, 0))
    tokens, identity, emotion = sample(ports(TINY_SD)["text"], batch=1)
    with torch.no_grad():
        said = text(tokens, identity, emotion)
        other_voice = text(tokens, identity + 1, emotion)
        other_words = text(tokens + 1, identity, emotion)
    words = TINY_SD.text_tokens
    assert torch.equal(said[:, :words], other_voice[:, :words])  # CLIP looks back only
    assert not torch.allclose(said[:, words:], other_voice[:, words:])
    assert not torch.allclose(said[:, words:], other_words[:, words:])


def test_the_background_stays_where_the_mask_says() -> None:
    torch.manual_seed(0)
    encoder, decoder = (network(name, TINY_SD, 0) for name in ("encoder", "decoder"))
    image = sample(ports(TINY_SD)["encoder"], batch=1)[0]
    with torch.no_grad():
        latent, background = encoder(image)
        person = torch.ones(1, 1, TINY_SD.feature_px, TINY_SD.feature_px)
        alone = decoder(latent, background, person)
        copied = decoder(latent, background, 0 * person)
        assert torch.equal(alone, decoder(latent, background + 1, person))
        assert torch.equal(copied, decoder(latent + 1, background, 0 * person))


@pytest.mark.parametrize("half", [False, True], ids=["fp32", "fp16"])
@pytest.mark.parametrize("name", ["text", "encoder", "decoder"])
def test_each_family_exports(tmp_path: Path, name: str, half: bool) -> None:
    torch.manual_seed(0)
    module = redraw_zeros(network(name, TINY_SD, 0))
    made = write(name, module, ports(TINY_SD)[name], tmp_path / f"{name}.onnx", half)
    assert made.cosine >= 0.999
    assert half or made.error <= 1e-4
