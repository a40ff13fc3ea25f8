"""A stage at the paper's scale: what it needs, what learns, and from what."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn

from imagineid.ccf.clip_tokenizer import ClipTokenizer
from imagineid.errors import BadInput
from imagineid.nn.base import load_base, vocabulary_size
from imagineid.nn.networks import network
from imagineid.spec import Size
from imagineid_train.loop import load_into
from imagineid_train.sd15.options import Options
from imagineid_train.sd15.shards import Shards

Array = np.ndarray
Row = dict[str, Array]
"""One sample of a batch, by name."""

Batch = dict[str, Tensor]
"""Rows one after the other."""


@dataclass(frozen=True)
class Context:
    """What stages share.

    Attributes:
        base: the frozen base's folder.
        size: numbers of the model.
        options: what was chosen.
        data: all samples.
        work: folder of the checkpoints.
        device: where this process trains; dtype: of the base's weights there.
        checkpointing: whether the UNet's activations are computed again rather than kept.
    """

    base: Path
    size: Size
    options: Options
    data: Shards
    work: Path
    device: torch.device
    dtype: torch.dtype = torch.float32
    checkpointing: bool = False

    def checkpoint(self, stage: str) -> Path | None:
        """Return the last checkpoint of a stage, if there is one."""
        found = [path for path in (self.work / stage).glob("*") if path.name.isdigit()]
        return max(found, key=lambda path: int(path.name), default=None)

    def trained(self, module: nn.Module, stage: str, prefix: str) -> nn.Module:
        """Load what a stage has trained into ``module``, and freeze it.

        Raises:
            BadInput: the stage has not been trained.
        """
        folder = self.checkpoint(stage)
        if folder is None:
            raise BadInput(
                f"The stage {stage} has not been trained.\n"
                f"Train it:  the same command with {stage}, or without a stage"
            )
        return load_into(module, str(folder.absolute()), prefix).to(self.device)

    def network(self, name: str) -> nn.Module:
        """Return a network with the base's weights, frozen; what the base lacks is as drawn."""
        words = vocabulary_size(self.base) if name == "text" else 0
        module = network(name, self.size, words)
        load_base(module, name, self.base)
        dtype = self.dtype if name == "unet" else torch.float32
        return module.requires_grad_(requires_grad=False).eval().to(self.device, dtype)

    def tokens(self, prompts: list[str]) -> Tensor:
        """Return tokens of prompts, (B, M) int64."""
        words = _tokenizer(self.base / "tokenizer")
        return torch.from_numpy(np.stack([words.tokens(each, self.size) for each in prompts]))


@cache
def _tokenizer(folder: Path) -> ClipTokenizer:
    return ClipTokenizer.read(folder)


@dataclass(frozen=True)
class Stage:
    """One stage.

    Attributes:
        name: of its folder.
        build: makes what learns: a module that maps a batch to the named terms of its loss. Only
            its parameters that require gradients are stored, by the names they have in it.
        draw: draws the rows of one item of a batch.
        rows: how many that are.
        steps, items, rate: usual steps, items a step, and learning rate.
        wanted: whether it is part of a training with these options and data.
        adapters: prefixes in its checkpoint, and those in the file of adapters.
    """

    name: str
    build: Callable[[Context], nn.Module]
    draw: Callable[[Context, np.random.Generator], list[Row]]
    rows: int
    steps: int
    items: int
    rate: float
    wanted: Callable[[Options, Shards], bool] = lambda options, data: True
    adapters: Mapping[str, str] = field(default_factory=dict)
