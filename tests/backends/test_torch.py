"""The torch engine: its requirements, and the requested attention."""

from __future__ import annotations

import sys
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

torch = pytest.importorskip("torch", reason="runs where torch is: pip install -e '.[torch]'")
pytest.importorskip("diffusers", reason="runs where torch is: pip install -e '.[torch]'")

from imagineid import backends  # noqa: E402
from imagineid.backends import torch as engine  # noqa: E402
from imagineid.errors import BackendMissing, BadEngine, BadWeights  # noqa: E402
from imagineid.models import Model  # noqa: E402
from imagineid.nn.networks import Half, network  # noqa: E402
from support.tiny import TINY, card_only  # noqa: E402


@pytest.fixture
def model(tmp_path: Path) -> Model:
    model = card_only(tmp_path / "tiny", "stored")
    (model.folder / "weights.safetensors").write_bytes(b"no weights")
    return model


@pytest.fixture
def no_xformers(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "xformers", None)
    monkeypatch.setitem(sys.modules, "xformers.ops", None)


@pytest.mark.usefixtures("no_xformers")
def test_auto_says_why_it_does_without_xformers(model: Model) -> None:
    _, line = backends.choose("torch", model)
    assert line.endswith("sdpa attention (The xformers backend is not installed)")


@pytest.mark.usefixtures("no_xformers")
def test_xformers_asked_for_and_missing_is_refused(model: Model) -> None:
    with pytest.raises(BackendMissing, match="xformers backend is not installed") as excinfo:
        backends.choose("torch", model, "xformers")
    assert excinfo.value.exit_code == 3


@pytest.mark.skipif(torch.cuda.is_available(), reason="runs on a machine without an NVIDIA card")
def test_xformers_that_does_not_work_is_refused(
    model: Model, monkeypatch: pytest.MonkeyPatch
) -> None:
    ops: Any = SimpleNamespace()
    monkeypatch.setitem(sys.modules, "xformers", SimpleNamespace(ops=ops))
    monkeypatch.setitem(sys.modules, "xformers.ops", ops)
    with pytest.raises(BadEngine, match="xformers does not work here"):
        backends.choose("torch", model, "xformers")
    assert "sdpa attention (xformers does not work here: " in backends.choose("torch", model)[1]


def test_sdpa_asked_for_needs_no_reason(model: Model) -> None:
    assert backends.choose("torch", model, "sdpa")[1].endswith("sdpa attention")


def test_an_attention_that_silently_stays_is_noticed(monkeypatch: pytest.MonkeyPatch) -> None:
    unet = network("unet", TINY, 0)
    monkeypatch.setattr(
        type(unet.model), "enable_xformers_memory_efficient_attention", lambda self: None
    )
    with pytest.raises(BadEngine, match="diffusers uses AttnProcessor2_0"):
        engine.use_xformers(unet)


def test_damaged_weights_are_reported(model: Model) -> None:
    opener, _ = backends.choose("torch", model, "sdpa")
    with pytest.raises(BadWeights, match=r"weights.safetensors can't be read"):
        opener("matte")


def test_weights_of_another_network_are_reported(model: Model) -> None:
    from safetensors.torch import save_file

    save_file({"matte.stem.weight": torch.zeros(2)}, model.folder / "weights.safetensors")
    opener, _ = backends.choose("torch", model, "sdpa")
    with pytest.raises(BadWeights, match="The weights of matte in .* are of another version"):
        opener("matte")


def test_graphs_alone_are_not_enough(tmp_path: Path) -> None:
    with pytest.raises(BadWeights, match=r"holds graphs but no weights.safetensors"):
        backends.choose("torch", card_only(tmp_path / "made"))


def test_a_time_stays_exact_in_half_precision() -> None:
    dtypes = []

    class Spy(torch.nn.Module):
        def forward(self, noisy: Any, time: Any, tokens: Any) -> Any:
            dtypes.extend([noisy.dtype, time.dtype, tokens.dtype])
            return noisy

    output = Half(Spy())(torch.zeros(1, 4), torch.zeros(1), torch.zeros(1, 4, dtype=torch.int64))
    assert dtypes == [torch.float16, torch.float32, torch.int64]
    assert output.dtype == torch.float32
