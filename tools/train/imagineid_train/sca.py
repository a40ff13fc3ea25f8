"""Stage CCF 2: SCA (eq. 9). Only the adapter learns, on all three conditions or on the mesh alone.

It learns on what it will meet in use, its own work. A neighbour is the true frame before or the
adapter's own guess of it, corrupted as frames of the model's own will be (contrast, colour, noise,
missing cells) and held to the first frame, see :func:`imagineid.ccf.rollout.anchor_to_first`; that
keeps long videos from drifting. What is half denoised is on the way to the adapter's own guess, not
to the truth: an adapter that has only seen the latter trusts it, and sharpens its own mistakes from
step to step. Having learnt this, one step and fifty agree.
"""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

from imagineid.ccf.rollout import OPENING
from imagineid.ccf.sampling import sample_euler
from imagineid.ccf.schedule import Flow
from imagineid.nn.sca import SpatialAdapter
from imagineid.nn.text import TextEncoder, TextInversion
from imagineid.nn.unet import BaseUNet
from imagineid.spec import ARKIT, Size
from imagineid_train.conditions import (
    EARLIEST,
    HELD,
    STILL,
    Pictures,
    asked,
    chance,
    conditions,
    corrupt,
)
from imagineid_train.data import sheet, to_picture
from imagineid_train.latents import Latents, networks
from imagineid_train.loop import (
    ROOT,
    Budget,
    channels_last,
    laid_out,
    load_into,
    plain_attention,
    trained,
    weights,
)
from imagineid_train.prompts import Captions, dropped, vocabulary
from imagineid_train.stage import Learning, Stage
from imagineid_train.voice_matching import VoiceMatcher, feelings

NAME = "sca"
BATCH = 32
ALL_THREE = 0.8
"""The paper's p: the share of samples that see all three conditions."""

DRAWN = 4
"""Samples judged as pictures: all but the last imagined in one step, as frames are."""

OWN = 0.6
"""Share of neighbours that are the adapter's own guess of the frame before."""

FADED = 2
"""Most pairs of guesses that such a neighbour went through before."""

OWN_WAY = 0.8
"""Share of half denoised latents that are on the way to the adapter's own guess."""

SHUT, SHUT_ABOVE = 0.15, 0.3
"""Share of frames drawn from those whose eyes are about shut: blinks are quick, and seen."""


class Voice:
    """Pseudo-words of a fitting voice from frozen TIA; none as long as TIA has not been trained."""

    def __init__(self, size: Size, latents: Latents) -> None:
        self.none = torch.zeros(size.pseudo_words, size.text_dim)
        self.inversion: TextInversion | None = None
        if not trained("tia"):
            print("sca: TIA is not trained yet; going on without a voice", flush=True)
            return
        self.inversion = TextInversion(size)
        load_into(self.inversion, "tia", "inversion")
        self.heard = VoiceMatcher(size, "train")
        self.traits = np.stack([latents.faces.get(i, "traits") for i in range(len(latents))])
        self.felt = feelings(latents.faces)

    def __call__(self, rng: np.random.Generator, people: np.ndarray, frames: np.ndarray) -> Tensor:
        """Return pseudo-words for each person's frame, (B, N, D)."""
        if self.inversion is None:
            return self.none.expand(len(people), -1, -1)
        identity, emotion = self.heard.match(rng, self.traits[people], self.felt[people, frames])
        out: Tensor = self.inversion(identity, emotion)
        return out


class Frames:
    """Draws people and frames, blinks more often than they come."""

    def __init__(self, latents: Latents) -> None:
        blink = [ARKIT.index(name) for name in ("eyeBlinkLeft", "eyeBlinkRight")]
        lids = [latents.faces.get(i, "beta")[:, blink].mean(axis=1) for i in range(len(latents))]
        self.people, self.shut = len(latents), np.argwhere(np.stack(lids) > SHUT_ABOVE)

    def __call__(self, rng: np.random.Generator, count: int) -> tuple[np.ndarray, np.ndarray]:
        """Return indices of ``count`` people and of a frame of each."""
        drawn = np.stack([rng.integers(self.people, size=count), rng.integers(8, size=count)], 1)
        shut = self.shut[rng.integers(len(self.shut), size=count)]
        chosen = np.where(rng.random((count, 1)) < SHUT, shut, drawn)
        return chosen[:, 0], chosen[:, 1]


def build(size: Size) -> Learning:
    """Train F_SC."""
    words, latents, held = vocabulary(), Latents.open("train"), Latents.open("val")
    unet = BaseUNet(size)
    load_into(unet, "base", "unet")
    plain_attention(unet.model)
    text = load_into(TextEncoder(size, len(words)), "base", "text")
    voice = Voice(size, latents)
    adapter = SpatialAdapter(size)
    if not laid_out(NAME):  # else it begins with those
        began = {k: v for k, v in weights("base").items() if k.startswith("adapter.")}
        adapter.load_state_dict({k.removeprefix("adapter."): v for k, v in began.items()})
    channels_last((unet, adapter))
    captions, rng, flow = Captions(latents, words, size), np.random.default_rng(2), Flow()
    _, decoder = networks(size)
    judged, few = Pictures(latents, decoder, size), slice(0, DRAWN)
    draw = Frames(latents)

    def guess(people: np.ndarray, frames: np.ndarray, still: Tensor, anchor: Tensor, y: Tensor,
              held: Tensor) -> Tensor:  # fmt: skip
        """Imagine the frame before in one step, from its own neighbour, and so on some times.

        The two frames of a moment take turns, so what fades a little in each step, as glasses do,
        has faded a good deal in the end.
        """
        turns = 1 + 2 * int(rng.integers(FADED + 1))
        neighbour = corrupt(latents.neighbour[people, frames].float(), rng)
        for turn in range(turns):
            shown = frames ^ ((turns - turn) % 2)  # the last one is the frame before
            mesh, noise = latents.mesh[people, shown].float(), torch.randn_like(neighbour)
            shown_neighbour = torch.lerp(neighbour, still, held)
            made = unet(noise, torch.ones(len(people)), y, *adapter(mesh, anchor, shown_neighbour))
            own = flow.split(noise, made.float(), 1.0)[0]
            hidden = latents.neighbour[people, shown].float()
            mouth = latents.weight[people, shown].float()[:, None] > 1
            neighbour = torch.where(mouth, hidden, own)
        return neighbour

    def loss() -> dict[str, Tensor]:
        people, frames = draw(rng, BATCH)
        clean = latents.frame[people, frames].float()
        mesh, anchor, neighbour, still, _ = conditions(latents, rng, people, frames)
        all_three = torch.from_numpy(rng.random(BATCH) < ALL_THREE).view(-1, 1, 1, 1)
        all_three[few] = True
        anchor = anchor * all_three
        held = OPENING * chance(rng, BATCH, HELD).float()
        late = np.where(rng.random(BATCH) < 0.4, 1.0, rng.uniform(EARLIEST, 1.0, BATCH))
        free = 1 / (1 + np.exp(-rng.normal(0.4, 1.1, BATCH)))
        time = torch.from_numpy(np.where(all_three.view(-1).numpy(), late, free)).float()
        time[few] = torch.tensor([1.0] * (DRAWN - 1) + [float(rng.uniform(EARLIEST, 1.0))])
        when, noise = time.view(-1, 1, 1, 1), torch.randn_like(clean)
        with torch.no_grad():
            tokens = dropped(captions.tokens(captions.draw(rng, people, frames)), rng)
            y = text(tokens, voice(rng, people, frames))
            mine = torch.nonzero(chance(rng, BATCH, OWN).view(-1))[:, 0]
            one = mine.numpy()
            own = guess(people[one], frames[one], still[mine], anchor[mine], y[mine], held[mine])
            neighbour = corrupt(neighbour, rng).index_copy(0, mine, own)
            neighbour = torch.lerp(neighbour, still, held)
            neighbour = torch.where(chance(rng, BATCH, STILL), still, neighbour) * all_three
        residuals = adapter(mesh, anchor, neighbour)
        way = chance(rng, BATCH, OWN_WAY) & all_three & (when < 1)
        way[DRAWN - 1] = True
        rows = torch.nonzero(way.view(-1))[:, 0]
        with torch.no_grad():
            made = unet(noise[rows], torch.ones(len(rows)), y[rows], *(d[rows] for d in residuals))
            end = clean.index_copy(0, rows, flow.split(noise[rows], made.float(), 1.0)[0])
        noisy = flow.mix(end, noise, when)
        made = unet(noisy, time, y, *residuals).float()
        guessed, _ = flow.split(noisy, made, when)
        off = torch.where(way, guessed - clean, made - flow.target(clean, noise))
        error = latents.counts(people, frames) * off.pow(2)
        return {"flow": error.mean()} | judged(guessed[few], people[few], frames[few])

    @torch.no_grad()
    def check() -> dict[str, float]:
        n = min(8, len(held))
        people, frames = np.arange(n), np.full(n, 5)
        mesh, anchor, neighbour, _, _ = conditions(held, np.random.default_rng(1), people, frames)
        true = held.frame[people, frames].float()
        start = torch.randn(true.shape, generator=torch.Generator().manual_seed(0))
        y = text(torch.zeros(n, size.text_tokens, dtype=torch.long),
                 torch.zeros(n, size.pseudo_words, size.text_dim))  # fmt: skip
        said, rows = {}, [_drawn(decoder, true), _drawn(decoder, anchor)]
        for steps in (1, 4, 16):
            door = adapter(mesh, anchor, neighbour)
            made = sample_euler(asked(unet, y, door), start, flow.times(steps), flow)
            said[f"coherent_{steps}"] = float((made - true).pow(2).mean())
            rows.append(_drawn(decoder, made))
        door = adapter(mesh, torch.zeros_like(mesh), torch.zeros_like(mesh))
        made = sample_euler(
            lambda z, t: unet(z, torch.full((n,), t), y, *door), start, flow.times(20), flow
        )
        rows.append(_drawn(decoder, made))
        sheet(rows, ROOT / NAME / "sheet.png")
        return said | {"copying": float((anchor - true).pow(2).mean())}

    return Learning({"adapter": adapter}, loss, check, Budget(0, rate=1e-3), 600)


def _drawn(decoder: torch.nn.Module, latent: Tensor) -> np.ndarray:
    return to_picture(decoder.draw(decoder.features(latent)))


STAGE = Stage(NAME, 60.0, build, by_size=False)
