"""The same short command again and again: no run may crash.

``IMAGINEID_TEST_RUNS`` says how often.
"""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from support.recordings import tone, write_recording

RUNS = int(os.environ.get("IMAGINEID_TEST_RUNS", "3"))


@pytest.mark.slow
def test_no_run_of_a_short_recording_crashes(tmp_path: Path) -> None:
    write_recording(tmp_path / "a.m4a", tone(0.24, 44_100), 44_100)
    words = ["generate", "a.m4a", "--overwrite", "--quiet", "--no-cache"]
    command = [sys.executable, "-X", "faulthandler", "-m", "imagineid_cli", *words]
    for number in range(RUNS):
        completed = subprocess.run(
            command, cwd=tmp_path, capture_output=True, text=True, check=False
        )
        assert completed.returncode == 0, f"run {number}: {completed.stderr}"
