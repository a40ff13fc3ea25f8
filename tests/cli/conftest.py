"""A hub of small weights on this machine, and an empty home for them."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from support.bad_server import Server
from support.small_weights import served


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
