"""Stage CCF 4: the student of one step, on true frames, judged in latents and in pixels.

It learns the coherent mode alone. Its neighbours are the true frame before, its own guess of it
(rollouts), or the first frame itself, spoilt as frames of its own making will be.
"""

from __future__ import annotations

from itertools import count

import numpy as np
import torch
from torch import Tensor

from imagineid.ccf.student import Student
from imagineid.spec import Size
from imagineid_train.autoencoder import detail
from imagineid_train.data import boxes, sheet, to_image, to_picture
from imagineid_train.latents import Latents, networks
from imagineid_train.loop import ROOT, Budget, channels_last, train
from imagineid_train.perceptual import Perceptual
from imagineid_train.sca import spoilt

NAME = "student"
BATCH = 32
DRAWN = 6
"""Samples of a batch that are decoded and judged as pictures."""
PERCEPTUAL_EVERY, PERCEPTUAL_PICTURES = 3, 2
OWN, FIRST = 0.5, 0.25
"""Shares of neighbours that are the student's own guess, and the first frame."""
DETAILED = 5.0
"""How much more a pixel of the mouth or an eye counts than any other."""


def run(size: Size, minutes: float) -> None:
    """Train the student for ``minutes`` in all."""
    latents, held = Latents.open("train"), Latents.open("val")
    student = Student(size)
    _, decoder = networks(size)
    channels_last((student,))
    rng, perceptual, step = np.random.default_rng(5), Perceptual(), count()

    def some(source: Latents, people: np.ndarray, frames: np.ndarray) -> tuple[Tensor, ...]:
        """Return meshes, first frames' meshes, first frames, true neighbours and all-but-mouths."""
        other = (frames + 2 * rng.integers(0, 4, len(frames))) % 8
        fields = ((source.mesh, frames), (source.mesh, other), (source.frame, other),
                  (source.neighbour, frames ^ 1), (source.neighbour, other))  # fmt: skip
        return tuple(field[people, at].float() for field, at in fields)

    def chance(share: float) -> Tensor:
        return torch.from_numpy(rng.random((BATCH, 1, 1, 1)) < share)

    def neighbours(people: np.ndarray, frames: np.ndarray, given: tuple[Tensor, ...]) -> Tensor:
        mesh, first, anchor, true, still = given
        with torch.no_grad():
            before = latents.mesh[people, frames ^ 1].float()
            beyond = spoilt(latents.neighbour[people, frames].float(), rng)
            own = student(before, first, anchor, beyond).float()
            outside = latents.weight[people, frames ^ 1].float()[:, None] <= 1
            guessed = torch.where(chance(OWN) & outside, own, true)
            return torch.where(chance(FIRST), still, spoilt(guessed, rng))

    def loss() -> dict[str, Tensor]:
        people, frames = rng.integers(len(latents), size=BATCH), rng.integers(8, size=BATCH)
        given = some(latents, people, frames)
        clean = latents.frame[people, frames].float()
        made = student(*given[:3], neighbours(people, frames, given)).float()
        weight = latents.weight[people, frames].float()[:, None]
        terms = {"latent": (weight * (made - clean).pow(2)).mean()}
        drawn = decoder.draw(decoder.features(made[:DRAWN])).float()
        true, counts = pictures(people[:DRAWN], frames[:DRAWN])
        terms["picture"] = 3 * (counts * (drawn - true).abs()).mean()
        terms["detail"] = 3 * (counts * (detail(drawn) - detail(true)).abs()).mean()
        if next(step) % PERCEPTUAL_EVERY == 0:
            few = slice(0, PERCEPTUAL_PICTURES)
            terms["perceptual"] = 0.15 * perceptual(drawn[few], true[few])
        return terms

    def pictures(people: np.ndarray, frames: np.ndarray) -> tuple[Tensor, Tensor]:
        chosen = list(zip(people.tolist(), frames.tolist(), strict=True))
        true = to_image(np.stack([latents.faces.get(p, "frame")[f] for p, f in chosen]))
        counts = torch.ones(len(chosen), 1, size.frame_px, size.frame_px)
        for row, (p, f) in enumerate(chosen):
            for top, bottom, left, right in boxes(latents.faces, p, f):
                counts[row, :, top:bottom, left:right] = DETAILED
        return true.contiguous(memory_format=torch.channels_last), counts

    @torch.no_grad()
    def check() -> dict[str, float]:
        n = min(24, len(held))
        people, frames = np.arange(n), np.full(n, 5)
        fixed = (frames + 2) % 8
        mesh, first = held.mesh[people, frames].float(), held.mesh[people, fixed].float()
        anchor, still = held.frame[people, fixed].float(), held.neighbour[people, fixed].float()
        true = held.frame[people, frames].float()
        made = student(mesh, first, anchor, still)
        rows = [to_picture(decoder.draw(decoder.features(z[:8]))) for z in (anchor, true, made)]
        sheet(rows, ROOT / NAME / "sheet.png")
        after = student(mesh, first, anchor, held.neighbour[people, frames ^ 1].float())
        return {
            "still": float((made - true).pow(2).mean()),
            "following": float((after - true).pow(2).mean()),
            "copying": float((anchor - true).pow(2).mean()),
        }

    train(NAME, {"student": student}, loss, Budget(minutes, rate=1e-3), check, check_every=500)
