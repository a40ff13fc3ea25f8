"""The embedded weights as checkpoints that training goes on from."""

from __future__ import annotations

from pathlib import Path

import pytest

torch = pytest.importorskip("torch")
pytest.importorskip("safetensors")

from safetensors.torch import load_file  # noqa: E402

from imagineid.nn.sca import SpatialAdapter  # noqa: E402
from imagineid.nn.unet import BaseUNet  # noqa: E402
from imagineid.spec import MINI  # noqa: E402
from imagineid_train import ship  # noqa: E402
from imagineid_train.loop import LAID_OUT  # noqa: E402


@pytest.mark.slow
def test_the_base_goes_on_with_its_adapter(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """``base`` trains a spatial adapter of its own; without weights it would begin from nothing."""
    monkeypatch.setattr(ship, "ROOT", tmp_path)
    ship.unship(MINI)
    base = load_file(tmp_path / "mini" / "base" / LAID_OUT)
    student = load_file(tmp_path / "mini" / "student" / LAID_OUT)
    for prefix, module in (("unet", BaseUNet(MINI)), ("adapter", SpatialAdapter(MINI))):
        names = {f"{prefix}.{name}" for name, _ in module.named_parameters()}
        assert names <= base.keys()
    shared = [name for name in student if name.startswith("adapter.")]
    assert shared
    assert all(torch.equal(base[name], student[name]) for name in shared)
