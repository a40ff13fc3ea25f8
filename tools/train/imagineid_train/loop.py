"""The loop every stage runs in: a budget of minutes, checkpoints, a moving average, going on.

A stage gives its modules and a loss; the loop gives it time. Weights and optimiser state are
safetensors under ``<root>/<stage>/``, written under a temporary name and renamed, so a run killed
at any moment resumes from its last checkpoint.
"""

from __future__ import annotations

import json
import math
import os
import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
import torch
from safetensors.torch import load_file, save_file
from torch import Tensor, nn
from torch.utils.data import DataLoader, IterableDataset, get_worker_info

ROOT = Path(os.environ.get("IMAGINEID_TRAIN", ".train"))
"""Where checkpoints, caches and the world live; git-ignored."""


SEED = 0
"""Of torch's generator when a stage begins."""

LAID_OUT = "laid-out.safetensors"
"""A stage's embedded weights, to begin with."""

GONE_ON = 0.5
"""Share of the peak rate at which a stage goes on from those."""


HELD = {"content": 0.5}
"""Share that laid-out weights keep in what a stage makes of them.

On val, with the old weights, the middle and the new ones: jawOpen's correlation for recorded
readers 0.782, 0.823, 0.828 and for made voices 0.887, 0.881, 0.869; closed lips closed 0.77, 0.85,
0.86 and 0.964, 0.971, 0.963. Emotion has no middle: of an unheard actor's feelings 0.32 are
right with the old weights, 0.36 in the middle and 0.76 with the new ones.

Source:
    Wortsman et al. 2022, Robust fine-tuning of zero-shot models. https://arxiv.org/abs/2109.01903
"""


@dataclass(frozen=True, slots=True)
class Budget:
    """How long and how fast a stage learns.

    Attributes:
        minutes: wall-clock minutes over all its runs; the learning rate's cosine spans them.
        steps: most steps over all its runs; None for as many as the minutes allow.
        rate: peak learning rate; decay: weight decay; clip: largest gradient norm.
        warmup: steps to the peak rate; average: horizon of the moving average, in steps.
        save_s: seconds between checkpoints.
        rates: of modules, by their prefix, as multiples of ``rate``; 1 for all others.
    """

    minutes: float
    steps: int | None = None
    rate: float = 1e-3
    decay: float = 1e-3
    clip: float = 1.0
    warmup: int = 100
    average: int = 500
    save_s: float = 120.0
    rates: tuple[tuple[str, float], ...] = ()


@dataclass
class Progress:
    """How far a stage is: the share of its budget that is used, 0 to 1."""

    share: float = 0.0


def device() -> torch.device:
    """Return where stages train: a card, if there is one."""
    return torch.device("cuda" if torch.cuda.is_available() else "cpu")


def per_step(on_cpu: int, on_gpu: int) -> int:
    """Return a batch size: a GPU is idle with those that suit a CPU."""
    return on_gpu if device().type == "cuda" else on_cpu


T = TypeVar("T")


class _Endless(IterableDataset[T]):
    """Draws without end, each worker process with a seed of its own."""

    def __init__(self, draw: Callable[[np.random.Generator], T], seed: int) -> None:
        self.draw, self.seed = draw, seed

    def __iter__(self) -> Iterator[T]:
        worker = get_worker_info()
        rng = np.random.default_rng([self.seed, worker.id if worker else 0])
        while True:
            yield self.draw(rng)


def drawn_ahead(
    draw: Callable[[np.random.Generator], T], seed: int, workers: int = 0
) -> Iterator[T]:
    """Call ``draw`` without end: here, or for a GPU in processes that are ahead of it.

    Args:
        draw: makes a batch on the CPU from a generator; its tensors reach the caller unpinned.
        seed: of the generators.
        workers: processes, used with a GPU only.
    """
    if device().type != "cuda" or not workers:
        return iter(_Endless(draw, seed))
    loader = DataLoader(
        _Endless(draw, seed),
        batch_size=None,
        num_workers=workers,
        prefetch_factor=4,
        collate_fn=_unchanged,
    )
    return iter(loader)


def _unchanged(batch: T) -> T:
    return batch


def fast_dtype() -> torch.dtype:
    """Return bfloat16 where this machine multiplies it faster than float32, else float32."""
    if device().type == "cuda":
        return torch.bfloat16
    taken: dict[torch.dtype, float] = {}
    for dtype in (torch.float32, torch.bfloat16):
        a = torch.randn(512, 512, dtype=dtype)
        _ = a @ a
        start = time.perf_counter()
        for _ in range(3):
            _ = a @ a
        taken[dtype] = time.perf_counter() - start
    return min(taken, key=lambda dtype: taken[dtype])


def _write(tensors: dict[str, Tensor], path: Path) -> None:
    temporary = path.with_suffix(".part")
    save_file({k: v.contiguous() for k, v in tensors.items()}, temporary)
    temporary.replace(path)


def trained(stage: str) -> bool:
    """Say whether ``stage`` has left a checkpoint, or one was laid out for it."""
    return (ROOT / stage / "average.safetensors").exists() or laid_out(stage)


def laid_out(stage: str) -> bool:
    """Say whether ``stage`` began with weights that :mod:`imagineid_train.ship` laid out."""
    return (ROOT / stage / LAID_OUT).exists()


def weights(stage: str, averaged: bool = True) -> dict[str, Tensor]:
    """Return the last checkpoint of ``stage``: names as in the modules, prefixed by module.

    Raises:
        FileNotFoundError: the stage has not been trained; the message says how to.
    """
    path = ROOT / stage / ("average.safetensors" if averaged else "model.safetensors")
    before = load_file(ROOT / stage / LAID_OUT) if laid_out(stage) else {}
    if not path.exists() and before:
        return before
    if not path.exists():
        raise FileNotFoundError(f"{path} is missing. Train it: python -m imagineid_train {stage}")
    after, share = load_file(path), HELD.get(stage, 0.0)
    return {k: torch.lerp(v, before[k], share) if k in before else v for k, v in after.items()}


def load_into(module: nn.Module, stage: str, prefix: str) -> nn.Module:
    """Load ``stage``'s weights of one module, freeze it, and return it ready to be used."""
    tensors = {
        k.removeprefix(prefix + "."): v
        for k, v in weights(stage).items()
        if k.startswith(prefix + ".")
    }
    module.load_state_dict(tensors)
    return module.requires_grad_(requires_grad=False).eval()


def train(
    stage: str,
    modules: dict[str, nn.Module],
    loss: Callable[[], dict[str, Tensor]],
    budget: Budget,
    check: Callable[[], dict[str, float]] | None = None,
    check_every: int = 500,
    progress: Progress | None = None,
) -> None:
    """Learn until the budget is used up.

    Args:
        stage: names the checkpoint folder.
        modules: what learns, by the prefix their weights get.
        loss: draws a batch and returns named terms; their sum is minimised.
        budget: how long, how fast.
        check: measures on held-out data, called with the averaged weights in place.
        check_every: steps between checks.
        progress: receives the stage's progress.
    """
    folder = ROOT / stage
    folder.mkdir(parents=True, exist_ok=True)
    named = {
        f"{prefix}.{name}": p
        for prefix, module in modules.items()
        for name, p in module.named_parameters()
        if p.requires_grad
    }
    optimiser = torch.optim.AdamW(
        _groups(named, budget),
        budget.rate,
        betas=(0.9, 0.95),
        weight_decay=budget.decay,
        fused=device().type == "cuda",
    )
    step, used, average = resume(folder, named, optimiser)
    peak = budget.rate * (GONE_ON if laid_out(stage) else 1)
    dtype = fast_dtype()
    torch.backends.cudnn.benchmark = True
    print(f"{stage}: {sum(p.numel() for p in named.values()) / 1e6:.2f} M parameters, {dtype}, "
          f"step {step}, {used / 60:.1f} of {budget.minutes} minutes used", flush=True)  # fmt: skip
    start = saved = time.monotonic()
    base = used
    for module in modules.values():
        module.train()
    while used < budget.minutes * 60 and (budget.steps is None or step < budget.steps):
        rate = peak * min(1, (step + 1) / budget.warmup) * _cosine(used, budget)
        for group in optimiser.param_groups:
            group["lr"] = rate * group["share"]
        if progress:
            progress.share = min(1.0, used / (budget.minutes * 60))
        with torch.autocast(device().type, torch.bfloat16, enabled=dtype == torch.bfloat16):
            terms = loss()
            total = torch.stack([v.float() for v in terms.values()]).sum()
        optimiser.zero_grad(set_to_none=True)
        total.backward()
        norm = nn.utils.clip_grad_norm_(named.values(), budget.clip)
        if torch.isfinite(norm):
            optimiser.step()
        step += 1
        follow(average, named, step, budget.average)
        used = base + time.monotonic() - start
        if step % 100 == 0:
            values = " ".join(f"{k} {v.item():.4f}" for k, v in terms.items())
            print(f"{stage} {step} {used / 60:.1f}min rate {rate:.1e} {values}", flush=True)
        if check and step % check_every == 0:
            _checked(stage, step, modules, named, average, check)
        if time.monotonic() - saved > budget.save_s:
            save(folder, named, average, optimiser, step, used)
            saved = time.monotonic()
    save(folder, named, average, optimiser, step, used)
    if check:
        _checked(stage, step, modules, named, average, check)


def _groups(named: dict[str, nn.Parameter], budget: Budget) -> list[dict[str, Any]]:
    """Group parameters by their module's share of the rate."""
    shares = dict(budget.rates)
    groups: dict[float, list[nn.Parameter]] = {}
    for name, parameter in named.items():
        groups.setdefault(shares.get(name.split(".")[0], 1.0), []).append(parameter)
    return [{"params": own, "share": share} for share, own in groups.items()]


def _cosine(used: float, budget: Budget) -> float:
    done = min(1.0, used / (budget.minutes * 60))
    return 0.5 * (1 + math.cos(math.pi * done)) * 0.98 + 0.02


@torch.no_grad()
def follow(average: dict[str, Tensor], named: dict[str, nn.Parameter], step: int, n: int) -> None:
    """Let the moving average of ``n`` steps follow the weights after ``step``, in place."""
    keep = min(1 - 1 / n, (step + 1) / (step + 10))
    torch._foreach_lerp_(list(average.values()), [named[k].data for k in average], 1 - keep)


@torch.no_grad()
def _checked(
    stage: str,
    step: int,
    modules: dict[str, nn.Module],
    named: dict[str, nn.Parameter],
    average: dict[str, Tensor],
    check: Callable[[], dict[str, float]],
) -> None:
    live = {k: p.detach().clone() for k, p in named.items()}
    for k, p in named.items():
        p.copy_(average[k])
    for module in modules.values():
        module.eval()
    values = " ".join(f"{k} {v:.4f}" for k, v in check().items())
    print(f"{stage} {step} CHECK {values}", flush=True)
    for k, p in named.items():
        p.copy_(live[k])
    for module in modules.values():
        module.train()


@torch.no_grad()
def resume(
    folder: Path, named: dict[str, nn.Parameter], optimiser: torch.optim.Optimizer
) -> tuple[int, float, dict[str, Tensor]]:
    """Load a checkpoint, if there is one, in place; return step, seconds and averaged weights."""
    state = folder / "state.json"
    if not state.exists():
        return 0, 0.0, _begun(folder, named)
    saved = json.loads(state.read_text())
    where = str(device())
    model = load_file(folder / "model.safetensors", device=where)
    average = load_file(folder / "average.safetensors", device=where)
    moments = load_file(folder / "optimiser.safetensors", device=where)
    for k, p in named.items():
        p.data.copy_(model[k])
        if f"{k}#1" in moments:
            optimiser.state[p] = {
                "step": torch.tensor(float(saved["step"]), device=where),
                "exp_avg": torch.empty_like(p).copy_(moments[f"{k}#1"]),
                "exp_avg_sq": torch.empty_like(p).copy_(moments[f"{k}#2"]),
            }
    return saved["step"], saved["seconds"], {k: average[k] for k in named}


@torch.no_grad()
def _begun(folder: Path, named: dict[str, nn.Parameter]) -> dict[str, Tensor]:
    """Start from weights laid out without a state, where they exist, else from random ones."""
    path = folder / LAID_OUT
    found = load_file(path) if path.exists() else {}
    for k, p in named.items():
        if k in found:
            p.copy_(found[k])
    return {k: p.detach().clone() for k, p in named.items()}


def save(
    folder: Path,
    named: dict[str, nn.Parameter],
    average: dict[str, Tensor],
    optimiser: torch.optim.Optimizer,
    step: int,
    seconds: float,
) -> None:
    """Write a checkpoint: weights, averages, AdamW's moments and, at last, ``state.json``."""
    moments: dict[str, Tensor] = {}
    for k, p in named.items():
        if p in optimiser.state:
            moments[f"{k}#1"] = optimiser.state[p]["exp_avg"]
            moments[f"{k}#2"] = optimiser.state[p]["exp_avg_sq"]
    _write({k: p.data for k, p in named.items()}, folder / "model.safetensors")
    _write(average, folder / "average.safetensors")
    _write(moments, folder / "optimiser.safetensors")
    (folder / "state.part").write_text(json.dumps({"step": step, "seconds": seconds}))
    (folder / "state.part").replace(folder / "state.json")


def plain_attention(unet: nn.Module) -> None:
    """Let diffusers' UNet multiply its attention out: backwards, on a CPU, a third faster."""
    from diffusers.models.attention_processor import AttnProcessor

    unet.set_attn_processor(AttnProcessor())


def channels_last(modules: Iterable[nn.Module]) -> None:
    """Lay convolution weights out as the CPU likes them."""
    for module in modules:
        module.to(memory_format=torch.channels_last)
