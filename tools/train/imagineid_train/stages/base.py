"""The base latent diffusion model, text to latent; frozen ever after.

A base that is to be steered learns faster when it is steered from the start: most samples see a
spatial adapter's residuals too, of the mesh alone or of all three conditions. The adapter is where
the stage ``sca`` begins, with the base frozen.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import torch
from torch import Tensor, nn

from imagineid.ccf.sampling import Sampling, guided, sample_euler
from imagineid.ccf.schedule import Flow
from imagineid.nn.first_decoder import FirstDecoder, decode
from imagineid.nn.sca import SpatialAdapter
from imagineid.nn.text import TextEncoder
from imagineid.nn.unet import BaseUNet
from imagineid.spec import Size
from imagineid_train.data import sheet, to_picture
from imagineid_train.loop import (
    ROOT,
    Budget,
    channels_last,
    device,
    drawn_ahead,
    load_into,
    per_step,
    plain_attention,
    trained,
)
from imagineid_train.people import People
from imagineid_train.prompts import Naming, dropped, invented, named_in, vocabulary
from imagineid_train.stage import Learning, Stage
from imagineid_train.stages.autoencoder import frozen

BATCH, ON_GPU = 32, 192
"""Samples of a batch, on a CPU and on a GPU."""
TEXT_ALONE, MESH_ALONE, ONE_STEP = 4 / 32, 18 / 32, 5 / 32
"""Shares of a batch without an adapter, with the mesh alone, and those of all three conditions
that start from noise alone, as a frame imagined in one step does."""
INVENTED, NAMING = 0.5, 0.2
"""Captions without a picture, as a share of the batch, and how much it counts to know whose each
colour is."""
READERS = 5
"""Processes that draw captions ahead of a GPU."""
SHOWN = (
    "woman with long red hair",
    "man with a grey beard and glasses",
    "black woman, short afro, earrings",
    "old man with white hair",
    "young woman, blonde hair, blue background",
    "bald man in a suit",
)


def build(size: Size) -> Learning:
    """UNet, text encoder and a first spatial adapter learn together."""
    words, people = vocabulary(), People.open("train", size)
    unet, text = BaseUNet(size).to(device()), TextEncoder(size, len(words)).to(device())
    adapter, naming = SpatialAdapter(size).to(device()), Naming(size).to(device())
    plain_attention(unet.model)
    channels_last((unet, adapter))
    flow, batch = Flow(), per_step(BATCH, ON_GPU)
    row = torch.arange(batch, device=device()).view(-1, 1, 1, 1)
    steered, coherent = row >= TEXT_ALONE * batch, row >= (TEXT_ALONE + MESH_ALONE) * batch
    unseen = round(INVENTED * batch)
    no_voice = torch.zeros(batch, size.pseudo_words, size.text_dim, device=device())

    def draw(rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray, Tensor, Tensor, Tensor]:
        """Draw people, frames, tokens of captions, and captions without a picture."""
        who, which = people.draw(rng, batch)
        only_words = invented(rng, unseen)
        return (
            who,
            which,
            dropped(people.tokens(rng, who, words, size), rng),
            torch.from_numpy(np.stack([words.tokens(c.text, size) for c in only_words])),
            torch.tensor([named_in(caption) for caption in only_words]),
        )

    batches, rng = drawn_ahead(draw, 0, READERS), np.random.default_rng(0)

    def loss() -> dict[str, Tensor]:
        who, which, tokens, only_words, named = next(batches)
        clean = people.frame[who, which].float()
        mesh, anchor, neighbour, _ = people.conditions(rng, who, which)
        conditioning = text(tokens.to(device()), no_voice)
        residuals = adapter(mesh, anchor * coherent, neighbour * coherent)
        time = torch.from_numpy(1 / (1 + np.exp(-rng.normal(0.8, 1.1, batch)))).float()
        time[-round(ONE_STEP * batch) :] = 1.0
        time, noise = time.to(device()), torch.randn_like(clean)
        noisy = flow.mix(clean, noise, time.view(-1, 1, 1, 1))
        predicted = unet(noisy, time, conditioning, *(r * steered for r in residuals)).float()
        counts = people.weight[who, which].float()[:, None]
        unpictured = text(only_words.to(device()), no_voice[:unseen])
        return {
            "flow": (counts * (predicted - flow.target(clean, noise)).pow(2)).mean(),
            "naming": NAMING * naming(unpictured, named.to(device())),
        }

    held = People.open("val", size)
    decoder, imagination = drawing(size), Imagination(size, unet, text, adapter)

    @torch.no_grad()
    def check() -> dict[str, float]:
        count = min(6, len(held))
        who, which = np.arange(count), np.full(count, 2)
        mesh, anchor, neighbour, _ = held.conditions(np.random.default_rng(1), who, which)
        true = held.frame[who, which].float()
        generator = torch.Generator().manual_seed(0)
        start = torch.randn(mesh.shape, generator=generator).to(device())
        sampling = Sampling.first(size, size.first_steps)
        rows = []
        for prompt in SHOWN:
            tokens = torch.from_numpy(words.tokens(prompt, size)).expand(count, -1).to(device())
            latent = imagination(start, mesh, tokens, sampling, size.guidance)
            rows.append(to_picture(decode(decoder, latent)))
        none = torch.zeros(count, size.text_tokens, dtype=torch.long, device=device())
        unprompted = text(none, no_voice[:count])
        one = flow.split(
            start,
            unet(start, torch.ones(count, device=device()), unprompted,
                 *adapter(mesh, anchor, neighbour)).float(),
            1.0,
        )[0]  # fmt: skip
        rows += [to_picture(decode(decoder, z)) for z in (true, one)]
        sheet(rows, ROOT / size.name / STAGE.name / "sheet.png")
        return {
            "coherent_1": float((one - true).pow(2).mean()),
            "copying": float((anchor - true).pow(2).mean()),
        }

    modules: dict[str, nn.Module] = {
        "unet": unet,
        "text": text,
        "adapter": adapter,
        "naming": naming,
    }
    return Learning(modules, loss, check, Budget(0, rate=7e-4, average=1000), 2000)


def drawing(size: Size) -> FirstDecoder:
    """Return the first frame's decoder, as far as it has been trained."""
    decoder, later = FirstDecoder(size), f"{size.name}/first_decoder"
    load_into(decoder, later if trained(later) else frozen(size), "decoder")
    decoder.to(device())
    return decoder


class Imagination:
    """A base with its words and the adapter that shows it a mesh: latents of people.

    Args:
        size: of all networks.
        unet: the base.
        text: its text encoder.
        adapter: shows it the mesh alone.
    """

    def __init__(self, size: Size, unet: nn.Module, text: nn.Module, adapter: nn.Module) -> None:
        self.size, self.unet, self.text, self.adapter = size, unet, text, adapter
        self.words, self.flow = vocabulary(), Flow()

    @classmethod
    def trained(cls, size: Size) -> Imagination:
        """Return the networks that the stage ``base`` trained, frozen.

        Raises:
            FileNotFoundError: it has not been trained.
        """
        own = STAGE.folder(size)
        unet = load_into(BaseUNet(size), own, "unet")
        text = load_into(TextEncoder(size, len(vocabulary())), own, "text")
        adapter = load_into(SpatialAdapter(size), own, "adapter")
        assert isinstance(unet, BaseUNet)
        plain_attention(unet.model)
        channels_last((unet, adapter))
        return cls(size, *(each.to(device()) for each in (unet, text, adapter)))

    @torch.no_grad()
    def __call__(
        self, noise: Tensor, mesh: Tensor, tokens: Tensor, sampling: Sampling, guidance: float
    ) -> Tensor:
        """Imagine latents (B, c, h, w) from noise, mesh latents and tokens (B, M)."""
        return sampling(self._denoiser(mesh, tokens, guidance), noise)

    @torch.no_grad()
    def along(
        self, times: list[float], noisy: Tensor, mesh: Tensor, tokens: Tensor, guidance: float
    ) -> Tensor:
        """Denoise latents along ``times``; return the clean ones expected at the last of them."""
        return sample_euler(self._denoiser(mesh, tokens, guidance), noisy, times, self.flow)

    def _denoiser(
        self, mesh: Tensor, tokens: Tensor, guidance: float
    ) -> Callable[[Tensor, float], Tensor]:
        count, nothing = len(mesh), torch.zeros_like(mesh)
        silent = torch.zeros(count, self.size.pseudo_words, self.size.text_dim, device=mesh.device)
        residuals = self.adapter(mesh, nothing, nothing)

        def prompted(prompt: Tensor) -> Callable[[Tensor, float], Tensor]:
            text = self.text(prompt, silent)

            def ask(latent: Tensor, time: float) -> Tensor:
                at = torch.full((count,), time, device=latent.device)
                predicted: Tensor = self.unet(latent, at, text, *residuals).float()
                return predicted

            return ask

        return guided(prompted(tokens), prompted(torch.zeros_like(tokens)), guidance)


STAGE = Stage("base", 600.0, build)
