"""The background behind the person."""

from __future__ import annotations

import numpy as np

from imagineid.ccf.background import dilate, inpaint


def test_the_person_is_painted_out_and_the_rest_is_kept() -> None:
    picture = np.zeros((256, 256, 3), np.uint8)
    picture[..., 2] = 200  # a plain blue wall
    mask = np.zeros((64, 64), np.float32)
    mask[20:60, 20:44] = 1
    picture[80:240, 80:176] = (250, 180, 150)
    filled = inpaint(picture, mask)
    assert np.abs(filled.astype(int) - (0, 0, 200)).max() <= 12
    assert (filled[:40, :40] == picture[:40, :40]).all()


def test_a_picture_that_is_all_person_gets_its_mean_colour() -> None:
    picture = np.full((256, 256, 3), (10, 20, 30), np.uint8)
    assert (inpaint(picture, np.ones((64, 64), np.float32)) == (10, 20, 30)).all()


def test_a_grown_mask_covers_the_old_one_and_stays_in_range() -> None:
    mask = np.zeros((64, 64), np.float32)
    mask[30:34, 30:34] = 1
    grown = dilate(mask)
    assert (grown >= mask - 1e-6).all()
    assert grown.sum() > mask.sum()
    assert grown.max() <= 1
