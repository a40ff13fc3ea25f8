"""Random crops of people's frames, for the autoencoder."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

from imagineid_train.data import mapped, to_image
from imagineid_train.moves import shards

LOOK_AGAIN = 500
"""Crops are drawn so many times before new shards are looked for: the world may be growing."""


class Frames:
    """Every frame of a split, mapped from disk; shards may be added while it is used."""

    def __init__(self, split: str, side: int) -> None:
        self.split, self.side, self.drawn = split, side, 0
        self.look()

    def look(self) -> None:
        """Find the shards that are there.

        Raises:
            FileNotFoundError: there is none yet.
        """
        self.shards = [mapped(path)["frame"] for _, path in shards(self.split, self.side)]
        if not self.shards:
            raise FileNotFoundError(
                f"No people of {self.side} pixels in split {self.split}.\n"
                "Make them: python -m imagineid_world.photos"
            )
        self.index = [(s, p) for s, shard in enumerate(self.shards) for p in range(len(shard))]

    def __len__(self) -> int:
        return len(self.index)

    def whole(self, person: int, frame: int) -> np.ndarray:
        """Return a frame, (H, W, 3) uint8."""
        shard, row = self.index[person]
        return np.array(self.shards[shard][row, frame])

    def crops(self, rng: np.random.Generator, count: int, side: int) -> Tensor:
        """Return ``count`` crops, half of them about the face, some mirrored, in [-1, 1].

        Returns:
            (count, 3, side, side).
        """
        self.drawn += 1
        if self.drawn % LOOK_AGAIN == 0:
            self.look()
        out = []
        for _ in range(count):
            shard, row = self.index[int(rng.integers(len(self.index)))]
            frames = self.shards[shard][row]
            room = frames.shape[1] - side
            if rng.random() < 0.5:
                y = int(rng.integers(room // 3, room + 1))
                x = int(rng.integers(room // 4, 3 * room // 4 + 1))
            else:
                y, x = (int(v) for v in rng.integers(0, room + 1, 2))
            crop = frames[int(rng.integers(len(frames))), y : y + side, x : x + side]
            out.append(crop[:, ::-1] if rng.random() < 0.5 else crop)
        return to_image(np.stack(out)).contiguous(memory_format=torch.channels_last)
