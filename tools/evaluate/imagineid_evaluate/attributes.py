"""What a picture shows: hair, beard, glasses, background, by a small classifier of our own.

``python -m imagineid_evaluate.attributes --minutes 12``

trains it on the world's TRAIN pictures alone, scaled to 112 pixels, blurred, noised, shifted and
relit at random so that it judges what is shown and not how crisply; a third in other colours,
so that a beard is known by its shape, dyed or not. It never sees a picture that a model made. Its
own accuracy on the world's val and test pictures is printed beside all it says.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from imagineid_evaluate.world import people
from imagineid_world.look import COLOURS, HAIR_COLOURS
from imagineid_world.people import WORLD

Array = np.ndarray
SIDE_PX = 112
"""Side of the pictures that are judged; a multiple of 16, fine enough for thin rims."""

HEADS: dict[str, tuple[str, ...]] = {
    "hair colour": tuple(HAIR_COLOURS),
    "hair length": ("bald", "short", "medium", "long"),
    "beard": ("none", "beard"),
    "glasses": ("none", "glasses"),
    "background": ("plain", "room", "landscape", "bokeh"),
    "background colour": tuple(COLOURS),
}
"""What is told apart."""

COLOURED = [name.endswith("colour") for name in HEADS]
"""Which of them are of colours."""

_LENGTHS = {
    "bald": "bald",
    "buzzed": "short",
    "short": "short",
    "medium": "medium",
    "long": "long",
    "bangs": "long",
}
_PLAIN = ("plain", "gradient", "studio")
UNSAID = -1
"""The label of what a picture does not decide: a bald head's hair colour, a curly one's length."""


def labels(look: dict[str, Any]) -> list[int]:
    """Return a look's class in each of :data:`HEADS`, :data:`UNSAID` where it has none."""
    plain = look["backdrop"] in _PLAIN
    named = {
        "hair colour": None if look["hair"] == "bald" else look["hair_name"],
        "hair length": _LENGTHS.get(look["hair"]),
        "beard": look["beard"],
        "glasses": "none" if look["glasses"] == "none" else "glasses",
        "background": "plain" if plain else look["backdrop"],
        "background colour": look["backdrop_name"] if plain else None,
    }
    return [
        classes.index(named[head]) if named[head] in classes else UNSAID
        for head, classes in HEADS.items()
    ]


class Classifier(nn.Module):
    """Four convolutions and a layer for each head; 1.0 M parameters."""

    def __init__(self) -> None:
        super().__init__()
        widths = (3, 24, 48, 96, 96)
        layers: list[nn.Module] = []
        for a, b in zip(widths, widths[1:], strict=False):
            layers += [nn.Conv2d(a, b, 3, stride=2, padding=1), nn.BatchNorm2d(b), nn.ReLU()]
        self.body = nn.Sequential(*layers, nn.Flatten(), nn.Dropout(0.3))
        cells = widths[-1] * (SIDE_PX // 16) ** 2
        self.middle = nn.Sequential(nn.Linear(cells, 192), nn.ReLU())
        self.heads = nn.ModuleList(nn.Linear(192, len(c)) for c in HEADS.values())

    def forward(self, image: Tensor) -> list[Tensor]:
        """Return logits of each head, (B, classes), from images (B, 3, 112, 112) in [-1, 1]."""
        features = self.middle(self.body(image))
        return [head(features) for head in self.heads]


def small(picture: Array) -> Array:
    """Scale a picture (H, W, 3) uint8 to 112 pixels."""
    return np.asarray(cv2.resize(picture, (SIDE_PX, SIDE_PX), interpolation=cv2.INTER_AREA))


def to_images(pictures: Array) -> Tensor:
    """Turn (B, 112, 112, 3) uint8 into (B, 3, 112, 112) in [-1, 1]."""
    return torch.from_numpy(pictures).permute(0, 3, 1, 2).float() / 127.5 - 1


def pictures_of(splits: Iterable[str], each: int) -> tuple[Array, Array]:
    """Return ``each`` small pictures a person, (N, 112, 112, 3), and their labels (N, heads)."""
    samples, true = [], []
    for split in splits:
        for someone in people(split, "faces"):
            for i in np.linspace(0, 7, each).astype(int):
                samples.append(small(someone.frame[i]))
                true.append(labels(someone.attributes))
    return np.stack(samples), np.array(true, np.int64)


def varied(images: Tensor, rng: np.random.Generator) -> Tensor:
    """Mirror, shift, relight, blur and noise a batch (B, 3, 112, 112) at random."""
    if rng.random() < 0.5:
        images = images.flip(3)
    shift = tuple(int(s) for s in rng.integers(-4, 5, 2))
    padded = F.pad(images, (4, 4, 4, 4), mode="replicate")
    high, wide = 4 + shift[0], 4 + shift[1]
    images = padded[:, :, high : high + SIDE_PX, wide : wide + SIDE_PX]
    gain = torch.from_numpy(rng.uniform(0.88, 1.12, (len(images), 1, 1, 1))).float()
    images = (images + 1) * gain - 1
    if rng.random() < 0.6:
        side = int(rng.integers(SIDE_PX * 2 // 3, SIDE_PX))
        images = F.interpolate(images, (side, side), mode="area")
        images = F.interpolate(images, (SIDE_PX, SIDE_PX), mode="bilinear")
    noise = torch.from_numpy(rng.standard_normal(images.shape, np.float32))
    return (images + float(rng.uniform(0, 0.06)) * noise).clamp(-1, 1)


def recoloured(images: Tensor, rng: np.random.Generator) -> Tensor:
    """Turn the hues of a batch (B, 3, H, W) in [-1, 1], each picture's by an angle of its own."""
    angle = torch.from_numpy(rng.uniform(0, 2 * np.pi, (len(images), 1, 1))).float()
    cos, sin = torch.cos(angle), torch.sin(angle) / 3**0.5
    ahead = torch.roll(torch.eye(3), 1, dims=1)  # about the axis of grey, by Rodrigues' formula
    turn = cos * torch.eye(3) + (1 - cos) / 3 + sin * (ahead - ahead.T)
    return torch.einsum("bij,bjhw->bihw", turn, images).clamp(-1, 1)


def train(minutes: float, each: int = 4) -> Classifier:
    """Train a classifier on the TRAIN split for ``minutes``, on one thread."""
    torch.manual_seed(0)
    rng, model = np.random.default_rng(0), Classifier()
    samples, true = pictures_of(("train",), each)
    truth = torch.from_numpy(true)
    optimiser = torch.optim.AdamW(model.parameters(), lr=1e-3, weight_decay=0.02)
    start, step = time.process_time(), 0
    while (spent := (time.process_time() - start) / 60 / minutes) < 1:
        for group in optimiser.param_groups:
            group["lr"] = 1e-3 * max(0.02, 1 - spent)
        batch = rng.integers(len(samples), size=48)
        images, labels_of_batch = varied(to_images(samples[batch]), rng), truth[batch]
        if step % 3 == 0:
            images = recoloured(images, rng)
            labels_of_batch = labels_of_batch.masked_fill(torch.tensor(COLOURED), UNSAID)
        loss = sum(
            F.cross_entropy(logits, labels_of_batch[:, i], ignore_index=UNSAID)
            for i, logits in enumerate(model(images))
            if (labels_of_batch[:, i] != UNSAID).any()
        )
        assert isinstance(loss, Tensor)  # every batch shows something
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
        step += 1
        if step % 100 == 0:
            print(f"step {step}, {spent:.0%}: {float(loss.detach()):.3f}", flush=True)
    model.eval()
    return model


@torch.no_grad()
def judged(model: Classifier, pictures: Array) -> Array:
    """Return the class of each picture (N, 112, 112, 3) in each head, (N, heads)."""
    parts = [
        torch.stack([logits.argmax(1) for logits in model(to_images(pictures[i : i + 64]))], 1)
        for i in range(0, len(pictures), 64)
    ]
    return np.asarray(torch.cat(parts).numpy())


def accuracy(
    model: Classifier, splits: Iterable[str] = ("val", "test"), dyed: bool = False
) -> dict[str, float]:
    """Return the share of held-out pictures judged right, for each head.

    Args:
        model: the judge.
        splits: whose pictures.
        dyed: judge them in other colours, in which only what is no colour can be right.
    """
    samples, true = pictures_of(splits, 4)
    if dyed:
        images = recoloured(to_images(samples), np.random.default_rng(0))
        samples = ((images + 1) * 127.5).round().byte().permute(0, 2, 3, 1).numpy()
        true = np.where(COLOURED, UNSAID, true)
    predicted = judged(model, samples)
    return {
        head: float((predicted[:, i] == true[:, i])[true[:, i] != UNSAID].mean())
        for i, head in enumerate(HEADS)
        if (true[:, i] != UNSAID).any()
    }


def default_path() -> Path:
    """Return where the classifier is kept: beside the world."""
    return WORLD.parent / "evaluate" / "attributes.npz"


def save(model: Classifier, path: Path) -> None:
    """Write a classifier's numbers."""
    path.parent.mkdir(parents=True, exist_ok=True)
    np.savez(path, **{name: value.numpy() for name, value in model.state_dict().items()})


def load(path: Path) -> Classifier:
    """Read what :func:`save` wrote.

    Raises:
        FileNotFoundError: it has not been trained.
    """
    if not path.exists():
        raise FileNotFoundError(
            f"No {path}.\nTrain it:  python -m imagineid_evaluate.attributes --minutes 12"
        )
    model = Classifier()
    with np.load(path, allow_pickle=False) as file:
        model.load_state_dict({name: torch.from_numpy(file[name]) for name in file.files})
    model.eval()
    return model


def main() -> None:
    """Train, save, and tell the accuracy on held-out people."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--minutes", type=float, default=12.0, help="of one processor")
    parser.add_argument("--out", type=Path, default=default_path())
    options = parser.parse_args()
    torch.set_num_threads(1)
    model = train(options.minutes)
    save(model, options.out)
    dyed = accuracy(model, dyed=True)
    for head, share in accuracy(model).items():
        other = f", {dyed[head]:.3f} in other colours" if head in dyed else ""
        print(f"{head}: {share:.3f} of held-out pictures{other}")


if __name__ == "__main__":
    main()
