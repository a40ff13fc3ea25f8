"""The machine: its name, its memory, its energy."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from imagineid_bench import machine


def zone(folder: Path, name: str, now: int, wrap: int = 1000) -> Path:
    path = folder / name
    path.mkdir()
    (path / "energy_uj").write_text(f"{now}\n")
    (path / "max_energy_range_uj").write_text(f"{wrap}\n")
    return path


@pytest.fixture(autouse=True)
def no_card(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(machine.shutil, "which", lambda name: None)


def test_energy_is_summed_over_packages_across_counter_wraparound(tmp_path: Path) -> None:
    near_its_end, other = zone(tmp_path, "intel-rapl:0", 900), zone(tmp_path, "intel-rapl:1", 10)
    part = zone(tmp_path, "intel-rapl:0:0", 0)
    with machine.Energy(tmp_path) as energy:
        for path, now in ((near_its_end, 100), (other, 60), (part, 500)):
            (path / "energy_uj").write_text(str(now))
    assert energy.joules == pytest.approx(250e-6)


def test_energy_is_none_where_it_cannot_be_read(tmp_path: Path) -> None:
    with machine.Energy(tmp_path) as energy:
        pass
    assert energy.joules is None


def test_peak_memory_includes_freed_memory() -> None:
    before = machine.peak_bytes()
    assert before is not None
    np.ones(1 << 27, np.uint8)
    after = machine.peak_bytes()
    assert after is not None
    assert after > 1 << 27


def test_the_machine_is_named() -> None:
    description = machine.described()
    assert description["processor"]
    assert description["cores"] >= 1
    assert {"imagineid", "python", "numpy"} <= set(description["versions"])
