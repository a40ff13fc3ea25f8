"""The embedded weights as checkpoints from which training continues."""

from __future__ import annotations

from pathlib import Path

import pytest

torch = pytest.importorskip("torch", reason="runs where torch is: pip install -e '.[train]'")

from safetensors.torch import load_file, save_file  # noqa: E402

from imagineid.models.embedded import DIRECTORY, STORE  # noqa: E402
from imagineid.nn.first_decoder import FirstDecoder  # noqa: E402
from imagineid.nn.networks import PAD  # noqa: E402
from imagineid.nn.sca import SpatialAdapter  # noqa: E402
from imagineid.nn.unet import BaseUNet  # noqa: E402
from imagineid.spec import MINI  # noqa: E402
from imagineid_train import loop, ship  # noqa: E402
from imagineid_train.loop import LAID_OUT, load_into  # noqa: E402
from imagineid_train.stages import base  # noqa: E402


@pytest.mark.slow
def test_the_base_resumes_with_its_adapter(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """``base`` trains the adapter, too; what is shipped afterwards is its own, not the one before.

    An adapter laid out for ``student`` would be shipped beside a base that has learnt on.
    """
    for module in (ship, loop):
        monkeypatch.setattr(module, "ROOT", tmp_path)
    ship.unship(MINI)
    path = tmp_path / "mini" / "base" / LAID_OUT
    laid_out = load_file(path)
    for prefix, module in (("unet", BaseUNet(MINI)), ("adapter", SpatialAdapter(MINI))):
        names = {f"{prefix}.{name}" for name, _ in module.named_parameters()}
        assert names <= laid_out.keys()
    trained = {name: value + 1 for name, value in laid_out.items() if name.startswith("adapter.")}
    save_file(laid_out | trained, path.with_name("average.safetensors"))
    shipped = ship.trained_networks(MINI, but=PAD)["sca"].state_dict()
    assert all(
        torch.equal(shipped[name.removeprefix("adapter.")], trained[name]) for name in trained
    )


@pytest.mark.slow
def test_base_and_restoration_begin_with_the_embedded_decoder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for module in (ship, loop):
        monkeypatch.setattr(module, "ROOT", tmp_path)
    ship.unship(MINI)
    stored = load_file(DIRECTORY / MINI.name / STORE)["decoder.out.weight"].float()
    torch.testing.assert_close(base.drawing(MINI).out.weight.cpu(), stored)
    begins = load_into(FirstDecoder(MINI), "mini/first_decoder", "decoder")  # as restoration does
    torch.testing.assert_close(begins.get_parameter("out.weight"), stored)
    shipped = ship.trained_networks(MINI, but=PAD)["decoder"]
    torch.testing.assert_close(shipped.get_parameter("out.weight"), stored)
