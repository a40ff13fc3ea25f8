"""The paper's tables, on shards of drawn faces, a tiny model and judges of a few lines."""

from __future__ import annotations

import io
import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from imagineid import testing
from imagineid.pipeline import Pipeline
from imagineid.request import Request
from imagineid_evaluate import tables
from imagineid_evaluate.__main__ import main
from imagineid_evaluate.judges import PictureJudge, SyncJudge, confidence
from imagineid_train.sd15.shards import Sample, Shards
from support.small_shards import write_shards

WHERE = "needs onnx, scikit-image and scikit-learn: make test-torch"
onnx = pytest.importorskip("onnx", reason=WHERE)
pytest.importorskip("skimage", reason=WHERE)
pytest.importorskip("sklearn", reason=WHERE)


def picture_judge(
    path: Path, side: int = 8, channels: int = 3, wide: int = 8, batch: int | str = "batch"
) -> Path:
    """Write a judge that returns all pixels of a picture."""
    helper = onnx.helper
    image = helper.make_tensor_value_info("image", 1, [batch, channels, side, wide])
    pixels = helper.make_tensor_value_info("pixels", 1, [batch, channels * side * wide])
    nodes = [helper.make_node("Flatten", ["image"], ["pixels"], axis=1)]
    return written(path, nodes, [image], [pixels])


def sync_judge(path: Path) -> Path:
    """Write a judge that compares the brightness of the first frame with the first sample."""
    helper = onnx.helper
    inputs = [
        helper.make_tensor_value_info("frames", 1, ["batch", 3, 5, 8, 8]),
        helper.make_tensor_value_info("wave", 1, ["batch", 3200]),
    ]
    outputs = [helper.make_tensor_value_info(name, 1, ["batch", 1]) for name in ("video", "audio")]
    constants = [
        helper.make_tensor("zero", 7, [1], [0]),
        helper.make_tensor("one", 7, [1], [1]),
        helper.make_tensor("frame_axis", 7, [1], [2]),
        helper.make_tensor("sample_axis", 7, [1], [1]),
    ]
    nodes = [
        helper.make_node("Slice", ["frames", "zero", "one", "frame_axis"], ["first"]),
        helper.make_node("ReduceMean", ["first"], ["mean"], keepdims=0, axes=[1, 2, 3, 4]),
        helper.make_node("Unsqueeze", ["mean", "one"], ["video"]),
        helper.make_node("Slice", ["wave", "zero", "one", "sample_axis"], ["audio"]),
    ]
    return written(path, nodes, inputs, outputs, constants)


def written(
    path: Path, nodes: list, inputs: list, outputs: list, constants: list | None = None
) -> Path:
    graph = onnx.helper.make_graph(nodes, "judge", inputs, outputs, constants or [])
    opset = [onnx.helper.make_opsetid("", 17)]
    model = onnx.helper.make_model(graph, opset_imports=opset, ir_version=9)
    onnx.checker.check_model(model)
    path.write_bytes(model.SerializeToString())
    return path


@pytest.fixture
def data(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(tables, "load", lambda model: testing.load("tiny"))
    monkeypatch.delenv("IMAGINEID_MEDIAPIPE_PYTHON", raising=False)
    return write_shards(tmp_path / "data")


def rows_of(path: Path) -> dict[str, dict]:
    return {row["name"]: row for row in json.loads(path.read_text())["rows"]}


def test_all_rows_stand_beside_the_papers_and_those_without_a_judge_are_empty(
    data: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "out"
    words = ["tables", str(data), "--seconds", "0.4", "-o", str(out), "--json", str(out / "a.json")]
    assert main([*words, "--markdown", str(out / "a.md")]) == 0
    rows = rows_of(out / "a.json")
    assert len(rows) == 11
    assert rows["Table 2  PSNR"]["published"] == 29.66
    assert 3 < rows["Table 2  PSNR"]["value"] < 60
    assert 0 < rows["Table 2  SSIM"]["value"] < 1
    for name in ("Table 1  shape", "Table 1  FID", "Table 2  EACC", "Table 2  sync"):
        assert rows[name]["value"] is None
        assert ".onnx" in rows[name]["note"]
    assert "MediaPipe" in rows["Table 2  LMD"]["note"]
    assert "paper" in capsys.readouterr().out.splitlines()[0]
    heading, rule, *lines = (out / "a.md").read_text().splitlines()
    assert [line.count("|") for line in (heading, rule, *lines)] == [7] * 13
    assert any(line.startswith("| Table 2  PSNR | ") and "| 29.66 |" in line for line in lines)
    for name in ("retrieval.png", "emotions.png"):
        with Image.open(out / name) as picture:
            assert np.asarray(picture).std() > 5


def test_judges_of_a_folder_fill_their_rows(data: Path, tmp_path: Path) -> None:
    judges = tmp_path / "judges"
    judges.mkdir()
    for name in ("shape", "age", "gender", "emotion", "inception"):
        picture_judge(judges / f"{name}.onnx")
    sync_judge(judges / "syncnet.onnx")
    words = ["tables", str(data), "--judges", str(judges), "--seconds", "0.6", "--most", "2"]
    assert main([*words, "-o", str(tmp_path), "--json", str(tmp_path / "a.json")]) == 0
    rows = rows_of(tmp_path / "a.json")
    assert 0 < rows["Table 1  age"]["value"] < 1
    for name in ("Table 1  FID", "Table 2  FID", "Table 2  EACC", "Table 2  sync"):
        assert rows[name]["value"] > 0


def test_a_clip_against_itself_is_perfect_and_a_moved_mouth_is_not(tmp_path: Path) -> None:
    pictures = np.random.default_rng(0).integers(0, 255, (6, 64, 64, 3)).astype(np.uint8)
    judge = PictureJudge(picture_judge(tmp_path / "shape.onnx"))
    features = judge(list(pictures))
    assert features.shape == (6, 192)
    assert tables.cosine(features, features) == pytest.approx(1)
    assert tables.similarity(pictures[0], pictures[0]) == pytest.approx(1)
    assert tables.similarity(pictures[0], pictures[1]) < 0.2
    marks = np.random.default_rng(1).uniform(0, 128, (4, 478, 2))
    shifted = marks + 5  # a head elsewhere, with the same mouth
    assert tables.mouth_distance(marks, shifted, 128)[0] == pytest.approx(0)
    opened = marks.copy()
    opened[:, 14, 1] += 7  # one of 14 landmarks, 7 px of 128
    expected = 2 * 7 * (13 / 14 + 13 / 14) / 14
    assert tables.mouth_distance(marks, opened, 128)[0] == pytest.approx(expected)
    opened[2:] = np.nan
    assert tables.mouth_distance(marks, opened, 128)[1] == "a face in 2 of 4 frames"


def test_sound_in_step_is_trusted_and_sound_of_another_clip_is_not() -> None:
    rng = np.random.default_rng(0)
    seen, other = rng.standard_normal((2, 60, 8))
    assert confidence(seen, seen) > 3
    assert confidence(seen, np.roll(seen, 4, axis=0)) > 3  # late, but in step
    assert confidence(seen, other) < 1


def test_sync_pairs_each_window_of_frames_with_its_own_sound(tmp_path: Path) -> None:
    judge = SyncJudge(sync_judge(tmp_path / "syncnet.onnx"))
    bright = np.random.default_rng(0).integers(0, 255, 50)
    pictures = [np.full((16, 16, 3), value, np.uint8) for value in bright]
    wave = np.repeat(bright / 255, 640).astype(np.float32)
    assert judge.confidence(pictures, wave) > 0.2
    assert judge.confidence(pictures, np.flip(wave).copy()) < 0.15


def test_sync_sees_the_mouth_and_not_the_brow(tmp_path: Path) -> None:
    judge = SyncJudge(sync_judge(tmp_path / "syncnet.onnx"))
    rng = np.random.default_rng(0)
    pictures = [np.full((16, 16, 3), value, np.uint8) for value in rng.integers(0, 255, 50)]
    bright = rng.integers(0, 255, 50)
    for picture, value in zip(pictures, bright, strict=True):
        picture[8:] = value  # the lower half follows the sound
    wave = np.repeat(bright / 255, 640).astype(np.float32)
    assert judge.confidence(pictures, wave) > 0.2
    assert judge.confidence([picture[::-1] for picture in pictures], wave) < 0.15


def test_judges_of_pictures_see_numbers_from_0_to_1(tmp_path: Path) -> None:
    judge = PictureJudge(picture_judge(tmp_path / "shape.onnx"))
    white, grey = (np.full((16, 16, 3), value, np.uint8) for value in (255, 51))
    np.testing.assert_allclose(judge([white, grey])[:, 0], [1, 0.2], atol=1e-6)


def result(true: np.ndarray, video: np.ndarray) -> tables.Result:
    return tables.Result(None, None, true, true[0], video, np.zeros(0), -1)  # type: ignore[arg-type]


def test_frames_are_compared_one_by_one(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("IMAGINEID_MEDIAPIPE_PYTHON", raising=False)
    true = np.random.default_rng(0).integers(40, 215, (5, 32, 32, 3)).astype(np.uint8)

    def psnr(video: np.ndarray) -> float:
        rows = tables.table_2([result(true, video)], tables.open_judges(None))
        return {row.name: row.value for row in rows}["Table 2  PSNR"]

    assert psnr(true) == 100
    assert psnr(true + np.uint8(10)) == pytest.approx(20 * np.log10(255 / 10), abs=0.01)
    assert psnr(true[::-1]) < 35  # the middle frame alone is the same


@dataclass
class Recorder:
    """A pipeline that notes what it is to imagine."""

    pipe: Pipeline
    calls: list[dict[str, Any]] = field(default_factory=list)

    def __getattr__(self, name: str) -> Any:
        return getattr(self.pipe, name)

    def imagine(self, voice: Any, request: Request, **options: Any) -> Iterator[np.ndarray]:
        self.calls.append(options)
        return self.pipe.imagine(voice, request, **options)


@dataclass
class Nodding:
    """A clip whose head moves."""

    sample: Sample
    pose: np.ndarray

    def __getattr__(self, name: str) -> Any:
        return getattr(self.sample, name)

    def read(self, ending: str) -> bytes:
        if ending != "npz":
            return self.sample.read(ending)
        file = io.BytesIO()
        np.savez(file, pose=self.pose)
        return file.getvalue()


def test_a_clip_is_imagined_from_its_first_frame_with_its_poses(data: Path) -> None:
    pipe, sample = Recorder(testing.load("tiny")), Shards.open(data, 1).samples[0]
    pose = np.random.default_rng(0).normal(0, 0.05, (sample.frames, 6))
    made = tables.imagined(pipe, Nodding(sample, pose), Request(seed=1), 0.4)  # type: ignore[arg-type]
    alone, along = pipe.calls
    assert alone == {}  # Table 1: from the sound alone
    assert len(made.true) == len(made.video) == 10
    for number, frame in enumerate(made.true):
        np.testing.assert_array_equal(frame, sample.picture(f"frame.{number:04d}.jpg"))
    np.testing.assert_array_equal(along["first"], made.true[0])
    np.testing.assert_allclose(along["motion"].pose, pose[:10], rtol=1e-6)


@pytest.mark.parametrize("broken", ["grey", "text", "sound", "wide", "fixed"])
def test_a_judge_of_another_shape_is_one_line(
    data: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], broken: str
) -> None:
    path = tmp_path / "inception.onnx"
    if broken == "grey":
        picture_judge(path, channels=1)
    elif broken == "wide":
        picture_judge(path, wide=16)
    elif broken == "fixed":
        picture_judge(path, batch=1)
    elif broken == "text":
        path.write_text("no graph")
    else:
        picture_judge(tmp_path / "syncnet.onnx")
    words = ["tables", str(data), "--judges", str(tmp_path), "--seconds", "0.3", "--most", "2"]
    assert main([*words, "-o", str(tmp_path / "out")]) == 2
    error = capsys.readouterr().err
    assert ".onnx" in error
    assert len(error.strip().splitlines()) == 2


def test_data_without_clips_is_one_line(
    data: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "empty").mkdir()
    assert main(["tables", str(tmp_path / "empty")]) == 2
    assert "imagineid_prepare" in capsys.readouterr().err
    assert main(["tables", str(data), "--judges", str(tmp_path / "gone")]) == 2
    assert "gone" in capsys.readouterr().err
