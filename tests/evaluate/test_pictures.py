from pathlib import Path

import numpy as np
import pytest

from imagineid_evaluate import pictures
from imagineid_evaluate.landmarks import OVAL, Detections
from imagineid_evaluate.video import background, quality, still

SIDE = 64


def grain(seed: int, frames: int = 1, strength: float = 40.0) -> np.ndarray:
    noise = np.random.default_rng(seed).normal(128, strength, (frames, SIDE, SIDE, 3))
    return np.clip(noise, 0, 255).astype(np.uint8)


def faces(count: int) -> Detections:
    """A round face in the middle of each frame."""
    marks = np.full((count, 478, 2), SIDE / 2, np.float32)
    angle = np.linspace(0, 2 * np.pi, len(OVAL), endpoint=False)
    marks[:, list(OVAL)] = SIDE / 2 + 14 * np.stack([np.cos(angle), np.sin(angle)], 1)
    person = np.zeros((count, SIDE, SIDE), np.uint8)
    person[:, 16:48, 16:48] = 255
    return Detections(marks, person, np.ones(len(marks), np.int32))


@pytest.mark.parametrize("step", [1, 4, 16])
def test_psnr_of_a_known_error_is_known(step: int) -> None:
    a = np.full((8, 8, 3), 100, np.uint8)
    assert pictures.psnr(a, a + step) == pytest.approx(20 * np.log10(255 / step))


def test_psnr_is_restricted_to_its_mask() -> None:
    a = np.zeros((8, 8, 3), np.uint8)
    b = a.copy()
    b[:4] = 50
    where = np.zeros((8, 8), bool)
    where[4:] = True
    assert pictures.psnr(a, b, where) == float("inf")
    assert pictures.psnr(a, b, ~where) == pytest.approx(20 * np.log10(255 / 50))


def test_blur_lowers_sharpness_and_trembling_is_flicker() -> None:
    picture, where = grain(0)[0], np.ones((SIDE, SIDE), bool)
    soft = pictures.cv2.GaussianBlur(picture, (0, 0), 1.5)
    assert pictures.sharpness(soft, where) < 0.2 * pictures.sharpness(picture, where)
    fade = [np.full((SIDE, SIDE, 3), v, np.uint8) for v in (100, 110, 120, 100)]
    assert pictures.flicker(*fade[:3], where) == pytest.approx(0, abs=0.6)
    assert pictures.flicker(fade[0], fade[2], fade[3], where) == pytest.approx(20, abs=0.6)


def test_background_error_of_a_synthetic_video_is_found_outside_the_person_only() -> None:
    frames = [grain(1)[0].copy() for _ in range(3)]
    frames[1][20:44, 20:44] = 0  # the person moves, well inside the mask
    frames[2][2:4, 2:4] = 255  # and here the background blinks
    detected = faces(2)
    quiet, _ = still(frames, [0], detected, faces(1))
    assert quiet.value == float("inf")
    loud, _ = still(frames, [1], detected, faces(1))
    where = background(detected.person[0])
    assert loud.value == pytest.approx(pictures.psnr(frames[1], frames[2], where))
    assert loud.value < 45


def test_a_video_that_gets_softer_is_reported() -> None:
    sharp = [grain(2)[0]] * 100
    soft = [pictures.cv2.GaussianBlur(p, (0, 0), 1.0) for p in sharp[:25]]
    picked = list(range(1, 99))
    same, calm = quality(sharp, picked, faces(99))
    assert same.value == pytest.approx(0)
    assert calm.value == pytest.approx(0)
    worse, _ = quality(sharp[:75] + soft, picked, faces(99))
    assert worse.value > 10
    assert worse.met is False


def test_a_sheet_holds_all_pictures_and_their_captions(tmp_path: Path) -> None:
    pictures.sheet(tmp_path / "a.png", list(grain(3, 5)), 4, [str(i) for i in range(5)])
    sheet = pictures.cv2.imread(str(tmp_path / "a.png"))
    assert sheet.shape == (2 * (SIDE + 16), 4 * SIDE, 3)
