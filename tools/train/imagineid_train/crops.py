"""Random crops of people's frames, for the autoencoder."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from imagineid_train.data import mapped
from imagineid_train.loop import device
from imagineid_train.moves import shards

LOOK_AGAIN = 500
"""Crops are drawn so many times before new shards are looked for: the world may be growing."""


class Frames:
    """Every frame of a split, mapped from disk; shards may be added while it is used."""

    def __init__(self, split: str, side: int) -> None:
        self.split, self.side, self.batches = split, side, 0
        self.on_gpu: dict[Path, Tensor] = {}
        self.look()

    def look(self) -> None:
        """Find the shards that are there.

        Raises:
            FileNotFoundError: there is none yet.
        """
        paths = [path for _, path in shards(self.split, self.side)]
        self.shards = [mapped(path)["frame"] for path in paths]
        self.resident = [self._resident(path) for path in paths]
        if not self.shards:
            raise FileNotFoundError(
                f"No people of {self.side} pixels in split {self.split}.\n"
                "Make them: python -m imagineid_world.photos"
            )
        self.index = [(s, p) for s, shard in enumerate(self.shards) for p in range(len(shard))]

    def __len__(self) -> int:
        return len(self.index)

    def _resident(self, path: Path) -> Tensor | None:
        """Return a shard's frames in a GPU's memory, while less than half of that is used."""
        if device().type != "cuda":
            return None
        if path not in self.on_gpu:
            free, whole = torch.cuda.mem_get_info()
            frames = mapped(path)["frame"]
            if frames.nbytes > free - whole / 2:
                return None
            self.on_gpu[path] = torch.from_numpy(np.array(frames)).to(device())
        return self.on_gpu[path]

    def whole(self, person: int, frame: int) -> np.ndarray:
        """Return a frame, (H, W, 3) uint8."""
        shard, row = self.index[person]
        return np.array(self.shards[shard][row, frame])

    def crops(self, rng: np.random.Generator, count: int, side: int) -> Tensor:
        """Return ``count`` crops, half of them about the face, some mirrored, in [-1, 1].

        Returns:
            (count, 3, side, side), where training runs.
        """
        self.batches += 1
        if self.batches % LOOK_AGAIN == 0:
            self.look()
        out = []
        for _ in range(count):
            shard, row = self.index[int(rng.integers(len(self.index)))]
            frames, stored = self.shards[shard][row], self.resident[shard]
            frame, room = int(rng.integers(len(frames))), frames.shape[1] - side
            if rng.random() < 0.5:
                y = int(rng.integers(room // 3, room + 1))
                x = int(rng.integers(room // 4, 3 * room // 4 + 1))
            else:
                y, x = (int(v) for v in rng.integers(0, room + 1, 2))
            window = np.s_[frame, y : y + side, x : x + side]
            if stored is None:
                crop = torch.from_numpy(np.array(frames[window])).to(device())
            else:
                crop = stored[row][window]
            out.append(crop.flip(1) if rng.random() < 0.5 else crop)
        image = torch.stack(out).movedim(-1, 1).float() / 127.5 - 1
        return image.contiguous(memory_format=torch.channels_last)
