"""The shipped manifest: pinned, complete, and only of kinds that can't run code."""

from __future__ import annotations

import re

import pytest

from imagineid.errors import BadInput
from imagineid.hub import manifest, store


def test_every_item_is_pinned_to_a_revision_that_can_t_move() -> None:
    for item in manifest.items():
        assert re.fullmatch("[0-9a-f]{40}", item.revision)
        assert item.files


def test_the_base_holds_every_part_of_stable_diffusion() -> None:
    (base,) = manifest.select("sd15/base")
    folders = {file.path.partition("/")[0] for file in base.files}
    assert folders >= {"unet", "vae", "text_encoder", "tokenizer", "scheduler"}
    assert base.accept
    assert 2.1e9 < base.bytes < 2.2e9


def test_a_licence_that_has_to_be_accepted_can_be_read() -> None:
    for item in manifest.items():
        if item.accept:
            text = (manifest.LICENCES / f"{item.licence}.txt").read_text(encoding="utf-8")
            assert "Use Restrictions" in text


def test_a_model_s_name_selects_all_below_it() -> None:
    assert [item.name for item in manifest.select("sd15")] == [i.name for i in manifest.items()]
    assert manifest.select("sd1") == manifest.select("") == []


def test_addresses_are_the_mirrors_then_the_hub(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HF_ENDPOINT", "https://mirror.example/hub/")
    monkeypatch.setenv("IMAGINEID_MIRROR", "http://10.0.0.1:8000")
    (item,) = manifest.select("sd15/matting")
    place = f"Xenova/modnet/resolve/{item.revision}/onnx/model.onnx"
    assert store.addresses(item, item.files[0]) == [
        f"https://mirror.example/hub/{place}",
        f"http://10.0.0.1:8000/{place}",
        f"https://huggingface.co/{place}",
    ]
    urls = store.addresses(item, item.files[0], "https://mine.example/m/")
    assert urls == ["https://mine.example/m/onnx/model.onnx"]


@pytest.mark.parametrize("path", ["a/../b.json", ".a/b.json", "a//b.json", "a\\b.json", "a.json\n"])
def test_a_path_that_could_lie_elsewhere_is_refused(path: str) -> None:
    with pytest.raises(BadInput, match="not an accepted file name"):
        manifest.check_path(path)
