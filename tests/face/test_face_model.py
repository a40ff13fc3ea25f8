"""The baked face moves as faces do, and its mesh picture shows it."""

from __future__ import annotations

import numpy as np
import pytest

from imagineid.face import FaceModel, load, mesh_picture, mouth_mask, project
from imagineid.face.model import REGIONS, pack, rotation
from imagineid.face.raster import normals, spans
from imagineid.spec import ARKIT

STILL = np.zeros(6, np.float32)
AVERAGE = np.zeros(80, np.float32)


@pytest.fixture(scope="module")
def model() -> FaceModel:
    return load()


def expression(**units: float) -> np.ndarray:
    beta = np.zeros(52, np.float32)
    for name, value in units.items():
        beta[[i for i, n in enumerate(ARKIT) if n in (name, f"{name}Left", f"{name}Right")]] = value
    return beta


def inner_gap(model: FaceModel, points: np.ndarray) -> float:
    upper, lower = (points[model.landmarks[f"lip_{n}_inner_middle"]] for n in ("upper", "lower"))
    return float(upper[1] - lower[1])


def mouth_width(model: FaceModel, points: np.ndarray) -> float:
    left, right = (points[model.landmarks[f"lip_corner_{s}"]] for s in ("left", "right"))
    return float(right[0] - left[0])


def test_the_package_holds_a_small_face(model: FaceModel) -> None:
    assert model.shapes.shape == (80, len(model.mean), 3)
    assert model.units.shape == (52, len(model.mean), 3)
    assert len(model.triangles) <= 6000
    assert model.triangles.max() < len(model.mean)
    present = set(np.unique(model.triangle_region))
    assert {
        REGIONS.index(n) for n in ("skin", "lips", "eye", "mouth", "teeth", "tongue")
    } == present


def test_lips_meet_at_rest_for_every_identity(model: FaceModel) -> None:
    rng = np.random.default_rng(0)
    for _ in range(20):
        gap = inner_gap(model, model.neutral(rng.normal(size=80).astype(np.float32)))
        assert gap < 0.002


def test_the_jaw_opens_and_mouth_close_undoes_it(model: FaceModel) -> None:
    rest, wide, shut = (
        inner_gap(model, model.vertices(AVERAGE, expression(**units), STILL))
        for units in ({}, {"jawOpen": 0.6}, {"jawOpen": 0.6, "mouthClose": 0.6})
    )
    assert wide - rest > 0.006
    assert shut - rest < 0.35 * (wide - rest)


def test_smiles_widen_and_puckers_narrow_the_mouth(model: FaceModel) -> None:
    rest, smile, pucker = (
        mouth_width(model, model.vertices(AVERAGE, expression(**units), STILL))
        for units in ({}, {"mouthSmile": 1.0}, {"mouthPucker": 1.0})
    )
    assert pucker < rest - 0.006 < rest + 0.006 < smile


def test_a_blink_closes_the_lids(model: FaceModel) -> None:
    open_eyes, closed = (
        model.vertices(AVERAGE, expression(eyeBlink=value), STILL) for value in (0.0, 1.0)
    )
    for side in ("left", "right"):
        upper, lower = (model.landmarks[f"lid_{n}_{side}"] for n in ("upper", "lower"))
        before = open_eyes[upper, 1] - open_eyes[lower, 1]
        assert closed[upper, 1] - closed[lower, 1] < 0.35 * before


def test_a_positive_yaw_turns_to_the_viewers_right(model: FaceModel) -> None:
    turned = model.vertices(AVERAGE, expression(), np.array([0, 0.3, 0, 0, 0, 0], np.float32))
    nose = model.landmarks["nose_tip"]
    assert turned[nose, 0] > model.mean[nose, 0] + 0.01
    assert np.allclose(rotation(0.1, 0.2, 0.3) @ rotation(0.1, 0.2, 0.3).T, np.eye(3), atol=1e-6)


def test_the_average_face_fills_six_tenths_of_the_picture(model: FaceModel) -> None:
    chin = project(model.mean[model.landmarks["chin"]], 256)[1]
    hairline = project(np.array([0.0, 0.062, 0.03], np.float32), 256)[1]
    assert 0.5 < (chin - hairline) / 256 < 0.66


def test_packing_loses_less_than_a_fiftieth_of_a_millimetre(
    model: FaceModel, tmp_path: object
) -> None:
    path = f"{tmp_path}/face.npz"
    np.savez_compressed(path, **pack(model))
    again = load(path)
    assert np.abs(again.neutral(AVERAGE) - model.neutral(AVERAGE)).max() < 2e-5
    assert again.landmarks == model.landmarks


def test_a_triangle_covers_the_pixels_whose_middles_it_holds() -> None:
    corners = np.array([[[1.0, 1.0], [6.0, 1.0], [1.0, 6.0]]], np.float32)
    for turned in (corners, corners[:, ::-1]):
        which, row, first, length = spans(np.ascontiguousarray(turned), 8)
        assert which.tolist() == [0] * 5
        assert row.tolist() == [1, 2, 3, 4, 5]
        assert first.tolist() == [1] * 5
        assert np.abs(length - [5, 4, 3, 2, 1]).max() <= 1


def test_normals_of_the_head_point_outwards(model: FaceModel) -> None:
    skin = (model.vertex_region == 0) & (model.mean[:, 1] > 0.03)
    outward = model.mean[skin] - [0, 0.02, -0.075]
    agree = (normals(model.mean, model.triangles)[skin] * outward).sum(1) > 0
    assert agree.mean() > 0.97


def test_the_mesh_picture_shows_lips_teeth_and_gaze(model: FaceModel) -> None:
    rest = mesh_picture(model.vertices(AVERAGE, expression(), STILL), model)
    assert rest.shape == (256, 256, 3)
    assert rest.dtype == np.uint8
    assert 0.25 < (rest.sum(2) > 0).mean() < 0.6
    wide = mesh_picture(model.vertices(AVERAGE, expression(jawOpen=0.7), STILL), model)
    dark_red = (wide[..., 0] > 2 * wide[..., 1].astype(int) + 20).sum()
    assert dark_red > 60
    aside = expression(eyeLookOutLeft=1.0, eyeLookInRight=1.0)
    looking = mesh_picture(model.vertices(AVERAGE, aside, STILL), model)
    assert np.abs(looking[90:130].astype(int) - rest[90:130]).max() > 100


def test_the_mesh_picture_shows_what_the_brows_do(model: FaceModel) -> None:
    def middle_row(**units: float) -> float:
        picture = mesh_picture(model.vertices(AVERAGE, expression(**units), STILL), model)
        forehead = picture[40:105].max(2)
        rows, _ = np.nonzero((forehead > 0) & (forehead < 60))
        assert len(rows) > 80
        return float(rows.mean())

    rest = middle_row()
    assert middle_row(browInnerUp=1.0, browOuterUp=1.0) < rest - 2
    assert middle_row(browDown=1.0) > rest + 1
    assert 0 < rest - middle_row(browOuterUp=0.1) < 1  # by less than a pixel


def test_the_mouth_mask_holds_the_lips_whatever_they_say(model: FaceModel) -> None:
    rng = np.random.default_rng(1)
    for _ in range(10):
        beta = np.clip(rng.normal(0, 0.3, 52), 0, 1).astype(np.float32)
        pose = rng.normal(0, [0.08, 0.15, 0.05, 0.005, 0.005, 0.03]).astype(np.float32)
        points = model.vertices(rng.normal(size=80).astype(np.float32), beta, pose)
        mask = mouth_mask(points, model)
        lips = project(points[[i for n, i in model.landmarks.items() if n.startswith("lip")]])
        assert mask[lips[:, 1].astype(int), lips[:, 0].astype(int)].all()
        assert mask.mean() < 0.25
