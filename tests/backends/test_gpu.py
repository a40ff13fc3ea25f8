"""GPU queries through the driver: a fake driver in C, and none."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from imagineid.backends import gpu
from imagineid.errors import NoGpu
from support.fake_gpu import driver

pytestmark = pytest.mark.skipif(
    sys.platform != "linux", reason="runs on Linux, where the driver is made"
)

ASK = "from imagineid.backends import gpu; print(gpu.find(), gpu.present())"


def ask(folder: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-c", ASK],
        env={**os.environ, "LD_LIBRARY_PATH": str(folder)},
        capture_output=True,
        text=True,
        check=False,
    )


def test_a_gpu_is_described_by_name_target_and_driver(tmp_path: Path) -> None:
    completed = ask(driver(tmp_path))
    assert completed.stdout == "Gpu(name='Paper RTX', target='sm89', driver='12.8') True\n"


def test_a_driver_without_a_gpu_is_reported(tmp_path: Path) -> None:
    completed = ask(driver(tmp_path, init=100))  # CUDA_ERROR_NO_DEVICE
    assert "NoGpu: The NVIDIA driver reports no GPU." in completed.stderr


def test_a_missing_driver_is_reported() -> None:
    if gpu.present():
        pytest.skip("runs on a machine without an NVIDIA card")
    with pytest.raises(NoGpu, match="No NVIDIA driver is installed"):
        gpu.find()
