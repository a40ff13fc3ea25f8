"""``imagineid bench``: what it prints, what it draws, and what it refuses."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest
from PIL import Image
from typer.testing import CliRunner

from imagineid_bench import chart, table
from imagineid_bench.results import Agreement, AsWritten, Report, Roof, Roofline, Whole
from imagineid_cli.main import app
from support.recordings import tone, write_recording

TESTS = Path(__file__).parent.parent

SMALL = ("--seconds", "0.4", "--lengths", "0.8", "--chains", "1,2", "--agreement", "0.2")


def start(folder: Path, *words: str, **how: Any) -> subprocess.Popen[str]:
    """Begin ``imagineid bench`` upon plain functions, children and all."""
    write_recording(folder / "voice.wav", tone(0.5))
    paths = os.pathsep.join([str(TESTS), os.environ.get("PYTHONPATH", "")])
    return subprocess.Popen(
        [sys.executable, "-m", "support.plain_pipeline", "bench", "voice.wav", *words],
        cwd=folder,
        env={**os.environ, "PYTHONPATH": paths, "TMPDIR": str(folder / "tmp")},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        **how,
    )


@pytest.mark.slow
def test_one_run_measures_everything_and_leaves_nothing(tmp_path: Path) -> None:
    (tmp_path / "tmp").mkdir()
    words = (*SMALL, "--engines", "onnx", "--reference-frames", "2", "--json", "--plot", "b.png")
    child = start(tmp_path, *words)
    stdout, stderr = child.communicate()
    assert child.returncode == 0, stderr
    output = json.loads(stdout)
    assert stdout.count("\n") == 1
    (engine,) = output["engines"]
    assert (engine["engine"], engine["frames"], engine["chains"]) == ("onnx", 10, 1)
    assert engine["fps"] == pytest.approx(10 / engine["wall_s"])
    assert engine["real_time_factor"] == pytest.approx(engine["wall_s"] / 0.4)
    assert engine["loading_s"] + engine["opening_s"] + engine["first_frame_s"] == pytest.approx(
        engine["to_first_frame_s"]
    )
    assert min(engine["stages_ms"].values()) > 0
    assert 50e6 < engine["peak_bytes"] < 3e9
    assert [length["frames"] for length in output["lengths"]] == [20]
    assert [(c["chains"], c["frames"]) for c in output["chains"]] == [(1, 10), (2, 10)]
    assert output["chains"][0]["wall_s"] == engine["wall_s"]  # the same video is made once
    assert (output["agreement"]["steps"], output["agreement"]["frames"]) == (50, 5)
    names = [row["network"] for row in output["roofline"]["networks"]]
    assert names == ["sca", "unet", "decoder", "encoder", "matte"]
    assert all(row["gflop"] > 0 for row in output["roofline"]["networks"])
    written = output["as_written"]
    if written is None:
        assert find_spec("torch") is None or find_spec("diffusers") is None
    else:
        assert (written["steps"], len(written["frames_s"])) == (50, 1)
        assert engine["times_as_written"] == pytest.approx(engine["fps"] * written["frame_s"])
    with Image.open(tmp_path / "b.png") as picture:
        assert (picture.format, picture.width) == ("PNG", chart.WIDTH)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["b.png", "tmp", "voice.wav"]
    assert list((tmp_path / "tmp").iterdir()) == []


@pytest.mark.slow
def test_ctrl_c_ends_it_and_its_children_in_one_line(tmp_path: Path) -> None:
    (tmp_path / "tmp").mkdir()
    child = start(tmp_path, "--seconds", "600", "--engines", "onnx", start_new_session=True)
    assert child.stderr is not None
    assert child.stderr.readline().startswith("onnx: 15000 frames")
    time.sleep(2)
    os.killpg(child.pid, signal.SIGINT)  # as a terminal does: to all of them
    stdout, stderr = child.communicate(timeout=60)
    assert child.returncode == 130
    assert (stdout, stderr) == ("", "Stopped. No incomplete file is left.\n")
    assert list((tmp_path / "tmp").iterdir()) == []
    assert nobody_is_left(child.pid)


def nobody_is_left(group: int) -> bool:
    """Wait until a group of processes has ended, as it soon must."""
    until = time.monotonic() + 20
    while time.monotonic() < until:
        try:
            os.killpg(group, 0)
        except ProcessLookupError:
            return True
        time.sleep(0.1)
    return False


WHOLE = Whole(
    engine="onnx",
    line="onnxruntime 1.32.0 on CPU, 2 threads",
    chains=1,
    frames=250,
    wall_s=12.5,
    loading_s=0.9,
    opening_s=0.1,
    first_frame_s=1.5,
    to_first_frame_s=2.5,
    later_frame_ms=40.0,
    stages_ms={"listening": 2.0, "unet": 9.5},
    peak_bytes=420_000_000,
    joules=None,
)


def report() -> Report:
    machine = {"processor": "Paper", "cores": 2, "load": 0.1, "card": None, "system": "Linux"}
    return Report(machine | {"versions": {"imagineid": "1"}}, "mini", 10.0, engines=[WHOLE])


def full_report() -> Report:
    full = report()
    full.as_written = AsWritten("torch 2.13.0 on CPU", 50, 4.0, 8.0, 3.0, [4.0, 6.0], 10**9, 20.0)
    full.lengths = full.chains = [WHOLE, WHOLE]
    full.agreement = Agreement(50, 50, 30.25, 27.5)
    full.roofline = Roofline("2 cores", 90.0, 20.0, "x", [Roof("unet", 5, 4.0, 50.0, 80.0, 40.0)])
    full.missing["tensorrt"] = "No NVIDIA driver is installed."
    return full


def test_the_table_holds_what_was_measured(capsys: pytest.CaptureFixture[str]) -> None:
    table.show(full_report())
    printed = capsys.readouterr().out
    rows = [" ".join(line.split()) for line in printed.splitlines()]
    assert "Paper, 2 cores; Linux; load 0.1" in rows
    assert "as published, 3 frames 0.2 125 1 8.0 s 1000 MB 6.67 J/frame" in rows
    assert "onnx, defaults 20.0 1.25 100 2.5 s 420 MB –" in rows
    assert "unet 5 4.00 50.0 80.0 50 40.00 50%" in rows
    assert rows[-3].endswith("PSNR 30.2 dB, worst frame 27.5 dB")
    assert rows[-1] == "not measured: tensorrt: No NVIDIA driver is installed."
    assert max(map(len, printed.splitlines())) <= table.WIDEST


def test_what_was_left_out_is_not_shown(capsys: pytest.CaptureFixture[str]) -> None:
    table.show(report())
    printed = capsys.readouterr().out
    assert "as published" not in printed
    assert "roofline" not in printed
    assert "onnx, defaults" in printed


def test_a_faster_engine_is_compared_with_algorithm_1(capsys: pytest.CaptureFixture[str]) -> None:
    output = full_report().as_json()
    assert output["engines"][0]["times_as_written"] == 100
    assert output["as_written"]["fps"] == 0.2
    json.dumps(output, allow_nan=False)


@pytest.mark.parametrize("make_report", [report, full_report])
def test_the_picture_has_a_panel_for_all_that_was_measured(
    tmp_path: Path, make_report: Any
) -> None:
    panels = list(chart.panels(make_report()))
    assert len(panels) == (2 if make_report is report else 7)
    chart.draw(tmp_path / "b.png", make_report(), overwrite=False)
    with Image.open(tmp_path / "b.png") as picture:
        assert picture.size == (chart.WIDTH, chart.height_of(panels))
        assert len(picture.getcolors(1 << 20) or []) > 3


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("--lengths", "10,x"), "--lengths '10,x' is not a list of numbers"),
        (("--lengths", "0.1"), "--lengths 0.1 is outside 0.2 to 7200"),
        (("--chains", "2,99"), "--chains 99 is outside 1 to 16"),
        (("--chains", "1.5"), "--chains '1.5' is not a list of numbers"),
        (("--seconds", "nan"), "--seconds nan is outside"),
        (("--reference-frames", "-1"), "--reference-frames -1 is outside"),
        (("--engines", "onnx,abacus"), "Unknown backend 'abacus'"),
        (("--plot", "b.jpg"), "b.jpg does not end in .png"),
        (("--plot", "no/b.png"), "The folder no"),
        (("--model", "nothing-here"), "Unknown model 'nothing-here'"),
        ((), "nothing.wav"),
    ],
)
def test_unusable_input_gets_a_clear_error(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, words: tuple[str, ...], message: str
) -> None:
    monkeypatch.chdir(tmp_path)
    name = "voice.wav" if words else "nothing.wav"
    write_recording(tmp_path / "voice.wav", tone(0.5))
    result = CliRunner().invoke(app, ["bench", name, *words, "--quiet"])
    assert result.exit_code == 2, result.stderr
    assert message in result.stderr
    assert result.stdout == ""


def test_an_engine_asked_for_that_can_t_run_is_refused(tmp_path: Path) -> None:
    from imagineid.backends import gpu

    if gpu.present():
        pytest.skip("runs on a machine without an NVIDIA card")
    write_recording(tmp_path / "voice.wav", tone(0.5))
    words = ["bench", str(tmp_path / "voice.wav"), "--engines", "tensorrt-rtx", "--quiet"]
    result = CliRunner().invoke(app, words)
    assert result.exit_code == 3
    assert result.stderr.startswith("Error: ")


def test_without_torch_the_comparison_is_skipped_with_a_note(tmp_path: Path) -> None:
    from imagineid.errors import BackendMissing
    from imagineid.progress import SILENT
    from imagineid_bench import plan

    def missing(*_: object) -> None:
        raise BackendMissing("torch", "torch")

    write_recording(tmp_path / "voice.wav", tone(0.5))
    settings = plan.Plan(tmp_path / "voice.wav", seconds=0.4, reference_frames=2)
    result = report()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(plan, "run_in_subprocess", missing)
        plan.as_written(settings, plan.Sounds(settings, tmp_path), SILENT, result)
    assert result.as_written is None
    assert result.missing["as written"] == (
        "The torch backend is not installed. Install it:  pip install 'imagineid[torch]'"
    )
