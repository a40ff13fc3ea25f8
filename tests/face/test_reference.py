"""Motion from a reference."""

from __future__ import annotations

import struct
import sys
from pathlib import Path

import av
import numpy as np
import pytest

from imagineid.errors import BackendMissing, BadInput
from imagineid.face import livelink, reference
from imagineid.face.model import rotation
from imagineid.face.motion import Motion, default_motion
from imagineid.spec import ARKIT
from support.recordings import tone, write_recording


def test_a_short_reference_goes_forwards_and_back_without_a_jump() -> None:
    motion = default_motion(np.full(20, -20, np.float32), 1)
    long = reference.lasting(motion, 95)
    assert len(long.pose) == len(long.eyes) == 95
    np.testing.assert_array_equal(long.pose[:20], motion.pose)
    np.testing.assert_array_equal(long.pose[20], motion.pose[18])
    np.testing.assert_array_equal(long.pose[38], motion.pose[0])
    steps = np.abs(np.diff(long.pose, axis=0)).max(axis=0)
    assert (steps <= np.abs(np.diff(motion.pose, axis=0)).max(axis=0) + 1e-7).all()


def test_one_frame_is_held_and_a_long_reference_is_cut() -> None:
    one = Motion(np.full((1, 6), 0.01, np.float32), np.zeros((1, 52), np.float32))
    assert (reference.lasting(one, 7).pose == one.pose).all()
    motion = default_motion(np.full(50, -20, np.float32), 1)
    np.testing.assert_array_equal(reference.lasting(motion, 9).pose, motion.pose[:9])


def test_poses_are_held_within_what_the_model_can_draw() -> None:
    wild = Motion(np.full((3, 6), 9.0, np.float32), np.zeros((3, 52), np.float32))
    assert (reference.lasting(wild, 3).pose == reference.FARTHEST).all()


def head(pitch: float, yaw: float, roll: float, gap: float) -> np.ndarray:
    """Landmarks (478, 3) in pixels of a made head whose lids are ``gap`` apart."""
    points = np.zeros((478, 3))
    points[[33, 133, 362, 263]] = [[-45, 0, 0], [-18, 0, 4], [18, 0, 4], [45, 0, 0]]
    points[[10, 151, 9]] = [[0, 70, 0], [0, 60, 0], [0, 50, 0]]
    points[2] = [0, -45, 0]
    for side, (upper, lower) in reference._LIDS.items():
        middle = -31 if side == "Right" else 31
        points[list(upper)], points[list(lower)] = [middle, gap / 2, 0], [middle, -gap / 2, 0]
    turned = points @ rotation(pitch, yaw, roll).T
    return np.asarray(turned * [1, -1, -1] + 128)


def test_a_turned_head_and_a_blink_are_read_off_landmarks() -> None:
    turns = [(0, 0, 0)] * 12 + [(0.1, 0.2, -0.1)] * 9
    gaps = [8.0] * 18 + [1.0] * 3
    marks = np.stack([head(*turn, gap) for turn, gap in zip(turns, gaps, strict=True)])
    motion = reference.motion_of_landmarks(marks)
    assert np.abs(motion.pose[5]).max() < 1e-6
    np.testing.assert_allclose(
        motion.pose[18, :3], [0.1, 0.2 / reference.YAW_GAIN, -0.1], atol=0.02
    )
    blink = motion.eyes[:, ARKIT.index("eyeBlinkLeft")]
    assert (blink[:18] == 0).all()
    assert (blink[18:] == 1).all()


def test_a_csv_needs_no_extra(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "mediapipe", None)
    motion = default_motion(np.full(30, -20, np.float32), 3)
    with (tmp_path / "m.csv").open("w", newline="") as file:
        livelink.write(file, motion.eyes, motion.pose, 25)
    assert len(reference.motion_of(tmp_path / "m.csv", 50).pose) == 50


def test_a_video_without_the_extra_is_one_clear_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "mediapipe", None)
    path = write_recording(tmp_path / "ref.mp4", tone(0.5), picture=True)
    with pytest.raises(BackendMissing, match=r"pip install 'imagineid\[motion\]'") as excinfo:
        reference.motion_of(path, 10)
    assert excinfo.value.exit_code == 3


def test_a_missing_reference_is_refused(tmp_path: Path) -> None:
    with pytest.raises(BadInput, match="The reference .* does not exist"):
        reference.motion_of(tmp_path / "none.mp4", 10)


def test_pictures_come_at_25_a_second(tmp_path: Path) -> None:
    path = write_recording(tmp_path / "ref.mp4", tone(1.0), picture=True)
    assert len(list(reference._pictures(path))) == 25
    (tmp_path / "text.mp4").write_text("no video")
    with pytest.raises(BadInput, match="not a video"):
        list(reference._pictures(tmp_path / "text.mp4"))


@pytest.mark.parametrize("turns", [0, 1, 2, 3])
def test_a_video_that_a_phone_stored_lying_is_upright(turns: int, tmp_path: Path) -> None:
    upright = np.zeros((64, 96, 3), np.uint8)
    upright[:32, :, 0] = 200  # red above
    upright[:, 48:, 2] = 200  # blue on the right
    stored = np.ascontiguousarray(np.rot90(upright, -turns))
    path = tmp_path / "phone.mp4"
    with av.open(path, "w") as container:
        stream = container.add_stream("libx264", rate=25)
        stream.height, stream.width = stored.shape[:2]
        for _ in range(3):
            container.mux(stream.encode(av.VideoFrame.from_ndarray(stored, "rgb24")))
        container.mux(stream.encode(None))
    cos, sin = (1, 0, -1, 0)[turns], (0, 1, 0, -1)[turns]
    # Players turn by the matrix of the track: clockwise where its second number is 1.
    matrix = struct.pack(">9i", cos << 16, -sin << 16, 0, sin << 16, cos << 16, 0, 0, 0, 1 << 30)
    data = bytearray(path.read_bytes())
    at = data.index(b"tkhd") + 44
    data[at : at + 36] = matrix
    path.write_bytes(data)
    for picture in reference._pictures(path):
        assert picture.shape == upright.shape
        assert np.abs(picture[8:24, 8:40] - upright[8:24, 8:40].astype(int)).mean() < 30
        assert np.abs(picture[40:56, 60:88] - upright[40:56, 60:88].astype(int)).mean() < 30
