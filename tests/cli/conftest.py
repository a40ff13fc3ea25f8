"""The command upon the tiny model; a hub of small weights, and a home for them."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from imagineid import pipeline
from support import plain_pipeline
from support.bad_server import Server
from support.command import Run, invoke
from support.small_weights import served


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Run:
    """``run("generate", ...)`` in an empty folder."""
    monkeypatch.setattr(pipeline, "load", plain_pipeline.load)
    folder = tmp_path / "here"
    folder.mkdir()
    monkeypatch.chdir(folder)
    return invoke


@pytest.fixture
def hub() -> Iterator[Server]:
    with Server(served()) as server:
        yield server


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, hub: Server) -> Path:
    """An empty IMAGINEID_HOME; the mirror is the hub of the test."""
    monkeypatch.setenv("IMAGINEID_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("HF_ENDPOINT", hub.url)
    monkeypatch.delenv("IMAGINEID_MIRROR", raising=False)
    monkeypatch.chdir(tmp_path)
    return tmp_path / "home"
