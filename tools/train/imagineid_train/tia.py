"""Stage CCF 1: TIA (eq. 8). Only the adapter learns; UNet and text encoder are frozen."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

from imagineid.ccf.schedule import Flow
from imagineid.nn.text import TextEncoder, TextInversion
from imagineid.nn.unet import BaseUNet
from imagineid.spec import Size
from imagineid_train.latents import Latents
from imagineid_train.loop import Budget, load_into, plain_attention
from imagineid_train.prompts import Captions, dropped, vocabulary
from imagineid_train.stage import Learning, Stage
from imagineid_train.voice_matching import VoiceMatcher, feelings

NAME = "tia"
BATCH = 32


def build(size: Size) -> Learning:
    """Train F_TI."""
    words, latents = vocabulary(), Latents.open("train")
    unet = BaseUNet(size)
    load_into(unet, "base", "unet")
    plain_attention(unet.model)
    text = load_into(TextEncoder(size, len(words)), "base", "text")
    inversion = TextInversion(size)
    captions, heard = Captions(latents, words, size), VoiceMatcher(size, "train")
    traits = np.stack([latents.faces.get(i, "traits") for i in range(len(latents))])
    felt, rng, flow = feelings(latents.faces), np.random.default_rng(1), Flow()

    def loss() -> dict[str, Tensor]:
        people, frames = rng.integers(len(latents), size=BATCH), rng.integers(8, size=BATCH)
        clean = latents.frame[people, frames].float()
        tokens = dropped(captions.tokens(captions.draw(rng, people, frames)), rng, all_of_it=0.4)
        identity, emotion = heard.match(rng, traits[people], felt[people, frames])
        time = torch.from_numpy(1 / (1 + np.exp(-rng.normal(0.6, 1.0, BATCH)))).float()
        noise = torch.randn_like(clean)
        noisy = flow.mix(clean, noise, time.view(-1, 1, 1, 1))
        made = unet(noisy, time, text(tokens, inversion(identity, emotion)))
        return {"flow": (made.float() - flow.target(clean, noise)).pow(2).mean()}

    return Learning({"inversion": inversion}, loss, None, Budget(0, rate=5e-4))


STAGE = Stage(NAME, 10.0, build, by_size=False)
