"""Who makes the videos of a batch: this process, several, or a Ray cluster."""

from __future__ import annotations

import multiprocessing
import os
import tempfile
import time
from collections.abc import Collection, Generator, Iterator, Sequence
from dataclasses import dataclass, replace
from multiprocessing.connection import Connection, wait
from pathlib import Path
from typing import TYPE_CHECKING, Any

from imagineid import signals
from imagineid.errors import BackendMissing, BadInput, BadWeights, ImagineIDError
from imagineid.files import sweep
from imagineid_cli.progress import Progress
from imagineid_cli.render import ModelChoice, Task

if TYPE_CHECKING:
    from imagineid.pipeline import Pipeline

STOP_S = 5.0
"""What a worker may take to end; then it is killed."""

DIED = "the worker that made it has died (out of memory?)"


@dataclass(frozen=True)
class Done:
    """How it ended: ``told`` of the video, or one line on what went wrong."""

    task: Task
    told: dict[str, Any] | None = None
    error: str | None = None


def attempt(pipe: Pipeline, task: Task, caching: bool) -> Done:
    """Make one video; whatever is wrong with its recording is no error of the others."""
    from imagineid.audio import open_sound
    from imagineid.cache import Cache
    from imagineid.files import check_output
    from imagineid_cli.render import render

    assert task.output is not None
    try:
        check_output(task.output, task.overwrite)
        with open_sound(task.audio) as sound:
            cache = Cache.usual() if caching else None
            return Done(task, told=render(pipe, sound, task, Progress(quiet=True), cache))
    except ImagineIDError as error:
        return Done(task, error=str(error).splitlines()[0])
    except Exception as error:
        return Done(task, error=f"something went wrong inside ({type(error).__name__}: {error})")


def here(tasks: Sequence[Task], runs: ModelChoice, caching: bool) -> Generator[Done, None, None]:
    """Make them one after the other in this process; the model is loaded once."""
    pipe = runs.load() if tasks else None
    for task in tasks:
        assert pipe is not None  # for the type checker
        yield attempt(pipe, task, caching)


def processes(
    tasks: Sequence[Task], runs: ModelChoice, caching: bool, many: int
) -> Generator[Done, None, None]:
    """Make them in ``many`` processes that share out the processors.

    Raises:
        BadWeights: no worker could load the model.
    """
    context = multiprocessing.get_context("spawn")
    running: dict[Connection, Any] = {}
    doing: dict[Connection, Task] = {}
    left = list(tasks)
    try:
        for i in range(min(many, len(tasks))):
            ours, theirs = context.Pipe()
            own = context.Process(target=_work, args=(theirs, runs, caching, i, many))
            own.daemon = True  # ends with this process
            with signals.hidden_from_children():
                own.start()
            theirs.close()
            running[ours] = own
        while running and (left or doing):
            for ready in wait(list(running)):
                assert isinstance(ready, Connection)
                yield from _answer(ready, left, doing, running)
        for task in left:
            yield Done(task, error=DIED)
    finally:
        _end(running.values())
        for folder in {task.output.parent for task in tasks if task.output is not None}:
            sweep(folder)


def _end(running: Collection[Any]) -> None:
    """End the workers: those that do not do so by themselves are killed."""
    for own in running:
        own.terminate()
    until = time.monotonic() + STOP_S
    for own in running:
        own.join(max(0.0, until - time.monotonic()))
        if own.is_alive():
            own.kill()
            own.join(STOP_S)


def _answer(
    ready: Connection, left: list[Task], doing: dict[Connection, Task], running: dict[Any, Any]
) -> Iterator[Done]:
    """Take what a worker says, and give it the next task."""
    try:
        said = ready.recv()
    except (EOFError, OSError):
        running.pop(ready).join(STOP_S)
        if task := doing.pop(ready, None):
            yield Done(task, error=DIED)
        return
    if isinstance(said, str):
        raise BadWeights(said)
    doing.pop(ready, None)
    if said is not None:
        yield said
    if left:
        doing[ready] = left.pop(0)
        ready.send(doing[ready])


def _work(main: Connection, runs: ModelChoice, caching: bool, number: int, many: int) -> None:
    """Run in a worker: load the model on its share of the processors, then one task at a time."""
    signals.install()
    signals.end_with_parent()
    if hasattr(os, "sched_setaffinity"):
        all_of_them = sorted(os.sched_getaffinity(0))
        os.sched_setaffinity(0, set(all_of_them[number % len(all_of_them) :: many]))
    try:
        pipe = runs.load()
    except ImagineIDError as error:
        main.send(str(error))
        return
    try:
        main.send(None)
        while True:
            main.send(attempt(pipe, main.recv(), caching))
    except (EOFError, OSError):  # the parent is gone, or wants no more
        return


def on_ray(
    tasks: Sequence[Task], runs: ModelChoice, caching: bool, address: str, many: int | None
) -> Generator[Done, None, None]:
    """Make them on a Ray cluster; recordings and videos travel, no shared disk is needed.

    Args:
        tasks: what to make.
        runs: which model, and what runs its networks there.
        caching: whether each node keeps frames.
        address: of the cluster, as ``ray.init`` takes it.
        many: workers; None: one a node.

    Raises:
        BackendMissing: Ray is not installed.
        BadInput: no cluster answers.
    """
    try:
        import ray
    except ImportError as error:
        raise BackendMissing("ray", "ray") from error
    try:
        ray.init(address=address, logging_level="ERROR", log_to_driver=False)
    except (ConnectionError, ValueError, RuntimeError, TimeoutError) as error:
        raise BadInput(
            f"No Ray cluster answers at {address}: {str(error).splitlines()[0]}\n"
            f"Start one:  ray start --head, then --ray auto"
        ) from error
    try:
        alive = sum(bool(node["Alive"]) for node in ray.nodes())
        maker = ray.remote(num_cpus=1, scheduling_strategy="SPREAD")(_Remote)
        idle = [maker.remote(runs, caching) for _ in range(min(many or alive, len(tasks)))]
        yield from _share_out(ray, list(tasks), idle)
    finally:
        ray.shutdown()


def _share_out(ray: Any, left: list[Task], idle: list[Any]) -> Iterator[Done]:
    """Give each idle actor the next task until all are done."""
    doing: dict[Any, tuple[Any, Task]] = {}
    while left or doing:
        while left and idle:
            task, actor = left.pop(0), idle.pop()
            try:
                sound = task.audio.read_bytes()
            except OSError as error:
                idle.append(actor)
                yield Done(task, error=f"{task.audio} can't be read: {error.strerror}")
                continue
            doing[actor.make.remote(task, sound)] = (actor, task)
        if not doing:
            continue
        (ready,), _ = ray.wait(list(doing), num_returns=1)
        actor, task = doing.pop(ready)
        idle.append(actor)
        try:
            done, film = ray.get(ready)
        except ray.exceptions.RayError as error:
            yield Done(task, error=str(error).strip().splitlines()[-1])
            continue
        yield _landed(replace(done, task=task), film)


def _landed(done: Done, film: bytes | None) -> Done:
    """Write the video that came back."""
    from imagineid.files import atomic_output, write_errors

    output = done.task.output
    assert output is not None
    if film is None or done.told is None:
        return done
    try:
        with atomic_output(output, done.task.overwrite) as part, write_errors(output):
            part.write_bytes(film)
    except ImagineIDError as error:
        return Done(done.task, error=str(error).splitlines()[0])
    return replace(done, told={**done.told, "path": str(output)})


class _Remote:
    """A worker on some node of a Ray cluster."""

    def __init__(self, runs: ModelChoice, caching: bool) -> None:
        self._pipe, self._caching = runs.load(), caching

    def render(self, task: Task, sound: bytes) -> tuple[Done, bytes | None]:
        """Make a video of a recording's bytes; return how it ended, and the video's bytes."""
        with tempfile.TemporaryDirectory(prefix="imagineid-") as name:
            folder = Path(name)
            audio, output = folder / task.audio.name, folder / "out.mp4"
            audio.write_bytes(sound)
            done = attempt(
                self._pipe,
                replace(task, audio=audio, output=output, overwrite=False),
                self._caching,
            )
            if done.error:
                return replace(done, error=done.error.replace(f"{folder}{os.sep}", "")), None
            return done, output.read_bytes()
