"""Stage CCF 0: the base latent diffusion model, text to latent; frozen ever after."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

from imagineid.ccf.sampling import Flow, ddim, guided, times
from imagineid.ccf.text import TextEncoder
from imagineid.ccf.unet import BaseUNet
from imagineid.ccf.words import Words
from imagineid.spec import Size
from imagineid_train.data import sheet, to_picture
from imagineid_train.latents import Latents, networks
from imagineid_train.loop import ROOT, Budget, channels_last, plain_attention, train

NAME = "base"
BATCH = 32
SHOWN = (
    "a woman with long red hair",
    "a man with a black beard and short black hair",
    "an old man with grey hair and glasses",
    "a young woman with long blonde hair, blue background",
)


def vocabulary() -> Words:
    """Return the words that the world's captions are made of."""
    from imagineid_world.captions import SYNONYMS, VOCABULARY

    return Words(tuple(VOCABULARY), SYNONYMS)


class Captions:
    """Tokens of every person's captions, and the feeling each was written for."""

    def __init__(self, latents: Latents, words: Words, size: Size) -> None:
        self.notes = [latents.faces.notes[shard][row] for shard, row in latents.faces.index]
        self.tokens = [
            [torch.from_numpy(words.tokens(text, size)) for text in note["captions"]]
            for note in self.notes
        ]

    def draw(self, rng: np.random.Generator, people: np.ndarray, frames: np.ndarray) -> Tensor:
        """Return a caption of each person that fits the frame's feeling, (B, M) int64."""
        drawn = []
        for person, frame in zip(people, frames, strict=True):
            note = self.notes[person]
            feeling = note["emotions"][frame // 2]
            fits = [i for i, f in enumerate(note["caption_emotions"]) if f == feeling]
            drawn.append(self.tokens[person][rng.choice(fits or len(self.tokens[person]))])
        return torch.stack(drawn)


def dropped(tokens: Tensor, rng: np.random.Generator, all_of_it: float = 0.12) -> Tensor:
    """Leave out whole prompts, so that guidance knows what no prompt looks like."""
    gone = torch.from_numpy(rng.random(len(tokens)) < all_of_it)
    return tokens.masked_fill(gone[:, None], 0)


def run(size: Size, minutes: float) -> None:
    """Train the UNet and the text encoder for ``minutes`` in all."""
    words, latents = vocabulary(), Latents.open("train")
    unet, text = BaseUNet(size), TextEncoder(size, len(words))
    plain_attention(unet.model)
    channels_last((unet,))
    captions = Captions(latents, words, size)
    rng, flow = np.random.default_rng(0), Flow()
    no_voice = torch.zeros(BATCH, size.pseudo_words, size.text_dim)

    def loss() -> dict[str, Tensor]:
        people = rng.integers(len(latents), size=BATCH)
        frames = rng.integers(8, size=BATCH)
        clean = latents.frame[people, frames].float()
        tokens = dropped(captions.draw(rng, people, frames), rng)
        time = torch.from_numpy(1 / (1 + np.exp(-rng.normal(0.2, 1.1, BATCH)))).float()
        noise = torch.randn_like(clean)
        noisy = flow.mix(clean, noise, time.view(-1, 1, 1, 1))
        made = unet(noisy, time, text(tokens, no_voice))
        return {"flow": (made.float() - flow.target(clean, noise)).pow(2).mean()}

    _, decoder = networks(size)

    @torch.no_grad()
    def check() -> dict[str, float]:
        rows = []
        none = torch.zeros(8, size.text_tokens, dtype=torch.long)
        quiet = torch.zeros(8, size.pseudo_words, size.text_dim)
        for i, prompt in enumerate(SHOWN):
            token = torch.from_numpy(words.tokens(prompt, size)).expand(8, -1)
            said, unsaid = text(token, quiet), text(none, quiet)
            start = torch.randn(
                8, size.latent_channels, size.latent_px, size.latent_px,
                generator=torch.Generator().manual_seed(i),
            )  # fmt: skip
            step = guided(
                lambda z, t, y=said: unet(z, torch.full((8,), t), y),
                lambda z, t, y=unsaid: unet(z, torch.full((8,), t), y),
                2.5,
            )
            latent = ddim(step, start, times(20), flow)
            rows.append(to_picture(decoder.draw(decoder.features(latent))))
        sheet(rows, ROOT / NAME / "sheet.png")
        return {"latent_std": float(latent.std())}

    train(
        NAME, {"unet": unet, "text": text}, loss, Budget(minutes, rate=5e-4), check, check_every=600
    )
