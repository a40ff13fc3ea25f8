"""Voice factors, mixed one at a time."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from imagineid.errors import BadInput, BadWeights
from imagineid.pad import prototypes
from imagineid.pad.conditioning import express
from imagineid.pad.factors import (
    OWN,
    Content,
    Emotion,
    Identity,
    VoiceFactors,
    factors_from_arrays,
)
from imagineid.pad.windows import window_starts
from imagineid.spec import EMOTIONS, MINI


def random_factors(seed: int, frames: int) -> VoiceFactors:
    """A recording's worth of random numbers."""
    rng = np.random.default_rng(seed)
    windows = 1 if frames <= 32 else 2

    def some(*shape: int) -> np.ndarray:
        return rng.standard_normal(shape).astype(np.float32)

    shares = np.abs(some(windows, 8))
    return VoiceFactors(
        Identity(some(80), some(512), np.array([seed - 0.5, 0.3], np.float32)),
        Content(some(max(32, frames), 64), np.full(frames, -20, np.float32)),
        Emotion(
            some(windows, 512), shares / shares.sum(axis=1, keepdims=True), np.ones(windows, "f4")
        ),
    )


def test_swapping_one_factor_leaves_the_others_alone() -> None:
    a, b = random_factors(0, 40), random_factors(1, 25)
    with_emotion = a.with_emotion(b.emotion)
    assert with_emotion.identity is a.identity
    assert with_emotion.content is a.content
    np.testing.assert_allclose(
        with_emotion.emotion.theta[0], b.emotion.theta.mean(axis=0), atol=1e-6
    )
    spoken = a.with_identity(b.identity)
    assert spoken.content is a.content
    assert spoken.emotion is a.emotion
    assert (a.identity.gender, spoken.identity.gender) == ("female", "male")
    swapped = a.with_content(b.content)
    assert swapped.identity is a.identity
    assert swapped.frames == b.frames


@pytest.mark.parametrize("frames", [10, 30, 32, 40])
def test_silence_around_a_recording_moves_all_of_it(frames: int) -> None:
    before = random_factors(0, frames)
    after = before.padded(10, 32)
    assert after.frames == frames + 20
    assert len(after.content.linguistic) == max(32, frames + 20)
    spoken = slice(10, 10 + frames)
    np.testing.assert_array_equal(
        after.content.linguistic[spoken], before.content.linguistic[:frames]
    )
    assert not after.content.linguistic[[0, 9, -1]].any()
    assert (after.content.level_db[[0, 9, -1]] == -100).all()
    np.testing.assert_array_equal(after.content.level_db[spoken], before.content.level_db)
    rows = len(after.emotion.speech)
    assert rows in (1, len(window_starts(frames + 20, 32)))
    np.testing.assert_array_equal(after.emotion.theta[[0, -1]], before.emotion.theta[[0, -1]])
    factors_from_arrays(after.arrays())


def mixed_emotion(*neutral: float) -> Emotion:
    """Windows that are neutral by so much and angry for the rest, each with a theta of its own."""
    shares = np.zeros((len(neutral), len(EMOTIONS)), np.float32)
    shares[:, 0], shares[:, 1] = neutral, 1 - np.array(neutral)
    theta = np.random.default_rng(3).standard_normal((len(neutral), 512)).astype(np.float32)
    return Emotion(theta, shares, np.ones(len(neutral), np.float32))


CALM = Emotion(np.full((1, 512), 2, np.float32), np.eye(1, 8, dtype="f4"), np.ones(1, "f4"))


def test_a_face_is_calm_unless_the_voice_is_clearly_otherwise() -> None:
    doubtful, clear = mixed_emotion(0.9, 0.5, 0.7), mixed_emotion(0.01, 0.3, 0.05)
    assert doubtful.label == "neutral"
    np.testing.assert_array_equal(doubtful.settle(CALM).theta, np.full((3, 512), 2))
    assert clear.label == "angry"
    settled = clear.settle(CALM)
    np.testing.assert_allclose(settled.theta.mean(axis=0), clear.theta.mean(axis=0), atol=1e-5)
    assert settled.theta.std(axis=0).mean() == pytest.approx(OWN * clear.theta.std(axis=0).mean())


def test_an_outburst_shows_where_it_is() -> None:
    calm, angry = [0.95] * 12, [0.02] * 12
    offset = mixed_emotion(*calm, *angry).settle(CALM).theta - CALM.theta
    far = np.linalg.norm(offset, axis=1)
    assert (far[:8] == 0).all()
    assert far[17:].min() > 5


def test_the_clearer_an_emotion_the_more_it_shows() -> None:
    far = [
        np.linalg.norm(mixed_emotion(neutral).settle(CALM).theta - CALM.theta)
        for neutral in (0.7, 0.55, 0.4, 0.3, 0.1)
    ]
    assert far == sorted(far)
    assert far[0] == 0 < far[1] < far[3] < far[4]


def test_certainty_follows_the_network_outputs() -> None:
    assert mixed_emotion(0.9, 0.9).certainty == pytest.approx(0.9, abs=1e-5)
    sure = random_factors(0, 40).identity
    assert sure.certainty == pytest.approx(1 / (1 + np.exp(-0.5)), abs=1e-6)


def test_strength_goes_from_one_to_the_other() -> None:
    a, b = random_factors(0, 40), random_factors(1, 40)
    np.testing.assert_array_equal(a.with_emotion(b.emotion, 0).emotion.theta, a.emotion.theta)
    half = a.with_identity(b.identity, 0.5).identity
    np.testing.assert_allclose(half.shape, (a.identity.shape + b.identity.shape) / 2, atol=1e-6)
    theirs = b.emotion.whole().theta
    mixed = (a.with_emotion(b.emotion, s).emotion.whole().theta for s in (0, 0.3, 0.7, 1))
    far = [np.linalg.norm(theta - theirs) for theta in mixed]
    assert far == sorted(far, reverse=True)
    assert far[-1] == pytest.approx(0, abs=1e-5)


def test_expression_is_made_of_the_emotion_that_was_swapped_in() -> None:
    emotions: list[np.ndarray] = []

    def expression(linguistic: np.ndarray, shape: np.ndarray, emotion: np.ndarray) -> object:
        emotions.append(emotion)
        return {"expression": np.full((len(linguistic), 32, 52), 0.5, np.float32)}

    a, b = random_factors(0, 40), random_factors(1, 70)
    conditioning = express({"expression": expression}, MINI, a.with_emotion(b.emotion))  # type: ignore[dict-item]
    assert conditioning.frames == 40
    assert (emotions[-1] == emotions[-1][0]).all(), "what another felt has no moments here"
    np.testing.assert_allclose(emotions[-1][0], b.emotion.theta.mean(axis=0), atol=1e-6)


def test_factors_survive_the_round_trip_through_arrays() -> None:
    a = random_factors(0, 40)
    back = factors_from_arrays(a.arrays())
    for name, array in a.arrays().items():
        np.testing.assert_array_equal(array, back.arrays()[name])


def test_arrays_that_do_not_belong_together_are_refused() -> None:
    good = random_factors(0, 40).arrays()
    with pytest.raises(KeyError):
        factors_from_arrays({n: a for n, a in good.items() if n != "emotion.theta"})
    for name, bad in (
        ("emotion.shares", np.ones((3, 8))),
        ("content.level_db", np.zeros(0)),
        ("identity.theta", np.full(512, np.nan)),
    ):
        with pytest.raises(ValueError, match="not the factors"):
            factors_from_arrays({**good, name: bad})


def test_an_emotion_by_name_is_that_row_of_the_file(tmp_path: Path) -> None:
    rows = np.arange(8 * 512, dtype=np.float32).reshape(8, 512)
    np.save(tmp_path / "emotions.npy", rows)
    sad = prototypes.read(tmp_path, "sad")
    assert sad.label == "sad"
    np.testing.assert_array_equal(sad.theta[0], rows[EMOTIONS.index("sad")])
    with pytest.raises(BadInput, match="Unknown emotion 'bored'"):
        prototypes.read(tmp_path, "bored")


@pytest.mark.parametrize("content", [b"", b"not numpy", None])
def test_a_broken_emotion_file_is_reported(tmp_path: Path, content: bytes | None) -> None:
    if content is None:
        np.save(tmp_path / "emotions.npy", np.full((8, 512), np.inf))
    else:
        (tmp_path / "emotions.npy").write_bytes(content)
    with pytest.raises(BadWeights, match="can't be used"):
        prototypes.read(tmp_path, "sad")


def test_a_mixture_of_a_mixture_can_be_mixed_again() -> None:
    a, b, c = (random_factors(i, f) for i, f in ((0, 40), (1, 25), (0, 90)))
    mixed = a.with_content(c.content).with_emotion(b.emotion, 0.5).with_identity(b.identity, 0.5)
    assert mixed.frames == 90
    assert mixed.emotion.theta.shape == (1, 512)
