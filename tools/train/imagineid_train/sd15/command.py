"""``python -m imagineid_train sd15``: train PAD and the adapters of a Stable Diffusion."""

from __future__ import annotations

import argparse
import json
import sys
from dataclasses import asdict, fields
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import torch

from imagineid.errors import BackendMissing, BadInput, ImagineIDError
from imagineid.models.adapters import USUAL
from imagineid.spec import SIZES, Size
from imagineid_train.sd15.options import CONDITIONS, PROMPT, Options, find_base, size_on
from imagineid_train.sd15.shards import Shards

DTYPES = {"no": torch.float32, "bf16": torch.bfloat16, "fp16": torch.float16}
"""Precision by ``accelerate``'s name, and what the base's UNet is held in."""


TRACKED = "tensorboard"
"""Folder of TensorBoard's files in that of the checkpoints."""


def main(words: list[str] | None = None) -> int:
    """Train; return the exit code of what went wrong, 0 if nothing did."""
    args = _parser().parse_args(words)
    try:
        _train(args)
    except ImagineIDError as error:
        print(error, file=sys.stderr)
        return error.exit_code
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="imagineid_train sd15", description=__doc__)
    add = parser.add_argument
    add("stages", nargs="*", metavar="STAGE", help="some of the stages; all, if none is named")
    add("--base", default=USUAL["base"], help="a base's folder, or its name in `weights list`")
    add("--data", type=Path, required=True, help="folder that imagineid_prepare wrote")
    add("-o", "--output", type=Path, required=True, metavar="ADAPTERS", help="folder to write")
    add("--work", type=Path, metavar="DIR", help="checkpoints (default: ADAPTERS.training)")
    add("--steps", action="append", default=[], metavar="[STAGE=]N", help="steps of a stage")
    add("--batch", action="append", default=[], metavar="[STAGE=]N",
        help="samples a step, of all processes together; pairs in the stages of PAD")  # fmt: skip
    add("--rate", action="append", default=[], metavar="[STAGE=]X", help="learning rate")
    add("--accumulate", type=int, default=1, metavar="N", help="micro-batches of a step")
    add("--precision", choices=DTYPES, help="default: bf16 on a GPU, else no")
    add("--checkpointing", action="store_true", help="compute activations twice to save memory")
    add("--save-every", type=int, default=500, metavar="N", help="steps between checkpoints")
    add("--workers", type=int, default=0, metavar="N", help="processes that read ahead")
    add("--tensorboard", action="store_true", help="write the losses for TensorBoard, too")
    add("--cpu", action="store_true", help="use no GPU")
    add("--pad", choices=SIZES, default="sd15", help="the size whose numbers PAD has")
    add("--pseudo-words", type=int, default=8, metavar="N", help="N of TIA")
    add("--conditions", default=",".join(CONDITIONS), help="what SCA sees")
    add("--all-three", type=float, default=0.8, metavar="P", help="how often SCA sees all of them")
    add("--mba-level", type=int, choices=range(4), default=0, metavar="K",
        help="where MBA blends: at 1/2^K of the frame's size")  # fmt: skip
    add("--joint", action="store_true", help="train TIA, SCA and MBA together")
    add("--matting", choices=("modnet", "own"), default="modnet")
    add("--inpainting", choices=("lama", "harmonic"), default="lama")
    add("--prompt", default=PROMPT, help="what stands before each prompt")
    add("--captions", action="store_true", help="train with the data's captions after it")
    add("--seed", type=int, default=0)
    return parser


def _train(args: argparse.Namespace) -> None:
    """Run the stages, then write the adapters if all of them are trained.

    Raises:
        ImagineIDError: an option, the base or the data can't be used.
    """
    try:
        from accelerate import Accelerator, DistributedDataParallelKwargs
    except ImportError as error:
        raise BackendMissing("accelerate", "train") from error
    from imagineid_train.sd15.adapters import check_output, write_adapters
    from imagineid_train.sd15.loop import Plan, train
    from imagineid_train.sd15.stage import Context
    from imagineid_train.sd15.stages import STAGES

    known = [stage.name for stage in STAGES]
    if unknown := [name for name in args.stages if name not in known]:
        raise BadInput(f"There is no stage {unknown[0]}.\nUse some of:  {' '.join(known)}")
    steps, items, rates = (
        _numbers(getattr(args, name), f"--{name}", known) for name in ("steps", "batch", "rate")
    )
    options = _options(args)
    check_output(args.output)
    base = find_base(args.base)
    data = Shards.open(args.data, SIZES[options.pad].window)
    size = size_on(base, data.frame_px, options)
    precision = args.precision or ("bf16" if torch.cuda.is_available() and not args.cpu else "no")
    work = args.work or args.output.with_name(f"{args.output.name}.training")
    if args.tensorboard and find_spec("tensorboard") is None:
        raise BackendMissing("tensorboard", "train")
    try:
        accelerator = Accelerator(
            cpu=args.cpu,
            mixed_precision=precision,
            gradient_accumulation_steps=args.accumulate,
            log_with="tensorboard" if args.tensorboard else None,
            project_dir=work,
            kwargs_handlers=[DistributedDataParallelKwargs(find_unused_parameters=True)],
        )
    except ValueError as error:
        raise BadInput(f"--precision {precision} can't be used here: {error}.") from error
    if accelerator.is_main_process:
        _remember(work, options, size)
    accelerator.wait_for_everyone()
    accelerator.init_trackers(TRACKED)
    context = Context(
        base, size, options, data, work, accelerator.device, DTYPES[precision], args.checkpointing
    )
    wanted = [stage for stage in STAGES if stage.wanted(options, data)]
    if "reader" not in [stage.name for stage in wanted]:
        accelerator.print("The data has no phones: content learns without the reading loss.")
    for stage in wanted:
        if not args.stages or stage.name in args.stages:
            plan = Plan(
                _count(steps, stage.name),
                _count(items, stage.name),
                rates.get(stage.name),
                args.accumulate,
                args.save_every,
                args.workers,
            )
            train(stage, context, plan, accelerator)
            accelerator.free_memory()
    accelerator.wait_for_everyone()
    if accelerator.is_main_process:
        if missing := [stage.name for stage in wanted if context.checkpoint(stage.name) is None]:
            print(f"Not trained yet: {', '.join(missing)}. Then {args.output} is written.")
        else:
            parts = {} if Path(args.base).is_dir() else {"base": args.base}
            write_adapters(context, args.output, parts)
            print(f"{args.output}: bring it by  imagineid weights pull NAME --from {args.output}")
    accelerator.end_training()


def _options(args: argparse.Namespace) -> Options:
    """Return the options that were chosen.

    Raises:
        BadInput: one is invalid.
    """
    chosen = {field.name: getattr(args, field.name) for field in fields(Options)}
    chosen["conditions"] = tuple(args.conditions.split(","))
    options = Options(**chosen)
    options.check()
    for name in ("accumulate", "save_every"):
        if getattr(args, name) < 1:
            raise BadInput(f"--{name.replace('_', '-')} must be 1 or more.")
    return options


def _numbers(values: list[str], option: str, known: list[str]) -> dict[str, float]:
    """Read ``N`` for all stages and ``STAGE=N`` for one.

    Raises:
        BadInput: a stage is unknown, or it is no positive number, whole unless it is a rate.
    """
    numbers: dict[str, float] = {}
    for each in sorted(values, key=lambda text: "=" in text):
        name, _, text = each.rpartition("=")
        try:
            number = float(text) if option == "--rate" else int(text)
        except ValueError:
            number = 0
        if (name and name not in known) or not 0 < number < float("inf"):
            example = "0.001" if option == "--rate" else "1000"
            raise BadInput(
                f"{option} {each} is invalid.\nTry:  {option} {example}  or  {option} sca={example}"
            )
        numbers.update({name: number} if name else dict.fromkeys(known, number))
    return numbers


def _count(numbers: dict[str, float], stage: str) -> int | None:
    return int(numbers[stage]) if stage in numbers else None


def _remember(work: Path, options: Options, size: Size) -> None:
    """Write what a training is of, or compare it with what was written.

    Raises:
        BadInput: the checkpoints are of other choices.
    """
    path = work / "training.json"
    now: dict[str, Any] = json.loads(json.dumps({"options": asdict(options), "size": asdict(size)}))
    if path.is_file():
        before = json.loads(path.read_text())
        for part, values in now.items():
            for name, value in values.items():
                if before[part].get(name) != value:
                    raise BadInput(
                        f"{work} was started with {name} {before[part].get(name)}, not {value}.\n"
                        "Continue with the same choices, or name another folder:  --work DIR"
                    )
        return
    work.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(now, indent=1) + "\n")
