"""Measurements of first frames of readers."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest

from imagineid_evaluate.first_frames import frechet, one_a_speaker, sharpness

RNG = np.random.default_rng(0)


def test_the_distance_of_two_sets_is_that_of_their_gaussians() -> None:
    a = RNG.standard_normal((4000, 3))
    assert frechet(a, a) == pytest.approx(0, abs=1e-9)
    assert frechet(a, a + 2) == pytest.approx(12, rel=1e-6)
    assert frechet(a, 3 * a) == pytest.approx(12, rel=0.1)


def test_a_blurred_face_is_less_sharp_in_the_face_and_in_the_hair() -> None:
    picture = RNG.integers(0, 256, (512, 512, 3), np.uint8)
    angles = np.linspace(0, 2 * np.pi, 478)
    marks = np.stack([256 + 90 * np.cos(angles), 280 + 120 * np.sin(angles)], 1)
    sharp = sharpness(picture, marks)
    soft = sharpness(cv2.GaussianBlur(picture, (0, 0), 4), marks)
    assert (soft < 0.2 * sharp).all()
    assert np.isnan(sharpness(picture, np.full((478, 2), np.nan))).all()


def test_each_speaker_of_known_sex_has_one_recording(tmp_path: Path) -> None:
    rows = """path,split,corpus,speaker,sex
a.wav,test,x,1,f
b.wav,test,x,1,f
c.wav,test,x,2,m
d.wav,test,x,3,
e.wav,train,x,4,m
f.wav,test,y,5,m
"""
    (tmp_path / "voices.csv").write_text(rows)
    assert [r["path"] for r in one_a_speaker(tmp_path, "test", 2)] == ["a.wav", "c.wav", "f.wav"]
    assert [r["path"] for r in one_a_speaker(tmp_path, "test", 1)] == ["a.wav", "f.wav"]
