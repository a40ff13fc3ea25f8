"""The decoder of later frames: moves the first frame and draws what that can't show.

Its mask must not settle on the moved picture before anything is drawn: scores begin bounded to
nothing, what is drawn has a loss of its own, and what the first frame hid counts more. It learns
on windows of two neighbouring frames, so that what changes between them is judged, too.
"""

from __future__ import annotations

from itertools import count

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from imagineid.nn.autoencoder import Encoder
from imagineid.nn.frame_decoder import FrameDecoder, moved_by
from imagineid.spec import Size
from imagineid_train.adversary import Adversary, Critic
from imagineid_train.crops import LOOK_AGAIN
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
from imagineid_train.measures import areas, summary
from imagineid_train.moves import Moves, Views, on_device, whole_frames, windows
from imagineid_train.perceptual import Perceptual
from imagineid_train.stage import Learning, Stage
from imagineid_train.stages.autoencoder import frozen

PAIRS, ON_GPU = 3, 12
"""Windows of a batch, of two neighbouring frames each, on a CPU and on a GPU."""
READERS = 6
"""Processes that cut windows ahead of a GPU."""
FREE_AFTER = 0.05
"""Share of the budget until scores may use their whole bound."""
CRITIC_FROM = 0.3
FINE = 2
"""How many times larger than a frame the first one is read."""
NO_LATENT = 0.15
"""Share of frames without a latent: what can be had from the first frame is to come from there."""
SHOWN = 12
"""Held-out people that are measured; the first six are on the sheet."""


def latents(encoder: Encoder, target: Tensor, rng: np.random.Generator | None) -> Tensor:
    """Encode frames; ``rng`` makes of them what the UNet might: weaker, noisy or missing."""
    latent = encoder(target)[0].float()
    if rng is None:
        return latent
    shape = (len(latent), 1, 1, 1)

    def draw(low: float, high: float) -> Tensor:
        return torch.from_numpy(rng.uniform(low, high, shape)).to(latent)

    latent = draw(0.8, 1.05) * latent + draw(0, 0.4) * torch.randn_like(latent)
    return latent * (draw(0, 1) > NO_LATENT)


def build(size: Size) -> Learning:
    """The decoder learns against a frozen encoder; a critic joins later."""
    encoder, decoder = Encoder(size).to(device()), FrameDecoder(size).to(device())
    load_into(encoder, frozen(size), "encoder")
    progress, critic = Progress(), Critic().to(device())
    channels_last((encoder, decoder, critic))
    people, held = Moves.open("train", size), Moves.open("val", size)
    against = Adversary(critic, 0.02, CRITIC_FROM, progress)
    perceptual, rng, step = Perceptual().to(device()), np.random.default_rng(0), count()

    def decoder_inputs(views: Views, draw: np.random.Generator | None) -> tuple[Tensor, ...]:
        with torch.no_grad():
            latent = latents(encoder, views.target, draw)
            features = encoder.features(views.first).float()
        both = (latent, moved_first(views), features, views.background, views.mesh)
        return (*both, views.flow, views.cover, views.mask)

    pairs, looked = per_step(PAIRS, ON_GPU), count(1)

    def draw(own: np.random.Generator) -> Views:
        nonlocal people
        if next(looked) % LOOK_AGAIN == 0:
            people = Moves.open("train", size)
        return windows(people, own, pairs)

    batches = drawn_ahead(draw, 0, READERS)

    def loss() -> dict[str, Tensor]:
        done = next(step)
        views = on_device(next(batches))
        freedom = min(1.0, progress.share / FREE_AFTER)
        predicted, own_picture, _ = decoder.layers(*decoder_inputs(views, rng), freedom=freedom)
        true, weight = views.target, views.weight
        head = (views.mesh.amax(1, keepdim=True) > -0.95).float()
        hidden = F.interpolate((1 - views.cover) * head, size=true.shape[-2:], mode="bilinear")
        counts = weight * (1 + 2 * hidden)
        error = counts * (predicted - true).abs()
        terms = {
            "absolute": error.mean(),
            "detail": 2 * (weight * (detail(predicted) - detail(true)).abs()).mean(),
            "drawn": 0.5 * (counts * (own_picture - true).abs()).mean(),
            "time": 0.5 * (weight[::2] * (change(predicted) - change(true)).abs()).mean(),
        }
        part = middle(predicted), middle(true)
        if done % 2 == 0:
            terms["perceptual"] = 0.3 * perceptual(part[0][:2].clamp(-1, 1), part[1][:2])
        mesh = F.interpolate(views.mesh, size=true.shape[-2:], mode="bilinear")
        return terms | against(part[0], part[1], middle(mesh))

    samples = [(p, p % 2, (3 + 3 * p) % held.frames(p)) for p in range(min(SHOWN, len(held)))]

    @torch.no_grad()
    def check() -> dict[str, float]:
        rows: dict[str, list[np.ndarray]] = {}
        judged = []
        for each in samples:
            views = on_device(whole_frames(held, [each]))
            inputs = decoder_inputs(views, None)
            predicted, _, shares = decoder.layers(*inputs)
            pictures = {
                "first": to_picture(views.first)[0],
                "true": to_picture(views.target)[0],
                "moved": to_picture(inputs[1])[0],
                "made": to_picture(predicted)[0],
                "shares": np.uint8(shares[0].movedim(0, -1).numpy(force=True) * 255),
            }
            for name, picture in pictures.items():
                rows.setdefault(name, []).append(picture)
            shard, row = held.index[each[0]]
            spots = np.asarray(held.cached[shard]["spots"][row, each[2]]) * size.frame_px
            where = areas(to_picture(views.mesh)[0], held.matte(each[0], each[2]), spots)
            judged.append((pictures, where))
        sheet(
            [np.stack([rows[name][i] for name in rows]) for i in range(min(6, len(samples)))],
            ROOT / size.name / STAGE.name / "sheet.png",
        )
        out: dict[str, float] = {}
        for name in ("moved", "made"):
            found = summary([(p[name], p["true"], where) for p, where in judged])
            out |= {f"{name}_{key}": value for key, value in found.items()}
        return out

    budget = Budget(0, rate=1e-3, rates=(("critic", 0.4),), average=300)
    modules: dict[str, nn.Module] = {"decoder": decoder, "critic": critic}
    return Learning(modules, loss, check, budget, per_step(300, 1500), progress)


def moved_first(views: Views) -> Tensor:
    """Return first frames moved by their flows, (B, 3, H, W).

    They are read between the pixels of enlarged ones: a frame's own pixels would blur.
    """
    fine = F.interpolate(views.first, scale_factor=FINE, mode="bicubic", align_corners=False)
    return moved_by(fine, views.flow, views.first.shape[-1])


def change(pictures: Tensor) -> Tensor:
    """Return what changes from each first to each second frame of neighbours, (B / 2, ...)."""
    return pictures[1::2] - pictures[::2]


def middle(pictures: Tensor) -> Tensor:
    """Cut the middle half out of windows (B, 3, H, W)."""
    side = pictures.shape[-1]
    inner = slice(side // 4, side - side // 4)
    return pictures[..., inner, inner].contiguous(memory_format=torch.channels_last)


STAGE = Stage("frame_decoder", 240.0, build)
