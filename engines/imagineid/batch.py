"""Many recordings become videos: in this process, in several, or on a Ray cluster."""

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
from imagineid.audio import open_sound
from imagineid.cache import Cache
from imagineid.errors import BackendMissing, BadInput, BadWeights, ImagineIDError
from imagineid.files import atomic_output, one_line, sweep, write_errors
from imagineid.rendering import Rendered, render
from imagineid.request import Request
from imagineid.video.output import check_video_output

if TYPE_CHECKING:
    from imagineid.pipeline import Pipeline

STOP_S = 5.0
"""What a worker may take to end; then it is killed."""

DIED = "its worker process died (out of memory?)"


@dataclass(frozen=True)
class ModelChoice:
    """Which model, and what runs its networks, by name; it can be sent to another process."""

    model: str = "mini"
    engine: str = "auto"
    attention: str = "auto"

    def load(self) -> Pipeline:
        """Load the model; see :func:`imagineid.pipeline.load`."""
        from imagineid import pipeline

        return pipeline.load(self.model, engine=self.engine, attention=self.attention)


@dataclass(frozen=True)
class Task:
    """One video to be made: its recording, output path and request."""

    audio: Path
    output: Path
    request: Request
    overwrite: bool = False


@dataclass(frozen=True)
class Done:
    """The outcome of a task: the rendered video, or one line of error, and notes on its sound."""

    task: Task
    rendered: Rendered | None = None
    error: str | None = None
    notes: tuple[str, ...] = ()


def attempt(pipe: Pipeline, task: Task, caching: bool) -> Done:
    """Make one video; an error is returned, so that the others continue."""
    try:
        check_video_output(task.output, task.request.output, task.overwrite)
        cache = Cache.default() if caching else None
        with open_sound(task.audio, track=task.request.track) as sound:
            rendered = render(
                pipe, sound, task.output, task.request,
                cache=cache, overwrite=task.overwrite, remember=True,
            )  # fmt: skip
        return Done(task, rendered, notes=sound.notes)
    except ImagineIDError as error:
        message = str(error).replace(str(task.audio), one_line(task.audio))
        return Done(task, error=message.splitlines()[0])
    except Exception as error:
        return Done(task, error=f"unexpected error ({type(error).__name__}: {error})")


def in_process(
    tasks: Sequence[Task], model: ModelChoice, caching: bool
) -> Generator[Done, None, None]:
    """Make the videos one after the other in this process; the model is loaded once."""
    pipe = model.load() if tasks else None
    for task in tasks:
        assert pipe is not None  # for the type checker
        yield attempt(pipe, task, caching)


def in_processes(
    tasks: Sequence[Task], model: ModelChoice, caching: bool, workers: int
) -> Generator[Done, None, None]:
    """Make them in several processes that share out the processors.

    Raises:
        BadWeights: no worker could load the model.
    """
    context = multiprocessing.get_context("spawn")
    running: dict[Connection, Any] = {}
    doing: dict[Connection, Task] = {}
    waiting = list(tasks)
    try:
        for i in range(min(workers, len(tasks))):
            ours, theirs = context.Pipe()
            own = context.Process(target=_work, args=(theirs, model, caching, i, workers))
            own.daemon = True  # they end with this process
            with signals.hidden_from_children():
                own.start()
            theirs.close()
            running[ours] = own
        while running and (waiting or doing):
            for ready in wait(list(running)):
                assert isinstance(ready, Connection)
                yield from _answer(ready, waiting, doing, running)
        for task in waiting:
            yield Done(task, error=DIED)
    finally:
        _end(running.values())
        for folder in {task.output.parent for task in tasks}:
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
    ready: Connection, waiting: list[Task], doing: dict[Connection, Task], running: dict[Any, Any]
) -> Iterator[Done]:
    """Receive a worker's result and send it the next task."""
    try:
        answer = ready.recv()
    except (EOFError, OSError):
        running.pop(ready).join(STOP_S)
        if task := doing.pop(ready, None):
            yield Done(task, error=DIED)
        return
    if isinstance(answer, str):
        raise BadWeights(answer)
    doing.pop(ready, None)
    if answer is not None:
        yield answer
    if waiting:
        doing[ready] = waiting.pop(0)
        ready.send(doing[ready])


def _work(main: Connection, model: ModelChoice, caching: bool, number: int, workers: int) -> None:
    """Run a worker: load the model on its share of the CPU cores, then do one task at a time."""
    signals.install()
    signals.end_with_parent()
    if hasattr(os, "sched_setaffinity"):
        all_of_them = sorted(os.sched_getaffinity(0))
        os.sched_setaffinity(0, set(all_of_them[number % len(all_of_them) :: workers]))
    try:
        pipe = model.load()
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
    tasks: Sequence[Task], model: ModelChoice, caching: bool, address: str, workers: int | None
) -> Generator[Done, None, None]:
    """Make them on a Ray cluster; recordings and videos travel, no shared disk is needed.

    Args:
        tasks: what to make.
        model: which model, and what runs its networks there.
        caching: whether each node keeps frames.
        address: of the cluster, as ``ray.init`` takes it.
        workers: how many; None: one a node.

    Raises:
        BackendMissing: Ray is not installed.
        BadInput: there is no cluster at that address, or a task needs other files.
    """
    if any(task.request.files() for task in tasks):
        raise BadInput(
            "Only recordings travel to a Ray cluster, no faces, backgrounds, subtitles or motion.\n"
            "Leave them out, or leave out --ray:  --workers 2"
        )
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
        idle = [maker.remote(model, caching) for _ in range(min(workers or alive, len(tasks)))]
        yield from _share_out(ray, list(tasks), idle)
    finally:
        ray.shutdown()


def _share_out(ray: Any, waiting: list[Task], idle: list[Any]) -> Iterator[Done]:
    """Send each idle actor the next task until all are done."""
    doing: dict[Any, tuple[Any, Task]] = {}
    while waiting or doing:
        while waiting and idle:
            task, actor = waiting.pop(0), idle.pop()
            try:
                sound = task.audio.read_bytes()
            except OSError as error:
                idle.append(actor)
                yield Done(task, error=f"{task.audio} can't be read: {error.strerror}")
                continue
            doing[actor.render.remote(task, sound)] = (actor, task)
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
    """Write a received video."""
    output = done.task.output
    if film is None or done.rendered is None:
        return done
    try:
        with atomic_output(output, done.task.overwrite) as part, write_errors(output):
            part.write_bytes(film)
    except ImagineIDError as error:
        return Done(done.task, error=str(error).splitlines()[0])
    return replace(done, rendered=replace(done.rendered, path=output))


class _Remote:
    """A worker on a node of a Ray cluster."""

    def __init__(self, model: ModelChoice, caching: bool) -> None:
        self._pipe, self._caching = model.load(), caching

    def render(self, task: Task, sound: bytes) -> tuple[Done, bytes | None]:
        """Make a video of a recording's bytes; return the result and the video's bytes."""
        with tempfile.TemporaryDirectory(prefix="imagineid-") as name:
            folder = Path(name)
            audio, output = folder / task.audio.name, folder / f"out{task.output.suffix}"
            audio.write_bytes(sound)
            done = attempt(
                self._pipe,
                replace(task, audio=audio, output=output, overwrite=False),
                self._caching,
            )
            if done.error:
                return replace(done, error=done.error.replace(f"{folder}{os.sep}", "")), None
            return done, output.read_bytes()
