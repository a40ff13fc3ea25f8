"""Agreement: numbers that are right where the answer is known."""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np
import pytest

from imagineid_bench.workloads import psnr
from imagineid_evaluate import agreement
from imagineid_evaluate.landmarks import Detections
from support import plain_pipeline
from support.recordings import tone, write_recording


def faces_shifted(shift_px: float) -> Detections:
    points = np.tile(np.linspace(60, 190, 478)[None, :, None], (3, 1, 2)) + [shift_px, 0]
    points[2] = np.nan  # no face there
    return Detections(points, np.zeros((3, 8, 8), np.uint8), np.ones(3, np.int32))


def test_lips_that_lie_elsewhere_are_measured_where_both_have_a_face() -> None:
    row = agreement.mouth(faces_shifted(0), faces_shifted(1.2))
    assert row.value == pytest.approx(1.2)
    assert row.met
    assert "2 of 3" in row.note
    assert agreement.mouth(faces_shifted(0), faces_shifted(1.7)).met is False


def test_both_videos_are_of_the_same_face(tmp_path: Path) -> None:
    write_recording(tmp_path / "a.wav", tone(0.6))
    words = {"audio": tmp_path / "a.wav", "prompt": "", "seed": 3, "steps": 1, "every": 4}
    pipe = plain_pipeline.load()
    found, own, other = agreement.both(pipe, argparse.Namespace(**words))
    assert len(found) == 15
    assert len(own) == len(other) == 4
    assert own[0].shape == (64, 64, 3)
    assert min(found) == 100  # one step each, which is the default: the same frames


def test_another_picture_agrees_less() -> None:
    dark, light = np.zeros((4, 4, 3), np.uint8), np.full((4, 4, 3), 51, np.uint8)
    assert psnr(dark, light) == pytest.approx(20 * np.log10(255 / 51))
