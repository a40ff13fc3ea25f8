"""Every stage of the size that warps its first frame takes two steps, stops and resumes."""

from __future__ import annotations

import importlib
import json
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor

from imagineid_train import loop, moves, people, recipe
from imagineid_train.stage import Stage
from imagineid_train.stages import STAGES, sca, student, tia
from support.moving import MOVING, write_people


def voices(rng: np.random.Generator, traits: np.ndarray, feeling: np.ndarray) -> tuple[Tensor, ...]:
    """Random voice factors, in place of those that PAD encodes."""
    embeddings = rng.standard_normal((2, len(traits), 512)).astype(np.float32)
    return tuple(torch.from_numpy(embeddings))


def learning(stage: Stage) -> Stage:
    """The stage, with those voices."""
    module = {"tia": tia, "sca": sca, "student": student}.get(stage.name)
    if module is None:
        return stage
    return replace(stage, build=lambda size: module.learning(size, voices))


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A world of four people, and every stage after two steps."""
    folder = tmp_path_factory.mktemp("train")
    with pytest.MonkeyPatch.context() as patch:
        stages = [importlib.import_module(f"imagineid_train.stages.{s.name}") for s in STAGES]
        for module in (loop, moves, people, *stages):
            if hasattr(module, "ROOT"):
                patch.setattr(module, "ROOT", folder)
        patch.setattr(moves, "WORLD", folder / "world")
        for number, split in enumerate(("train", "val")):
            write_people(folder / "world" / "photos" / split, seed=number)
        torch.manual_seed(0)
        by_name = {stage.name: learning(stage) for stage in STAGES}
        for name in recipe.ORDER:
            if name in by_name:
                by_name[name].run(MOVING, steps=2)
            elif name in ("moves", "normalise", "latents"):
                recipe.STEPS[name](MOVING)
        yield folder


@pytest.mark.parametrize("stage", STAGES, ids=lambda stage: stage.name)
def test_a_stage_takes_two_steps_and_resumes(stage: Stage, root: Path) -> None:
    folder = root / stage.folder(MOVING)
    before = json.loads((folder / "state.json").read_text())["step"]
    learning(stage).run(MOVING, steps=before + 2)
    assert (before, json.loads((folder / "state.json").read_text())["step"]) == (2, 4)
    weights = loop.weights(stage.folder(MOVING))
    assert all(torch.isfinite(value).all() for value in weights.values())


def test_an_unknown_stage_is_named_with_those_there_are() -> None:
    with pytest.raises(ValueError, match=r"no stage decoder.*frame_decoder"):
        recipe.RECIPE.run(MOVING, ["decoder"], None)


def test_meshes_and_flows_of_held_out_people_are_exact(root: Path) -> None:
    held = moves.Moves.open("val", MOVING)
    view = held.view(0, 0, int(held.cached[0]["first"][0, 0]))
    assert np.abs(view["flow"]).max() < 1e-3
    np.testing.assert_array_equal(view["target"], view["first"])


def test_a_mirrored_window_is_moved_as_its_frame_is(root: Path) -> None:
    from imagineid.nn.frame_decoder import moved_by

    held = moves.Moves.open("val", MOVING)
    view = held.view(0, 0, 3)
    plain, mirrored = (moves._views([each]) for each in (view, moves._mirrored(view)))
    side = MOVING.frame_px
    moved = moved_by(plain.first, plain.flow, side)
    torch.testing.assert_close(
        moved_by(mirrored.first, mirrored.flow, side), moved.flip(-1), atol=1e-4, rtol=0
    )
