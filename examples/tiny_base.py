"""Train a tiny latent diffusion of Stable Diffusion's classes: ``tiny_base.py DATA BASE``.

It stands in for Stable Diffusion 1.5 where that is too large: the same files and layers with a few
hundred thousand weights, drawn at random and trained for a few minutes on the frames of DATA, which
``imagineid_prepare`` wrote. Run it with ``tests`` on PYTHONPATH.
"""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import torch
from diffusers import AutoencoderKL, UNet2DConditionModel
from torch.nn import functional as F

from imagineid.ccf.clip_tokenizer import ClipTokenizer
from imagineid.ccf.schedule import read_scheduler_config, schedule_of
from imagineid.nn.base import load_base, vocabulary_size
from imagineid.nn.kl import UNIT
from imagineid.nn.networks import network
from imagineid_train.sd15.options import PROMPT, Options, size_on
from imagineid_train.sd15.shards import Shards
from support.tiny_sd import write_base

AUTOENCODER, UNET = 400, 400
"""Steps of each."""

BATCH, RATE = 4, 2e-3


def frames(data: Shards, rng: np.random.Generator, count: int) -> torch.Tensor:
    """Return random frames, (count, 3, H, W) in [-1, 1]."""
    return torch.from_numpy(np.stack([data.layers(rng)["frame"] for _ in range(count)]))


def report(name: str, losses: list[float]) -> None:
    """Print the mean loss of the first and of the last steps."""
    first, last = np.mean(losses[:20]), np.mean(losses[-20:])
    print(f"{name}: loss {first:.4f} at first, {last:.4f} at last")


def train_autoencoder(folder: Path, data: Shards, rng: np.random.Generator) -> None:
    """Train the autoencoder; then scale its latents to about unit variance."""
    vae = AutoencoderKL.from_pretrained(folder).train()
    optimiser = torch.optim.AdamW(vae.parameters(), RATE)
    losses = []
    for _ in range(AUTOENCODER):
        frame = frames(data, rng, BATCH)
        mean = vae.encode(frame).latent_dist.mean
        loss = F.l1_loss(vae.decode(mean).sample, frame) + 1e-4 * mean.pow(2).mean()
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
        losses.append(loss.item())
    report("autoencoder", losses)
    with torch.no_grad():
        scale = UNIT * vae.encode(frames(data, rng, 32)).latent_dist.mean.std()
        vae.quant_conv.weight /= scale
        vae.quant_conv.bias /= scale
        vae.post_quant_conv.weight *= scale
    vae.eval().save_pretrained(folder)


def train_unet(folder: Path, data: Shards, rng: np.random.Generator) -> None:
    """Train the UNet to predict noise under the predefined prompt."""
    size = size_on(folder, data.frame_px, Options())
    schedule = schedule_of(read_scheduler_config(folder / "scheduler" / "scheduler_config.json"))
    encoder = network("encoder", size, 0)
    prompt = network("text", size, vocabulary_size(folder))
    load_base(encoder, "encoder", folder)
    load_base(prompt, "text", folder)
    tokens = ClipTokenizer.read(folder / "tokenizer").tokens(PROMPT, size)
    nothing = torch.zeros(1, size.identity), torch.zeros(1, size.emotion)
    with torch.no_grad():
        text = prompt(torch.from_numpy(tokens)[None], *nothing).expand(4 * BATCH, -1, -1)
        latents = torch.cat([encoder(frames(data, rng, BATCH))[0] for _ in range(40)])
    unet = UNet2DConditionModel.from_pretrained(folder / "unet").train()
    optimiser = torch.optim.AdamW(unet.parameters(), RATE)
    losses = []
    for _ in range(UNET):
        clean = latents[rng.integers(len(latents), size=4 * BATCH)]
        time = torch.from_numpy(rng.integers(1000, size=4 * BATCH) / 1000).float()
        noise, at = torch.randn_like(clean), time.view(-1, 1, 1, 1)
        made = unet(schedule.mix(clean, noise, at), time * 1000, text).sample
        loss = F.mse_loss(made, schedule.target(clean, noise, at))
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
        losses.append(loss.item())
    report("unet", losses)
    unet.eval().save_pretrained(folder / "unet")


def main(data: Path, folder: Path) -> None:
    """Draw a base, and train it."""
    rng, shards = np.random.default_rng(0), Shards.open(data, 32)
    torch.manual_seed(0)
    write_base(folder)
    train_autoencoder(folder / "vae", shards, rng)
    train_unet(folder, shards, rng)


if __name__ == "__main__":
    main(*map(Path, sys.argv[1:3]))
