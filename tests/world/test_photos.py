"""Photographs that talk, on drawn heads of known truth in place of photographs."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest

from imagineid.face import load, mesh_picture, project
from imagineid_prepare.fit import Fitter
from imagineid_world.motion import units
from imagineid_world.photos import recolour, shards, spectacles, swap
from imagineid_world.photos.acts import EXPRESSIVE, FIRST, LIMITS, draw_act
from imagineid_world.photos.anatomy import UNIT, anatomy
from imagineid_world.photos.backgrounds import gradient, plain
from imagineid_world.photos.build import Options, build, recaption
from imagineid_world.photos.framing import Framed, frame_tile, place
from imagineid_world.photos.index import Label, Tile
from imagineid_world.photos.layers import find_layers
from imagineid_world.photos.matte import cut_out, guided
from imagineid_world.photos.person import Geometry, PhotoPerson
from imagineid_world.photos.selection import select
from imagineid_world.photos.survey import Survey

SIDE = 256
ROOM = np.array([60, 120, 90], np.uint8)


def photograph(seed: int, tint: tuple[float, float, float] = (1.0, 0.82, 0.72)) -> Framed:
    """A drawn head before a wall, with its exact landmarks."""
    rng = np.random.default_rng(seed)
    alpha = np.clip(rng.normal(0, 0.6, 80), -2, 2).astype(np.float32)
    pose = np.array([0.02, 0.05, 0.01, 0, 0, 0.04], np.float32)
    model, beta = load(), np.zeros(52, np.float32)
    points = model.vertices(alpha, beta, pose)
    head = mesh_picture(points, model, SIDE)
    person = head.max(-1) > 0
    grain = rng.normal(0, 4, (SIDE, SIDE, 1))
    picture = np.where(person[..., None], head * np.array(tint) + grain, ROOM + grain)
    landmarks = project(anatomy().at_marks(points), SIDE)
    return Framed(
        np.clip(picture, 0, 255).astype(np.uint8), landmarks, person.astype(np.uint8) * 255
    )


@pytest.fixture(scope="module")
def framed() -> Framed:
    return photograph(1)


@pytest.fixture(scope="module")
def person(framed: Framed) -> PhotoPerson:
    return PhotoPerson.of(framed, Fitter().fit(framed.landmarks, SIDE))


def between_lips(person: PhotoPerson, beta: np.ndarray) -> tuple[slice, slice]:
    marks = project(anatomy().at_marks(person.points(beta, person.shape.fit.pose)), SIDE)
    x, y = (marks[13] + marks[14]) / 2
    return slice(int(y) - 2, int(y) + 3), slice(int(x) - 5, int(x) + 6)


def test_at_rest_it_is_the_photograph(framed: Framed, person: PhotoPerson) -> None:
    fit = person.shape.fit
    frame, matte = person.frame(fit.beta, fit.pose, SIDE)
    face = np.zeros((SIDE, SIDE), np.uint8)
    cv2.fillConvexPoly(face, cv2.convexHull(framed.landmarks[:468]).astype(np.int32), 1)
    error = np.abs(frame.astype(float) - framed.picture)[face > 0]
    assert np.median(error) < 6
    assert matte[face > 0].min() > 230
    assert matte[:20, :20].max() == 0


def test_the_mesh_is_the_truth_of_every_frame(person: PhotoPerson) -> None:
    fit = person.shape.fit
    shut, _ = person.frame(fit.beta, fit.pose, SIDE)
    beta = np.clip(fit.beta + units(jawOpen=0.4), 0, 1).astype(np.float32)
    wide, _ = person.frame(beta, fit.pose, SIDE)
    box = between_lips(person, beta)
    assert np.abs(wide[box].astype(float) - shut[box]).mean() > 25
    # Where the mesh does not move, neither does the picture.
    brow = np.round(project(anatomy().at_marks(person.points(beta, fit.pose)), SIDE)[9]).astype(int)
    spot = slice(brow[1] - 6, brow[1] + 6), slice(brow[0] - 6, brow[0] + 6)
    assert np.abs(wide[spot].astype(float) - shut[spot]).mean() < 3


def test_closed_eyes_show_skin_in_place_of_the_ball(person: PhotoPerson) -> None:
    fit = person.shape.fit
    open_, _ = person.frame(fit.beta, fit.pose, SIDE)
    beta = np.clip(fit.beta + units(eyeBlink=1.0), 0, 1).astype(np.float32)
    closed, _ = person.frame(beta, fit.pose, SIDE)
    x, y = np.round(person.shape.landmarks[468]).astype(int)
    white = open_[y - 3 : y + 4, x - 8 : x + 9].astype(float).std()
    assert closed[y - 3 : y + 4, x - 8 : x + 9].astype(float).std() < white


def test_the_background_stands_still(person: PhotoPerson) -> None:
    fit = person.shape.fit
    frames, mattes = [], []
    for turn in (-0.15, 0.15):
        pose = fit.pose.copy()
        pose[1] += turn
        frame, matte = person.frame(fit.beta, pose, SIDE)
        frames.append(frame.astype(int))
        mattes.append(matte)
    still = (mattes[0] == 0) & (mattes[1] == 0)
    assert still.mean() > 0.2
    assert np.abs(frames[0] - frames[1])[still].max() <= 1


def test_another_head_takes_the_photograph(person: PhotoPerson) -> None:
    fit, model = person.shape.fit, person.shape.face.model
    alpha = fit.alpha.copy()
    alpha[:6] += 1.0
    rest = model.neutral(alpha)
    frame, _ = person.frame(fit.beta, fit.pose, SIDE, rest)
    own, _ = person.frame(fit.beta, fit.pose, SIDE)
    assert np.abs(frame.astype(float) - own).mean() > 1
    assert not np.array_equal(person.points(fit.beta, fit.pose, rest)[0], 0)


def test_acts_start_at_rest_go_in_pairs_and_stay_within_limits(person: PhotoPerson) -> None:
    fit = person.shape.fit
    for seed in range(20):
        act = draw_act(fit, np.random.default_rng(seed))
        assert np.array_equal(act.beta[FIRST], fit.beta)
        assert np.array_equal(act.pose[FIRST], fit.pose)
        assert np.abs(np.degrees(act.pose[:, 1])).max() <= 20.01
        pitch = np.degrees(act.pose[:, 0] - fit.pose[0])
        assert -5.01 <= pitch.min() <= pitch.max() <= 8.01
        assert act.beta[:, UNIT["mouthFunnel"]].max() <= LIMITS["mouthFunnel"] + 1e-6
        for k in range(2, 8, 2):
            assert np.abs(np.degrees(act.pose[k + 1, :3] - act.pose[k, :3])).max() < 3
        assert (act.emotions[FIRST], act.emotions[EXPRESSIVE]) != ("", "")
    with pytest.raises(ValueError, match="even"):
        draw_act(fit, np.random.default_rng(0), 7)


def test_a_still_face_keeps_its_expression_and_does_not_turn(person: PhotoPerson) -> None:
    fit = person.shape.fit
    act = draw_act(fit, np.random.default_rng(0), still_face=True)
    np.testing.assert_allclose(act.beta, np.clip(np.stack([fit.beta] * 8), 0, 1), atol=1e-6)
    np.testing.assert_array_equal(act.pose[:, :2], np.stack([fit.pose[:2]] * 8))
    assert (np.abs(act.pose[1:, 2:] - fit.pose[2:]).max(1) > 1e-4).all()
    assert set(act.emotions) == {""}


def test_an_open_mouth_stays_as_photographed(person: PhotoPerson) -> None:
    act = draw_act(person.shape.fit, np.random.default_rng(0), still_mouth=True)
    mouth = [i for name, i in UNIT.items() if name.startswith(("mouth", "jaw"))]
    assert np.ptp(act.beta[:, mouth], axis=0).max() == 0
    assert set(act.emotions) == {""}


def test_a_view_is_placed_inside_its_tile_where_it_can_be(framed: Framed) -> None:
    tile = framed.picture[10:, :]  # its top is cut off
    marks = framed.landmarks - [0, 10]
    where = place(marks, tile.shape[1], tile.shape[0])
    assert where.inside > 0.97
    assert place(marks, 150, 150).inside < 0.8
    again = frame_tile(tile, marks, framed.person[10:], SIDE)
    assert again.picture.shape == (SIDE, SIDE, 3)
    assert np.abs(again.landmarks - framed.landmarks).max() < 0.1 * SIDE


def test_a_guided_matte_follows_the_pictures_edge() -> None:
    picture = np.zeros((64, 64, 3), np.float32)
    picture[:, 30:] = 1
    coarse = np.zeros((64, 64), np.float32)
    coarse[:, 27:] = 1
    fine = guided(coarse, picture, 9, 1e-4)
    assert fine[:, 33:].mean() > 0.95
    assert fine[:, 28].mean() < coarse[:, 28].mean()


def test_recolouring_reaches_the_colour_and_spares_the_rest(framed: Framed) -> None:
    cutout = cut_out(framed.picture, framed.person, framed.landmarks)
    shape = Geometry(framed, Fitter().fit(framed.landmarks, SIDE))
    layers = find_layers(cutout, shape)
    target = recolour.iris_target("brown", np.random.default_rng(0))
    out = recolour.tint(cutout.person, layers.irises, target, 0.2, 0.25)
    own = layers.irises > 0.9
    assert own.sum() > 20
    change = recolour.to_lab(out)[own].mean(0) - recolour.to_lab(cutout.person)[own].mean(0)
    assert np.sign(change[2]) == np.sign(target[2] - recolour.to_lab(cutout.person)[own].mean(0)[2])
    assert np.array_equal(out[layers.irises == 0], cutout.person[layers.irises == 0])


def test_hair_too_dark_to_be_blonde_is_never_called_blonde() -> None:
    from imagineid_world.look import HAIR_COLOURS

    black = np.full((8, 8, 3), 12, np.float32)
    target = recolour.lab_of(HAIR_COLOURS["blonde"])
    out = recolour.tint(black, np.ones((8, 8), np.float32), target)
    assert recolour.to_lab(out).reshape(-1, 3)[:, 0].mean() < 0.6 * target[0]


def test_glasses_are_drawn_about_the_eyes(person: PhotoPerson) -> None:
    before = person.look.cutout.person
    rng = np.random.default_rng(0)
    after = spectacles.put_on(before, person.shape, "round", "black", rng)
    changed = np.abs(after - before).max(-1) > 30
    rows, columns = np.nonzero(changed)
    eyes = person.shape.landmarks[[468, 473]]
    assert changed.sum() > 200
    assert abs(rows.mean() - eyes[:, 1].mean()) < 12
    assert np.ptp(columns) > 1.2 * abs(eyes[0, 0] - eyes[1, 0])
    assert person.shape.with_glasses().glasses
    assert not person.shape.glasses


def test_a_borrowed_face_takes_the_heads_colours(person: PhotoPerson) -> None:
    other = photograph(2, (0.95, 0.84, 0.75))
    donor = Geometry(other, Fitter().fit(other.landmarks, SIDE))
    own = person.look.cutout.person
    swapped = swap.exchange(own, person.shape, other.picture.astype(np.float32), donor)
    assert swapped is not None
    x, y = np.round(person.shape.landmarks[5]).astype(int)
    assert (
        np.abs(swapped[y - 5 : y + 5, x - 5 : x + 5] - own[y - 5 : y + 5, x - 5 : x + 5]).mean()
        < 25
    )
    assert np.array_equal(swapped[:30], own[:30])
    dark = swap.exchange(own, person.shape, 0.25 * other.picture.astype(np.float32), donor)
    assert dark is None


def test_backgrounds_have_the_colour_they_are_called() -> None:
    rng = np.random.default_rng(1)
    for make in (plain, gradient):
        ground = make(64, rng)
        assert ground.picture.shape == (64, 64, 3)
        assert ground.place in ("plain", "gradient")
        assert ground.colour


def survey_of(framed: Framed, ages: list[float]) -> tuple[list[Tile], Survey, dict[str, Label]]:
    names = [f"p{k}" for k in range(len(ages))]
    tiles = [Tile(Path(n), n, "SDXL", "", "strict", SIDE, SIDE) for n in names]
    marks = np.stack([framed.landmarks] * len(ages))
    ones = np.ones(len(ages), np.int32)
    survey = Survey(
        np.array(names), marks, ones, np.stack([framed.person] * len(ages)),
        np.array(ages, np.float32), np.zeros(len(ages), np.float32),
    )  # fmt: skip
    label = Label("woman", "long", "brown", "", "light", "", "", "plain", "", "", "")
    return tiles, survey, dict.fromkeys(names, label)


def test_only_adults_that_the_eye_chose_train(framed: Framed, monkeypatch: Any) -> None:
    monkeypatch.setattr("imagineid_world.photos.selection.SHARPEST_PX", 100.0)
    tiles, survey, labels = survey_of(framed, [30, 17, 40, 25])
    del labels["p2"]
    found = select(tiles, survey, labels)
    assert found.people == ["p0", "p3"]
    assert found.judges == []
    assert found.funnel["adult to the network"] == 2
    assert select(tiles, survey, labels, 1).people == ["p0"]


def test_a_shard_appears_only_when_complete(tmp_path: Path) -> None:
    people = [({"frame": np.full((2, 4, 4, 3), k, np.uint8)}, {"person": f"p{k}"}) for k in (1, 2)]
    path = tmp_path / "train" / "shard-00000.npz"
    shards.write_shard(path, people)
    with np.load(path) as file:
        assert file["frame"].shape == (2, 2, 4, 4, 3)
    assert [row["person"] for row in json.loads(path.with_suffix(".json").read_text())] == [
        "p1",
        "p2",
    ]
    assert sorted(p.name for p in path.parent.iterdir()) == ["shard-00000.json", "shard-00000.npz"]


def folder_of_drawn_people(folder: Path, out: Path, count: int) -> None:
    """Write an index, pictures and a survey of drawn heads, as MediaPipe would see them."""
    folder.mkdir()
    out.mkdir()
    people = [photograph(10 + k, (1.0, 0.8 - 0.02 * k, 0.7)) for k in range(count)]
    names = [f"p{k}" for k in range(count)]
    rows = ["path,generator,image_name,query,query_prefix,width,height"]
    for name, one in zip(names, people, strict=True):
        cv2.imwrite(str(folder / f"{name}.png"), one.picture[:, :, ::-1])
        rows.append(f"{name}.png,SDXL,{name},bald,,{SIDE},{SIDE}")
    (folder / "photos.csv").write_text("\n".join(rows) + "\n")
    label = "man,bald,black,,light,40,,plain,,,"
    fields = "image_name,sex,hair,hair_colour,beard,skin,age,glasses,background,extras,mouth,fixed"
    (folder / "labels.csv").write_text("\n".join([fields, *(f"{n},{label}" for n in names)]) + "\n")
    np.savez(
        out / "survey.npz",
        names=np.array(names),
        landmarks=np.stack([one.landmarks for one in people]),
        faces=np.ones(count, np.int32),
        person=np.stack([one.person for one in people]),
        age=np.full(count, 30, np.float32),
        male=np.ones(count, np.float32),
    )


@pytest.mark.slow
def test_a_folder_becomes_shards_and_is_refused_to_another_seed(
    tmp_path: Path, monkeypatch: Any
) -> None:
    monkeypatch.setattr("imagineid_world.photos.selection.SHARPEST_PX", 100.0)
    folder, out = tmp_path / "photos", tmp_path / "out"
    folder_of_drawn_people(folder, out, 4)
    build(folder, out, Options(size=128, frames=4, variants=3))
    split = json.loads((out / "split.json").read_text())
    assert sorted(split["train"] + split["val"] + split["test"]) == ["p0", "p1", "p2", "p3"]
    shard = out / "train" / "shard-02000.npz"
    with np.load(shard) as file:
        assert file["frame"].shape == (len(split["train"]), 4, 128, 128, 3)
        assert np.isfinite(file["alpha"]).all()
        assert file["traits"][:, 0].tolist() == [1.0] * len(split["train"])
    for row in json.loads(shard.with_suffix(".json").read_text()):
        assert row["attributes"]["sex"] == "man"
        assert row["changes"]
        assert not any("woman" in text for text in row["captions"])
    before = shard.stat().st_mtime_ns
    build(folder, out, Options(size=128, frames=4, variants=3, resume=True))
    assert shard.stat().st_mtime_ns == before
    assert recaption(out, 1) == 12
    with pytest.raises(SystemExit, match="--out DIR"):
        build(folder, out, Options(size=128, frames=4, seed=1))
