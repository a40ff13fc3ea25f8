"""The loop of every stage here, on any number of processes, by ``accelerate``.

Every random number comes from the seed, the stage, the step and the item. So a run that was
interrupted has the losses of one that was not, and several processes see what one would.
"""

from __future__ import annotations

import json
import shutil
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from accelerate import Accelerator
from torch import Tensor
from torch.utils.data import DataLoader, Dataset

from imagineid.errors import BadInput
from imagineid_train.loop import Budget, follow, resume, save
from imagineid_train.sd15.stage import Batch, Context, Stage

LOSSES = "losses.jsonl"
"""A line a step: the step and each term of the loss, averaged over all processes."""


@dataclass(frozen=True)
class Plan:
    """How long, and in which micro-batches.

    Attributes:
        steps, items, rate: in all, items a step, and learning rate; None: as the stage says.
        accumulate: micro-batches of a step that are computed one after the other.
        save_every: steps between checkpoints.
        workers: processes that read ahead, for each process that trains.
    """

    steps: int | None = None
    items: int | None = None
    rate: float | None = None
    accumulate: int = 1
    save_every: int = 500
    workers: int = 0


class _MicroBatches(Dataset[Batch]):
    """This process's micro-batches of all steps, in turn."""

    def __init__(
        self, stage: Stage, context: Context, items: int, accumulate: int, share: tuple[int, int]
    ) -> None:
        self.stage, self.context, self.accumulate = stage, context, accumulate
        self.each = items // (accumulate * share[1])
        self.rank, self.processes = share

    def __getitem__(self, number: int) -> Batch:
        step, part = divmod(number, self.accumulate)
        first = (part * self.processes + self.rank) * self.each
        seed = [self.context.options.seed, zlib.crc32(self.stage.name.encode()), step]
        rows = [
            row
            for item in range(first, first + self.each)
            for row in self.stage.draw(self.context, np.random.default_rng([*seed, item]))
        ]
        return {
            name: torch.from_numpy(np.stack([np.asarray(row[name]) for row in rows]))
            for name in rows[0]
        }


def train(stage: Stage, context: Context, plan: Plan, accelerator: Accelerator) -> None:
    """Train a stage, or go on with it, until it has had its steps.

    Raises:
        BadInput: a step can't be cut into equal micro-batches.
    """
    steps, items = plan.steps or stage.steps, plan.items or stage.items
    parts = plan.accumulate * accelerator.num_processes
    if items % parts:
        raise BadInput(
            f"{items} items a step can't be cut into {parts} micro-batches.\nTry:  --batch {parts}"
        )
    torch.manual_seed(context.options.seed)
    learner = stage.build(context)
    named = {name: p for name, p in learner.named_parameters() if p.requires_grad}
    budget = Budget(0, rate=plan.rate or stage.rate)
    optimiser = torch.optim.AdamW(
        named.values(), budget.rate, betas=(0.9, 0.95), weight_decay=budget.decay
    )
    wrapped, prepared = accelerator.prepare(learner, optimiser)
    checkpoint = context.checkpoint(stage.name)
    step, _, average = resume(checkpoint or context.work / stage.name / "none", named, optimiser)
    if checkpoint:
        _resume_scaler(checkpoint, accelerator)
    if step >= steps:
        accelerator.print(f"{stage.name}: has had {step} steps")
        return
    accelerator.print(
        f"{stage.name}: {_millions(named):.2f} M parameters, step {step} of {steps}, "
        f"processes {accelerator.num_processes}, precision {accelerator.mixed_precision}"
    )
    micro_batches = _MicroBatches(
        stage,
        context,
        items,
        plan.accumulate,
        (accelerator.process_index, accelerator.num_processes),
    )
    batches = iter(
        DataLoader(
            micro_batches,
            batch_size=None,
            sampler=range(step * plan.accumulate, steps * plan.accumulate),
            num_workers=plan.workers,
        )
    )
    wrapped.train()
    with _Losses(context.work / stage.name / LOSSES, step, accelerator.is_main_process) as losses:
        while step < steps:
            for group in optimiser.param_groups:
                group["lr"] = budget.rate * min(1, (step + 1) / budget.warmup)
            torch.manual_seed(hash((context.options.seed, step, accelerator.process_index)))
            terms = _step(wrapped, prepared, batches, plan.accumulate, accelerator, budget.clip)
            step += 1
            follow(average, named, step, budget.average)
            losses.add(step, terms)
            accelerator.log({f"{stage.name}/{name}": each for name, each in terms.items()}, step)
            if step % plan.save_every == 0 or step == steps:
                _write(context, stage, named, average, optimiser, step, accelerator)
    losses.report(stage.name, accelerator)


def _step(
    wrapped: Any,
    optimiser: Any,
    batches: Iterator[Batch],
    micro_batches: int,
    accelerator: Accelerator,
    clip: float,
) -> dict[str, float]:
    """Take one step; return each term of the loss, averaged over all micro-batches."""
    sums: dict[str, Tensor] = {}
    for _ in range(micro_batches):
        batch = {name: each.to(accelerator.device) for name, each in next(batches).items()}
        with accelerator.accumulate(wrapped):
            terms = wrapped(batch)
            accelerator.backward(torch.stack([each.float() for each in terms.values()]).sum())
            if accelerator.sync_gradients:
                accelerator.clip_grad_norm_(wrapped.parameters(), clip)
            optimiser.step()
            optimiser.zero_grad()
        for name, each in terms.items():
            sums[name] = (
                sums.get(name, torch.zeros_like(each)) + each.detach().float() / micro_batches
            )
    means = accelerator.reduce(torch.stack(list(sums.values())), "mean")
    return dict(zip(sums, means.tolist(), strict=True))


def _millions(named: dict[str, Any]) -> float:
    return float(sum(p.numel() for p in named.values()) / 1e6)


def _write(
    context: Context,
    stage: Stage,
    named: dict[str, Any],
    average: dict[str, Tensor],
    optimiser: torch.optim.Optimizer,
    step: int,
    accelerator: Accelerator,
) -> None:
    """Write a checkpoint, which gets its name when it is complete; remove the one before."""
    if accelerator.is_main_process:
        before, folder = context.checkpoint(stage.name), context.work / stage.name / str(step)
        part = folder.with_name(f"{step}.part")
        shutil.rmtree(part, ignore_errors=True)
        part.mkdir(parents=True)
        save(part, named, average, optimiser, step, 0.0)
        if accelerator.scaler is not None:
            (part / "scaler.json").write_text(json.dumps(accelerator.scaler.state_dict()))
        part.replace(folder)
        if before:
            shutil.rmtree(before)
    accelerator.wait_for_everyone()


def _resume_scaler(folder: Path, accelerator: Accelerator) -> None:
    """Go on with the loss scale of float16."""
    path = folder / "scaler.json"
    if accelerator.scaler is not None and path.is_file():
        accelerator.scaler.load_state_dict(json.loads(path.read_text()))


class _Losses:
    """The losses of a stage, in a file of lines; those after a checkpoint that is resumed go."""

    def __init__(self, path: Path, step: int, writes: bool) -> None:
        self.path, self.writes = path, writes
        self.totals: list[float] = []
        self.rows: list[str] = []
        if writes and path.is_file():
            rows = path.read_text().splitlines()
            self.rows = [row for row in rows if json.loads(row)["step"] <= step]
        for row in self.rows:
            self.totals.append(sum(v for k, v in json.loads(row).items() if k != "step"))

    def __enter__(self) -> _Losses:
        if self.writes:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            self.path.write_text("".join(f"{row}\n" for row in self.rows))
            self.file = self.path.open("a", buffering=1)
        return self

    def __exit__(self, *_: object) -> None:
        if self.writes:
            self.file.close()

    def add(self, step: int, terms: dict[str, float]) -> None:
        """Write the terms of a step."""
        self.totals.append(sum(terms.values()))
        if self.writes:
            self.file.write(json.dumps({"step": step, **terms}) + "\n")

    def report(self, name: str, accelerator: Accelerator) -> None:
        """Print the mean loss of the first and of the last fifth of the steps."""
        fifth = max(1, len(self.totals) // 5)
        first, last = np.mean(self.totals[:fifth]), np.mean(self.totals[-fifth:])
        accelerator.print(f"{name}: loss {first:.4f} at first, {last:.4f} at last")
