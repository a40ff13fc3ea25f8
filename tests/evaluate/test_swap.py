"""The judge of emotions, on made differences."""

from __future__ import annotations

import numpy as np
import pytest

from imagineid_evaluate import feelings
from imagineid_evaluate.swap import Measured, rows


def test_the_judge_reads_what_it_was_shown() -> None:
    rng = np.random.default_rng(0)
    means = rng.normal(size=(8, 956))
    emotions = np.repeat(np.arange(8), 30)
    judge = feelings.fitted(means[emotions] + rng.normal(size=(240, 956)), emotions)
    assert (judge(means + rng.normal(size=(8, 956)) / 2) == np.arange(8)).all()
    with pytest.raises(ValueError, match="no pictures of: surprised"):
        feelings.fitted(np.zeros((7, 956)), np.arange(7))


def test_turning_moving_and_growing_a_face_changes_nothing() -> None:
    face = np.random.default_rng(1).uniform(20, 200, (1, 478, 2))
    turn = np.array([[0.8, -0.6], [0.6, 0.8]])
    moved = 1.7 * face @ turn.T + [30, -4]
    np.testing.assert_allclose(feelings.upright(face), feelings.upright(moved), atol=1e-9)


def test_shares_are_counted_as_they_are_called() -> None:
    one = Measured(5, 5, 5, 0, 0.95, 0.9, 0.8, 0.99, 0.5)
    two = Measured(6, 5, 5, 6, 0.85, float("nan"), 1.0, 0.97, float("nan"))
    found = {row.name.strip(): row.value for row in rows([one, two], 0.6)}
    assert found["swap emotion: as acted"] == 0.5
    assert found["as PAD heard it"] == 1
    assert found["swap emotion: face kept"] == pytest.approx(0.9)
    assert found["swap content: emotion kept"] == pytest.approx(0.9)
    assert found["no change is read"] == 0.5
    assert found["swap content: face kept"] == pytest.approx(0.9)
