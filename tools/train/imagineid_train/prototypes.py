"""The eight emotions by name: ``python -m imagineid_train.prototypes`` after a model was shipped.

Each is the mean theta_e of training voices that act it and in which the shipped network hears it;
:mod:`imagineid.pad.prototypes` reads them.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np

from imagineid.audio import mel_windows
from imagineid.backends import choose
from imagineid.pad.prototypes import FILE
from imagineid.pad.windows import groups, starts_of
from imagineid.spec import EMOTIONS, MINI, Size
from imagineid.weights import DIRECTORY
from imagineid.weights.models import Model
from imagineid_train.data import VOICES, mapped

ENOUGH = 150
"""Voices an emotion that are averaged."""


def measured(size: Size, folder: Path) -> np.ndarray:
    """Return the mean theta_e of each emotion, (8, 512).

    Args:
        size: of the model.
        folder: holds the shipped ``emotion.onnx``.

    Raises:
        FileNotFoundError: the world's training voices are not there.
        ValueError: the network hears one of the emotions in none of its voices.
    """
    opener, _ = choose("onnx", Model(size.name, folder, size, "stored"))
    listen = opener("emotion")
    found: list[list[np.ndarray]] = [[] for _ in EMOTIONS]
    heard = np.zeros(len(EMOTIONS), int)
    paths = sorted((VOICES / "train").glob("voices-*.npz"))
    if not paths:
        raise FileNotFoundError(f"No voices in {VOICES / 'train'}. Make them: make world")
    for path in paths:
        shard = mapped(path)
        for i, acted in enumerate(map(int, shard["emotion"])):
            if len(found[acted]) >= ENOUGH:
                continue
            first, last = shard["offsets"][i : i + 2]
            wave = np.asarray(shard["wave"][first:last], np.float32) / 32768
            frames = int(np.diff(shard["frame_offsets"][i : i + 2])[0])
            felt = [
                listen(mel=np.stack([mel_windows(wave, start, size.window) for start in group]))
                for group in groups(starts_of(frames, size.window))
            ]
            heard[acted] += 1
            logits = np.concatenate([f["emotions"] for f in felt])
            shares = np.exp(logits - logits.max(axis=1, keepdims=True))
            shares /= shares.sum(axis=1, keepdims=True)
            if shares.mean(axis=0).argmax() == acted:
                found[acted].append(np.concatenate([f["emotion"] for f in felt]).mean(axis=0))
    for name, right, all_of in zip(EMOTIONS, found, heard, strict=True):
        print(f"{name}: heard in {len(right)} of {all_of} voices")
        if not right:
            raise ValueError(f"the network hears {name} in no voice that acts it")
    return np.stack([np.mean(right, axis=0) for right in found]).astype(np.float32)


def write(size: Size) -> None:
    """Write the emotions beside the shipped weights."""
    folder = DIRECTORY / size.name
    np.save(folder / FILE, measured(size, folder))


if __name__ == "__main__":
    write(MINI)
