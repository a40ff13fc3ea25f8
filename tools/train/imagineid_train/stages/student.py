"""The one-step student: SCA is trained further, with losses on the frames of its one step.

Regression to a latent leaves the mean of all mouths that fit. Here a critic and the perceptual
distance judge what the frozen frame decoder draws of the one-step latent, about mouth and eyes.

Source:
    Sauer et al. 2023, Adversarial diffusion distillation. https://arxiv.org/abs/2311.17042
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from imagineid.nn.autoencoder import Encoder
from imagineid.nn.frame_decoder import FrameDecoder
from imagineid.spec import Size
from imagineid_train.adversary import Adversary, Critic
from imagineid_train.data import sheet, to_picture
from imagineid_train.loop import (
    ROOT,
    Budget,
    Progress,
    channels_last,
    device,
    drawn_ahead,
    load_into,
    per_step,
)
from imagineid_train.losses import detail
from imagineid_train.moves import FIRSTS, Views, on_device, whole_frames
from imagineid_train.people import People
from imagineid_train.perceptual import Perceptual
from imagineid_train.stage import Learning, Stage
from imagineid_train.stages.autoencoder import frozen
from imagineid_train.stages.frame_decoder import moved_first
from imagineid_train.stages.sca import Steered, judge
from imagineid_train.stages.tia import Voices, load_voices

BATCH, ON_GPU = 4, 24
"""Frames of a batch, on a CPU and on a GPU."""
READERS = 10
"""Processes that read frames ahead of a GPU."""


@dataclass(frozen=True)
class FramesToImagine:
    """Frames to imagine: whose (B,) and which (B,), with the views of them."""

    who: np.ndarray
    which: np.ndarray
    views: Views


def learning(size: Size, voices: Voices | None) -> Learning:
    """The adapter learns; base, encoder and frame decoder are frozen."""
    people, held = People.open("train", size), People.open("val", size)
    steered = Steered(size, voices, f"{size.name}/sca")
    encoder, decoder = Encoder(size), FrameDecoder(size)
    load_into(encoder, frozen(size), "encoder").to(device())
    load_into(decoder, f"{size.name}/frame_decoder", "decoder").to(device())
    progress, critic = Progress(), Critic().to(device())
    channels_last((encoder, decoder, critic))
    against = Adversary(critic, 0.03, 0.1, progress)
    perceptual, rng = Perceptual().to(device()), np.random.default_rng(3)
    batch = per_step(BATCH, ON_GPU)

    def draw_batch(source: People, draw: np.random.Generator, count: int) -> FramesToImagine:
        if source is held:
            who, which = np.arange(count), np.full(count, 2)
        else:
            who, which = source.draw(draw, count)
        first = draw.integers(FIRSTS, size=count)
        chosen = [(int(p), int(f), int(n)) for p, f, n in zip(who, first, which, strict=True)]
        return FramesToImagine(who, which, whole_frames(source.moves, chosen))

    def imagined(
        source: People, draw: np.random.Generator, chosen: FramesToImagine
    ) -> tuple[Tensor, Tensor, Views]:
        """Return one-step latents, the frames drawn of them, and what those should be."""
        views = on_device(chosen.views)
        mesh, anchor, neighbour, _ = source.conditions(draw, chosen.who, chosen.which)
        conditioning = steered.conditioning(source, draw, chosen.who, chosen.which)
        latent = steered.one_step(torch.randn_like(mesh), conditioning, mesh, anchor, neighbour)
        with torch.no_grad():
            features = encoder.features(views.first).float()
        parts = (
            moved_first(views),
            features,
            views.background,
            views.mesh,
            views.flow,
            views.cover,
        )
        return latent, decoder(latent, *parts, views.mask).float(), views

    batches = drawn_ahead(lambda own: draw_batch(people, own, batch), 3, READERS)

    def loss() -> dict[str, Tensor]:
        chosen = next(batches)
        latent, predicted, views = imagined(people, rng, chosen)
        true, weight = views.target, views.weight
        clean = people.frame[chosen.who, chosen.which].float()
        counts = people.weight[chosen.who, chosen.which].float()[:, None]
        spots = [people.moves.spot(int(p), int(n), int(rng.integers(3)))
                 for p, n in zip(chosen.who, chosen.which, strict=True)]  # fmt: skip
        mesh = F.interpolate(views.mesh, size=true.shape[-2:], mode="bilinear")
        near = [about(each, spots) for each in (predicted, true, mesh)]
        return {
            "latent": 0.3 * (counts * (latent - clean).pow(2)).mean(),
            "absolute": 2 * (weight * (predicted - true).abs()).mean(),
            "detail": 2 * (weight * (detail(predicted) - detail(true)).abs()).mean(),
            "perceptual": 0.3 * perceptual(near[0].clamp(-1, 1), near[1]),
        } | against(near[0], near[1], near[2])

    @torch.no_grad()
    def check() -> dict[str, float]:
        draw = np.random.default_rng(0)
        _, predicted, views = imagined(held, draw, draw_batch(held, draw, min(6, len(held))))
        rows = [to_picture(views.first), to_picture(views.target), to_picture(predicted)]
        sheet(rows, ROOT / size.name / STAGE.name / "sheet.png")
        return judge(steered, held)

    modules: dict[str, nn.Module] = {"adapter": steered.adapter, "critic": critic}
    budget = Budget(0, rate=2e-4, rates=(("critic", 2.0),))
    return Learning(modules, loss, check, budget, 300, progress)


def about(pictures: Tensor, spots: list[np.ndarray]) -> Tensor:
    """Cut a quarter of each picture about a spot, (row, column) as shares of its side."""
    side = pictures.shape[-1]
    part, out = side // 4, []
    for picture, spot in zip(pictures, spots, strict=True):
        y, x = np.clip(np.round(spot * side - part / 2).astype(int), 0, side - part)
        out.append(picture[:, y : y + part, x : x + part])
    return torch.stack(out).contiguous(memory_format=torch.channels_last)


STAGE = Stage("student", 60.0, lambda size: learning(size, load_voices(size)))
