"""Avatars: one file that holds a face, written, read, given away and refused."""

from __future__ import annotations

import io
import json
import shutil
import zipfile
from collections.abc import Callable
from dataclasses import fields, replace
from pathlib import Path

import numpy as np
import pytest

from imagineid import avatars
from imagineid.avatars import Avatar
from imagineid.errors import BadInput
from imagineid.pad.factors import Identity

RNG = np.random.default_rng(4)
ANNA = Avatar(
    first=RNG.integers(0, 255, (64, 64, 3), dtype=np.uint8),
    identity=Identity(
        *(RNG.standard_normal(n).astype(np.float32) for n in (80, 512)),
        np.array([-1.2, 0.34], np.float32),
    ),
    seed=7,
    prompt="rotes Haar, 红",
    model="mini",
    model_digest="0af3",
)


@pytest.fixture(autouse=True)
def own_home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("IMAGINEID_HOME", str(tmp_path / "home"))


def same(one: Avatar, two: Avatar) -> bool:
    return one.info() == two.info() and all(
        np.array_equal(a, b)
        for a, b in [
            (one.first, two.first),
            *(
                (getattr(one.identity, f.name), getattr(two.identity, f.name))
                for f in fields(Identity)
            ),
        ]
    )


def test_an_avatar_comes_back_as_it_was_saved() -> None:
    path = avatars.save("anna", ANNA)
    assert path.name == "anna.avatar"
    assert same(avatars.load("anna"), ANNA)
    assert avatars.saved() == {"anna": path}


def test_an_avatar_is_one_file_that_can_be_given_away(tmp_path: Path) -> None:
    moved = shutil.move(avatars.save("anna", ANNA), tmp_path / "gift.avatar")
    assert same(avatars.load(str(moved)), ANNA)
    assert avatars.saved() == {}


def test_the_same_avatar_makes_the_same_bytes(tmp_path: Path) -> None:
    for name in ("a", "b"):
        avatars.write(tmp_path / f"{name}.avatar", ANNA)
    assert (tmp_path / "a.avatar").read_bytes() == (tmp_path / "b.avatar").read_bytes()


def test_an_avatar_says_that_it_is_synthetic_and_whose_it_is() -> None:
    with zipfile.ZipFile(avatars.save("anna", ANNA)) as file:
        info = json.loads(file.read("avatar.json"))
        assert all("pickle" not in name and not name.endswith(".pkl") for name in file.namelist())
    assert info["synthetic"] is True
    assert info["licence"]
    assert (info["prompt"], info["seed"], info["gender"], info["age"]) == (
        "rotes Haar, 红",
        7,
        "female",
        34,
    )


def test_an_avatar_is_replaced_only_when_asked() -> None:
    avatars.save("anna", ANNA)
    with pytest.raises(BadInput, match="--overwrite"):
        avatars.save("anna", replace(ANNA, seed=8))
    avatars.save("anna", replace(ANNA, seed=8), overwrite=True)
    assert avatars.load("anna").seed == 8


def test_what_is_removed_is_gone() -> None:
    avatars.save("anna", ANNA)
    avatars.remove("anna")
    for ask in (avatars.load, avatars.remove):
        with pytest.raises(BadInput, match="imagineid avatar list"):
            ask("anna")


@pytest.mark.parametrize("name", ["", "../anna", "an/na", ".anna", "-x", "a b", "a" * 65])
def test_a_name_that_is_no_plain_word_is_refused(name: str) -> None:
    with pytest.raises(BadInput):
        avatars.save(name, ANNA)
    with pytest.raises(BadInput):
        avatars.load(name)


def test_a_model_of_another_size_is_given_the_frame_at_its_own() -> None:
    assert ANNA.first_at(64) is ANNA.first
    assert ANNA.first_at(128).shape == (128, 128, 3)


def rewritten(change: Callable[[dict[str, bytes]], None]) -> None:
    """Save Anna with some parts of her file changed."""
    path = avatars.save("anna", ANNA)
    with zipfile.ZipFile(path) as file:
        parts = {name: file.read(name) for name in file.namelist()}
    change(parts)
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as file:
        for name, data in parts.items():
            file.writestr(name, data)


def array(value: object) -> bytes:
    out = io.BytesIO()
    np.save(out, np.asarray(value), allow_pickle=True)
    return out.getvalue()


@pytest.mark.parametrize(
    "change",
    [
        lambda parts: parts.pop("first.png"),
        lambda parts: parts.pop("theta.npy"),
        lambda parts: parts.update({"first.png": b"GIF89a"}),
        lambda parts: parts.update({"theta.npy": array(np.array([{"a": 1}], dtype=object))}),
        lambda parts: parts.update({"theta.npy": array(np.full(512, np.nan))}),
        lambda parts: parts.update({"traits.npy": array(np.zeros(3))}),
        lambda parts: parts.update({"avatar.json": b"[]"}),
        lambda parts: parts.update({"theta.npy": bytes(avatars.MOST_BYTES + 1)}),
        lambda parts: parts.update(
            {"avatar.json": parts["avatar.json"].replace(b'"seed": 7', b'"seed": "7"')}
        ),
    ],
)
def test_a_damaged_or_foreign_file_is_refused(change: Callable[[dict[str, bytes]], None]) -> None:
    rewritten(change)
    with pytest.raises(BadInput, match="not an avatar, or is damaged"):
        avatars.load("anna")


def test_an_avatar_of_a_later_version_is_refused_as_such() -> None:
    rewritten(
        lambda parts: parts.update(
            {"avatar.json": parts["avatar.json"].replace(b'"format": 1', b'"format": 2')}
        )
    )
    with pytest.raises(BadInput, match="pip install --upgrade imagineid"):
        avatars.load("anna")


def test_a_text_that_is_called_avatar_is_refused(tmp_path: Path) -> None:
    (tmp_path / "a.avatar").write_text("no zip")
    with pytest.raises(BadInput, match="not an avatar"):
        avatars.load(str(tmp_path / "a.avatar"))
