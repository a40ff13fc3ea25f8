"""TIA (eq. 8). Only the adapter learns; UNet and text encoder are frozen."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import torch
from torch import Tensor

from imagineid.ccf.schedule import Flow
from imagineid.nn.text import TextEncoder, TextInversion
from imagineid.nn.unet import BaseUNet
from imagineid.spec import Size
from imagineid_train.loop import Budget, device, load_into, plain_attention
from imagineid_train.people import People
from imagineid_train.prompts import dropped, vocabulary
from imagineid_train.stage import Learning, Stage

BATCH = 32
UNSAID = 0.4
"""Share of samples without a prompt, so that the voice alone has to tell who it is."""

Voices = Callable[[np.random.Generator, np.ndarray, np.ndarray], tuple[Tensor, Tensor]]
"""Maps a generator, traits (B, 6) and feelings (B,) to theta_id and theta_e, (B, 512) each."""


def load_voices(size: Size) -> Voices:
    """Return voices of the world as frozen PAD hears them, matched to faces."""
    from imagineid_train.voice_matching import VoiceMatcher

    found: Voices = VoiceMatcher(size, "train").match
    return found


def learning(size: Size, voices: Voices) -> Learning:
    """F_TI learns from ``voices``."""
    words, people = vocabulary(), People.open("train", size)
    unet = BaseUNet(size)
    load_into(unet, f"{size.name}/base", "unet").to(device())
    plain_attention(unet.model)
    text = load_into(TextEncoder(size, len(words)), f"{size.name}/base", "text").to(device())
    inversion = TextInversion(size).to(device())
    rng, flow = np.random.default_rng(1), Flow()

    def loss() -> dict[str, Tensor]:
        who, which = people.draw(rng, BATCH)
        clean = people.frame[who, which].float().to(device())
        tokens = dropped(people.tokens(rng, who, words, size), rng, all_of_it=UNSAID)
        identity, emotion = voices(rng, people.traits[who], people.feeling[who, which])
        time = torch.from_numpy(1 / (1 + np.exp(-rng.normal(0.6, 1.0, BATCH)))).float()
        time, noise = time.to(device()), torch.randn_like(clean)
        noisy = flow.mix(clean, noise, time.view(-1, 1, 1, 1))
        pseudo = inversion(identity.to(device()), emotion.to(device()))
        velocity = unet(noisy, time, text(tokens.to(device()), pseudo))
        return {"flow": (velocity.float() - flow.target(clean, noise)).pow(2).mean()}

    return Learning({"inversion": inversion}, loss, None, Budget(0, rate=5e-4))


STAGE = Stage("tia", 20.0, lambda size: learning(size, load_voices(size)))
