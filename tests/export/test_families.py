"""Stable Diffusion's autoencoder, CLIP and UNet behind the same ports, and their true size."""

from __future__ import annotations

from dataclasses import replace
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest
import torch
from diffusers import AutoencoderKL
from safetensors.torch import load_file, save_file
from transformers import CLIPTextConfig, CLIPTextModel

from imagineid.errors import BadWeights
from imagineid.models import Model
from imagineid.nn.base import load_base
from imagineid.nn.kl import UNIT
from imagineid.nn.networks import network, redraw_zeros
from imagineid.spec import SD15, ports
from imagineid_export.build import Builder
from imagineid_export.files import write
from imagineid_export.networks import sample
from support.tiny import TINY_SD


def count(module: torch.nn.Module) -> int:
    return sum(p.numel() for p in module.parameters())


def test_sd15_is_stable_diffusion_to_the_last_parameter() -> None:
    with torch.device("meta"):
        modules = {name: network(name, SD15, 0) for name in ports(SD15)}
    assert count(modules["unet"]) == 859_520_964
    assert count(modules["text"].encoder) == 123_060_480
    autoencoder = count(modules["encoder"]) + count(modules["decoder"])
    assert autoencoder - count(modules["decoder"].blend) == 83_653_863


def test_sd15_has_the_shapes_the_design_gives() -> None:
    assert (SD15.latent_px, SD15.latent_channels, SD15.feature_px) == (64, 4, 512)
    assert ports(SD15)["text"].outputs[0].dims == ("batch", 77, 768)


def test_the_pseudo_words_hear_the_prompt_and_all_behind_them_hears_the_voice() -> None:
    torch.manual_seed(0)
    text = redraw_zeros(network("text", TINY_SD, 20))
    tokens, identity, emotion = sample(ports(TINY_SD)["text"], batch=1)
    tokens[:, 5:] = 19  # the end mark
    with torch.no_grad():
        encoded = text(tokens, identity, emotion)
        other_voice = text(tokens, -identity, emotion)
        other_words = text((tokens + 1).clamp(max=19), identity, emotion)
    assert torch.equal(encoded[:, :5], other_voice[:, :5])  # CLIP looks back only
    for place in (5, 12, 13, -1):  # the first and the last pseudo-word, the end, the padding
        assert not torch.allclose(encoded[:, place], other_voice[:, place])
        assert not torch.allclose(encoded[:, place], other_words[:, place])


def test_pseudo_words_are_encoded_as_words_in_their_place_would_be() -> None:
    torch.manual_seed(0)
    text = redraw_zeros(network("text", TINY_SD, 20)).encoder
    for words in (0, 3, TINY_SD.text_tokens - 2):
        prompt = [18, *range(1, 1 + 9)][: 1 + words] + [7] * max(0, words - 9)
        voice = [11, 12, 13, 14, 15, 16, 17, 3]
        length = TINY_SD.text_tokens
        short = torch.tensor([(prompt + [19] * length)[:length]])
        long = torch.tensor([(prompt + voice + [19] * length)[: length + 8]])
        with torch.no_grad():
            encoded = text(short, text.embedding(torch.tensor([voice])))
            x = text.embedding(long) + text.position.weight
            truth = text.norm(text.encoder(inputs_embeds=x, is_causal=True).last_hidden_state)
        torch.testing.assert_close(encoded, truth)


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
    exported = write(name, module, ports(TINY_SD)[name], tmp_path / f"{name}.onnx", half)
    assert exported.cosine >= 0.999
    assert half or exported.error <= 1e-4
    if half and find_spec("tensorrt_rtx"):
        model = Model("tiny-sd", tmp_path, TINY_SD, "fp16")
        built = Builder.of("tensorrt-rtx", ["sm89"]).build(model, name, "sm89")
        assert built.size_bytes > exported.size_bytes // 2


# ---- Stable Diffusion's own files


@pytest.fixture(scope="module")
def base(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A base of the small size as diffusers and transformers write one, in half precision."""
    torch.manual_seed(1)
    folder = tmp_path_factory.mktemp("base")
    autoencoder().half().save_pretrained(folder / "vae", variant="fp16")
    network("unet", TINY_SD, 0).model.save_pretrained(folder / "unet")
    (folder / "text_encoder").mkdir()
    state = {f"text_model.{key}": value for key, value in clip().state_dict().items()}
    save_file(state, folder / "text_encoder" / "model.safetensors")
    return folder


def autoencoder() -> AutoencoderKL:
    levels = len(TINY_SD.stages)
    return AutoencoderKL(
        down_block_types=("DownEncoderBlock2D",) * levels,
        up_block_types=("UpDecoderBlock2D",) * levels,
        block_out_channels=TINY_SD.stages,
        layers_per_block=2,
        norm_num_groups=16,
    ).eval()


def clip() -> CLIPTextModel:
    torch.manual_seed(2)
    return CLIPTextModel(
        CLIPTextConfig(
            hidden_size=TINY_SD.text_dim,
            intermediate_size=4 * TINY_SD.text_dim,
            num_hidden_layers=TINY_SD.text_layers,
            num_attention_heads=TINY_SD.text_heads,
            max_position_embeddings=TINY_SD.text_tokens + TINY_SD.pseudo_words,
        )
    ).eval()


def loaded(name: str, base: Path) -> Any:
    module = network(name, TINY_SD, 0)
    assert load_base(module, name, base)
    return module


def test_frames_are_encoded_and_decoded_as_diffusers_does(base: Path) -> None:
    theirs = AutoencoderKL.from_pretrained(base / "vae", variant="fp16").float().eval()
    image = sample(ports(TINY_SD)["encoder"], batch=2)[0]
    with torch.no_grad():
        latent, background = loaded("encoder", base)(image)
        truth = theirs.encode(image).latent_dist.mean * theirs.config.scaling_factor
        torch.testing.assert_close(latent, truth)
        person = torch.ones(2, 1, TINY_SD.feature_px, TINY_SD.feature_px)
        frame = loaded("decoder", base)(latent, background, person)
        torch.testing.assert_close(frame, theirs.decode(truth / UNIT).sample)


def test_a_prompt_is_encoded_as_transformers_does(base: Path) -> None:
    tokens, identity, emotion = sample(ports(TINY_SD)["text"], batch=2)
    tokens[:, -1] = 49_407
    with torch.no_grad():
        encoded = loaded("text", base)(tokens, identity, emotion)
        truth = clip()(tokens).last_hidden_state
    words = TINY_SD.text_tokens - 1  # the pseudo-words stand before the end mark
    torch.testing.assert_close(encoded[:, :words], truth[:, :words], atol=1e-5, rtol=1e-4)


def test_attention_of_old_files_finds_its_place(base: Path, tmp_path: Path) -> None:
    new = {"to_q": "query", "to_k": "key", "to_v": "value", "to_out.0": "proj_attn"}
    state = load_file(base / "vae" / "diffusion_pytorch_model.fp16.safetensors")
    old = {}
    for key, value in state.items():
        for now, then in new.items():
            key = key.replace(f".{now}.", f".{then}.")
        old[key] = value
    assert set(old) != set(state)
    (tmp_path / "vae").mkdir()
    save_file(old, tmp_path / "vae" / "diffusion_pytorch_model.safetensors")
    one, other = loaded("encoder", base), loaded("encoder", tmp_path)
    for (name, a), (_, b) in zip(one.named_parameters(), other.named_parameters(), strict=True):
        assert torch.equal(a, b), name


def test_a_base_without_a_network_leaves_it_as_it_is(base: Path, tmp_path: Path) -> None:
    for name, folder in (("sca", base), ("unet", tmp_path)):
        assert not load_base(network(name, TINY_SD, 0), name, folder)


def test_a_base_of_another_size_is_refused(base: Path, tmp_path: Path) -> None:
    (tmp_path / "unet").mkdir()
    with pytest.raises(BadWeights, match="not a unet of this size"):
        load_base(network("unet", replace(TINY_SD, unet_layers=2), 0), "unet", base)
    (tmp_path / "unet" / "diffusion_pytorch_model.safetensors").write_bytes(b"no weights")
    with pytest.raises(BadWeights, match="is damaged"):
        load_base(network("unet", TINY_SD, 0), "unet", tmp_path)
