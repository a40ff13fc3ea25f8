"""The machine: its name, what memory a process held, and what energy it took."""

from __future__ import annotations

import contextlib
import os
import platform
import shutil
import subprocess
import threading
import time
from importlib import metadata
from pathlib import Path
from types import TracebackType
from typing import Any

from imagineid import __version__

RAPL = Path("/sys/class/powercap")
"""Where Linux shows the energy counters of Intel's and AMD's processors."""

PACKAGES = ("numpy", "onnxruntime", "onnxruntime-gpu", "torch", "tensorrt-rtx-cu12", "tensorrt")
"""Packages whose versions decide speed."""

CARD_EVERY_S = 0.25
"""How often the card is asked for its power."""


def described() -> dict[str, Any]:
    """Return what stands beside numbers: processor, cores, load, card, system and versions."""
    from imagineid.backends import gpu, onnx

    versions = {"imagineid": __version__, "python": platform.python_version()}
    for package in PACKAGES:
        with contextlib.suppress(metadata.PackageNotFoundError):
            versions[package] = metadata.version(package)
    return {
        "processor": processor(),
        "cores": onnx.threads(),
        "load": round(os.getloadavg()[0], 2),
        "card": gpu.find().name if gpu.present() else None,
        "system": f"{platform.system()} {platform.machine()}",
        "versions": versions,
    }


def processor() -> str:
    """Return the processor's model."""
    with contextlib.suppress(OSError):
        for line in Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    return platform.processor() or platform.machine()


def peak_bytes() -> int | None:
    """Return the peak resident memory of this process; None if it is unknown.

    VmHWM starts at zero with the process; getrusage would count its parent's memory too.
    """
    with contextlib.suppress(OSError):
        for line in Path("/proc/self/status").read_text(encoding="utf-8").splitlines():
            if line.startswith("VmHWM:"):
                return int(line.split()[1]) * 1024
    return None


class Energy:
    """Counts what processor and card take while a ``with`` block runs, all else on them included.

    Attributes:
        joules: after the block; None if the machine does not report it, as most virtual ones.

    Args:
        counters: where the processor's counters lie.
    """

    def __init__(self, counters: Path = RAPL) -> None:
        self.joules: float | None = None
        self._packages = [zone for zone in sorted(counters.glob("intel-rapl:*")) if _whole(zone)]
        self._card_j = 0.0
        self._over = threading.Event()
        self._thread: threading.Thread | None = None

    def __enter__(self) -> Energy:
        self._before = [_microjoules(zone) for zone in self._packages]
        if shutil.which("nvidia-smi"):
            self._thread = threading.Thread(target=self._watch, daemon=True)
            self._thread.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._over.set()
        if self._thread:
            self._thread.join()
        readings = [
            (now - before) % wrap / 1e6
            for zone, before in zip(self._packages, self._before, strict=True)
            if before is not None and (now := _microjoules(zone)) is not None
            for wrap in [_number(zone / "max_energy_range_uj") or 2**62]
        ]
        if readings or self._card_j:
            self.joules = sum(readings) + self._card_j

    def _watch(self) -> None:
        """Add up the card's power over time."""
        ask = ["nvidia-smi", "--query-gpu=power.draw", "--format=csv,noheader,nounits", "-i", "0"]
        last = time.monotonic()
        while not self._over.wait(CARD_EVERY_S):
            done = subprocess.run(ask, capture_output=True, text=True, check=False)
            now = time.monotonic()
            with contextlib.suppress(ValueError):
                self._card_j += float(done.stdout) * (now - last)
            last = now


def _whole(zone: Path) -> bool:
    """Return whether a counter measures a whole package, and not a part of one."""
    return zone.name.count(":") == 1


def _microjoules(zone: Path) -> int | None:
    return _number(zone / "energy_uj")


def _number(path: Path) -> int | None:
    """Read a number; None if it is not there or is for the administrator only."""
    with contextlib.suppress(OSError, ValueError):
        return int(path.read_text(encoding="ascii"))
    return None
