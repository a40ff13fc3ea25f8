"""``imagineid export`` without its requirements: a clear error, and no file left."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest


def export(folder: Path, without: str, *words: str) -> subprocess.CompletedProcess[str]:
    """Run the command as if the package ``without`` were not installed."""
    script = (
        f"import sys; sys.modules[{without!r}] = None; from imagineid_cli.main import run; run()"
    )
    return subprocess.run(
        [sys.executable, "-c", script, "export", *words],
        cwd=folder,
        capture_output=True,
        text=True,
        check=False,
    )


@pytest.mark.parametrize(
    ("without", "words", "extra"),
    [
        ("torch", (), "export"),
        ("onnx", (), "export"),
        ("tensorrt_rtx", ("--format", "tensorrt-rtx", "--target", "sm89"), "rtx"),
    ],
)
def test_a_missing_package_is_reported(
    tmp_path: Path, without: str, words: tuple[str, ...], extra: str
) -> None:
    completed = export(tmp_path, without, "--model", "mini", *words)
    assert completed.returncode == 3, completed.stderr
    assert completed.stdout == ""
    assert completed.stderr.splitlines()[1:] == [f"Install it:  pip install 'imagineid[{extra}]'"]
    assert list(tmp_path.iterdir()) == []
