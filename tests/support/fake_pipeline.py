"""A pipeline made of arithmetic, in the place of the real one: the command's tests need no model.

``python -m support.fake_pipeline generate ...`` is the whole command upon it.
"""

from __future__ import annotations

import os
import sys
import time
import types
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from imagineid.audio import Sound

WORDS = ("red", "hair", "glasses")


@dataclass(frozen=True)
class Request:
    prompt: str = ""
    seed: int = 0
    steps: int | None = None
    guidance: float | None = None


@dataclass(frozen=True)
class Factors:
    frames: int
    gender: str
    age: float
    feeling: str
    emotions: NDArray[np.float32]


class Pipeline:
    model = "fake"
    size_px = 64
    engine_line = "arithmetic on CPU"

    def unknown_words(self, prompt: str) -> list[tuple[str, str | None]]:
        near = {"glass": "glasses"}
        return [(word, near.get(word)) for word in prompt.split() if word not in WORDS]

    def listen(self, sound: Sound, on_progress: Callable[[float], None] | None = None) -> Factors:
        if on_progress:
            on_progress(1.0)
        return Factors(sound.frames, "female", 34.2, "happy", np.eye(8, dtype=np.float32)[5])

    def imagine(self, factors: Factors, request: Request) -> Iterator[NDArray[np.uint8]]:
        colour = np.random.default_rng(request.seed).integers(0, 200, 3, dtype=np.uint8)
        for i in range(factors.frames):
            time.sleep(float(os.environ.get("FAKE_FRAME_S", "0")))
            if request.prompt == "explode":
                raise RuntimeError("a bug of ours")
            frame = np.empty((64, 64, 3), dtype=np.uint8)
            frame[:] = colour + np.uint8(i % 50)
            yield frame


def load(model: str = "mini", engine: str = "auto") -> Pipeline:
    if engine == "onnx" and "FAKE_NO_ENGINE" in os.environ:
        from imagineid.errors import BackendMissing

        raise BackendMissing("onnx", "cuda")
    return Pipeline()


def module() -> types.ModuleType:
    """This file as ``imagineid.pipeline``."""
    fake = types.ModuleType("imagineid.pipeline")
    fake.__dict__.update(Request=Request, Factors=Factors, Pipeline=Pipeline, load=load)
    return fake


if __name__ == "__main__":
    import imagineid
    from imagineid_cli.main import run

    imagineid.pipeline = sys.modules["imagineid.pipeline"] = module()  # type: ignore[attr-defined]
    run()
