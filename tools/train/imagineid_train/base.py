"""Stage CCF 0: the base latent diffusion model, text to latent; frozen ever after.

A base that is to be steered learns faster when it is steered from the start: most samples see a
spatial adapter's residuals too, of the mesh alone or of all three conditions. The adapter is where
the stage ``sca`` begins, with the base frozen.

With all three, what is half denoised is on the way to the model's own guess, not to the truth. A
base that has only seen the latter trusts it, and sharpens its own mistakes from step to step; one
that knows its own way ends, in fifty steps, near where it ends in one.
"""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

from imagineid.ccf.sampling import guided, sample_euler
from imagineid.ccf.schedule import Flow
from imagineid.nn.sca import SpatialAdapter
from imagineid.nn.text import TextEncoder
from imagineid.nn.unet import BaseUNet
from imagineid.spec import Size
from imagineid_train.conditions import (
    EARLIEST,
    STILL,
    Pictures,
    asked,
    chance,
    conditions,
    corrupt,
    held,
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
)
from imagineid_train.prompts import Captions, Naming, dropped, invented, named_in, vocabulary
from imagineid_train.stage import Learning, Stage

NAME = "base"
BATCH = 32
TEXT_ALONE, MESH_ALONE = 3, 17
"""Samples of a batch without an adapter, and with the mesh alone; the others see all three."""
ONE_STEP = 6
"""Samples that start from noise alone, as a frame imagined in one step does. Others that see all
three are on the way to their own guess."""
DRAWN = 4
"""Samples that are judged as pictures: one that is on the way, the others of one step."""
IMAGINED = 0.6
"""Share of first frames that are the model's own work, flaws and all, as they will be in use."""
INVENTED, NAMING = 16, 0.2
"""Captions without a picture in a batch, and how much it counts to know whose each colour is."""
SHOWN = (
    "a woman with long red hair",
    "a man with a black beard and short black hair",
    "an old man with grey hair and glasses",
    "a young woman with long blonde hair, blue background",
)


def build(size: Size) -> Learning:
    """Train the UNet and the text encoder."""
    words, latents = vocabulary(), Latents.open("train")
    unet, text = BaseUNet(size), TextEncoder(size, len(words))
    adapter, naming = SpatialAdapter(size), Naming(size)
    if laid_out(NAME):  # the base is embedded without its adapter, which SCA's was made of
        load_into(adapter, "sca", "adapter").train().requires_grad_()
    plain_attention(unet.model)
    channels_last((unet, adapter))
    captions = Captions(latents, words, size)
    rng, flow = np.random.default_rng(0), Flow()
    no_voice = torch.zeros(BATCH, size.pseudo_words, size.text_dim)
    _, decoder = networks(size)
    judged = Pictures(latents, decoder, size)
    row = torch.arange(BATCH).view(-1, 1, 1, 1)
    steered, coherent = row >= TEXT_ALONE, row >= TEXT_ALONE + MESH_ALONE
    one_step = slice(BATCH - ONE_STEP, BATCH)
    leaning = slice(TEXT_ALONE + MESH_ALONE, BATCH)
    way = slice(leaning.start, one_step.start)
    few = slice(one_step.start - 1, one_step.start - 1 + DRAWN)

    @torch.no_grad()
    def imagined(anchor: Tensor, mesh: Tensor, said: Tensor) -> Tensor:
        """Return first frames as the diverse mode might leave them: noised, and guessed back."""
        time = torch.from_numpy(rng.uniform(0.25, 0.75, (len(anchor), 1, 1, 1))).float()
        noisy = flow.mix(anchor, torch.randn_like(anchor), time)
        residuals = adapter(mesh, torch.zeros_like(mesh), torch.zeros_like(mesh))
        made = unet(noisy, time.flatten(), said, *residuals).float()
        guess = noisy - time * made
        return torch.where(chance(rng, len(anchor), IMAGINED), guess, anchor)

    def loss() -> dict[str, Tensor]:
        people = rng.integers(len(latents), size=BATCH)
        frames = rng.integers(8, size=BATCH)
        clean = latents.frame[people, frames].float()
        mesh, anchor, neighbour, still, first = conditions(latents, rng, people, frames)
        about = captions.draw(rng, people, frames)
        said = text(dropped(captions.tokens(about), rng), no_voice)
        anchor[leaning] = imagined(anchor[leaning], first[leaning], said[leaning].detach())
        neighbour = held(corrupt(neighbour, rng), still, rng)
        neighbour = torch.where(chance(rng, BATCH, STILL), still, neighbour)
        residuals = adapter(mesh, anchor * coherent, neighbour * coherent)
        residuals = tuple(d * steered for d in residuals)
        time = torch.from_numpy(1 / (1 + np.exp(-rng.normal(1.0, 1.2, BATCH)))).float()
        time[way] = torch.from_numpy(rng.uniform(EARLIEST, 1.0, way.stop - way.start)).float()
        time[one_step] = 1.0
        when, noise = time.view(-1, 1, 1, 1), torch.randn_like(clean)
        end = clean.clone()
        with torch.no_grad():
            whole = torch.ones(way.stop - way.start)
            own = unet(noise[way], whole, said[way], *(d[way] for d in residuals)).float()
            end[way] = flow.split(noise[way], own, 1.0)[0]
        noisy = flow.mix(end, noise, when)
        made = unet(noisy, time, said, *residuals).float()
        guess, _ = flow.split(noisy, made, when)
        off = made - flow.target(clean, noise)
        off = torch.cat([off[: way.start], (guess - clean)[way], off[way.stop :]])
        only_words = invented(rng, INVENTED)
        named = torch.tensor([named_in(caption) for caption in only_words])
        unseen = text(captions.tokens(only_words), no_voice[:1].expand(INVENTED, -1, -1))
        return {
            "flow": (latents.counts(people, frames) * off.pow(2)).mean(),
            "naming": NAMING * naming(unseen, named),
        } | judged(guess[few], people[few], frames[few])

    val = Latents.open("val")

    @torch.no_grad()
    def check() -> dict[str, float]:
        about = invented(np.random.default_rng(2), 128)
        told = text(captions.tokens(about), no_voice[:1].expand(128, -1, -1))
        said = {"named": naming.right(told, torch.tensor([named_in(a) for a in about]))}
        rows = []
        people, frames = np.arange(8), np.full(8, 5)
        mesh, anchor, _, still, _ = conditions(val, np.random.default_rng(1), people, frames)
        none = torch.zeros(8, size.text_tokens, dtype=torch.long)
        unsaid = text(none, no_voice[:8])
        nothing = torch.zeros_like(mesh)
        steering = adapter(mesh, nothing, nothing)
        for i, prompt in enumerate(SHOWN):
            token = torch.from_numpy(words.tokens(prompt, size)).expand(8, -1)
            said_text = text(token, no_voice[:8])
            start = torch.randn(mesh.shape, generator=torch.Generator().manual_seed(i))
            residuals = steering if i % 2 else ()  # every other row steered by a mesh
            step = guided(asked(unet, said_text, residuals), asked(unet, unsaid, residuals), 2.5)
            latent = sample_euler(step, start, flow.times(20), flow)
            rows.append(to_picture(decoder.draw(decoder.features(latent))))
        true = val.frame[people, frames].float()
        residuals = adapter(mesh, anchor, still)
        for steps in (1, 16):
            made = sample_euler(
                lambda z, t: unet(z, torch.full((8,), t), unsaid, *residuals),
                start,
                flow.times(steps),
                flow,
            )
            said[f"coherent_{steps}"] = float((made - true).pow(2).mean())
            if steps == 1:
                rows += [
                    to_picture(decoder.draw(decoder.features(z))) for z in (anchor, true, made)
                ]
        sheet(rows, ROOT / NAME / "sheet.png")
        return said | {"copying": float((anchor - true).pow(2).mean())}

    modules = {"unet": unet, "text": text, "adapter": adapter, "naming": naming}
    return Learning(modules, loss, check, Budget(0, rate=7e-4), 500)


STAGE = Stage(NAME, 60.0, build, by_size=False)
