"""The training loop: budgets, checkpoints, going on."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import save_file
from torch import Tensor, nn

from imagineid_train import loop
from imagineid_train.data import fresh, mapped
from imagineid_train.identity import contrast


@pytest.fixture(autouse=True)
def _root(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(loop, "ROOT", tmp_path)
    torch.manual_seed(0)


def learn(module: nn.Module, steps: int) -> None:
    target = torch.tensor([[3.0, -2.0]])

    def loss() -> dict[str, Tensor]:
        x = torch.randn(32, 2)
        return {"square": (module(x) - x @ target.T).pow(2).mean()}

    budget = loop.Budget(60, steps, rate=0.05, decay=0, warmup=1, average=10)
    loop.train("line", {"line": module}, loss, budget)


def test_a_stage_learns_and_leaves_its_average_behind() -> None:
    learn(nn.Linear(2, 1), steps=800)
    found = loop.load_into(nn.Linear(2, 1), "line", "line")
    assert isinstance(found, nn.Linear)
    assert found.weight.tolist()[0] == pytest.approx([3, -2], abs=0.05)
    assert not found.weight.requires_grad


def test_a_stopped_stage_resumes_from_its_checkpoint(tmp_path: Path) -> None:
    learn(nn.Linear(2, 1), steps=20)
    before = json.loads((tmp_path / "line" / "state.json").read_text())
    again = nn.Linear(2, 1)
    learn(again, steps=50)
    after = json.loads((tmp_path / "line" / "state.json").read_text())
    assert (before["step"], after["step"]) == (20, 50)
    assert after["seconds"] > before["seconds"]
    spent = nn.Linear(2, 1)
    learn(spent, steps=40)  # less than it has had: nothing more is done
    assert json.loads((tmp_path / "line" / "state.json").read_text())["step"] == after["step"]
    torch.testing.assert_close(spent.weight, again.weight)


def test_a_stage_begins_with_weights_laid_out_for_it(tmp_path: Path) -> None:
    weights = {"line.weight": torch.tensor([[3.0, -2.0]]), "line.bias": torch.tensor([0.0])}
    (tmp_path / "line").mkdir()
    save_file(weights, tmp_path / "line" / loop.LAID_OUT)
    module = nn.Linear(2, 1)
    learn(module, steps=1)
    assert module.weight.tolist()[0] == pytest.approx([3, -2], abs=0.2)


def test_a_held_stage_averages_old_and_new_weights(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(loop, "HELD", {"line": 0.25})
    (tmp_path / "line").mkdir()
    before, after = {"a": torch.tensor([8.0])}, {"a": torch.tensor([4.0]), "b": torch.tensor([4.0])}
    save_file(before, tmp_path / "line" / loop.LAID_OUT)
    save_file(after, tmp_path / "line" / "average.safetensors")
    assert {k: v.item() for k, v in loop.weights("line").items()} == {"a": 5.0, "b": 4.0}


def test_a_stage_never_trained_says_how_to() -> None:
    with pytest.raises(FileNotFoundError, match="python -m imagineid_train unet"):
        loop.weights("unet")


def test_a_batch_that_is_not_a_number_does_not_spoil_the_weights() -> None:
    module = nn.Linear(2, 1)
    count = 0

    def loss() -> dict[str, Tensor]:
        nonlocal count
        count += 1
        worth = float("nan") if count % 3 == 0 else 1.0
        return {"square": module(torch.ones(4, 2)).pow(2).mean() * worth}

    loop.train("corrupt", {"line": module}, loss, loop.Budget(60, steps=20))
    assert torch.isfinite(module.weight).all()


def test_arrays_are_mapped_as_they_were_saved(tmp_path: Path) -> None:
    arrays = {"a": np.arange(24).reshape(2, 3, 4), "b": np.float16([[1, 2], [3, 4]])}
    np.savez(tmp_path / "shard.npz", **arrays)
    found = mapped(tmp_path / "shard.npz")
    assert found.keys() == arrays.keys()
    for name, array in arrays.items():
        assert found[name].dtype == array.dtype
        np.testing.assert_array_equal(found[name], array)


def test_a_compressed_shard_is_refused(tmp_path: Path) -> None:
    np.savez_compressed(tmp_path / "shard.npz", a=np.zeros(9))
    with pytest.raises(ValueError, match=r"numpy\.savez"):
        mapped(tmp_path / "shard.npz")


def test_a_cache_older_than_its_source_is_not_fresh(tmp_path: Path) -> None:
    source, cache = tmp_path / "source", tmp_path / "made"
    source.touch()
    assert not fresh(cache, source)
    cache.touch()
    assert fresh(cache, source)


def test_contrast_is_small_when_pairs_agree_and_large_when_they_do_not() -> None:
    speakers = torch.arange(4).repeat_interleave(2)
    embeddings = torch.eye(4).repeat_interleave(2, dim=0)
    mixed = torch.eye(4).repeat(2, 1)
    assert contrast(embeddings, speakers) < 0.01
    assert contrast(mixed, speakers) > 5
