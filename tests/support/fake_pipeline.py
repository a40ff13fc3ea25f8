"""A pipeline made of arithmetic, in the place of the real one: the command's tests need no model.

``python -m support.fake_pipeline generate ...`` is the whole command upon it.
"""

from __future__ import annotations

import os
import sys
import time
import types
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from itertools import chain
from types import SimpleNamespace

import numpy as np
from numpy.typing import NDArray

from imagineid.audio import Sound
from imagineid.pad.factors import Content, Emotion, Identity, VoiceFactors
from imagineid.pad.streaming import StreamBlock, cut
from imagineid.pad.windows import window_starts
from imagineid.spec import ARKIT, EMOTIONS

WORDS = ("red", "hair", "glasses")


@dataclass(frozen=True)
class Request:
    prompt: str = ""
    seed: int = 0
    steps: int | None = None
    guidance: float | None = None
    motion: object = None
    chains: int | None = None


@dataclass(frozen=True)
class Factors:
    feeling: str
    identity: NDArray[np.float32]
    shape: NDArray[np.float32]
    expression: NDArray[np.float32]
    level_db: NDArray[np.float32]

    @property
    def frames(self) -> int:
        return len(self.expression)


def felt(name: str, windows: int = 1) -> Emotion:
    row = np.eye(len(EMOTIONS), dtype=np.float32)[EMOTIONS.index(name)]
    rows = np.repeat(row[None], windows, axis=0)
    return Emotion(rows, rows, np.ones(windows, np.float32))


class Pipeline:
    model = "fake"
    size = SimpleNamespace(window=32)
    size_px = 64
    engine_line = "arithmetic on CPU"

    def unknown_words(self, prompt: str) -> list[tuple[str, str | None]]:
        near = {"glass": "glasses"}
        return [(word, near.get(word)) for word in prompt.split() if word not in WORDS]

    def encode_conditioning(
        self, sound: Sound, on_progress: Callable[[float], None] | None = None
    ) -> Factors:
        return self.express(self.encode(sound, on_progress))

    def encode(
        self, sound: Sound, on_progress: Callable[[float], None] | None = None
    ) -> VoiceFactors:
        """Loud voices are sad men's, all others happy women's."""
        if on_progress:
            on_progress(1.0)
        wave = sound.read(0, sound.samples)
        loud = float(np.abs(wave).max()) > 0.6
        who = self.encode_identity(sound)
        level = np.full(sound.frames, -20, np.float32)
        content = Content(np.zeros((max(32, sound.frames), 4), np.float32), level)
        windows = len(window_starts(sound.frames, self.size.window))
        return VoiceFactors(who, content, felt("sad" if loud else "happy", windows))

    def encode_blocks(self, sound: Sound) -> Iterator[StreamBlock]:
        yield StreamBlock(self.encode(sound), 0, sound.frames)

    def express_blocks(self, blocks: Iterable[StreamBlock]) -> Iterator[Factors]:
        for block in blocks:
            yield cut(self.express(block.heard), block.first, block.stop)

    def encode_identity(self, sound: Sound) -> Identity:
        loud = float(np.abs(sound.read(0, sound.samples)).max()) > 0.6
        theta = np.array([1.0, loud], np.float32)
        traits = np.array([1.0 if loud else -1.0, 0.342], np.float32)
        return Identity(np.zeros(80, np.float32), theta, traits)

    def emotion(self, name: str) -> Emotion:
        return felt(name)

    def express(self, heard: VoiceFactors) -> Factors:
        who = heard.identity
        curves = np.full((heard.frames, len(ARKIT)), 0.25, np.float32)
        level = heard.content.level_db
        return Factors(heard.emotion.label, who.theta, who.shape, curves, level)

    def portrait(self, who: Identity, seed: int) -> NDArray[np.uint8]:
        return np.full((64, 64, 3), 50 + int(100 * who.theta[1]), np.uint8)

    def imagine(
        self,
        factors: Factors | Iterable[Factors],
        request: Request,
        first: NDArray[np.uint8] | None = None,
        cache: object = None,
    ) -> Iterator[NDArray[np.uint8]]:
        """A plain colour of the seed and of who speaks, or the one that is to be kept."""
        parts = iter([factors] if isinstance(factors, Factors) else factors)
        who = next(parts)
        colour = np.random.default_rng(request.seed).integers(0, 200, 3, dtype=np.uint8)
        colour = colour // 2 + np.uint8(40 * who.identity[1])
        if first is not None:
            colour = first[0, 0]
        for i, _ in enumerate(row for part in chain([who], parts) for row in part.expression):
            time.sleep(float(os.environ.get("FAKE_FRAME_S", "0")))
            if request.prompt == "explode":
                raise RuntimeError("a bug of ours")
            frame = np.empty((64, 64, 3), dtype=np.uint8)
            frame[:] = colour + np.uint8(i % 50)
            yield frame


def load(model: str = "mini", engine: str = "auto", attention: str = "auto") -> Pipeline:
    if engine == "onnx" and "FAKE_NO_ENGINE" in os.environ:
        from imagineid.errors import BackendMissing

        raise BackendMissing("onnx", "cuda")
    if model != "mini":
        from imagineid.errors import BadInput

        raise BadInput(f"There is no model {model}.\nTry:  --model mini")
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
