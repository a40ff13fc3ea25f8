"""The mouth closes where it must, opens where it must, and rests in silence."""

from __future__ import annotations

import numpy as np
import pytest

from imagineid.spec import ARKIT, EMOTIONS, FPS, MOUTH
from imagineid_world.articulation import (
    PHONES,
    VOWELS,
    curves,
    phone_index,
    random_phones,
)
from imagineid_world.emotions import face, mirrored

JAW = ARKIT.index("jawOpen")
CLOSE = ARKIT.index("mouthClose")
PUCKER = ARKIT.index("mouthPucker")
OPENERS = [ARKIT.index(n) for n in ("mouthLowerDownLeft", "mouthUpperUpRight", "mouthFunnel")]


def babble(seed: int, seconds: float = 6.0) -> list[tuple[str, float, float]]:
    return random_phones(np.random.default_rng(seed), seconds)


@pytest.mark.parametrize("emotion", EMOTIONS)
def test_lips_close_in_every_p_b_m_whatever_the_emotion(emotion: str) -> None:
    for seed in range(5):
        phones = babble(seed)
        for units in curves(phones, emotion, 1.0, np.random.default_rng(seed), 150):
            for name, start, end in phones:
                if name in "PBM":
                    middle = min(int((start + end) / 2 * FPS), 149)
                    frames = units[max(middle - 1, 0) : middle + 2]
                    gap = (frames[:, JAW] - frames[:, CLOSE]) + frames[:, OPENERS].sum(1)
                    assert gap.min() < 0.02, (name, start, end)


def test_curves_are_units_in_range_and_content_moves_only_the_mouth() -> None:
    content, full = curves(babble(3), "fear", 0.8, np.random.default_rng(0), 150)
    assert content.shape == full.shape == (150, 52)
    assert content.dtype == full.dtype == np.float32
    for units in (content, full):
        assert units.min() >= 0.0
        assert units.max() <= 1.0
    others = np.setdiff1d(np.arange(52), MOUTH)
    assert not content[:, others].any()


def test_neutral_adds_nothing() -> None:
    content, full = curves(babble(4), "neutral", 1.0, np.random.default_rng(0), 150)
    np.testing.assert_array_equal(content, full)


def test_silence_rests() -> None:
    content, _ = curves([("SIL", 0.0, 2.0)], "neutral", 1.0, np.random.default_rng(0), 50)
    assert content.max() < 0.01


def test_open_vowels_open_and_rounded_ones_round() -> None:
    words = [("M", 0.2, 0.3), ("AA", 0.3, 0.5), ("M", 0.5, 0.6), ("UW", 0.6, 0.8)]
    content, _ = curves(words, "neutral", 1.0, np.random.default_rng(0), 25)
    assert content[10, JAW] > 0.3
    assert content[17, PUCKER] > 0.35
    assert content[17, JAW] < content[10, JAW] - 0.1
    assert content[10, PUCKER] < 0.1


def test_rounding_is_anticipated() -> None:
    plain = [("S", 0.2, 0.3), ("T", 0.3, 0.4), ("IY", 0.4, 0.6)]
    rounded = [("S", 0.2, 0.3), ("T", 0.3, 0.4), ("UW", 0.4, 0.6)]
    one, _ = curves(plain, "neutral", 1.0, np.random.default_rng(0), 25)
    two, _ = curves(rounded, "neutral", 1.0, np.random.default_rng(0), 25)
    assert two[8, PUCKER] > one[8, PUCKER] + 0.1  # at 0.34 s, in the t


def test_curves_are_smooth() -> None:
    content, full = curves(babble(5, 10.0), "happy", 1.0, np.random.default_rng(0), 250)
    assert np.abs(np.diff(content[:, JAW])).max() < 0.36
    brow = full[:, ARKIT.index("cheekSquintLeft")]
    assert np.abs(np.diff(brow)).max() < 0.12


def test_emotions_differ_and_contempt_is_one_sided() -> None:
    faces = np.stack([face(e) for e in EMOTIONS])
    distance = np.abs(faces[:, None] - faces[None]).sum(-1) + 9 * np.eye(len(EMOTIONS))
    assert distance.min() > 1.0
    contempt = face("contempt")
    assert np.abs(contempt - mirrored(contempt)).sum() > 1.0
    np.testing.assert_array_equal(mirrored(mirrored(contempt)), contempt)


def test_phone_index_names_the_phone_at_each_centre() -> None:
    index = phone_index([("AA", 0.1, 0.2), ("B", 0.2, 0.3)], 10)
    assert [PHONES[i] for i in index] == ["SIL"] * 2 + ["AA"] * 3 + ["B"] * 2 + ["SIL"] * 3


def test_babble_fills_its_time_with_known_phones() -> None:
    phones = babble(6, 8.0)
    assert phones[0][1] == 0.0
    assert phones[-1][2] == pytest.approx(8.0)
    assert all(a[2] == b[1] for a, b in zip(phones, phones[1:], strict=False))
    assert {p[0] for p in phones} <= set(PHONES)
    assert VOWELS & {p[0] for p in phones}


def test_unknown_phones_and_emotions_are_named() -> None:
    rng = np.random.default_rng(0)
    with pytest.raises(ValueError, match="'XX'"):
        curves([("XX", 0.0, 1.0)], "neutral", 1.0, rng, 25)
    with pytest.raises(ValueError, match="'bored'"):
        curves([("AA", 0.0, 1.0)], "bored", 1.0, rng, 25)
