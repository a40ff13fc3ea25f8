"""The whole way, upon plain functions for networks."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from dataclasses import replace
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest

from imagineid.audio import Sound, open_sound
from imagineid.cache import Cache
from imagineid.ccf.chains import cut_segments, jump_at_seams, seams
from imagineid.face.controls import frame_controls
from imagineid.pad.conditioning import Conditioning, cut
from imagineid.pipeline import Pipeline
from imagineid.request import Request
from imagineid.spec import Size
from support import plain_pipeline

REQUEST = Request(prompt="red hair", seed=3)


@pytest.fixture(scope="module")
def pipe() -> Pipeline:
    return plain_pipeline.load()


@pytest.fixture(scope="module")
def eight(speech: Path) -> Iterator[Sound]:
    with open_sound(speech) as sound:
        yield sound


@pytest.fixture(scope="module")
def factors(pipe: Pipeline, eight: Sound) -> Conditioning:
    return pipe.express(pipe.encode(eight))


def imagine_frames(
    pipe: Pipeline, factors: Conditioning, request: Request = REQUEST, **more: object
) -> np.ndarray:
    return np.stack(list(pipe.imagine(factors, request, **more)))  # type: ignore[arg-type]


@pytest.fixture(scope="module")
def whole(pipe: Pipeline, factors: Conditioning) -> np.ndarray:
    """60 frames: two seconds and some, imagined without a cache."""
    return imagine_frames(pipe, cut(factors, 0, 60))


def test_every_frame_is_imagined_once(whole: np.ndarray) -> None:
    assert whole.shape == (60, 64, 64, 3)
    assert len(np.unique(whole.reshape(60, -1), axis=0)) > 40


def test_a_recording_that_has_grown_begins_with_the_same_frames(
    pipe: Pipeline, factors: Conditioning, whole: np.ndarray
) -> None:
    for frames in (1, 25, 33):
        shorter = imagine_frames(pipe, cut(factors, 0, frames))
        np.testing.assert_array_equal(shorter, whole[:frames])


def test_streamed_parts_give_the_same_frames(
    pipe: Pipeline, factors: Conditioning, whole: np.ndarray
) -> None:
    parts = (cut(factors, a, b) for a, b in pairwise([0, 7, 31, 60]))
    np.testing.assert_array_equal(imagine_frames(pipe, parts), whole)


def kept_and_lost(pipe: Pipeline, part: Conditioning, request: Request, folder: Path) -> None:
    """Imagine with a cache that is empty, full, and full of holes."""
    fresh = imagine_frames(pipe, part, request)
    cache = Cache(folder, 10**9)
    np.testing.assert_array_equal(imagine_frames(pipe, part, request, cache=cache), fresh)
    pieces = sorted(folder.rglob("*.mp4"), key=lambda path: path.stat().st_mtime_ns)
    assert len(pieces) > 2
    np.testing.assert_array_equal(imagine_frames(pipe, part, request, cache=cache), fresh)
    for lost in (pieces[-1], pieces[1]):
        lost.unlink()
        np.testing.assert_array_equal(imagine_frames(pipe, part, request, cache=cache), fresh)


def test_cached_frames_equal_imagined_frames(
    pipe: Pipeline, factors: Conditioning, tmp_path: Path
) -> None:
    kept_and_lost(pipe, cut(factors, 0, 60), REQUEST, tmp_path)


@pytest.mark.slow
def test_cached_chains_equal_imagined_chains(
    pipe: Pipeline, factors: Conditioning, tmp_path: Path
) -> None:
    kept_and_lost(pipe, cut(factors, 0, 200), replace(REQUEST, chains=2), tmp_path)


def test_only_what_is_new_is_imagined(
    pipe: Pipeline, factors: Conditioning, tmp_path: Path, whole: np.ndarray
) -> None:
    batch_sizes = []

    def counting(**inputs: np.ndarray) -> dict[str, np.ndarray]:
        batch_sizes.append(len(inputs["latent"]))
        return pipe.engines["decoder"](**inputs)

    counted = replace(pipe, engines={**pipe.engines, "decoder": counting})
    imagine_frames(counted, cut(factors, 0, 50), cache=Cache(tmp_path, 10**9))
    assert sum(batch_sizes) == 51, "the first frame, and fifty that lean on it"
    batch_sizes.clear()
    longer = imagine_frames(counted, cut(factors, 0, 60), cache=Cache(tmp_path, 10**9))
    assert sum(batch_sizes) == 10
    np.testing.assert_array_equal(longer, whole)
    batch_sizes.clear()
    imagine_frames(counted, cut(factors, 0, 60), cache=Cache(tmp_path, 10**9))
    assert batch_sizes == []


@pytest.mark.parametrize(
    "other",
    [
        Request(prompt="red hair", seed=4),
        Request(prompt="black hair", seed=3),
        Request(prompt="red hair", seed=3, steps=3),
        Request(prompt="red hair", seed=3, guidance=1),
        Request(prompt="red hair", seed=3, chains=2),
    ],
)
def test_nothing_is_taken_from_another_request(
    pipe: Pipeline, factors: Conditioning, tmp_path: Path, other: Request
) -> None:
    part = cut(factors, 0, 10)
    fresh = imagine_frames(pipe, part, other)
    imagine_frames(pipe, part, cache=Cache(tmp_path, 10**9))
    np.testing.assert_array_equal(
        imagine_frames(pipe, part, other, cache=Cache(tmp_path, 10**9)), fresh
    )


def test_all_frames_follow_a_given_first_frame(pipe: Pipeline, factors: Conditioning) -> None:
    part = cut(factors, 0, 5)
    dark, light = (np.full((64, 64, 3), value, np.uint8) for value in (40, 220))
    assert (
        imagine_frames(pipe, part, first=light).mean()
        > imagine_frames(pipe, part, first=dark).mean() + 20
    )


def test_an_error_of_a_network_ends_it_and_leaves_no_thread(
    pipe: Pipeline, factors: Conditioning
) -> None:
    def broken(**_: object) -> dict[str, np.ndarray]:
        raise ZeroDivisionError

    for name in ("encoder", "decoder", "matte"):
        with pytest.raises(ZeroDivisionError):
            imagine_frames(
                replace(pipe, engines={**pipe.engines, name: broken}), cut(factors, 0, 30)
            )
    assert [t for t in threading.enumerate() if t.name == "imagineid-ahead"] == []


def test_stopping_early_leaves_no_thread(pipe: Pipeline, factors: Conditioning) -> None:
    frames = pipe.imagine(factors, REQUEST)
    next(frames)
    frames.close()
    assert [t for t in threading.enumerate() if t.name == "imagineid-ahead"] == []


@pytest.mark.slow
def test_chains_leave_no_visible_seam(pipe: Pipeline, factors: Conditioning) -> None:
    frames = imagine_frames(pipe, factors, replace(REQUEST, chains=2))
    assert len(frames) == factors.frames
    cuts = seams(cut_segments(frame_controls([factors], 3), lambda act: act.level_db))
    assert len(cuts) >= 2
    assert jump_at_seams(list(frames), cuts) <= 1.1


@pytest.mark.parametrize(
    ("age", "gain", "named"),
    [(48, 0, "middle-aged"), (48, 0.5, "middle-aged"), (52, 0, "middle-aged"), (52, 0.5, "old"),
     (25, 0.5, "young"), (8, 0.5, "boy")],
)  # fmt: skip
def test_the_prompt_names_an_older_age_where_the_base_draws_people_too_young(
    pipe: Pipeline, factors: Conditioning, age: float, gain: float, named: str
) -> None:
    prompts: list[str] = []

    class Words:
        def tokens(self, prompt: str, size: Size) -> np.ndarray:
            prompts.append(prompt)
            return np.zeros(size.text_tokens, np.int64)

    aged = replace(pipe, size=replace(pipe.size, age_gain=gain), words=Words())  # type: ignore[arg-type]
    aged.text(replace(factors, gender="male", age=float(age)), "")
    assert prompts[0].startswith(named)
