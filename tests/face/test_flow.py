"""The mesh flow: where a later frame's pixels were in the first frame."""

from __future__ import annotations

import numpy as np
import pytest

from imagineid.face import load
from imagineid.face.flow import MeshFlow
from imagineid.face.model import project
from imagineid.face.raster import surface
from imagineid.spec import ARKIT

SIDE = 128
MODEL = load()
REST = MODEL.neutral(np.random.default_rng(0).normal(0, 0.7, 80).astype(np.float32))
STILL = np.zeros(6, np.float32)
TURNED = np.array([0.05, 0.17, 0.06, 0.004, -0.003, 0.05], np.float32)


def posed(pose: np.ndarray, **units: float) -> np.ndarray:
    beta = np.zeros(52, np.float32)
    for name, value in units.items():
        beta[ARKIT.index(name)] = value
    return MODEL.posed(MODEL.express(REST, beta), pose)


@pytest.fixture(scope="module")
def move() -> MeshFlow:
    return MeshFlow(MODEL, REST, posed(STILL), STILL, SIDE)


def test_what_does_not_change_stays_and_is_covered(move: MeshFlow) -> None:
    flow = move(posed(STILL), STILL)
    assert np.abs(flow.offset).max() < 1e-3
    cover = flow.cover.reshape(-1)[move.first.covered]
    assert (cover > 0.9).mean() > 0.95


def test_a_pixel_of_the_face_comes_from_where_its_vertex_was(move: MeshFlow) -> None:
    points = posed(TURNED, jawOpen=0.5)
    flow, now = move(points, TURNED), project(points, SIDE)
    visible = surface(points, MODEL, SIDE)
    front = np.unique(MODEL.triangles[visible.triangle])
    inner = front[move.weight[front] > 0.95]
    at = np.clip(now[inner].astype(int), 0, SIDE - 1)
    covered = flow.cover[0, at[:, 1], at[:, 0]] > 0.5
    source = now[inner] + flow.offset[:, at[:, 1], at[:, 0]].T * SIDE / 2
    wrong = np.linalg.norm(source - project(move.points, SIDE)[inner], axis=1)[covered]
    assert len(wrong) > 200
    assert np.median(wrong) < 0.35
    assert np.quantile(wrong, 0.95) < 1.5


def test_the_inside_of_a_closed_mouth_and_a_shut_eye_are_not_covered(move: MeshFlow) -> None:
    points = posed(STILL, jawOpen=0.6)
    flow = move(points, STILL)
    lips = [f"lip_{part}_inner_4" for part in ("upper", "lower")]
    x, y = project(points, SIDE)[[MODEL.landmarks[name] for name in lips]].mean(0).astype(int)
    assert flow.cover[0, y, x] < 0.1
    shut = MeshFlow(MODEL, REST, posed(STILL, eyeBlinkLeft=1), STILL, SIDE)
    again = shut(posed(STILL), STILL)
    lids = [f"lid_{part}_right" for part in ("upper", "lower")]  # as seen by the viewer
    x, y = project(posed(STILL), SIDE)[[MODEL.landmarks[n] for n in lids]].mean(0).astype(int)
    assert again.cover[0, y, x] < 0.1


def test_hair_follows_the_head_and_the_shoulders_stay(move: MeshFlow) -> None:
    pose = np.array([0, 0.15, 0, 0.01, 0, 0], np.float32)
    flow = move(posed(pose), pose)
    crown = flow.offset[0, round(0.08 * SIDE), SIDE // 2] * SIDE / 2
    assert crown < -2  # the head went right, so its pixels come from the left
    corner = flow.offset[:, -4:, :4] * SIDE / 2
    assert np.abs(corner).max() < 5
    assert np.abs(np.diff(flow.offset[:, round(0.05 * SIDE)], axis=-1)).max() * SIDE / 2 < 0.5


def test_the_far_cheek_of_a_turned_first_frame_is_not_covered() -> None:
    pose = np.array([0, 0.5, 0, 0, 0, 0], np.float32)
    move = MeshFlow(MODEL, REST, posed(pose), pose, SIDE)
    cover = move(posed(STILL), STILL).cover[0]
    face = cover[SIDE // 3 : 2 * SIDE // 3]
    left, right = face[:, SIDE // 4 : SIDE // 2].mean(), face[:, SIDE // 2 : 3 * SIDE // 4].mean()
    assert min(left, right) < 0.7 * max(left, right)


def test_the_line_between_shut_lids_has_no_cover() -> None:
    shut = posed(STILL, eyeBlinkLeft=1.0, eyeBlinkRight=1.0)
    move = MeshFlow(MODEL, REST, posed(STILL), STILL, 256)
    flow, at = move(shut, STILL), project(shut, 256)
    for side in ("left", "right"):
        x, y = at[MODEL.landmarks[f"lid_upper_{side}"]].astype(int)
        rows = slice(y - 4, y + 5)
        source = np.arange(256)[rows] + flow.offset[1, rows, x] * 128
        gap = int(np.diff(source).argmax())
        assert np.diff(source)[gap] > 4  # the open eye lies between
        assert (flow.cover[0, rows, x][gap : gap + 2] == 0).all()
        assert flow.cover[0, y - 4 : y - 1, x].mean() > 0.2  # the lid itself is there
