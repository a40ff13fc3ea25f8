"""Clips become shards: cropped, fitted, drawn; one that can't be used is a line of the report."""

from __future__ import annotations

import csv
import io
import json
import tarfile
from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import av
import numpy as np
import pytest
import soundfile
from PIL import Image

from imagineid.ccf.background import inpaint
from imagineid.errors import BadInput
from imagineid.face import load as load_face
from imagineid.face import project
from imagineid.face.raster import mesh_picture
from imagineid.spec import ARKIT
from imagineid_prepare import __main__ as command
from imagineid_prepare import loading
from imagineid_prepare.fit import Fitter
from imagineid_prepare.layouts import find_clips
from imagineid_prepare.reading import _upright
from imagineid_prepare.sample import Tools
from imagineid_prepare.shards import CLIPS, deal, is_written

FRAMES, LEFT, TOP = 35, 150, 60
"""Of a clip, and where in its pictures of 500 x 400 the face's square begins."""


@pytest.fixture(scope="module")
def fitter() -> Fitter:
    return Fitter()


@pytest.fixture(scope="module")
def talking_face(fitter: Fitter) -> tuple[np.ndarray, np.ndarray]:
    """A face that talks, drawn into larger pictures (F, 400, 500, 3), and its landmarks there."""
    face, draw = load_face(), np.random.default_rng(0)
    alpha = draw.normal(0, 0.5, 80).astype(np.float32)
    pictures = np.full((FRAMES, 400, 500, 3), 90, np.uint8)
    marks = []
    for i in range(FRAMES):
        beta, pose = np.zeros(52, np.float32), np.zeros(6, np.float32)
        beta[ARKIT.index("jawOpen")] = 0.3 * abs(np.sin(i / 4))
        pose[1] = 0.1 * np.sin(i / 9)
        rendered = mesh_picture(face.vertices(alpha, beta, pose), face, 256)
        pictures[i, TOP : TOP + 256, LEFT : LEFT + 256] = rendered
        points_px = project(fitter.points.vertices(alpha, beta, pose), 256)
        marks.append(points_px + [LEFT, TOP] + draw.normal(0, 0.2, points_px.shape))
    return pictures, np.stack(marks).astype(np.float32)


def write_clip(path: Path, pictures: np.ndarray, wave: np.ndarray | None, fps: int = 25) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    with av.open(str(path), "w") as container:
        video = container.add_stream("libx264", rate=Fraction(fps))
        video.width, video.height, video.pix_fmt = *pictures.shape[2:0:-1], "yuv420p"
        sound = container.add_stream("aac", rate=16_000) if wave is not None else None
        for picture in pictures:
            frame = av.VideoFrame.from_ndarray(picture, "rgb24")
            container.mux(video.encode(frame))
        container.mux(video.encode())
        if sound is not None and wave is not None:
            packed = av.AudioFrame.from_ndarray(wave[None].astype(np.float32), "fltp", "mono")
            packed.sample_rate = 16_000
            container.mux(sound.encode(packed))
            container.mux(sound.encode())


@pytest.fixture(scope="module")
def clips(
    tmp_path_factory: pytest.TempPathFactory,
    talking_face: tuple[np.ndarray, np.ndarray],
    speech: Path,
) -> Path:
    """Seven clips, two of which are good; the list names one that is not there."""
    folder = tmp_path_factory.mktemp("clips")
    pictures, wave = talking_face[0], soundfile.read(speech, frames=16_000 * 2, dtype="float32")[0]
    write_clip(folder / "good.mp4", pictures, wave)
    fast = np.repeat(pictures, 12, axis=0)[::5]  # the same 1.4 s at 60 frames a second
    write_clip(folder / "sixty.mp4", fast, wave, fps=60)
    write_clip(folder / "mute.mp4", pictures, None)
    write_clip(folder / "short.mp4", pictures[:10], wave)
    write_clip(folder / "empty.mp4", pictures // 8, wave)  # dark: no face is found there
    write_clip(folder / "crowd.mp4", 255 - pictures, wave)  # inverted: two faces are found there
    (folder / "broken.mp4").write_bytes((folder / "good.mp4").read_bytes()[:3000])
    names = ("good", "sixty", "mute", "short", "empty", "crowd", "broken", "gone")
    rows = [f"{name}.mp4,anna,{'happy' if name == 'good' else ''},hello" for name in names]
    (folder / "clips.csv").write_text("\n".join(["path,speaker,emotion,text", *rows]))
    return folder


@pytest.fixture(scope="module")
def detector_calls(
    fitter: Fitter, talking_face: tuple[np.ndarray, np.ndarray]
) -> Iterator[list[int]]:
    """Replace MediaPipe by known landmarks; yield the number of pictures of each call."""
    calls: list[int] = []

    def look(pictures: list[np.ndarray]) -> Any:
        calls.append(len(pictures))
        light = np.array([picture[0, 0].mean() for picture in pictures])
        marks = np.resize(talking_face[1], (len(pictures), 478, 2)).copy()
        marks[light < 40] = np.nan
        person = np.zeros((len(pictures), *pictures[0].shape[:2]), np.uint8)
        person[:, TOP : TOP + 256, LEFT : LEFT + 256] = 255
        return SimpleNamespace(landmarks=marks, person=person, count=1 + (light > 130))

    def load_tools(size_px: int, with_phones: bool) -> Tools:
        phones = [("HH", 0.0, 0.2), ("AY", 0.2, 0.5)]
        return Tools(look, fitter, load_face(), None, inpaint, lambda w, t: phones, size_px)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(command, "load_tools", load_tools)
        yield calls


@pytest.fixture(scope="module")
def data(clips: Path, detector_calls: list[int], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The command's output for all clips."""
    folder = tmp_path_factory.mktemp("data")
    run(clips, folder)
    return folder


def run(clips: Path, data: Path) -> None:
    assert command.main([str(clips), "-o", str(data), "--size", "256"]) == 0


def report(data: Path) -> list[dict[str, str]]:
    with (data / "report.csv").open(newline="") as file:
        return list(csv.DictReader(file))


def members(data: Path) -> dict[str, bytes]:
    with tarfile.open(data / "shard-000000.tar") as tar:
        return {one.name: tar.extractfile(one).read() for one in tar}  # type: ignore[union-attr]


def test_good_clips_are_cropped_fitted_and_drawn(data: Path) -> None:
    rows = {row["key"]: row for row in report(data)}
    assert {key for key, row in rows.items() if not row["problem"]} == {"good-000", "sixty-000"}
    files = members(data)
    for key in ("good-000", "sixty-000"):
        metadata = json.loads(files[f"{key}.json"])
        assert (metadata["speaker"], metadata["text"], metadata["frames"]) == (
            "anna",
            "hello",
            FRAMES,
        )
        assert metadata["error_px"] == float(rows[key]["error_px"]) < 1.0
        wave, rate = soundfile.read(io.BytesIO(files[f"{key}.flac"]))
        assert (len(wave), rate) == (FRAMES * 640, 16_000)
        for kind, suffix in (("frame", "jpg"), ("mesh", "png"), ("mouth", "png"), ("matte", "png")):
            names = [name for name in files if name.startswith(f"{key}.{kind}.")]
            assert names == [f"{key}.{kind}.{i:04d}.{suffix}" for i in range(FRAMES)]
    assert json.loads(files["good-000.json"])["caption"] == "a photo of a happy person talking"
    assert json.loads(files["good-000.json"])["phones"] == [["HH", 0.0, 0.2], ["AY", 0.2, 0.5]]
    with Image.open(data / "report.png") as sheet:
        assert sheet.width >= 2 * 128


def test_in_the_crop_the_mesh_lies_on_the_face(data: Path) -> None:
    """The clip's pictures are mesh pictures themselves: rendered meshes must look like the crop."""
    files = members(data)
    frame, mesh = (
        np.asarray(Image.open(io.BytesIO(files[f"good-000.{name}"])), float)
        for name in ("frame.0010.jpg", "mesh.0010.png")
    )
    face = (slice(64, 192), slice(80, 176))
    assert np.abs(frame - mesh)[face].mean() < 12


def test_each_clip_that_cannot_be_used_is_one_line(data: Path) -> None:
    problems = {Path(row["path"]).stem: row["problem"] for row in report(data) if row["problem"]}
    assert problems["mute"] == "There is no sound in mute.mp4"
    assert "too short" in problems["short"]
    assert f"a face is found in 0 of {FRAMES} frames" in problems["empty"]
    assert "several faces" in problems["crowd"]
    assert set(problems) == {"mute", "short", "empty", "crowd", "broken", "gone"}
    assert all("\n" not in problem for problem in problems.values())


def test_existing_shards_are_not_remade(
    clips: Path, detector_calls: list[int], tmp_path: Path
) -> None:
    one, data = tmp_path / "one", tmp_path / "data"
    one.mkdir()
    (one / "clips.csv").write_text("path\ngood.mp4\n")
    (one / "good.mp4").write_bytes((clips / "good.mp4").read_bytes())
    run(one, data)
    first, shard, before = report(data), data / "shard-000000.tar", len(detector_calls)
    run(one, data)
    assert (report(data), len(detector_calls)) == (first, before)
    shard.rename(shard.with_name(shard.name + ".part"))  # as if it had been killed before the end
    run(one, data)
    assert (report(data), shard.is_file()) == (first, True)
    assert len(detector_calls) > before
    assert is_written(data, 0, find_clips(one), 256)
    assert not is_written(data, 0, find_clips(one), 512)
    assert not is_written(data, 0, find_clips(clips), 256)


def test_several_processes_share_the_shards(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(command, "load_tools", loading.load_tools)  # what a process can be given
    names = [f"c{i:02d}" for i in range(CLIPS + 4)]
    (tmp_path / "clips.csv").write_text("\n".join(["path", *(f"{name}.mp4" for name in names)]))
    options = SimpleNamespace(output=tmp_path, size=128, workers=2)
    shards = dict(command._written(options, deal(find_clips(tmp_path)), False))  # type: ignore[arg-type]
    assert [row["key"] for number in (0, 1) for row in shards[number]] == names
    assert all("problem" in row for rows in shards.values() for row in rows)  # none is there


@pytest.mark.parametrize(
    ("path", "speaker", "emotion"),
    [
        ("M003/video/front/angry/level_2/001.mp4", "M003", "angry"),
        ("dev/mp4/id00012/21Uxsk56VDQ/00001.mp4", "id00012", ""),
        ("WDA_BarackObama_000.mp4", "WDA_BarackObama", ""),
        ("RD_Radio1_000.mp4", "RD_Radio1", ""),
    ],
)
def test_the_layouts_of_data_sets_are_known(
    tmp_path: Path, path: str, speaker: str, emotion: str
) -> None:
    (tmp_path / path).parent.mkdir(parents=True, exist_ok=True)
    (tmp_path / path).write_bytes(b"")
    (clip,) = find_clips(tmp_path)
    assert (clip.speaker, clip.emotion) == (speaker, emotion)
    assert "." not in clip.key
    assert "/" not in clip.key


def test_only_the_front_view_of_mead_is_taken(tmp_path: Path) -> None:
    for view in ("front", "left_30"):
        path = tmp_path / "M003/video" / view / "sad/level_1/002.mp4"
        path.parent.mkdir(parents=True)
        path.write_bytes(b"")
    assert [clip.path.parts[-4] for clip in find_clips(tmp_path, "mead")] == ["front"]


@pytest.mark.parametrize(
    ("text", "what"),
    [
        ("file\na.mp4\n", "no column path"),
        ("path\n../a.mp4\n", "line 2"),
        ("path\na.mp4\na.mp4\n", "twice"),
    ],
)
def test_a_list_that_cannot_be_read_is_refused(tmp_path: Path, text: str, what: str) -> None:
    (tmp_path / "clips.csv").write_text(text)
    with pytest.raises(BadInput, match=what):
        find_clips(tmp_path)


def test_a_folder_without_clips_ends_with_one_line(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert command.main([str(tmp_path), "-o", str(tmp_path / "data")]) == BadInput.exit_code
    assert "There are no clips" in capsys.readouterr().err


@pytest.mark.parametrize(("degrees", "turned"), [(0, 0), (90, 1), (-90, 3), (180, 2)])
def test_a_turned_clip_is_turned_upright(degrees: int, turned: int) -> None:
    picture = np.arange(32 * 48 * 3, dtype=np.uint8).reshape(32, 48, 3)
    decoded = SimpleNamespace(to_ndarray=lambda: picture)
    frame = SimpleNamespace(width=48, height=32, rotation=degrees, reformat=lambda *size: decoded)
    np.testing.assert_array_equal(_upright(frame), np.rot90(picture, turned))  # type: ignore[arg-type]
