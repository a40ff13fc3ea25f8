"""``imagineid batch``: a video of each recording; a broken one does not stop the others."""

from __future__ import annotations

import contextlib
import json
import time
from collections.abc import Generator, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from imagineid.errors import BadInput, BadOutput, SomeFailed
from imagineid_cli import options
from imagineid_cli.errors import error_handling, say
from imagineid_cli.progress import TerminalProgress

if TYPE_CHECKING:
    from imagineid.batch import Done, ModelChoice, Task
    from imagineid.batch_inputs import Item

WORKERS = 256
"""Largest number of workers."""


@options.asks(
    *options.PERSON, *options.MOTION, "avatar", "face", "track", *options.LOOK,
    "steps", "guidance", "exact", "chains",
)  # fmt: skip
def batch(
    inputs: Annotated[
        list[str],
        typer.Argument(
            metavar="INPUTS...",
            help="Recordings, folders, patterns, and lists (.csv, .jsonl: audio,prompt,seed,...).",
        ),
    ],
    output: Annotated[Path, typer.Option("-o", "--output", metavar="DIR", help="Output folder.")],
    *,
    values: dict[str, Any],
    workers: Annotated[
        int | None,
        typer.Option(
            metavar="N", help="Number of worker processes; with --ray, of the whole cluster."
        ),
    ] = None,
    ray: Annotated[
        str | None, typer.Option(metavar="ADDRESS", help="Use a Ray cluster: auto or HOST:PORT.")
    ] = None,
    resume: Annotated[
        bool, typer.Option("--resume", help="Skip finished videos; resume interrupted ones.")
    ] = False,
    anywhere: Annotated[
        bool, typer.Option("--anywhere", help="Allow outputs outside DIR in lists.")
    ] = False,
    no_cache: options.NoCache = False,
    overwrite: options.Overwrite = False,
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="Show only failures.")] = False,
    as_json: options.Json = False,
    debug: options.Debug = False,
    model: options.Model = "mini",
    engine: options.Engine = "auto",
) -> None:
    """Make videos of many recordings; the model is loaded once.

    The path of each finished video is printed to standard output.
    Failed recordings are reported, one line each, with exit code 4.
    """
    with error_handling(debug):
        from imagineid import resume as resuming
        from imagineid.batch import ModelChoice, Task
        from imagineid.batch_inputs import find_items
        from imagineid.files import check_outputs

        if workers is not None and not 1 <= workers <= WORKERS:
            raise BadInput(f"--workers {workers} is outside 1 to {WORKERS}.\nTry:  --workers 2")
        request = options.requested(**values)
        request.check()
        progress = TerminalProgress(quiet)
        items = find_items(inputs, output, request, anywhere, progress)
        sources = dict.fromkeys(
            [*(item.audio for item in items), *map(Path, inputs), *request.files()]
        )
        check_outputs([item.output for item in items], sources)
        _make_folders(items, output)
        before = {
            i.output for i in items if resume and resuming.finished(i.audio, i.output, i.request)
        }
        tasks = []
        for item in (item for item in items if item.output not in before):
            own = item.request
            if resume:
                own = resuming.with_begun_seed(item.audio, item.output, own)
            tasks.append(Task(item.audio, item.output, own, overwrite))
        choice = ModelChoice(model, engine)
        making = _makers(tasks, choice, not no_cache, workers, ray)
        with contextlib.closing(making):  # so that workers are ended at once
            _tell(making, len(tasks), sorted(map(str, before)), progress, as_json)


def _make_folders(items: Sequence[Item], folder: Path) -> None:
    """Create the output folders."""
    try:
        for path in {folder, *(item.output.parent for item in items)}:
            path.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise BadOutput(
            f"The folder {folder} can't be created: {error.strerror}.\nName another:  -o DIR"
        ) from error


def _makers(
    tasks: Sequence[Task], choice: ModelChoice, caching: bool, workers: int | None, ray: str | None
) -> Generator[Done, None, None]:
    """Return an iterator over results, from this process, other processes or Ray."""
    from imagineid.batch import in_process, in_processes, on_ray

    if not tasks:
        return in_process([], choice, caching)
    if ray is not None:
        return on_ray(tasks, choice, caching, ray, workers)
    if workers is not None and workers > 1:
        return in_processes(tasks, choice, caching, workers)
    return in_process(tasks, choice, caching)


def _tell(
    making: Iterator[Done], count: int, before: list[str], progress: TerminalProgress, as_json: bool
) -> None:
    """Report each video as it ends, and the whole batch at the end.

    Raises:
        SomeFailed: some did.
    """
    from imagineid.files import one_line

    started = time.monotonic()
    results: list[dict[str, Any]] = []
    failed: list[dict[str, str]] = []
    if before:
        progress.line(f"{len(before)} already finished")
    for done in making:
        for note in done.notes:
            progress.warn(note)
        if done.rendered is None:
            failed.append({"audio": str(done.task.audio), "error": done.error or ""})
            say(f"Failed: {one_line(done.task.audio)}: {done.error}", style="red")
            continue
        results.append(done.rendered.as_json())
        progress.line(f"{len(results) + len(failed)} of {count}: {one_line(done.task.audio)}")
        if not as_json:
            typer.echo(results[-1]["path"])
    took_s = round(time.monotonic() - started, 2)
    if as_json:
        known = {"made": results, "before": before, "failed": failed, "took_s": took_s}
        typer.echo(json.dumps(known, ensure_ascii=False))
    progress.line(f"{len(results)} made in {took_s:.0f} s, {len(failed)} failed")
    if failed:
        raise SomeFailed(
            f"{len(failed)} of {count} failed, {len(results)} are made.\n"
            "Fix them, then run the same command with:  --resume"
        )
