"""A world of one seed stays a world of one seed."""

from __future__ import annotations

from pathlib import Path

import pytest

from imagineid_world.bank import voices_of_splits
from imagineid_world.split import split_people, write_split


def test_the_same_seed_and_count_go_on(tmp_path: Path) -> None:
    path = tmp_path / "faces" / "split.json"
    for _ in range(2):
        write_split(path, {"seed": 1, "people": 40, **split_people(40, 1)})
    assert path.read_text().startswith('{\n "seed": 1')


@pytest.mark.parametrize(("seed", "count"), [(2, 40), (1, 48)])
def test_another_seed_or_count_is_refused_and_nothing_changes(
    seed: int, count: int, tmp_path: Path
) -> None:
    path = tmp_path / "split.json"
    write_split(path, {"seed": 1, "people": 40, **split_people(40, 1)})
    before = path.read_bytes()
    with pytest.raises(SystemExit, match="--out DIR"):
        write_split(path, {"seed": seed, "people": count, **split_people(count, seed)})
    assert path.read_bytes() == before


def test_a_damaged_split_is_not_taken_for_the_same(tmp_path: Path) -> None:
    path = tmp_path / "split.json"
    path.write_text("{")
    with pytest.raises(SystemExit):
        write_split(path, {"seed": 1})


def test_no_base_voice_is_in_two_splits() -> None:
    parts = voices_of_splits()
    keys = [key for part in parts.values() for key in part]
    assert len(keys) == len(set(keys))
