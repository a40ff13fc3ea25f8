"""Training at the paper's scale, on a tiny base and a few drawn faces."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile
import torch
from safetensors.torch import load_file

from imagineid.errors import BadInput, BadWeights
from imagineid.models import read
from imagineid.models.adapters import ADAPTERS
from imagineid.nn.networks import network
from imagineid.spec import EMOTIONS, SIZES, ports
from imagineid.video import read_metadata
from imagineid_train.sd15 import shards, stages
from imagineid_train.sd15.command import main
from imagineid_train.sd15.options import Options, size_on
from support.recordings import durations_s
from support.small_shards import FRAMES, write_shards
from support.tiny_sd import SCHEDULER, Quiet, write_base

SMALL = ("--pad", "mini", "--matting", "own", "--inpainting", "harmonic", "--batch", "4", "--cpu")
SEQUENCE = [stage.name for stage in stages.STAGES if stage.name != "joint"]


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Any:
    """A machine with a base called tiny-base, and data."""
    from imagineid.hub.user_weights import add_folder

    folder = tmp_path_factory.mktemp("sd15-train")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("IMAGINEID_HOME", str(folder / "home"))
        add_folder("tiny-base", write_base(folder / "base"), Quiet())
        write_shards(folder / "data")
        yield folder


def run(home: Path, out: Path, *words: str) -> int:
    return main(
        ["--base", "tiny-base", "--data", str(home / "data"), "-o", str(out), *SMALL, *words]
    )


def losses(out: Path, stage: str) -> list[dict[str, float]]:
    path = out.with_name(f"{out.name}.training") / stage / "losses.jsonl"
    return [json.loads(line) for line in path.read_text().splitlines()]


@pytest.fixture(scope="module")
def trained(home: Path) -> Path:
    """Adapters after two steps of every stage."""
    assert run(home, home / "mine", "--steps", "2") == 0
    return home / "mine"


def test_samples_are_read_where_they_lie(home: Path) -> None:
    data = shards.Shards.open(home / "data", 32)
    assert (data.speakers, data.frame_px, data.phones) == (("anna", "bob"), 64, True)
    pair = data.pair(np.random.default_rng(0), data.by_emotion)
    assert pair[0]["emotion"] == pair[1]["emotion"] >= 0
    assert pair[0]["mel"].shape == (32, 1280)
    assert set(np.unique(pair[0]["phone"])) <= set(range(40))
    row = data.frame(np.random.default_rng(0))
    assert {row[k].shape for k in ("frame", "mesh", "anchor", "neighbour")} == {(3, 64, 64)}
    assert (row["neighbour"] == 0).any()  # the mouth is hidden
    assert not (row["frame"] == 0).any()
    assert {sample.frames for sample in data.samples} == {FRAMES}


def test_the_numbers_of_a_model_are_those_of_its_base(home: Path) -> None:
    size = size_on(home / "base", 128, Options(pseudo_words=4))
    assert (size.name, size.frame_px, size.latent_px) == ("sd15", 128, 16)
    assert size.text_tokens + size.pseudo_words == 77
    assert size.schedule.prediction == "epsilon"
    with pytest.raises(BadWeights, match="no base like Stable Diffusion"):
        size_on(home / "data", 128, Options())


def test_the_numbers_on_stable_diffusion_are_those_of_sd15(tmp_path: Path) -> None:
    """The entries that are read, as Stable Diffusion 1.5's own files have them."""
    cross = ["CrossAttnDownBlock2D"] * 3
    configs: dict[str, dict[str, Any]] = {
        "unet/config.json": {
            "attention_head_dim": 8,
            "block_out_channels": [320, 640, 1280, 1280],
            "down_block_types": [*cross, "DownBlock2D"],
            "layers_per_block": 2,
            "norm_num_groups": 32,
        },
        "vae/config.json": {"block_out_channels": [128, 256, 512, 512], "latent_channels": 4},
        "text_encoder/config.json": {
            "hidden_size": 768,
            "max_position_embeddings": 77,
            "num_attention_heads": 12,
            "num_hidden_layers": 12,
        },
        "scheduler/scheduler_config.json": SCHEDULER,
    }
    for name, config in configs.items():
        (tmp_path / name).parent.mkdir()
        (tmp_path / name).write_text(json.dumps(config))
    assert size_on(tmp_path, 512, Options()) == SIZES["sd15"]


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("--conditions", "anchor"), "the mesh is always one"),
        (("--steps", "nose=3"), "--steps nose=3 is invalid"),
        (("--rate", "sca=nan"), "--rate sca=nan is invalid"),
        (("--pseudo-words", "0"), "--pseudo-words must be"),
        (("lips",), "There is no stage lips"),
    ],
)
def test_an_invalid_choice_is_refused(
    home: Path, tmp_path: Path, words: tuple[str, ...], message: str, capsys: Any
) -> None:
    assert run(home, tmp_path / "out", *words) == BadInput.exit_code
    assert message in capsys.readouterr().err
    assert list(tmp_path.iterdir()) == []


def test_a_folder_without_shards_is_refused(home: Path, tmp_path: Path, capsys: Any) -> None:
    words = ["--base", "tiny-base", "--data", str(tmp_path), "-o", str(tmp_path / "out")]
    assert main(words) == BadInput.exit_code
    assert "imagineid_prepare" in capsys.readouterr().err


@pytest.mark.slow
@pytest.mark.parametrize("stage", SEQUENCE)
def test_a_stage_takes_two_steps(trained: Path, stage: str) -> None:
    rows = losses(trained, stage)
    assert [row["step"] for row in rows] == [1, 2]
    assert all(np.isfinite(list(row.values())).all() for row in rows)
    assert len(rows[0]) > 1


@pytest.mark.slow
def test_losses_are_shown_by_tensorboard(home: Path) -> None:
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    out = home / "watched"
    assert run(home, out, "identity", "--steps", "2", "--tensorboard") == 0
    shown = EventAccumulator(str(out.with_name("watched.training") / "tensorboard")).Reload()
    for name, value in losses(out, "identity")[1].items():
        if name != "step":
            first, second = shown.Scalars(f"identity/{name}")
            assert (first.step, second.step) == (1, 2)
            assert second.value == pytest.approx(value, rel=1e-5)


@pytest.mark.slow
@pytest.mark.parametrize("stage", SEQUENCE)
def test_a_resumed_stage_has_the_same_losses(home: Path, trained: Path, stage: str) -> None:
    """A stage that is stopped after a step, whose stages before it are those of ``trained``."""
    out = home / f"resumed-{stage}"
    work, before = (path.with_name(f"{path.name}.training") for path in (out, trained))
    work.mkdir()
    (work / "training.json").write_bytes((before / "training.json").read_bytes())
    for name in SEQUENCE[: SEQUENCE.index(stage)]:
        (work / name).symlink_to(before / name)
    assert run(home, out, stage, "--steps", "1") == 0
    assert run(home, out, stage, "--steps", "2") == 0
    assert losses(out, stage) == losses(trained, stage)
    first, second = (path / stage / "2" / "model.safetensors" for path in (work, before))
    assert first.read_bytes() == second.read_bytes()


@pytest.mark.slow
def test_a_killed_stage_resumes_with_the_same_losses(home: Path) -> None:
    words = ("reader", "--steps", "60", "--save-every", "7")
    assert run(home, home / "whole", *words) == 0
    out = home / "killed"
    arguments = arguments_of(home, out, *words)
    process = subprocess.Popen([sys.executable, "-m", "imagineid_train", "sd15", *arguments])
    path = home / "killed.training" / "reader" / "losses.jsonl"
    deadline = time.monotonic() + 120
    while not path.is_file() or len(path.read_text().splitlines()) < 10:
        assert process.poll() is None
        assert time.monotonic() < deadline
        time.sleep(0.01)
    process.kill()
    process.wait()
    assert 10 <= len(losses(out, "reader")) < 60
    assert run(home, out, *words) == 0
    assert losses(out, "reader") == losses(home / "whole", "reader")


@pytest.mark.slow
def test_adapters_hold_all_that_is_not_of_the_base(trained: Path) -> None:
    model = read(trained)
    tensors = load_file(trained / ADAPTERS)
    assert model.parts == {"base": "tiny-base"}
    assert {name.partition(".")[0] for name in tensors} == set(ports(model.size)) - {
        "encoder",
        "unet",
    }
    for name in ("identity", "content", "emotion", "expression", "sca", "matte"):
        expected = network(name, model.size, 0).state_dict()
        assert {f"{name}.{key}" for key in expected} <= set(tensors)
    assert np.load(trained / "emotions.npy").shape == (len(EMOTIONS), 512)


def typed(folder: Path, *words: str) -> None:
    """Run ``imagineid`` in a process of its own."""
    program = [sys.executable, "-m", "imagineid_cli", *words]
    completed = subprocess.run(program, cwd=folder, capture_output=True, text=True, check=False)
    assert completed.returncode == 0, completed.stderr


def generate(folder: Path, speech: Path, *words: str) -> None:
    """Make ``out.mp4`` of the first ten frames of a reading."""
    wave, rate = soundfile.read(speech, frames=6400)
    soundfile.write(folder / "speech.wav", wave, rate)
    typed(folder, "generate", "speech.wav", "-o", "out.mp4", "--steps", "2", *words)
    assert durations_s(folder / "out.mp4")["video"] == pytest.approx(0.4)


@pytest.mark.slow
def test_trained_adapters_make_a_video_by_the_command(
    home: Path, trained: Path, speech: Path, tmp_path: Path
) -> None:
    typed(tmp_path, "weights", "pull", "mine", "--from", str(trained))
    generate(tmp_path, speech, "--model", "sd15", "--adapters", "mine")
    assert read_metadata(tmp_path / "out.mp4")["model"] == "mine"


@pytest.mark.slow
def test_conditions_are_left_out_and_mba_is_moved(
    home: Path, trained: Path, speech: Path, tmp_path: Path
) -> None:
    out, before = home / "ablated", trained.with_name("mine.training")
    work = home / "ablated.training"
    work.mkdir()
    for name in SEQUENCE[: SEQUENCE.index("sca")]:
        (work / name).symlink_to(before / name)
    words = ("--conditions", "mesh,anchor", "--mba-level", "2")
    assert run(home, out, "sca", "mba", "matte", "--steps", "2", *words) == 0
    tensors = load_file(out / ADAPTERS)
    model = read(out)
    assert model.ports("encoder").outputs[1].dims == ("batch", 32, 16, 16)
    assert tensors["decoder.blend.weight"].shape == (32, 32, 1, 1)
    generate(tmp_path, speech, "--model", str(out))
    assert not tensors["sca.projections.neighbour.weight"].any()
    assert tensors["sca.projections.anchor.weight"].any()


def arguments_of(home: Path, out: Path, *words: str) -> list[str]:
    """Return the command's arguments for a small training."""
    data = str(home / "data")
    return ["--base", "tiny-base", "--data", data, "-o", str(out), *SMALL, *words]


def spoken(home: Path, out: Path, *words: str, processes: int = 1) -> str:
    """Train by the command, in subprocesses; return its output."""
    program = [sys.executable, "-m", "torch.distributed.run", "--nproc-per-node", str(processes)]
    arguments = arguments_of(home, out, *words)
    completed = subprocess.run(
        [*program, "-m", "imagineid_train", "sd15", *arguments],
        capture_output=True,
        text=True,
        check=False,
    )
    assert completed.returncode == 0, completed.stderr
    return completed.stdout


@pytest.mark.slow
def test_two_processes_in_micro_batches_have_the_losses_of_one(home: Path, trained: Path) -> None:
    out = home / "two"
    output = spoken(home, out, "--steps", "2", "--accumulate", "2", processes=2)
    assert "processes 2" in output
    for stage in ("reader", "tia", "sca", "mba", "matte"):
        for one, two in zip(losses(trained, stage), losses(out, stage), strict=True):
            for name, value in one.items():
                # the reader's noise and PAD's dropout are drawn by each process for itself
                assert two[name] == pytest.approx(value, rel=0.02), (stage, name)


@pytest.mark.slow
def test_adapters_are_trained_together_in_bfloat16(home: Path, trained: Path) -> None:
    out = home / "joint"
    words = ("--joint", "--pseudo-words", "4", "--precision", "bf16", "--checkpointing")
    assert "precision bf16" in spoken(home, out, "--steps", "1", *words)
    tensors = load_file(out / ADAPTERS)
    assert tensors["text.inversion.mlp.4.weight"].shape[0] == 4 * 32
    assert all(value.dtype == torch.float32 for value in tensors.values())
    assert run(home, out, "--steps", "1", "--joint") == BadInput.exit_code  # begun with N = 4


@pytest.mark.slow
@pytest.mark.skipif(
    "IMAGINEID_MEDIAPIPE_PYTHON" not in os.environ,
    reason="runs where MediaPipe is, in IMAGINEID_MEDIAPIPE_PYTHON: docs/prepare.md",
)
def test_the_example_goes_from_clips_to_a_video(tmp_path: Path) -> None:
    here = Path(__file__).parent.parent.parent
    completed = subprocess.run(
        ["bash", str(here / "examples" / "train-your-own.sh"), str(tmp_path / "dir")],
        env={**os.environ, "STEPS": "100", "CLIPS": "2"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert completed.returncode == 0, completed.stdout + completed.stderr
    assert durations_s(tmp_path / "dir" / "video.mp4")["video"] > 8
