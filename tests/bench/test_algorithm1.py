"""Algorithm 1 as written: the same pictures as the pipeline's, by the paper's plain way."""

from __future__ import annotations

from dataclasses import replace
from itertools import islice
from typing import Any

import numpy as np
import pytest

from imagineid.ccf.chains import Segment
from imagineid.ccf.generation import encode_images, first_frame, initial_noise
from imagineid.ccf.rollout import Sequential, ShownFrame, start_rollout
from imagineid.ccf.sampling import Sampling
from imagineid.pad.conditioning import Conditioning
from imagineid.pipeline import Pipeline
from imagineid_bench.algorithm1 import AlgorithmOne
from support import plain_pipeline

Array = np.ndarray


@pytest.fixture(scope="module")
def pipe() -> Pipeline:
    return plain_pipeline.load()


@pytest.fixture(scope="module")
def voice(pipe: Pipeline) -> Conditioning:
    chance = np.random.default_rng(5)
    return Conditioning(
        shape=chance.standard_normal(pipe.size.shape).astype("f4"),
        identity=chance.standard_normal(pipe.size.identity).astype("f4"),
        emotion=chance.standard_normal(pipe.size.emotion).astype("f4"),
        expression=chance.random((4, pipe.size.expression)).astype("f4") / 3,
        level_db=np.full(4, -20, np.float32),
        gender="female",
        age=30.0,
        emotions=np.full(8, 1 / 8, np.float32),
    )


def as_written(pipe: Pipeline, voice: Conditioning, frames: int, **how: Any) -> list[Array]:
    algorithm = AlgorithmOne(pipe.engines, pipe.size, **how)
    meshes = islice(pipe.meshes(voice, 0), frames)
    start = initial_noise(pipe.size, 0)
    return list(algorithm.frames(start, meshes, lambda: pipe.text(voice, "red hair")))


def close(a: Array, b: Array) -> bool:
    """Whether two pictures differ by rounding at most."""
    return int(np.abs(a.astype(int) - b.astype(int)).max()) <= 1


@pytest.mark.parametrize(("steps", "guidance"), [(3, 1.0), (4, 4.0)])
def test_its_first_frame_is_the_pipeline_s(
    pipe: Pipeline, voice: Conditioning, steps: int, guidance: float
) -> None:
    (own,) = as_written(pipe, voice, 1, steps=steps, guidance=guidance)
    mesh, _ = next(pipe.meshes(voice, 0))
    text, start = pipe.text(voice, "red hair"), initial_noise(pipe.size, 0)
    first = first_frame(
        pipe.engines, pipe.size, text, mesh, start, Sampling.of(pipe.size, steps), guidance
    )
    assert close(own, first)
    assert own.std() > 5  # and no plain colour


def test_without_guidance_its_second_frame_is_the_pipeline_s_too(
    pipe: Pipeline, voice: Conditioning
) -> None:
    first, second = as_written(pipe, voice, 2, steps=3, guidance=1.0)
    (_, mouth), (mesh, own_mouth) = islice(pipe.meshes(voice, 0), 2)
    stage = start_rollout(
        pipe.engines,
        pipe.text(voice, "red hair"),
        ShownFrame(first, mouth),
        initial_noise(pipe.size, 0),
    )
    run = Segment(encode_images(pipe.engines, mesh[None]), own_mouth[None], 0)
    (expected,) = Sequential(Sampling.of(pipe.size, 3), 1).run(pipe.engines, stage, (run,), None)
    assert close(second, expected)
    assert (second != first).any()


def test_everything_is_recomputed_for_every_frame(pipe: Pipeline, voice: Conditioning) -> None:
    calls: list[str] = []

    def recording(name: str) -> Any:
        def run(**inputs: Array) -> Any:
            calls.append(name)
            return pipe.engines[name](**inputs)

        return run

    spy = replace(pipe, engines={name: recording(name) for name in pipe.engines})
    frames = as_written(spy, voice, 3, steps=2)
    assert [frame.shape for frame in frames] == [(64, 64, 3)] * 3
    assert frames[0].dtype == np.uint8
    counts = {name: calls.count(name) for name in set(calls)}
    assert counts == {
        "text": 3 * 2,  # with and without the prompt
        "sca": 3 * 2,  # at every step
        "unet": 3 * 2,  # with and without the prompt, in one batch
        "decoder": 3,
        "encoder": 1 + 2 * 4,  # the mesh; then also the first frame, the one before, the ground
        "matte": 2 * 2,  # of the first frame, for the ground, and of the one before
    }


def test_it_runs_in_plain_torch(voice: Conditioning, tmp_path: Any) -> None:
    pytest.importorskip("torch", reason="runs where torch is installed: pip install -e '.[torch]'")
    pytest.importorskip("diffusers", reason="runs with diffusers: pip install -e '.[torch]'")
    from imagineid_bench.workloads import plain_torch
    from support.tiny import TINY, tiny_model

    pipe = plain_torch(str(tiny_model(tmp_path / "tiny").folder))
    (own,) = as_written(pipe, voice, 1, steps=3, guidance=2.0)
    mesh, _ = next(pipe.meshes(voice, 0))
    text, start = pipe.text(voice, "red hair"), initial_noise(TINY, 0)
    assert close(own, first_frame(pipe.engines, TINY, text, mesh, start, Sampling.of(TINY, 3), 2.0))
    assert pipe.engine_line.startswith("torch ")
