"""Every stage of the size that moves its first frame takes two steps, is left and goes on."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import torch

from imagineid_train import loop, moves
from imagineid_train.stages import STAGES, autoencoder
from support.moving import MOVING, write_people


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A world of four people and everything that follows from their meshes."""
    folder = tmp_path_factory.mktemp("train")
    with pytest.MonkeyPatch.context() as patch:
        patch_roots(patch, folder)
        for number, split in enumerate(("train", "val")):
            write_people(folder / "world" / "photos" / split, seed=number)
        moves.cache(MOVING)
        stage(autoencoder.STAGE.name).run(MOVING, steps=2)
        autoencoder.normalise(MOVING)
    return folder


def patch_roots(patch: pytest.MonkeyPatch, folder: Path) -> None:
    for module in (loop, moves, autoencoder, *map(module_of, STAGES)):
        if hasattr(module, "ROOT"):
            patch.setattr(module, "ROOT", folder)
    patch.setattr(moves, "WORLD", folder / "world")


def module_of(stage: object) -> object:
    import importlib

    return importlib.import_module(f"imagineid_train.stages.{stage.name}")  # type: ignore[attr-defined]


def stage(name: str) -> object:
    return next(each for each in STAGES if each.name == name)


@pytest.mark.parametrize("each", STAGES, ids=lambda each: each.name)
def test_a_stage_takes_two_steps_and_goes_on(
    each: object, root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    patch_roots(monkeypatch, root)
    torch.manual_seed(0)
    each.run(MOVING, steps=2)
    folder = root / each.folder(MOVING)
    before = json.loads((folder / "state.json").read_text())["step"]
    each.run(MOVING, steps=before + 2)
    assert json.loads((folder / "state.json").read_text())["step"] == before + 2
    weights = loop.weights(each.folder(MOVING))
    assert all(torch.isfinite(value).all() for value in weights.values())
