"""``imagineid batch``: many recordings become videos; a broken one does not stop the others."""

from __future__ import annotations

import contextlib
import json
import random
import time
from collections.abc import Generator, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from imagineid.errors import BadInput, BadOutput, SomeFailed
from imagineid_cli import options
from imagineid_cli import resume as going_on
from imagineid_cli.batch_inputs import Item, find_items
from imagineid_cli.errors import error_handling, say
from imagineid_cli.progress import Progress
from imagineid_cli.render import ModelChoice, Task
from imagineid_cli.request import Wish, chains_of

if TYPE_CHECKING:
    from imagineid_cli.workers import Done

WORKERS = 256
"""The most workers."""


def batch(
    inputs: Annotated[
        list[str],
        typer.Argument(
            metavar="INPUTS...",
            help="Recordings, folders, patterns, and lists (.csv, .jsonl: audio,prompt,seed,out).",
        ),
    ],
    output: Annotated[
        Path, typer.Option("-o", "--output", metavar="DIR", help="Where the videos go.")
    ],
    prompt: options.Prompt = None,
    seed: Annotated[
        int | None, typer.Option(metavar="N", help="The same for all; random if not given.")
    ] = None,
    steps: options.Steps = None,
    guidance: options.Guidance = None,
    emotion: options.Emotion = None,
    strength: options.Strength = None,
    chains: options.Chains = "auto",
    workers: Annotated[
        int | None, typer.Option(metavar="N", help="Work in N processes; with --ray, N in all.")
    ] = None,
    ray: Annotated[
        str | None, typer.Option(metavar="ADDRESS", help="Work on a Ray cluster: auto, HOST:PORT.")
    ] = None,
    resume: Annotated[
        bool, typer.Option("--resume", help="Leave what is done, go on with what was begun.")
    ] = False,
    no_cache: options.NoCache = False,
    overwrite: options.Overwrite = False,
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="Show only what failed.")] = False,
    as_json: options.Json = False,
    debug: options.Debug = False,
    model: options.Model = "mini",
    engine: options.Engine = options.EngineName.auto,
) -> None:
    """Turn many recordings into videos, with one load of the model.

    Standard output holds the path of each video as it is done.
    If some fail, each is told in one line and the exit code is 4.
    """
    with error_handling(debug):
        from imagineid.files import check_outputs

        if workers is not None and not 1 <= workers <= WORKERS:
            raise BadInput(f"--workers {workers} is outside 1 to {WORKERS}.\nTry:  --workers 2")
        named = emotion.value if emotion is not None else None
        wish = Wish(prompt, seed, steps, guidance, named, strength)
        wish.check()
        items = find_items(inputs, output, wish)
        sources = dict.fromkeys([*(item.audio for item in items), *map(Path, inputs)])
        check_outputs([item.output for item in items], sources)
        _make_folders(items, output)
        before = {i.output for i in items if resume and _is_done(i)}
        tasks = [
            Task(i.audio, i.output, i.wish, _seed(i, resume), chains_of(chains), overwrite)
            for i in items
            if i.output not in before
        ]
        making = _makers(tasks, ModelChoice(model, engine.value), not no_cache, workers, ray)
        with contextlib.closing(making):  # so that workers are ended at once
            _tell(making, len(tasks), sorted(map(str, before)), Progress(quiet), as_json)


def _make_folders(items: Sequence[Item], folder: Path) -> None:
    """Make the folders that videos go to."""
    try:
        for path in {folder, *(item.output.parent for item in items)}:
            path.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise BadOutput(
            f"The folder {folder} can't be made: {error.strerror}.\nName another:  -o DIR"
        ) from error


def _is_done(item: Item) -> bool:
    return going_on.finished(item.audio, item.output, item.wish) is not None


def _seed(item: Item, resume: bool) -> int:
    """Return the seed asked for, else that of the run to go on with, else one of chance."""
    if item.wish.seed is not None:
        return item.wish.seed
    before = going_on.begun_seed(item.audio, item.output, item.wish) if resume else None
    return before if before is not None else random.SystemRandom().randrange(1_000_000)


def _makers(
    tasks: Sequence[Task], runs: ModelChoice, caching: bool, workers: int | None, ray: str | None
) -> Generator[Done, None, None]:
    """Choose who makes the videos."""
    from imagineid_cli.workers import here, on_ray, processes

    if not tasks:
        return here([], runs, caching)
    if ray is not None:
        return on_ray(tasks, runs, caching, ray, workers)
    if workers is not None and workers > 1:
        return processes(tasks, runs, caching, workers)
    return here(tasks, runs, caching)


def _tell(
    making: Iterator[Done], many: int, before: list[str], show: Progress, as_json: bool
) -> None:
    """Tell each as it ends, and how it went at the end.

    Raises:
        SomeFailed: some did.
    """
    started = time.monotonic()
    made: list[dict[str, Any]] = []
    failed: list[dict[str, str]] = []
    if before:
        show.line(f"{len(before)} done already")
    for done in making:
        if done.told is None:
            failed.append({"audio": str(done.task.audio), "error": done.error or ""})
            say(f"Failed: {done.task.audio}: {done.error}", style="red")
            continue
        made.append(done.told)
        show.line(f"{len(made) + len(failed)} of {many}: {done.task.audio}")
        if not as_json:
            typer.echo(done.told["path"])
    took_s = round(time.monotonic() - started, 2)
    if as_json:
        known = {"made": made, "before": before, "failed": failed, "took_s": took_s}
        typer.echo(json.dumps(known, ensure_ascii=False))
    show.line(f"{len(made)} made in {took_s:.0f} s, {len(failed)} failed")
    if failed:
        raise SomeFailed(
            f"{len(failed)} of {many} failed, {len(made)} are made.\n"
            "Mend them, then the same command again with:  --resume"
        )
