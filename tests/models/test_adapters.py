"""Adapters upon a base: found, joined, run, exported."""

from __future__ import annotations

import json
import subprocess
import sys
from dataclasses import fields, replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile
import torch
from safetensors.torch import load_file, save_file

from imagineid import models
from imagineid.errors import BadInput, BadWeights
from imagineid.models.adapters import ADAPTERS
from imagineid.nn.stored import load_network
from imagineid.pad.conditioning import Conditioning
from imagineid.paths import weights_home
from imagineid.pipeline import Pipeline, load
from imagineid.request import Request
from imagineid.spec import SIZES, ports
from imagineid.video import read_metadata
from support.tiny_sd import NAMES, PROMPT, SIZE, Quiet, bring_all, write_adapters


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Any:
    """A machine to which the small base, its helpers and one set of adapters were brought."""
    folder = tmp_path_factory.mktemp("sd15")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("IMAGINEID_HOME", str(folder / "home"))
        bring_all(folder)
        yield folder


@pytest.fixture(scope="module")
def pipe(home: Path) -> Pipeline:
    return load("sd15")


def conditioning(frames: int) -> Conditioning:
    draw = np.random.default_rng(0)
    numbers: dict[str, Any] = {
        "shape": draw.standard_normal(SIZE.shape).astype("f4") / 4,
        "identity": draw.standard_normal(SIZE.identity).astype("f4"),
        "emotion": draw.standard_normal(SIZE.emotion).astype("f4"),
        "expression": draw.random((frames, SIZE.expression)).astype("f4") / 3,
        "level_db": np.full(frames, -20, "f4"),
        "gender": "female",
        "age": 30.0,
    }
    return Conditioning(**{field.name: numbers.get(field.name) for field in fields(Conditioning)})


def test_the_only_adapters_of_a_size_are_found_by_its_name(home: Path) -> None:
    found = models.find("sd15")
    assert found == models.find("tiny-adapters")
    assert (found.size, found.prompt, found.parts) == (SIZE, PROMPT, NAMES)
    assert found.networks == tuple(ports(SIZES["sd15"]))
    assert "matte" not in found.networks


def test_each_network_is_the_base_with_what_was_trained_upon_it(home: Path) -> None:
    found = models.find("sd15")
    own = load_file(found.folder / ADAPTERS)
    for name in found.networks:
        module = load_network(name, found)
        assert not any(value.is_meta for value in module.state_dict().values())
        for key, value in module.state_dict().items():
            if f"{name}.{key}" in own:
                assert torch.equal(value, own[f"{name}.{key}"]), key
    base = load_file(found.part("base") / "unet" / "diffusion_pytorch_model.safetensors")
    unet = load_network("unet", found).state_dict()
    assert all(torch.equal(unet[f"model.{key}"], value) for key, value in base.items())


def test_frames_are_made_with_modnet_and_lama(pipe: Pipeline) -> None:
    frames = list(pipe.imagine(conditioning(7), Request(prompt="red hair", seed=1)))
    assert len(frames) == 7
    assert {frame.shape for frame in frames} == {(SIZE.frame_px, SIZE.frame_px, 3)}
    assert pipe.whole_prompt("red hair") == f"{PROMPT}, red hair"
    picture = np.full((64, 64, 3), 200, np.uint8)
    person = np.zeros((64, 64), np.float32)
    person[20:40, 20:40] = 1
    painted = pipe.paint(picture, person)
    assert (painted[30, 30] == 127).all()  # what the stand-in for LaMa fills with
    assert (painted[0] == 200).all()


def test_exactly_as_written_each_frame_follows_the_one_before_it(pipe: Pipeline) -> None:
    batch_sizes: list[int] = []

    def unet(**inputs: Any) -> Any:
        batch_sizes.append(len(inputs["noisy"]))
        return pipe.engines["unet"](**inputs)

    watched = replace(pipe, engines={**pipe.engines, "unet": unet})
    request = Request(seed=1, exact=True, steps=4, guidance=1.0, chains=3)
    frames = list(watched.imagine(conditioning(3), request))
    assert len(frames) == 3
    assert batch_sizes == [1] * 12  # 4 steps of each frame, one frame at a time
    assert watched.sampling(Request(exact=True)).steps == 50
    assert watched.sampling(Request(exact=True)).sampler == "ddim"
    quick = list(pipe.imagine(conditioning(3), replace(request, exact=False, chains=1)))
    assert not np.array_equal(frames[2], quick[2])


def test_several_adapters_must_be_chosen_by_name(home: Path, tmp_path: Path) -> None:
    from imagineid.hub.store import remove
    from imagineid.hub.user_weights import add_folder

    add_folder("other", write_adapters(tmp_path / "other", "other"), Quiet())
    try:
        with pytest.raises(BadInput, match="--adapters other  or  --adapters tiny-adapters"):
            models.find("sd15")
        assert models.find("other").name == "other"
    finally:
        remove("other", Quiet())


def test_without_adapters_it_says_where_to_get_them(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("IMAGINEID_HOME", str(tmp_path))
    with pytest.raises(BadWeights, match="no adapters for sd15 here"):
        models.find("sd15")


def test_a_part_that_is_missing_is_named(home: Path, tmp_path: Path) -> None:
    found = replace(models.find("sd15"), parts={**NAMES, "base": "nowhere"})
    with pytest.raises(BadWeights, match="base called nowhere is not here"):
        found.part("base")
    with pytest.raises(BadWeights, match="can't be the name"):
        replace(found, parts={"base": "../../secret"}).part("base")
    with pytest.raises(BadWeights, match="sd15/matting is not here"):
        replace(found, parts={}).part("matting")
    graph = weights_home() / NAMES["matting"] / "model.onnx"
    whole = graph.read_bytes()
    graph.write_bytes(whole[:-1])
    with pytest.raises(BadWeights, match="not all of it"):
        found.part("matting")
    graph.write_bytes(whole)


@pytest.mark.parametrize(
    ("change", "what"),
    [
        (lambda t: t.pop("sca.stem.weight"), "sca.stem.weight"),
        (lambda t: t.update({"text.nothing": torch.zeros(1)}), "text.nothing"),
        (lambda t: t.pop("decoder.blend.weight"), "decoder.blend.weight"),
        (lambda t: t.update({"sca.stem.weight": torch.zeros(1)}), "sca"),
    ],
)
def test_adapters_of_another_base_are_refused(
    home: Path, tmp_path: Path, change: Any, what: str
) -> None:
    found = models.find("sd15")
    tensors = load_file(found.folder / ADAPTERS)
    change(tensors)
    save_file(tensors, tmp_path / ADAPTERS)
    broken = replace(found, folder=tmp_path)
    with pytest.raises(BadWeights, match="does not fit"):
        load_network(what.split(".")[0], broken)


def test_only_torch_runs_adapters_as_they_are(home: Path) -> None:
    with pytest.raises(BadInput, match="imagineid export --fp16 --model"):
        load("sd15", engine="onnx")


@pytest.mark.slow
def test_what_is_exported_makes_the_same_video(home: Path, pipe: Pipeline, tmp_path: Path) -> None:
    from imagineid_export.job import Job, export

    messages: list[str] = []
    job = Job("sd15", "fp32", "onnx", (), tmp_path / "exported")
    export(job, messages.append)
    found = models.find(str(tmp_path / "exported"))
    assert (found.size, found.prompt, found.precision) == (SIZE, PROMPT, "fp32")
    listed = {file.path for file in found.files}
    assert {"matting.onnx", "inpainting.onnx", "tokenizer/vocab.json", "face.npz"} <= listed
    onnx = load(str(found.folder), engine="onnx")
    request = Request(prompt="blue eyes", seed=2)
    ours, theirs = (list(p.imagine(conditioning(3), request)) for p in (pipe, onnx))
    assert np.abs(np.stack(ours).astype(int) - np.stack(theirs)).max() <= 2


def typed(folder: Path, *words: str) -> subprocess.CompletedProcess[str]:
    """The command in a process of its own, upon what was brought."""
    program = [sys.executable, "-m", "imagineid_cli", *words]
    return subprocess.run(program, cwd=folder, capture_output=True, text=True, check=False)


@pytest.mark.slow
def test_a_video_is_made_by_the_command(home: Path, tmp_path: Path, speech: Path) -> None:
    wave, rate = soundfile.read(speech, frames=6400)
    soundfile.write(tmp_path / "speech.wav", wave, rate)
    words = ("--model", "sd15", "--adapters", "tiny-adapters", "--exact", "--steps", "2")
    completed = typed(tmp_path, "generate", "speech.wav", *words, "-o", "out.mp4", "--json")
    assert completed.returncode == 0, completed.stderr
    output = json.loads(completed.stdout)
    assert (output["frames"], output["size_px"]) == (10, SIZE.frame_px)
    assert output["engine"].startswith("torch ")
    assert read_metadata(tmp_path / "out.mp4")["exact"] is True


def test_adapters_upon_a_model_that_takes_none_are_refused(tmp_path: Path, speech: Path) -> None:
    completed = typed(tmp_path, "generate", str(speech), "--adapters", "tiny-adapters")
    assert completed.returncode == 2
    assert "Use:  --model sd15 --adapters tiny-adapters" in completed.stderr
