"""Videos, read back as a player would."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import av
import numpy as np
import pytest
from numpy.typing import NDArray

from imagineid.audio import open_sound
from imagineid.errors import BadInput, BadOutput
from imagineid.files import check_output
from imagineid.video import VideoWriter, read_metadata
from support.recordings import durations_s, read_picture, read_sound, tone, write_recording

GREY = np.full((64, 64, 3), 90, dtype=np.uint8)
WHITE = np.full((64, 64, 3), 255, dtype=np.uint8)


def write_video(
    path: Path, sound: Path, frames: list[NDArray[np.uint8]], **metadata: object
) -> Path:
    with VideoWriter(path, 64, sound, metadata) as video:
        for frame in frames:
            video.write(frame)
    return path


def grey_video(path: Path, sound: Path) -> Path:
    with open_sound(sound) as opened:
        return write_video(path, sound, [GREY] * opened.frames)


@pytest.mark.parametrize("rate", [8_000, 16_000, 22_050, 44_100, 96_000])
@pytest.mark.parametrize("seconds", [0.2, 1.013, 3.0])
def test_a_video_is_as_long_as_its_sound(tmp_path: Path, rate: int, seconds: float) -> None:
    sound = write_recording(tmp_path / "a.wav", tone(seconds, rate), rate)
    lengths = durations_s(grey_video(tmp_path / "out.mp4", sound))
    assert lengths["video"] == pytest.approx(seconds, abs=0.04)
    assert lengths["audio"] == pytest.approx(seconds, abs=0.001)


@pytest.mark.parametrize("rate", [8_000, 22_050, 44_100, 96_000])
def test_a_flash_and_a_click_stay_together(tmp_path: Path, rate: int) -> None:
    wave = np.zeros((2, 3 * rate), dtype=np.float32)
    wave[:, 2 * rate : 2 * rate + rate // 50] = 0.8
    sound = write_recording(tmp_path / "a.wav", wave, rate)
    path = write_video(tmp_path / "out.mp4", sound, [GREY] * 50 + [WHITE] + [GREY] * 24)
    flash_s = next(time for time, frame in read_picture(path) if frame.mean() > 200)
    samples, heard_rate = read_sound(path)
    click_s = np.flatnonzero(np.abs(samples[0]) > 0.4)[0] / heard_rate
    assert flash_s == pytest.approx(2.0, abs=0.001)
    assert click_s == pytest.approx(2.0, abs=0.005)


@pytest.mark.parametrize("suffix", [".mp3", ".m4a", ".ogg", ".mp4"])
def test_packed_sound_stays_in_step(tmp_path: Path, suffix: str) -> None:
    wave = np.zeros((1, 96_000), dtype=np.float32)
    wave[0, 48_000:48_960] = 0.8
    sound = write_recording(tmp_path / f"a{suffix}", wave, 48_000, picture=suffix == ".mp4")
    packed, rate = read_sound(sound)
    before_s = np.flatnonzero(np.abs(packed[0]) > 0.4)[0] / rate
    samples, rate = read_sound(grey_video(tmp_path / "out.mp4", sound))
    after_s = np.flatnonzero(np.abs(samples[0]) > 0.4)[0] / rate
    assert after_s == pytest.approx(before_s, abs=0.01)


def test_the_sound_keeps_its_rate_and_its_channels(tmp_path: Path) -> None:
    wave = np.concatenate([tone(1.0, 44_100), 0 * tone(1.0, 44_100)])
    sound = write_recording(tmp_path / "a.flac", wave, 44_100)
    samples, rate = read_sound(grey_video(tmp_path / "out.mp4", sound))
    assert (rate, len(samples)) == (44_100, 2)
    middle = samples[:, 10_000:30_000]
    assert np.abs(middle[0]).max() == pytest.approx(0.3, abs=0.05)
    assert np.abs(middle[1]).max() < 0.01


@pytest.mark.parametrize(
    ("rate", "written"),
    [(8_000, 48_000), (11_025, 44_100), (16_000, 48_000), (22_050, 44_100), (32_000, 44_100),
     (44_100, 44_100), (48_000, 48_000), (96_000, 48_000)],
)  # fmt: skip
def test_the_sound_of_an_mp4_is_what_every_upload_takes(
    tmp_path: Path, rate: int, written: int
) -> None:
    sound = write_recording(tmp_path / "a.wav", tone(1.0, rate), rate)
    with av.open(str(grey_video(tmp_path / "out.mp4", sound))) as video:
        stream = video.streams.audio[0]
        assert (stream.codec.name, stream.profile, stream.rate) == ("aac", "LC", written)
    samples, _ = read_sound(tmp_path / "out.mp4")
    loudest_hz = np.abs(np.fft.rfft(samples[0])).argmax() * written / samples.shape[1]
    assert loudest_hz == pytest.approx(440, abs=3)


def test_a_file_system_that_refuses_modes_does_not_cost_the_video(
    tmp_path: Path, speech: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refused(_path: Path, _mode: int) -> None:  # as SMB does
        raise PermissionError(1, "Operation not permitted")

    monkeypatch.setattr(Path, "chmod", refused)
    path = write_video(tmp_path / "out.mp4", speech, [GREY] * 5)
    assert len(read_picture(path)) == 5


def test_surround_sound_becomes_stereo(tmp_path: Path) -> None:
    wave = np.repeat(tone(1.0, 48_000), 6, axis=0)
    sound = write_recording(tmp_path / "a.flac", wave, 48_000)
    samples, _ = read_sound(grey_video(tmp_path / "out.mp4", sound))
    assert len(samples) == 2


def test_sound_ends_where_the_picture_ends(tmp_path: Path) -> None:
    sound = write_recording(tmp_path / "a.wav", tone(3.0))
    lengths = durations_s(write_video(tmp_path / "out.mp4", sound, [GREY] * 30))
    assert lengths == {"video": 1.2, "audio": pytest.approx(1.2, abs=0.001)}


def test_players_and_browsers_can_play_it(tmp_path: Path, speech: Path) -> None:
    path = grey_video(tmp_path / "out.mp4", speech)
    with av.open(str(path)) as container:
        picture, sound = container.streams.video[0], container.streams.audio[0]
        assert (picture.codec.name, sound.codec.name) == ("h264", "aac")
        assert picture.pix_fmt == "yuv420p"
        assert picture.average_rate == 25
        assert picture.codec_context.colorspace == 1  # BT.709
    data = path.read_bytes()
    assert data.find(b"moov") < data.find(b"mdat")  # it plays while it loads


def test_colours_come_back(tmp_path: Path, speech: Path) -> None:
    colour = np.array([200, 120, 40], dtype=np.uint8)
    frame = np.broadcast_to(colour, (64, 64, 3))
    path = write_video(tmp_path / "out.mp4", speech, [frame] * 10)
    average = read_picture(path)[5][1].mean(axis=(0, 1))
    assert np.abs(average - colour).max() < 4


def test_the_same_frames_make_the_same_file(tmp_path: Path, speech: Path) -> None:
    rng = np.random.default_rng(1)
    frames = list(rng.integers(0, 255, (30, 64, 64, 3), dtype=np.uint8))
    one = write_video(tmp_path / "1.mp4", speech, frames, seed=1)
    two = write_video(tmp_path / "2.mp4", speech, frames, seed=1)
    assert one.read_bytes() == two.read_bytes()


def test_a_video_says_how_a_machine_made_it(tmp_path: Path, speech: Path) -> None:
    metadata = {
        "prompt": "rotes Haar — “kurz”, 红",
        "seed": 2**32 - 1,
        "guidance": 2.5,
        "steps": None,
    }
    path = write_video(tmp_path / "out.mp4", speech, [GREY], **metadata)
    known = read_metadata(path)
    assert known.items() >= metadata.items()
    assert known["synthetic"] is True
    with av.open(str(path)) as container:
        assert "made by a machine" in container.metadata["description"]


def test_metadata_of_another_film_are_refused(tmp_path: Path) -> None:
    film = write_recording(tmp_path / "a.mp4", tone(1.0, 44_100), 44_100, picture=True)
    (tmp_path / "b.mp4").write_text("no film")
    for path in (film, tmp_path / "b.mp4", tmp_path / "none.mp4", tmp_path):
        with pytest.raises(BadInput):
            read_metadata(path)


# ---- where a result can't go


def test_an_unwritable_path_is_reported(tmp_path: Path) -> None:
    (tmp_path / "there.mp4").touch()
    (tmp_path / "dangling.mp4").symlink_to("nowhere.mp4")
    places = {
        tmp_path: "is a directory",
        tmp_path / "none" / "a.mp4": "does not exist",
        tmp_path / "there.mp4" / "a.mp4": "does not exist",
        tmp_path / "there.mp4": "exists already",
        tmp_path / "dangling.mp4": "exists already",
        tmp_path / "a.avi": "does not end in .mp4",
        tmp_path / ("a" * 300 + ".mp4"): "can't be written",
    }
    for place, words in places.items():
        with pytest.raises(BadOutput, match=words):
            check_output(place, overwrite=False)
    check_output(tmp_path / "there.mp4", overwrite=True)


def test_a_read_only_folder_is_reported(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    tmp_path.chmod(0o555)
    if os.geteuid() == 0:  # root may write everywhere
        monkeypatch.setattr(os, "access", lambda *_: False)
    with pytest.raises(BadOutput, match="is not writable"):
        check_output(tmp_path / "a.mp4", overwrite=False)
    tmp_path.chmod(0o755)


def broken_video(path: Path, sound: Path, break_it: Callable[[], object]) -> None:
    with VideoWriter(path, 64, sound, {}, overwrite=path.exists()) as video:
        video.write(GREY)
        break_it()


def stop() -> None:
    raise KeyboardInterrupt


def test_nothing_is_left_of_a_video_that_failed(tmp_path: Path, speech: Path) -> None:
    with pytest.raises(ZeroDivisionError):
        broken_video(tmp_path / "out.mp4", speech, lambda: 1 / 0)
    with pytest.raises(KeyboardInterrupt):
        broken_video(tmp_path / "out.mp4", speech, stop)
    assert list(tmp_path.iterdir()) == []


def test_a_failed_video_leaves_the_older_one_as_it_was(tmp_path: Path, speech: Path) -> None:
    path = tmp_path / "out.mp4"
    path.write_bytes(b"older")
    with pytest.raises(ZeroDivisionError):
        broken_video(path, speech, lambda: 1 / 0)
    assert [p.name for p in tmp_path.iterdir()] == ["out.mp4"]
    assert path.read_bytes() == b"older"


def test_a_file_that_came_to_be_meanwhile_is_kept(tmp_path: Path, speech: Path) -> None:
    path = tmp_path / "out.mp4"
    with pytest.raises(BadOutput, match="by another process"):
        broken_video(path, speech, lambda: path.write_bytes(b"someone else's"))
    assert path.read_bytes() == b"someone else's"
    assert [p.name for p in tmp_path.iterdir()] == ["out.mp4"]


def test_a_frame_of_another_shape_is_refused(tmp_path: Path, speech: Path) -> None:
    with (
        pytest.raises(ValueError, match="a frame is uint8"),
        VideoWriter(tmp_path / "out.mp4", 64, speech, {}) as video,
    ):
        video.write(GREY[:32])


FULL_DISK = """
import resource, sys
from pathlib import Path
import numpy as np
from imagineid.errors import BadOutput
from imagineid.video import VideoWriter
limit, speech, out = int(sys.argv[1]), sys.argv[2], sys.argv[3]
resource.setrlimit(resource.RLIMIT_FSIZE, (limit, limit))
rng = np.random.default_rng(0)
try:
    with VideoWriter(out, 64, speech, {}) as video:
        for _ in range(200):
            video.write(rng.integers(0, 255, (64, 64, 3), dtype=np.uint8))
except BadOutput as error:
    assert "No space left" in str(error), error
    assert not list(Path(out).parent.glob("*.mp4"))
    assert not list(Path(out).parent.glob(".*")), "a part is left"
    sys.exit(7)
"""


@pytest.mark.parametrize("share", [0.05, 0.5, 0.999])
def test_a_full_disk_leaves_nothing(tmp_path: Path, speech: Path, share: float) -> None:
    whole = tmp_path / "whole.mp4"
    command = [sys.executable, "-c", FULL_DISK]
    assert subprocess.run([*command, str(10**9), speech, whole], check=False).returncode == 0
    limit = str(int(whole.stat().st_size * share))
    whole.unlink()
    completed = subprocess.run(
        [*command, limit, speech, tmp_path / "out.mp4"], capture_output=True, text=True, check=False
    )
    assert completed.returncode == 7, completed.stderr
