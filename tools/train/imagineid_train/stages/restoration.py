"""Train the first frame's decoder on latents that the base imagines, not only on encoded ones.

A small base finds a person's layout long before hair and skin, and its last steps add specks. So
sampling ends at :attr:`imagineid.spec.Size.first_until`, with the latent that is expected there:
it is soft, and the decoder restores what it leaves open. True frames whose latents were noised and
imagined again show how; latents imagined from noise have no true frame and are judged by critics.

Source:
    Wang et al. 2021, Towards real-world blind face restoration with generative facial prior.
    https://arxiv.org/abs/2101.04061
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional as F
from torch.nn.utils.parametrizations import spectral_norm

from imagineid.ccf.sampling import Sampling
from imagineid.nn.first_decoder import FirstDecoder, decode
from imagineid.spec import Size
from imagineid_train.data import sheet, to_picture
from imagineid_train.loop import (
    ROOT,
    Budget,
    Progress,
    channels_last,
    device,
    load_into,
    per_step,
)
from imagineid_train.losses import detail
from imagineid_train.people import People
from imagineid_train.perceptual import Perceptual
from imagineid_train.prompts import dropped
from imagineid_train.stage import Learning, Stage
from imagineid_train.stages.base import SHOWN, Imagination

BATCH, ON_GPU = 4, 24
"""Windows with a true frame in a batch, on a CPU and on a GPU."""
UNPAIRED = 1 / 4
"""Windows imagined from noise, as a share of those."""
POOL, EACH, RENEWED = 160, 16, 100
"""Latents imagined from noise that are at hand, how many are made at once, and after how many
batches the oldest are replaced."""
CLEAN = 0.1
"""Share of batches whose latents are encoded ones."""
WINDOW = 3 / 8
"""Side of a window, as a share of the frame's."""
PART = 3 / 16
"""Side of the parts, a mouth or an eye, that have a critic of their own; as a share of the same."""
MARGIN = 2
"""Cells around a window, at the level before the last coarse one, that its features depend on."""
ADVERSARIAL = 0.05
SMALLEST = 16
"""Pixels along a side that the critics halve four times."""


class Realism(nn.Module):
    """A patch critic of pictures, each score with a field of 94 pixels."""

    def __init__(self, wide: int = 32) -> None:
        super().__init__()
        widths = (3, wide, 2 * wide, 4 * wide, 4 * wide)
        layers: list[nn.Module] = []
        for a, b in zip(widths, widths[1:], strict=False):
            layers += [spectral_norm(nn.Conv2d(a, b, 4, 2, 1)), nn.LeakyReLU(0.2)]
        self.layers = nn.Sequential(*layers, spectral_norm(nn.Conv2d(4 * wide, 1, 3, 1, 1)))

    def forward(self, picture: Tensor) -> Tensor:
        """Return scores (B, 1, h, w) of pictures (B, 3, H, W) in [-1, 1]."""
        if picture.shape[-1] < SMALLEST:
            picture = F.interpolate(picture, size=(SMALLEST, SMALLEST), mode="bilinear")
        out: Tensor = self.layers(picture)
        return out


class Critics(nn.Module):
    """Critics of windows, of the same at a quarter of their side, and of mouths and eyes."""

    def __init__(self) -> None:
        super().__init__()
        self.window, self.coarse, self.part = Realism(), Realism(48), Realism()

    def forward(self, windows: Tensor, parts: Tensor) -> list[Tensor]:
        """Return the scores of each critic."""
        small = F.avg_pool2d(windows, 4)
        return [self.window(windows), self.coarse(small), self.part(parts)]


@dataclass(frozen=True)
class Framed:
    """Windows of frames and the parts in them.

    Attributes:
        corners: of the windows, even (row, column), in cells where MBA blends.
        spots: middle of a mouth or an eye of each frame, (row, column) as shares of it.
        size: of the model.
    """

    corners: list[tuple[int, ...]]
    spots: list[np.ndarray]
    size: Size

    @property
    def cells(self) -> int:
        """Side of a window in cells."""
        return round(self.size.feature_px * WINDOW)

    def windows(self, pictures: Sequence[Tensor], cell_px: int) -> Tensor:
        """Cut the windows out of (C, H, W) each, whose cells have ``cell_px`` pixels."""
        side = self.cells * cell_px
        corners = [(y * cell_px, x * cell_px) for y, x in self.corners]
        found = [
            picture[:, y : y + side, x : x + side]
            for picture, (y, x) in zip(pictures, corners, strict=True)
        ]
        return torch.stack(found).contiguous(memory_format=torch.channels_last)

    def parts(self, windows: Tensor) -> Tensor:
        """Cut a mouth or an eye out of each window, or the region nearest to it inside."""
        side, out = round(PART * self.size.frame_px), []
        for window, spot, corner in zip(windows, self.spots, self.corners, strict=True):
            middle = spot * self.size.frame_px - np.array(corner) * self.size.patch
            y, x = np.clip(np.round(middle - side / 2).astype(int), 0, window.shape[-1] - side)
            out.append(window[:, y : y + side, x : x + side])
        return torch.stack(out).contiguous(memory_format=torch.channels_last)

    def __add__(self, other: Framed) -> Framed:
        """Put windows behind each other."""
        return Framed(self.corners + other.corners, self.spots + other.spots, self.size)


def framed(people: People, rng: np.random.Generator, who: np.ndarray, which: np.ndarray) -> Framed:
    """Draw a window of each frame; seven of ten are about the face."""
    size = people.moves.size
    side = size.feature_px
    corners: list[tuple[int, ...]] = []
    spots: list[np.ndarray] = []
    cells = round(side * WINDOW)
    for person, frame in zip(who.tolist(), which.tolist(), strict=True):
        if rng.random() < 0.7:
            nose = people.moves.spot(person, frame, 0) - (0.12, 0)
            middle = nose * side + rng.normal(0, side / 16, 2)
        else:
            middle = rng.uniform(cells / 2, side - cells / 2, 2)
        y, x = np.clip(np.round((middle - cells / 2) / 2).astype(int), 0, (side - cells) // 2)
        corners.append((2 * int(y), 2 * int(x)))
        spots.append(people.moves.spot(person, frame, int(rng.integers(3))))
    return Framed(corners, spots, size)


def windows_drawn(decoder: FirstDecoder, latents: Tensor, framed: Framed) -> Tensor:
    """Draw the windows of frames (B, 3, H', W') and little around them."""
    x, last = decoder.deep(decoder.stem(latents)), len(decoder.up) - 1
    for level in range(last):
        x = decoder.finer(x, level)
    cells, side = framed.cells // 2, x.shape[-1]
    around = min(cells + 2 * MARGIN, side)
    outer = [
        tuple(min(max(at // 2 - MARGIN, 0), side - around) for at in corner)
        for corner in framed.corners
    ]
    cut = [each[:, y : y + around, x : x + around] for each, (y, x) in zip(x, outer, strict=True)]
    features = decoder.finer(torch.stack(cut), last)
    inner = replace(
        framed,
        corners=[
            (y - 2 * top, x - 2 * left)
            for (y, x), (top, left) in zip(framed.corners, outer, strict=True)
        ],
    )
    return decoder.fine(inner.windows(list(features), 1)).float()


@dataclass
class Unpaired:
    """Latents imagined from noise, with whose frame's mesh they have, renewed now and then."""

    people: People
    imagination: Imagination
    before: FirstDecoder
    rng: np.random.Generator
    draws: int = 0

    def __post_init__(self) -> None:
        """Begin without any."""
        self.generated: list[tuple[Tensor, Tensor, int, int]] = []

    @torch.no_grad()
    def _more(self) -> None:
        people, rng, size = self.people, self.rng, self.imagination.size
        who, which = people.draw(rng, EACH)
        described = rng.permutation(who) if rng.random() < 0.3 else who
        tokens = people.tokens(rng, described, self.imagination.words, size).to(device())
        mesh = people.mesh[who, which].float()
        sampling = replace(
            Sampling.of(size, int(rng.integers(16, 30))),
            until=size.first_until,
            temperature=float(rng.uniform(0.7, 0.95)),
        )
        scale = float(rng.uniform(1.3, 2.2))
        latents = self.imagination(torch.randn_like(mesh), mesh, tokens, sampling, scale)
        coarse = [
            F.avg_pool2d(decode(self.before, z[None]).float(), size.patch)[0] for z in latents
        ]
        rows = zip(latents, coarse, who.tolist(), which.tolist(), strict=True)
        self.generated = [*self.generated, *rows][-POOL:]

    def draw(self, count: int) -> tuple[Tensor, list[Tensor], np.ndarray, np.ndarray]:
        """Return latents (count, c, h, w), colours of their patches, people and frames."""
        self.draws += 1
        growing = len(self.generated) < POOL and self.draws % 10 == 1
        if growing or self.draws % RENEWED == 0:
            self._more()
        chosen = [self.generated[i] for i in self.rng.integers(len(self.generated), size=count)]
        latents, coarse, who, which = zip(*chosen, strict=True)
        return torch.stack(latents), list(coarse), np.array(who), np.array(which)


def imagined_again(
    imagination: Imagination, rng: np.random.Generator, clean: Tensor, mesh: Tensor, tokens: Tensor
) -> Tensor:
    """Noise latents (B, c, h, w) and denoise them in one to three steps, not to the end."""
    begin = rng.uniform(0.5, 0.85)
    until = rng.uniform(0.42, min(0.65, begin))
    times = np.linspace(begin, until, int(rng.integers(1, 4))).tolist()
    noise = rng.uniform(0.75, 1.0) * torch.randn_like(clean)
    noisy = imagination.flow.mix(clean, noise, torch.tensor(begin, device=clean.device))
    return imagination.along(times, noisy, mesh, tokens, float(rng.choice((1, rng.uniform(1, 2)))))


def build(size: Size) -> Learning:
    """The decoder of ``first_decoder`` learns on, against critics."""
    people, held = People.open("train", size), People.open("val", size)
    imagination, decoder, before = Imagination.trained(size), FirstDecoder(size), FirstDecoder(size)
    for each in (decoder, before):
        load_into(each, f"{size.name}/first_decoder", "decoder").to(device())
    decoder.requires_grad_(requires_grad=True)
    critics = Critics().to(device())
    channels_last((decoder, before, critics))
    perceptual, rng, progress = Perceptual().to(device()), np.random.default_rng(5), Progress()
    batch, unpaired = per_step(BATCH, ON_GPU), Unpaired(people, imagination, before, rng)

    def loss() -> dict[str, Tensor]:
        who, which = people.draw(rng, batch)
        latent, mesh = people.frame[who, which].float(), people.mesh[who, which].float()
        if rng.random() > CLEAN:
            tokens = dropped(people.tokens(rng, who, imagination.words, size), rng).to(device())
            latent = imagined_again(imagination, rng, latent, mesh, tokens)
        free, coarse, free_who, free_which = unpaired.draw(round(UNPAIRED * batch))
        near, far = framed(people, rng, who, which), framed(people, rng, free_who, free_which)
        both = near + far
        decoded = windows_drawn(decoder, torch.cat([latent, free]), both)
        true = near.windows(_pictures(people, who, which), size.patch)
        parts, true_parts = both.parts(decoded), near.parts(true)
        paired, colours_made = decoded[:batch], F.avg_pool2d(decoded[batch:], size.patch)
        colours = far.windows(coarse, 1)
        late = ADVERSARIAL * min(1.0, progress.share / 0.05)
        return {
            "absolute": (paired - true).abs().mean(),
            "detail": 0.3 * (detail(paired) - detail(true)).abs().mean(),
            "perceptual": 0.4 * perceptual(paired, true),
            "part": 0.2 * perceptual(parts[:batch], true_parts),
            "coarse": 2 * (colours_made - colours).abs().mean(),
        } | _game(critics, (true, true_parts), (decoded, parts), late)

    @torch.no_grad()
    def check() -> dict[str, float]:
        count = min(len(SHOWN), len(held))
        who, which = np.arange(count), np.full(count, 2)
        mesh, true = held.mesh[who, which].float(), held.frame[who, which].float()
        start = torch.randn(mesh.shape, generator=torch.Generator().manual_seed(0)).to(device())
        sampling = Sampling.first(size, size.first_steps)
        rows = []
        for shift in (0, count // 2):
            prompts = [SHOWN[(i + shift) % len(SHOWN)] for i in range(count)]
            tokens = np.stack([imagination.words.tokens(prompt, size) for prompt in prompts])
            tokens = torch.from_numpy(tokens).to(device())
            noise = start.roll(shift, 0)
            latent = imagination(noise, mesh, tokens, sampling, size.guidance)
            rows += [to_picture(decode(each, latent)) for each in (before, decoder)]
        again = imagined_again(imagination, np.random.default_rng(1), true, mesh, tokens)
        rows += [to_picture(decode(each, again)) for each in (before, decoder)]
        rows += [to_picture(decode(decoder, true))]
        sheet(rows, ROOT / size.name / STAGE.name / "sheet.png")
        distance = perceptual(decode(decoder, again), decode(before, true))
        return {"perceptual": float(distance)}

    modules: dict[str, nn.Module] = {"decoder": decoder, "critics": critics}
    budget = Budget(0, rate=3e-4, average=300)
    return Learning(modules, loss, check, budget, per_step(250, 1000), progress)


def _pictures(people: People, who: np.ndarray, which: np.ndarray) -> list[Tensor]:
    """Return the true frames, (3, H, W) in [-1, 1] each."""
    found = [people.moves.picture(int(p), int(n)) for p, n in zip(who, which, strict=True)]
    return [torch.from_numpy(x).to(device()).movedim(-1, 0).float() / 127.5 - 1 for x in found]


def _game(
    critics: Critics, true: tuple[Tensor, Tensor], generated: tuple[Tensor, Tensor], weight: float
) -> dict[str, Tensor]:
    """Return hinge losses of both sides; neither's gradient reaches the other."""
    fake = critics(*(each.detach() for each in generated))
    own = [
        F.relu(1 - a.float()).mean() + F.relu(1 + b.float()).mean()
        for a, b in zip(critics(*true), fake, strict=True)
    ]
    critics.requires_grad_(requires_grad=False)
    fool = [-score.float().mean() for score in critics(*generated)]
    critics.requires_grad_(requires_grad=True)
    return {"critic": torch.stack(own).sum(), "fool": weight * torch.stack(fool).sum()}


STAGE = Stage("restoration", 120.0, build)
