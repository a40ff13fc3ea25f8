"""Live Link Face CSV, written and read back."""

from __future__ import annotations

import csv
from pathlib import Path

import numpy as np
import pytest

from imagineid.errors import BadInput
from imagineid.face import livelink
from imagineid.face.motion import default_motion
from imagineid.spec import ARKIT


def written(path: Path, fps: int, frames: int = 60) -> tuple[np.ndarray, np.ndarray]:
    """Write curves and a pose; return them."""
    motion = default_motion(np.full(frames, -20, np.float32), 3)
    curves = np.clip(motion.eyes + np.linspace(0, 0.3, 52), 0, 1).astype(np.float32)
    with path.open("w", newline="") as file:
        livelink.write(file, curves, motion.pose, fps)
    return curves, motion.pose


def read_back(path: Path) -> list[dict[str, str]]:
    with path.open(newline="") as file:
        return list(csv.DictReader(file))


def test_the_columns_are_the_app_s(tmp_path: Path) -> None:
    curves, pose = written(tmp_path / "a.csv", 25)
    rows = read_back(tmp_path / "a.csv")
    assert list(rows[0])[:3] == ["Timecode", "BlendShapeCount", "EyeBlinkLeft"]
    assert list(rows[0])[-9:-6] == ["HeadYaw", "HeadPitch", "HeadRoll"]
    assert len(rows[0]) == 63
    assert len(rows) == 60
    assert (rows[0]["Timecode"], rows[26]["Timecode"]) == ("00:00:00:00.000", "00:00:01:01.000")
    assert {row["BlendShapeCount"] for row in rows} == {"61"}
    assert float(rows[9]["JawOpen"]) == pytest.approx(curves[9, ARKIT.index("jawOpen")], abs=1e-6)
    assert float(rows[9]["HeadYaw"]) == pytest.approx(pose[9, 1], abs=1e-6)


def test_sixty_rows_a_second_last_as_long(tmp_path: Path) -> None:
    written(tmp_path / "a.csv", 60)
    rows = read_back(tmp_path / "a.csv")
    assert len(rows) == 144
    assert rows[-1]["Timecode"] == "00:00:02:23.000"


@pytest.mark.parametrize("fps", [25, 60])
def test_head_and_lids_come_back(tmp_path: Path, fps: int) -> None:
    curves, pose = written(tmp_path / "a.csv", fps)
    motion = livelink.read(tmp_path / "a.csv")
    assert len(motion.pose) == 60
    near = 1e-4 if fps == 25 else 0.03
    np.testing.assert_allclose(motion.pose[:, :3], pose[:, :3], atol=near)
    blink = ARKIT.index("eyeBlinkLeft")
    assert np.corrcoef(motion.eyes[:, blink], curves[:, blink])[0, 1] > 0.98
    assert not motion.eyes[:, ARKIT.index("jawOpen")].any()


@pytest.mark.parametrize(
    "text",
    [
        "",
        "Timecode,HeadYaw\n",
        "a,b\n1,2\n",
        "Timecode,HeadYaw\n00:00:00:00.0,turned\n",
        "Timecode,HeadYaw\n00:00:00:00.0,nan\n",
        "Timecode,HeadYaw\n0.04,0.1\n",
        "Timecode,HeadYaw\n00:00:00:00.0\n\x00",
    ],
)
def test_another_csv_is_refused(tmp_path: Path, text: str) -> None:
    (tmp_path / "a.csv").write_text(text)
    if "\x00" in text and "0.0\n" in text:
        (tmp_path / "a.csv").write_bytes(b"\xff\xfe\x00\x01" * 9)
    with pytest.raises(BadInput, match="Live Link Face"):
        livelink.read(tmp_path / "a.csv")
