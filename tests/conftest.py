"""Fixtures that every test may use."""

from __future__ import annotations

from pathlib import Path

import pytest


@pytest.fixture(scope="session")
def speech() -> Path:
    """The LibriVox reading of examples/: 8.29 s."""
    return Path(__file__).parent.parent / "examples" / "speech.flac"
