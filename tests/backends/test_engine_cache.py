"""Names of engines follow from their inputs, and a stale engine is never found."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from imagineid.backends import engine_cache
from imagineid.errors import BackendMissing, BadEngine
from imagineid.models import Model
from support.tiny import card_only

RTX = engine_cache.FLAVOURS["tensorrt-rtx"]


@pytest.fixture
def model(tmp_path: Path) -> Model:
    return card_only(tmp_path / "tiny")


def test_a_name_says_network_target_and_flavour(model: Model) -> None:
    path = engine_cache.engine_path(model, "unet", RTX, "1.7.1", "sm89")
    network, target, digest, flavour = path.name.split(".")
    assert (path.parent, network, target, flavour) == (model.folder, "unet", "sm89", RTX.name)
    assert len(digest) == 20
    assert path == engine_cache.engine_path(model, "unet", RTX, "1.7.1", "sm89")


def test_whatever_an_engine_is_made_of_changes_its_name(
    model: Model, monkeypatch: pytest.MonkeyPatch
) -> None:
    other = engine_cache.FLAVOURS["tensorrt"]
    names = {
        engine_cache.engine_path(model, "unet", RTX, "1.7.1", "sm89"),
        engine_cache.engine_path(model, "unet", RTX, "1.7.2", "sm89"),
        engine_cache.engine_path(model, "unet", RTX, "1.7.1", "sm86"),
        engine_cache.engine_path(model, "unet", other, "1.7.1", "sm89"),
        engine_cache.engine_path(model, "sca", RTX, "1.7.1", "sm89"),
        engine_cache.engine_path(
            replace(model, size=replace(model.size, batch=3)), "unet", RTX, "1.7.1", "sm89"
        ),
    }
    monkeypatch.setattr(engine_cache, "FLAGS", ("strongly typed", "another"))
    names.add(engine_cache.engine_path(model, "unet", RTX, "1.7.1", "sm89"))
    model.graph("unet").write_bytes(b"another graph")
    names.add(engine_cache.engine_path(model, "unet", RTX, "1.7.1", "sm89"))
    (model.folder / "unet.onnx.data").write_bytes(b"weights of over 2 GB")
    names.add(engine_cache.engine_path(model, "unet", RTX, "1.7.1", "sm89"))
    (model.folder / "unet.onnx.data").write_bytes(b"other weights")
    names.add(engine_cache.engine_path(model, "unet", RTX, "1.7.1", "sm89"))
    assert len({path.name for path in names}) == 10


def test_a_missing_engine_is_refused_with_the_command_that_builds_it(model: Model) -> None:
    with pytest.raises(
        BadEngine, match="There is no tensorrt-rtx engine of unet for sm89"
    ) as excinfo:
        engine_cache.find_engine(model, "unet", RTX, "1.7.1", "sm89")
    assert excinfo.value.exit_code == 3
    assert str(excinfo.value).splitlines()[-1] == (
        f"Build it:  imagineid export --model {model.folder} --format tensorrt-rtx --target sm89"
    )


def test_a_stale_engine_is_never_found(model: Model) -> None:
    engine_cache.engine_path(model, "unet", RTX, "1.7.0", "sm89").write_bytes(b"of another version")
    with pytest.raises(BadEngine, match="is outdated"):
        engine_cache.find_engine(model, "unet", RTX, "1.7.1", "sm89")
    fresh = engine_cache.engine_path(model, "unet", RTX, "1.7.1", "sm89")
    fresh.write_bytes(b"engine")
    assert engine_cache.find_engine(model, "unet", RTX, "1.7.1", "sm89") == fresh
    assert len(engine_cache.stale_engines(fresh)) == 1
    model.graph("unet").write_bytes(b"trained further")
    with pytest.raises(BadEngine, match="is outdated"):
        engine_cache.find_engine(model, "unet", RTX, "1.7.1", "sm89")


def test_the_embedded_model_has_to_be_exported_first(model: Model) -> None:
    embedded = replace(model, name="mini", precision="stored")
    assert engine_cache.rebuild_command(embedded, RTX, "sm86") == (
        "imagineid export --fp16 --format tensorrt-rtx --target sm86 -o mini-fp16"
    )


def test_a_package_that_is_not_installed_is_reported() -> None:
    with pytest.raises(BackendMissing, match=r"pip install 'imagineid\[rtx\]'"):
        engine_cache.Flavour("tensorrt-rtx", "no_such_module", "rtx").load()
