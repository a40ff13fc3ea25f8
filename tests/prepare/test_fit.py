"""Fitting the face model to landmarks of known truth."""

from __future__ import annotations

import numpy as np
import pytest

from imagineid.face import load, project
from imagineid.spec import ARKIT
from imagineid_prepare.correspondence import LANDMARKS
from imagineid_prepare.fit import TALKING, Fitter

JAW, BLINK = ARKIT.index("jawOpen"), ARKIT.index("eyeBlinkLeft")
NOISE_PX = 0.4


@pytest.fixture(scope="module")
def fitter() -> Fitter:
    return Fitter()


def landmarks_of(
    fitter: Fitter, alpha: np.ndarray, beta: np.ndarray, pose: np.ndarray, size: int = 256
) -> np.ndarray:
    """Landmarks as a detector sees them: those of the mesh and a little noise, px of ``size``."""
    rng = np.random.default_rng(int(1e6 * abs(pose).sum()))
    exact = project(fitter.points.vertices(alpha, beta, pose), size)
    noise = rng.normal(0, NOISE_PX * size / 256, exact.shape)
    return np.asarray(exact + noise, np.float32)


def face(seed: int, jaw: float = 0.0) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    alpha = np.clip(rng.normal(0, 0.7, 80), -2, 2).astype(np.float32)
    beta = np.zeros(52, np.float32)
    beta[JAW] = jaw
    limits = np.array([0.1, 0.3, 0.1, 0.008, 0.008, 0.05])
    return alpha, beta, (rng.uniform(-1, 1, 6) * limits).astype(np.float32)


def test_landmarks_of_the_mesh_are_points_of_it(fitter: Fitter) -> None:
    model = load()
    alpha, beta, pose = face(3, jaw=0.3)
    whole = fitter.marks.points(model, model.express(model.neutral(alpha), beta))
    own = fitter.points.express(fitter.points.neutral(alpha), beta)
    assert np.abs(whole - own).max() < 1e-5
    assert len(own) == LANDMARKS


@pytest.mark.parametrize("size", [256, 512])
def test_a_face_is_recovered_from_its_landmarks(fitter: Fitter, size: int) -> None:
    for seed in range(3):
        truth = face(seed)
        found = fitter.fit(landmarks_of(fitter, *truth, size), size)
        mesh = load().vertices(found.alpha, found.beta, found.pose)
        expected = load().vertices(*truth)
        front = fitter.marks.points(load(), mesh) - fitter.marks.points(load(), expected)
        assert np.median(np.linalg.norm(project(mesh) - project(expected), axis=1)) < 1.5
        assert np.median(np.abs(front[:, :2])) < 0.001  # metres
        assert found.error_px < 3 * NOISE_PX
        assert np.abs(found.pose[:3] - truth[2][:3]).max() < np.radians(5)
        assert found.beta.min() >= 0
        assert found.beta.max() <= 1


def test_an_open_mouth_is_not_fitted_as_a_long_chin(fitter: Fitter) -> None:
    alpha, beta, pose = face(1, jaw=0.35)
    shut = fitter.fit(landmarks_of(fitter, alpha, 0 * beta, pose), alpha=alpha, spread=TALKING)
    open_ = fitter.fit(landmarks_of(fitter, alpha, beta, pose), alpha=alpha, spread=TALKING)
    assert shut.beta[JAW] < 0.06
    assert open_.beta[JAW] == pytest.approx(0.35, abs=0.1)
    assert np.array_equal(open_.alpha, alpha)


def test_a_clip_has_one_shape_and_follows_the_jaw(fitter: Fitter) -> None:
    alpha, beta, pose = face(5)
    jaw = 0.2 - 0.2 * np.cos(np.arange(16) * 0.7)
    frames = []
    for k, value in enumerate(jaw):
        beta[JAW] = value
        frames.append(landmarks_of(fitter, alpha, beta, pose + np.float32(0.002 * k)))
    landmarks = np.stack(frames)
    landmarks[4] = np.nan
    clip = fitter.fit_clip(landmarks)
    assert clip.alpha.shape == (80,)
    assert clip.beta.shape == (16, 52)
    assert np.corrcoef(clip.beta[:, JAW], jaw)[0, 1] > 0.95
    assert np.isnan(clip.error_px).tolist() == [k == 4 for k in range(16)]
    assert np.nanmax(clip.error_px) < 3 * NOISE_PX


def test_missing_landmarks_are_refused(fitter: Fitter) -> None:
    with pytest.raises(ValueError, match="478 finite landmarks"):
        fitter.fit(np.full((LANDMARKS, 2), np.nan))
    with pytest.raises(ValueError, match="No frame"):
        fitter.fit_clip(np.full((3, LANDMARKS, 2), np.nan))
