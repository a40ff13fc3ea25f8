"""People who may speak with a voice."""

from __future__ import annotations

from itertools import combinations
from pathlib import Path

import numpy as np
import pytest

from imagineid.errors import BadWeights
from imagineid.face.controls import FrameControls
from imagineid.face.population import FILE, Population, read
from imagineid.models.embedded import embedded_folder

RNG = np.random.default_rng(0)
PEOPLE = Population(
    np.stack([np.full(80, -1), np.full(80, 1)]).astype(np.float32),
    np.full((2, 80), 0.02, np.float32),
    np.stack([0.1 * np.eye(80)] * 2).astype(np.float32),
    np.array([0.1, 0, 0, 0, 0, 0.05], np.float32),
)


def test_a_seed_draws_a_person_of_the_sex_near_what_was_heard() -> None:
    shape = RNG.standard_normal(80).astype(np.float32)
    faces = np.stack([PEOPLE.face(shape, "female", 40, seed) for seed in range(200)])
    assert np.array_equal(faces[3], PEOPLE.face(shape, "female", 40, 3))
    np.testing.assert_allclose(faces.mean(0), -1 + 0.25 * (shape + 1), atol=0.05)
    np.testing.assert_allclose(faces.std(0), 0.085, atol=0.03)
    assert PEOPLE.face(shape, "male", 40, 3).mean() > 0.4
    older, oldest = (PEOPLE.face(shape, "female", age, 3) - faces[3] for age in (60, 200))
    np.testing.assert_allclose(older, 0.75 * 20 * 0.02, atol=1e-5)
    np.testing.assert_allclose(oldest, 0.75 * 45 * 0.02, atol=1e-5)


def test_a_person_is_placed_and_moves_as_before() -> None:
    moved = FrameControls(np.zeros(52, np.float32), np.full(6, 0.2, np.float32), -20)
    placed = PEOPLE.placed(moved)
    np.testing.assert_allclose(placed.pose, [0.3, 0.2, 0.2, 0.2, 0.2, 0.25])
    assert placed.pose.dtype == np.float32


def test_a_folder_may_have_no_people_but_no_damaged_ones(tmp_path: Path) -> None:
    assert read(tmp_path) is None
    arrays = {"mean": PEOPLE.mean, "aging": PEOPLE.aging, "root": PEOPLE.root, "pose": PEOPLE.pose}
    np.savez(tmp_path / FILE, **arrays)
    found = read(tmp_path)
    assert found is not None
    np.testing.assert_array_equal(found.root, PEOPLE.root)
    np.savez(tmp_path / FILE, **(arrays | {"root": PEOPLE.root[:1]}))
    with pytest.raises(BadWeights, match="do not belong together"):
        read(tmp_path)
    (tmp_path / FILE).write_bytes(b"PK\x03\x04 no archive")
    with pytest.raises(BadWeights, match="can't be used"):
        read(tmp_path)


@pytest.mark.parametrize(("own", "sex"), [(0, "female"), (1, "male")])
def test_nine_seeds_are_nine_people(own: int, sex: str) -> None:
    """Of the population that ships: any two differ more than the mean woman and man do."""
    people = read(embedded_folder("mini"))
    assert people is not None
    faces = [people.face(people.mean[own], sex, 40, seed) for seed in range(9)]
    distances = [np.linalg.norm(a - b) for a, b in combinations(faces, 2)]
    assert min(distances) > np.linalg.norm(people.mean[0] - people.mean[1])
    mean = np.mean([people.face(people.mean[own], sex, 40, seed) for seed in range(300)], axis=0)
    away = [np.linalg.norm(mean - people.mean[each]) for each in (own, 1 - own)]
    assert away[0] < away[1] / 3
