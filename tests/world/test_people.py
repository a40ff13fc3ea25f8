"""People, their looks and their captions."""

from __future__ import annotations

import json
import re
from pathlib import Path

import numpy as np
import pytest

from imagineid_world import people
from imagineid_world.captions import SYNONYMS, VOCABULARY, caption
from imagineid_world.look import BEARDS, STYLES, draw_look
from imagineid_world.motion import MOMENTS, expressions, poses
from imagineid_world.people import Tie, draw_traits, features, usual_pitch, usual_tract


def crowd(count: int) -> list[people.Traits]:
    rng = np.random.default_rng(3)
    return [draw_traits(rng) for _ in range(count)]


def test_traits_stay_within_their_ranges() -> None:
    for traits in crowd(500):
        assert 0 <= traits.gender <= 1
        assert 5 <= traits.age <= 90
        assert 70 < traits.pitch_hz < 400
        assert 0.6 < traits.vtl < 1.1
        assert max(abs(traits.breath), abs(traits.tilt)) <= 1


def test_men_have_longer_tracts_and_lower_voices_than_women_and_children() -> None:
    assert usual_tract(1, 30) > usual_tract(0, 30) > usual_tract(0.5, 6)
    assert usual_pitch(1, 30) < usual_pitch(0, 30) < usual_pitch(0.5, 6)
    assert usual_tract(1, 30) == pytest.approx(1.0)


def test_a_man_gets_the_body_that_anny_calls_male() -> None:
    woman, man = (people.Traits(g, 40.0, usual_pitch(g, 40.0), 1.0, 0, 0) for g in (0.0, 1.0))
    genders = [people.controls(who, np.random.default_rng(0))[0]["gender"] for who in (woman, man)]
    assert genders == pytest.approx([0.96, 0.04])
    data = pytest.importorskip(
        "anny.models.model_data", reason="runs where anny is: pip install -e '.[world]'"
    )
    assert data.PHENOTYPE_VARIATIONS["gender"] == ["male", "female"]  # of values 0 and 1


def test_a_voice_decides_most_of_a_face_and_noise_the_rest() -> None:
    size = len(features(crowd(1)[0]))
    rng = np.random.default_rng(0)
    weights = (rng.normal(size=(size, 80)) * 0.2).astype(np.float32)
    spread, limit = 0.2 * np.eye(80, dtype=np.float32), np.full(80, 3.0, np.float32)
    tie = Tie(weights, spread, np.zeros((81, 3), np.float32), limit)
    for traits in crowd(20):
        one, two = (tie.draw(traits, np.random.default_rng(k)) for k in (1, 2))
        assert not np.array_equal(one, two)
        assert np.array_equal(one, tie.draw(traits, np.random.default_rng(1)))
        assert np.linalg.norm(one - tie.expected(traits)) < np.linalg.norm(one)


def test_looks_suit_ages_and_are_repeatable() -> None:
    for n, traits in enumerate(crowd(300)):
        look = draw_look(traits, (0.3, 0.3, 0.4), np.random.default_rng(n))
        assert look == draw_look(traits, (0.3, 0.3, 0.4), np.random.default_rng(n))
        assert look.hair in STYLES
        assert look.beard in BEARDS
        if traits.age < 14:
            assert look.beard == "none"
            assert look.lipstick == 0
            assert look.hair_name not in ("grey", "white")
        assert np.linalg.norm(look.light) == pytest.approx(1.0)
        json.dumps(look.attributes())


def test_captions_use_only_the_vocabulary() -> None:
    rng = np.random.default_rng(5)
    words = set(VOCABULARY)
    texts = set()
    for traits in crowd(600):
        look = draw_look(traits, rng.dirichlet([0.5] * 3), rng)
        text = caption(look, traits, rng, "happy" if rng.random() < 0.5 else "")
        texts.add(text)
        assert set(re.findall(r"[a-z\-]+", text)) <= words, text
    assert len(texts) > 550
    assert set(SYNONYMS.values()) <= words
    assert not set(SYNONYMS) & words
    assert 100 <= len(words) <= 260


def test_two_frames_of_a_moment_are_neighbours() -> None:
    rng = np.random.default_rng(2)
    beta, words = expressions(rng)
    pose = poses(rng)
    assert beta.shape == (2 * MOMENTS, 52)
    assert pose.shape == (2 * MOMENTS, 6)
    assert len(words) == MOMENTS
    assert beta.min() >= 0
    assert beta.max() <= 1
    assert np.abs(pose[1::2, :3] - pose[::2, :3]).max() < 0.05
    assert np.abs(pose[::2, :3]).max() < 0.36


@pytest.mark.slow
def test_a_person_is_drawn_the_same_twice_with_a_matte() -> None:
    pytest.importorskip("moderngl", reason="runs where EGL can draw: pip install -e '.[world]'")
    if not Path(people.WORLD / "mesh.npz").exists():
        pytest.skip("runs where the face model is baked: python -m imagineid_world.bake")
    from imagineid.face import load
    from imagineid_world.faces import draw_person
    from imagineid_world.render import Studio

    studio, model, tie = Studio(), load(), people.load_tie()
    first, record = draw_person(4, 0, studio, model, tie)
    again, _ = draw_person(4, 0, studio, model, tie)
    for key, value in first.items():
        assert np.array_equal(value, again[key]), key
    assert first["frame"].shape == (8, 256, 256, 3)
    assert 0.2 < (first["matte"] > 127).mean() < 0.9
    # The grey head of the mesh picture lies inside the person that the matte cuts out.
    head = first["mesh"].sum(-1) > 0
    assert (first["matte"][head] > 127).mean() > 0.98
    assert len(record["captions"]) == 5
