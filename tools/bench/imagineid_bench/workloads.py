"""What is measured, each in a process of its own (:mod:`imagineid_bench.subprocess_runner`)."""

from __future__ import annotations

import tempfile
import threading
import time
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
from functools import partial
from itertools import chain, islice
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import numpy as np

from imagineid import backends, models, pipeline
from imagineid.audio import open_sound
from imagineid.backends import gpu
from imagineid.cache import Cache, limit_bytes
from imagineid.ccf.generation import initial_noise
from imagineid.ccf.rollout import TOGETHER
from imagineid.pad.conditioning import cut
from imagineid.rendering import write_video
from imagineid.request import Request
from imagineid.spec import FPS, Ports
from imagineid.video import VideoWriter
from imagineid_bench.algorithm1 import AlgorithmOne
from imagineid_bench.machine import Energy, peak_bytes
from imagineid_bench.results import Agreement, AsWritten, Roof, Roofline, Whole
from imagineid_bench.roofline import best_s, cost_of, limits
from imagineid_bench.subprocess_runner import OnProgress, Setting

if TYPE_CHECKING:
    from imagineid.audio import Sound
    from imagineid.engine import Engine
    from imagineid.pad.conditioning import Conditioning

Array = np.ndarray
T = TypeVar("T")

PICTURE = ("sca", "unet", "decoder", "encoder", "matte")
"""The networks of a frame, in the order they are shown."""

ONCE = ("sca", "unet", "decoder")
"""Those that the first frame asks many times, and alone."""


class Clock:
    """Adds up the time of a pipeline's parts, by name, over all threads."""

    def __init__(self) -> None:
        self.spent: dict[str, float] = {}
        self._first: dict[str, float] | None = None
        self._lock = threading.Lock()

    def around(self, engines: Mapping[str, Engine]) -> dict[str, Engine]:
        """Return engines that do the same and are timed."""
        return {name: self._timed(name, engine) for name, engine in engines.items()}

    def _timed(self, name: str, engine: Engine) -> Engine:
        def run(**inputs: Any) -> dict[str, Any]:
            start = time.perf_counter()
            outputs = engine(**inputs)
            self.add(name, time.perf_counter() - start)
            return outputs

        return run

    def during(self, name: str, source: Iterable[T]) -> Iterator[T]:
        """Yield what ``source`` yields, and time the wait for it."""
        items = iter(source)
        while True:
            start = time.perf_counter()
            try:
                item = next(items)
            except StopIteration:
                return
            finally:
                self.add(name, time.perf_counter() - start)
            yield item

    def add(self, name: str, seconds: float) -> None:
        """Count so much time."""
        with self._lock:
            self.spent[name] = self.spent.get(name, 0.0) + seconds
            if name == "decoder" and self._first is None:
                self._first = dict(self.spent)  # it ends the first frame, line 1 of Algorithm 1

    def a_frame_ms(self, frames: int) -> dict[str, float]:
        """Return what each part took of a frame, without the first one's many steps."""
        first = self._first or {}
        return {
            name: 1000 * (spent - (first.get(name, 0.0) if name in ONCE else 0.0)) / frames
            for name, spent in self.spent.items()
        }


def whole(setting: Setting, tell: OnProgress) -> Whole:
    """Make a video as ``imagineid generate`` does, and look at the clock on the way."""
    clock = Clock()
    with Energy() as energy:
        pipe = pipeline.load(setting.model, engine=setting.engine)
        pipe = replace(pipe, engines=clock.around(pipe.engines))
        loaded = time.monotonic()
        with open_sound(setting.audio) as sound:
            opened = time.monotonic()
            voice, came = _film(pipe, sound, setting, clock, tell)
        ended, peak = time.monotonic(), peak_bytes()
    return Whole(
        engine=setting.engine,
        line=pipe.engine_line,
        chains=setting.chains or 1,
        frames=len(came),
        wall_s=ended - setting.began_s,
        loading_s=loaded - setting.began_s,
        opening_s=opened - loaded,
        first_frame_s=came[0] - opened,
        to_first_frame_s=came[0] - setting.began_s,
        later_frame_ms=1000 * (came[-1] - came[0]) / max(1, len(came) - 1),
        stages_ms=_stages_ms(pipe, voice, setting.seed, clock, len(came)),
        peak_bytes=peak,
        joules=energy.joules,
    )


def _film(
    pipe: pipeline.Pipeline, sound: Sound, setting: Setting, clock: Clock, tell: OnProgress
) -> tuple[Conditioning, list[float]]:
    """Listen, imagine and write, side by side; return the voice and when each frame came."""
    conditioning = clock.during("listening", pipe.express_blocks(pipe.encode_blocks(sound)))
    voice = next(conditioning)
    request = Request(seed=setting.seed, chains=setting.chains)
    cache = empty_cache(setting.video.parent)
    frames = pipe.imagine(chain([voice], conditioning), request, cache=cache)
    came: list[float] = []

    class TimedWriter(VideoWriter):
        """A writer that looks at the clock."""

        def write(self, frame: Array) -> None:
            came.append(time.monotonic())
            super().write(frame)
            clock.add("writing", time.monotonic() - came[-1])
            tell(self.frames)

    writer = TimedWriter(setting.video, pipe.size_px, setting.audio, {}, overwrite=True)
    write_video(frames, writer, total=sound.frames)
    return voice, came


def _stages_ms(
    pipe: pipeline.Pipeline, voice: Conditioning, seed: int, clock: Clock, frames: int
) -> dict[str, float]:
    """Return what each part took of a frame; meshes are drawn once more for that, alone."""
    took = clock.a_frame_ms(frames)
    start = time.perf_counter()
    rendered = sum(1 for _ in islice(pipe.meshes(voice, seed), FPS))
    return {
        "listening": took["listening"],
        "mesh pictures": 1000 * (time.perf_counter() - start) / rendered,
        **{name: took[name] for name in PICTURE},
        "encoding and muxing": took["writing"],
    }


def empty_cache(folder: Path) -> Cache:
    """Return a frame cache that holds nothing, so that keeping frames is paid for as always."""
    return Cache(Path(tempfile.mkdtemp(prefix="frames-", dir=folder)), limit_bytes())


def as_written(setting: Setting, tell: OnProgress) -> AsWritten:
    """Run Algorithm 1 as written, for some frames, in plain torch: eager, float32.

    Raises:
        BackendMissing: torch is not installed.
        BadWeights: the model holds graphs only.
    """
    pipe = plain_torch(setting.model)
    with open_sound(setting.audio) as sound:
        voice = pipe.express(pipe.encode(sound))
    algorithm = AlgorithmOne(pipe.engines, pipe.size, setting.steps)
    meshes = islice(pipe.meshes(voice, setting.seed), setting.frames)
    start = initial_noise(pipe.size, setting.seed)
    came = [time.monotonic()]
    with Energy() as energy:
        for _ in algorithm.frames(start, meshes, lambda: pipe.text(voice, "")):
            came.append(time.monotonic())
            tell(len(came) - 1)
    first, *later = np.diff(came).tolist()
    return AsWritten(
        line=pipe.engine_line,
        steps=setting.steps,
        guidance=algorithm.guidance,
        to_first_frame_s=came[1] - setting.began_s,
        first_frame_s=first,
        frames_s=later,
        peak_bytes=peak_bytes(),
        joules=energy.joules,
    )


def plain_torch(model: str) -> pipeline.Pipeline:
    """Load a model in torch as it is: no xformers, and float32 on a card, too."""
    pipe = pipeline.load(model, engine="torch", attention="sdpa")
    if not gpu.present():
        return pipe
    from imagineid.backends.torch import load

    found = models.find(model)
    engines = {name: load(found, name, "cuda", "sdpa", half=False) for name in pipe.engines}
    return replace(pipe, engines=engines, engine_line=f"{pipe.engine_line}, float32")


def agreement(setting: Setting, tell: OnProgress) -> Agreement:
    """Hold the default against many steps a frame."""
    pipe = pipeline.load(setting.model, engine=setting.engine)
    with open_sound(setting.audio) as sound:
        voice = pipe.express(pipe.encode(sound))
    found: list[float] = []
    for own, reference in beside(pipe, voice, Request(seed=setting.seed), setting.steps):
        found.append(psnr(own, reference))
        tell(len(found))
    return Agreement(setting.steps, len(found), float(np.mean(found)), min(found))


def beside(
    pipe: pipeline.Pipeline, voice: Conditioning, request: Request, steps: int
) -> Iterator[tuple[Array, Array]]:
    """Imagine a video with the default steps, and with ``steps`` a frame, from one first frame.

    Yields:
        A frame of each, (H, W, 3) uint8.
    """
    first = next(pipe.imagine(cut(voice, 0, 1), replace(request, chains=1)))
    longer = pipe.imagine(voice, replace(request, steps=steps), first)
    return zip(pipe.imagine(voice, request, first), longer, strict=True)


def psnr(a: Array, b: Array) -> float:
    """Return the peak signal-to-noise ratio of two 8-bit pictures, dB; 100 if they are equal."""
    error = float(np.square(a.astype(np.float32) - b.astype(np.float32)).mean(dtype=np.float64))
    return min(100.0, 10 * float(np.log10(255.0**2 / error))) if error else 100.0


def roofline(setting: Setting, tell: OnProgress) -> Roofline:
    """Measure the machine's limits, and each network of a frame alone under them."""
    model, rows = models.find(setting.model), []
    opener, line = backends.choose(setting.engine, model)
    top = limits()
    batch = min(TOGETHER, model.size.batch)
    for number, name in enumerate(PICTURE):
        inputs = random_inputs(model.ports(name), batch)
        engine, cost = opener(name), cost_of(model.graph(name), inputs)
        took_s = best_s(partial(engine, **inputs))
        rows.append(
            Roof(
                network=name,
                batch=batch,
                gflop=cost.flops / 1e9,
                mbytes=cost.moved_bytes / 1e6,
                took_ms=1000 * took_s,
                bound_ms=1000 * top.bound_s(cost),
            )
        )
        tell(number + 1)
    return Roofline(top.where, top.flops_s / 1e9, top.bytes_s / 1e9, line, rows)


def random_inputs(ports: Ports, batch: int) -> dict[str, Array]:
    """Return a network's inputs, drawn at random between 0 and 1."""
    chance = np.random.default_rng(0)
    shapes = {p.name: [batch if isinstance(d, str) else d for d in p.dims] for p in ports.inputs}
    return {p.name: chance.random(shapes[p.name]).astype(p.dtype) for p in ports.inputs}
