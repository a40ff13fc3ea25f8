"""End to end: a model whose later frames warp the first one, with plain functions as engines."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from imagineid.audio import open_sound
from imagineid.face.motion import still
from imagineid.pad.conditioning import Conditioning, cut
from imagineid.pipeline import Pipeline
from imagineid.request import Request
from support import plain_pipeline

FRAMES = 27


def frame_decoder(moved: np.ndarray, **_: Any) -> dict[str, Any]:
    """The first frame, moved, and nothing else."""
    return {"image": moved}


@pytest.fixture(scope="module")
def pipe() -> Pipeline:
    plain = plain_pipeline.load()
    size = replace(plain.size, frame_decoder=(1, 1), mesh_px=128)
    return replace(plain, size=size, engines={**plain.engines, "frame_decoder": frame_decoder})


@pytest.fixture(scope="module")
def silent(pipe: Pipeline, speech: Path) -> Conditioning:
    """A voice whose face does not move."""
    with open_sound(speech) as sound:
        voice = cut(pipe.express(pipe.encode(sound)), 0, FRAMES)
    return replace(voice, expression=np.zeros_like(voice.expression))


def imagine_frames(
    pipe: Pipeline, voice: Conditioning, request: Request, **more: Any
) -> np.ndarray:
    return np.stack(list(pipe.imagine(voice, request, **more)))


@pytest.mark.parametrize("how", [{}, {"chains": 2}, {"exact": True}], ids=str)
def test_a_face_that_does_not_move_stays_its_first_frame(
    pipe: Pipeline, silent: Conditioning, how: dict[str, Any]
) -> None:
    frames = imagine_frames(pipe, silent, Request(seed=3, **how), motion=still(FRAMES))
    assert frames.shape == (FRAMES, 64, 64, 3)
    away = np.abs(frames.astype(int) - frames[0]).reshape(FRAMES, -1)
    assert np.quantile(away, 0.99) <= 6  # blinks apart, and what enlarging blurs
    assert frames.std() > 5


def test_a_head_that_moves_takes_the_first_frame_with_it(
    pipe: Pipeline, silent: Conditioning
) -> None:
    frames = imagine_frames(pipe, silent, Request(seed=3)).astype(int)
    assert np.abs(frames[-1] - frames[0]).mean() > 0.5


def test_a_frame_that_was_given_is_moved_too(pipe: Pipeline, silent: Conditioning) -> None:
    motion = still(FRAMES)
    base = imagine_frames(pipe, silent, Request(seed=3), motion=motion)
    again = imagine_frames(pipe, silent, Request(seed=3), first=base[0], motion=motion)
    away = np.abs(again.astype(int) - again[0]).reshape(FRAMES, -1)
    assert np.quantile(away, 0.99) <= 6
