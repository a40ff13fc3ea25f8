"""Stage PAD 2: content (eq. 4, 5), with identity frozen.

Regularisation towards the true mouth, and a reading loss: a frozen phoneme reader, trained first
on true mouth motion, must read the spoken phones from the motion that is made.
"""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from imagineid.face.model import load as load_face
from imagineid.nn.content import ContentDecoder, ContentEncoder
from imagineid.nn.identity import IdentityEncoder
from imagineid.spec import ARKIT, MOUTH, Size
from imagineid_train.loop import Budget, device, load_into
from imagineid_train.spectrograms import without_speech
from imagineid_train.stage import Learning, Stage
from imagineid_train.voices import WARP_MUCH, Voices, Windows

NAME, READER = "content", "reader"
PHONES = 64
"""Room for the phone set, silence included."""
PAIRS = 24
CHECKED, EVERY = 64, 300
"""Pairs of windows in a check, and steps between checks."""

JOINED = 0.3
"""Share of windows with a pause between two utterances in them."""
JAW = ARKIT.index("jawOpen")
CLOSED = 0.03
"""Lips count as together up to this gap, as a share of the mouth's width."""


class Motion:
    """Loss of curves (B, L, 52): each unit, its changes, and how far the lips part.

    The gap between the lips is linear in the curves. It has its own term because errors too
    small to matter in each unit add up to lips that never close; closed lips count most.
    """

    def __init__(self) -> None:
        face = load_face()
        inner = [f"lip_{side}_inner_{k}" for side in ("upper", "lower") for k in (3, 4, 5)]
        at = [face.landmarks[name] for name in inner]
        ends = [face.mean[face.landmarks[f"lip_corner_{side}"]] for side in ("left", "right")]
        rise = face.units[:, at, 1].reshape(-1, 2, 3).mean(axis=2)
        wide = np.linalg.norm(ends[0] - ends[1])
        gap = torch.from_numpy(((rise[:, 0] - rise[:, 1]) / wide).astype(np.float32))
        self.gap = gap.to(device())
        self.weight = torch.ones(len(ARKIT), device=device())
        self.weight[JAW] = 4.0

    def __call__(
        self, predicted: Tensor, target: Tensor, known: Tensor | None = None
    ) -> dict[str, Tensor]:
        """Return the terms of the loss; ``known`` (B,) is 0 for rows without a target."""
        if known is not None:
            predicted, target = predicted[known > 0], target[known > 0]
        off, weight = predicted - target, self.weight
        gap, target_gap = predicted @ self.gap, target @ self.gap
        closed = 1 + 10 * (target_gap <= CLOSED).float()
        return {
            "square": 20 * (weight * off.pow(2)).mean(),
            "absolute": 2 * (weight * off.abs()).mean(),
            "motion": 20 * (weight * (off[:, 1:] - off[:, :-1]).pow(2)).mean(),
            "lips": 2 * (closed * (gap - target_gap).abs()).mean(),
        }


def closes(motion: Motion, predicted: Tensor, target: Tensor) -> float:
    """Share of frames with lips closed that are closed in ``predicted`` too."""
    closed = target @ motion.gap <= CLOSED
    return float(((predicted @ motion.gap)[closed] <= CLOSED).float().mean())


class Reader(nn.Module):
    """Reads phones from mouth motion: the lip-reading expert of this world."""

    def __init__(self) -> None:
        super().__init__()
        width = 128
        self.net = nn.Sequential(
            nn.Conv1d(len(MOUTH), width, 5, padding=2),
            nn.GELU(),
            nn.Conv1d(width, width, 5, padding=2),
            nn.GELU(),
            nn.Conv1d(width, width, 3, padding=1),
            nn.GELU(),
            nn.Conv1d(width, PHONES, 1),
        )

    def forward(self, expression: Tensor) -> Tensor:
        """Return phone logits (B, PHONES, L) from curves (B, L, 52)."""
        out: Tensor = self.net(expression[..., list(MOUTH)].transpose(1, 2) * 3)
        return out


def build_reader(size: Size) -> Learning:
    """Train the expert on true curves, with a little noise so that it stays calm off them."""
    reader = Reader().to(device())
    draw = Windows(Voices.open("train"), size.window, 0, knowing="content")
    held = Windows(Voices.open("val"), size.window, 1, augment=False, knowing="content")

    def loss() -> dict[str, Tensor]:
        batch = draw(PAIRS)
        curves = batch.content + 0.03 * torch.randn_like(batch.content)
        return {"read": F.cross_entropy(reader(curves).float(), batch.phone)}

    @torch.no_grad()
    def check() -> dict[str, float]:
        batch = held(64)
        right = reader(batch.content).argmax(1) == batch.phone
        return {"phones": float(right.float().mean())}

    return Learning({"reader": reader}, loss, check, Budget(0, rate=1e-3))


def build(size: Size) -> Learning:
    """Train Phi_E^c and Phi_D^c."""
    identity = load_into(IdentityEncoder(size), "identity", "identity").to(device())
    reader = load_into(Reader(), READER, "reader").to(device())
    encoder, decoder = ContentEncoder(size).to(device()), ContentDecoder(size).to(device())
    voices = Voices.open("train")
    draw = Windows(voices, size.window, 2, warp=WARP_MUCH, joined=JOINED, knowing="content")
    val = Voices.open("val")
    made_voices = Windows(val, size.window, 3, augment=False, knowing="content", real=0)
    readers = Windows(val, size.window, 3, augment=False, knowing="content", real=1)
    rng = np.random.default_rng(4)
    quiet, motion = 4, Motion()

    def loss() -> dict[str, Tensor]:
        batch = draw(PAIRS)
        with torch.no_grad():
            shape = identity(batch.mel)[0].float()
        silence = np.stack([without_speech(rng, size.window) for _ in range(quiet)])
        mel = torch.cat([batch.mel, torch.from_numpy(silence).to(batch.mel)])
        shape = torch.cat([shape, shape[:quiet]])
        target = torch.cat([batch.content, torch.zeros_like(batch.content[:quiet])])
        predicted = decoder(encoder(mel), shape).float()
        return motion(predicted, target) | {
            "read": 0.05
            * F.cross_entropy(reader(predicted[: len(batch.mel)]).float(), batch.phone),
        }

    def scored(held: Windows) -> dict[str, float]:
        batch = held(CHECKED)
        predicted = decoder(encoder(batch.mel), identity(batch.mel)[0])
        right = reader(predicted).argmax(1) == batch.phone
        a, b = predicted[..., JAW].flatten(), batch.content[..., JAW].flatten()
        return {
            "jaw_r": float(torch.corrcoef(torch.stack([a, b]))[0, 1]),
            "error": float((predicted - batch.content).abs()[..., list(MOUTH)].mean()),
            "closes": closes(motion, predicted, batch.content),
            "phones": float(right.float().mean()),
        }

    @torch.no_grad()
    def check() -> dict[str, float]:
        return scored(made_voices) | {f"real_{k}": v for k, v in scored(readers).items()}

    return Learning(
        {"content": encoder, "mouth": decoder},
        loss,
        check,
        Budget(0, rate=8e-4, decay=0.05),
        EVERY,
    )


READER_STAGE = Stage(READER, 2.0, build_reader, by_size=False)
STAGE = Stage(NAME, 15.0, build, by_size=False)
