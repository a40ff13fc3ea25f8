"""SCA (eq. 9) on a frozen base: all three conditions, or the mesh alone.

It learns on what it will meet in use: a neighbour is the true frame before, spoilt as the model's
own frames will be, or the adapter's own guess of it, and held to the first frame as
:func:`imagineid.ccf.rollout.anchor_to_first` does.
"""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

from imagineid.ccf.rollout import OPENING
from imagineid.ccf.schedule import Flow
from imagineid.nn.sca import SpatialAdapter
from imagineid.nn.text import TextEncoder, TextInversion
from imagineid.nn.unet import BaseUNet
from imagineid.spec import Size
from imagineid_train.conditions import HELD, STILL, chance, corrupt
from imagineid_train.loop import (
    Budget,
    channels_last,
    device,
    load_into,
    per_step,
    plain_attention,
    trained,
    weights,
)
from imagineid_train.people import People
from imagineid_train.prompts import dropped, vocabulary
from imagineid_train.stage import Learning, Stage
from imagineid_train.stages.tia import Voices, load_voices

BATCH, ON_GPU = 32, 128
"""Samples of a batch, on a CPU and on a GPU."""
ALL_THREE = 0.8
"""The paper's p: the share of samples that see all three conditions."""
OWN = 0.5
"""Share of neighbours that are the adapter's own guess of the frame before."""
ONE_STEP = 0.4
"""Share of samples that start from noise alone."""


class Steered:
    """The frozen base, its words and voices, and the adapter that learns to steer it."""

    def __init__(self, size: Size, voices: Voices | None, begin: str) -> None:
        """Begin with the adapter of stage ``begin``; None hears no voices."""
        self.size, self.words, self.voices = size, vocabulary(), voices
        base = f"{size.name}/base"
        self.unet = BaseUNet(size)
        load_into(self.unet, base, "unet").to(device())
        plain_attention(self.unet.model)
        self.text = load_into(TextEncoder(size, len(self.words)), base, "text").to(device())
        self.adapter = SpatialAdapter(size).to(device())
        began = {k: v for k, v in weights(begin).items() if k.startswith("adapter.")}
        self.adapter.load_state_dict({k.removeprefix("adapter."): v for k, v in began.items()})
        channels_last((self.unet, self.adapter))
        self.inversion: TextInversion | None = None
        if voices and trained(f"{size.name}/tia"):
            self.inversion = TextInversion(size)
            load_into(self.inversion, f"{size.name}/tia", "inversion").to(device())

    @torch.no_grad()
    def conditioning(
        self, people: People, rng: np.random.Generator, who: np.ndarray, which: np.ndarray
    ) -> Tensor:
        """Return Y of a caption of each person and a fitting voice, (B, M + N, D)."""
        tokens = dropped(people.tokens(rng, who, self.words, self.size), rng).to(device())
        pseudo = torch.zeros(len(who), self.size.pseudo_words, self.size.text_dim, device=device())
        if self.inversion and self.voices:
            found = self.voices(rng, people.traits[who], people.feeling[who, which])
            pseudo = self.inversion(*(x.to(device()) for x in found))
        out: Tensor = self.text(tokens, pseudo)
        return out

    def one_step(self, noise: Tensor, conditioning: Tensor, *conditions: Tensor) -> Tensor:
        """Imagine latents in one step from noise and mesh, first frame and neighbour."""
        time = torch.ones(len(noise), device=noise.device)
        velocity = self.unet(noise, time, conditioning, *self.adapter(*conditions)).float()
        return Flow().split(noise, velocity, 1.0)[0]


def learning(size: Size, voices: Voices | None) -> Learning:
    """F_SC learns; ``voices`` may be None where none are at hand."""
    people, held = People.open("train", size), People.open("val", size)
    steered = Steered(size, voices, f"{size.name}/base")
    rng, flow, batch = np.random.default_rng(2), Flow(), per_step(BATCH, ON_GPU)

    def loss() -> dict[str, Tensor]:
        who, which = people.draw(rng, batch)
        clean = people.frame[who, which].float().to(device())
        mesh, anchor, neighbour, still = people.conditions(rng, who, which)
        conditioning = steered.conditioning(people, rng, who, which)
        noise = torch.randn_like(clean)
        with torch.no_grad():
            before = people.mesh[who, which ^ 1].float().to(device())
            neighbour = corrupt(neighbour.cpu(), rng).to(device())
            own = steered.one_step(noise, conditioning, before, anchor, neighbour)
            hidden = people.neighbour[who, which ^ 1].float().to(device())
            mouth = people.weight[who, which ^ 1].to(device())[:, None] > 2
            own = torch.where(mouth, hidden, own)
            neighbour = torch.where(chance(rng, batch, OWN).to(device()), own, neighbour)
            hold = OPENING * chance(rng, batch, HELD).float().to(device())
            neighbour = torch.lerp(neighbour, still, hold)
            neighbour = torch.where(chance(rng, batch, STILL).to(device()), still, neighbour)
        all_three = chance(rng, batch, ALL_THREE).to(device())
        late = rng.random(batch) < ONE_STEP
        free = 1 / (1 + np.exp(-rng.normal(0.6, 1.1, batch)))
        time = torch.from_numpy(np.where(late, 1.0, free)).float().to(device())
        noisy = flow.mix(clean, noise, time.view(-1, 1, 1, 1))
        residuals = steered.adapter(mesh, anchor * all_three, neighbour * all_three)
        velocity = steered.unet(noisy, time, conditioning, *residuals).float()
        counts = people.weight[who, which].float().to(device())[:, None]
        return {"flow": (counts * (velocity - flow.target(clean, noise)).pow(2)).mean()}

    @torch.no_grad()
    def check() -> dict[str, float]:
        return judge(steered, held)

    budget = Budget(0, rate=1e-3)
    return Learning({"adapter": steered.adapter}, loss, check, budget, 600)


def judge(steered: Steered, held: People) -> dict[str, float]:
    """Return the squared error of latents imagined in one step, and that of copying."""
    count = min(16, len(held))
    who, which = np.arange(count), np.full(count, 2)
    draw = np.random.default_rng(1)
    mesh, anchor, neighbour, _ = held.conditions(draw, who, which)
    true = held.frame[who, which].float().to(device())
    noise = torch.randn(true.shape, generator=torch.Generator().manual_seed(0)).to(device())
    conditioning = steered.conditioning(held, draw, who, which)
    predicted = steered.one_step(noise, conditioning, mesh, anchor, neighbour)
    return {
        "coherent_1": float((predicted - true).pow(2).mean()),
        "copying": float((anchor - true).pow(2).mean()),
    }


STAGE = Stage("sca", 120.0, lambda size: learning(size, load_voices(size)))
