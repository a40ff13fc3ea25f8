"""``imagineid export``, the whole command: a model of the smallest size to files and engines."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import onnx
import pytest
import soundfile

from imagineid.backends import engine_cache
from imagineid.models import Model, find, write_model_file
from imagineid.spec import ports
from support.fake_gpu import driver
from support.recordings import read_picture
from support.tiny import TINY, card_only, tiny_model

NETWORKS = tuple(ports(TINY))
needs_rtx = pytest.mark.skipif(
    find_spec("tensorrt_rtx") is None,
    reason="runs where tensorrt-rtx is: pip install 'imagineid[rtx]'",
)
needs_no_driver = pytest.mark.skipif(
    Path("/dev/nvidiactl").exists(), reason="runs on a machine without an NVIDIA driver"
)


def imagineid(
    folder: Path, *words: object, before: str = "", **more: str
) -> subprocess.CompletedProcess[str]:
    """The command in a process of its own; ``before`` is Python to run first."""
    script = f"{before}\nfrom imagineid_cli.main import run\nrun()"
    return subprocess.run(
        [sys.executable, "-c", script, *(str(word) for word in words)],
        cwd=folder,
        env={**os.environ, **more},
        capture_output=True,
        text=True,
        check=False,
    )


def refused(completed: subprocess.CompletedProcess[str], words: str, code: int = 3) -> None:
    assert completed.returncode == code, completed.stderr
    assert completed.stdout == ""
    lines = completed.stderr.splitlines()
    assert len(lines) == 2, completed.stderr
    assert lines[0].startswith("Error: ")
    assert words in lines[0]


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a model whose weights torch can read, ``tiny``."""
    folder = tmp_path_factory.mktemp("export")
    tiny_model(folder / "tiny")
    return folder


@pytest.fixture(scope="module")
def half(home: Path) -> dict[str, object]:
    """The output of ``--fp16 --json``; the folder is ``home / "half"``."""
    completed = imagineid(home, "export", "--model", "tiny", "--fp16", "-o", "half", "--json")
    assert completed.returncode == 0, completed.stderr
    output: dict[str, object] = json.loads(completed.stdout)
    return output


@pytest.fixture(scope="module")
def full(home: Path) -> Path:
    """The folder that ``export`` makes with default options."""
    completed = imagineid(home, "export", "--model", "tiny")
    assert (completed.returncode, completed.stdout) == (0, "tiny-fp32\n"), completed.stderr
    errors = re.findall(r"^(\w+): fp32, .* max error (\S+) against torch", completed.stderr, re.M)
    assert [name for name, _ in errors] == list(NETWORKS)
    assert max(float(error) for _, error in errors) <= 1e-4
    return home / "tiny-fp32"


@pytest.fixture
def engines(home: Path, half: dict[str, object], tmp_path: Path) -> Model:
    """A copy of the fp16 folder, without engines."""
    for file in (home / "half").iterdir():
        os.link(file, tmp_path / file.name)
    return find(str(tmp_path))


# ---- ONNX


def test_half_precision_agrees_with_full_precision(half: dict[str, list[dict[str, float]]]) -> None:
    assert [each["network"] for each in half["networks"]] == list(NETWORKS)
    assert min(each["cosine"] for each in half["networks"]) >= 0.999


def test_only_the_voice_stays_in_full_precision(
    home: Path, half: dict[str, list[dict[str, bool]]]
) -> None:
    wide = [each["network"] for each in half["networks"] if not each["half"]]
    assert wide == ["identity", "content", "emotion", "expression"]
    for name in ("unet", "decoder", "text"):
        model = onnx.load(str(home / "half" / f"{name}.onnx"))
        held = [t for t in model.graph.initializer if t.data_type == onnx.TensorProto.FLOAT]
        assert sum(np.prod(t.dims) for t in held) < 100  # the time's frequencies, no weights


def test_norms_are_functions_that_sum_in_full_precision(half: object, home: Path) -> None:
    graph = onnx.load(str(home / "half" / "unet.onnx")).graph
    kinds = {node.op_type for node in graph.node}
    assert {"GroupNormalization", "LayerNormalization"} <= kinds
    assert "InstanceNormalization" not in kinds


def test_a_folder_holds_all_that_makes_a_video(full: Path, speech: Path) -> None:
    wave, rate = soundfile.read(speech, frames=16_000, dtype="int16")
    soundfile.write(full.parent / "second.flac", wave, rate)
    completed = imagineid(full.parent, "generate", "second.flac", "--model", full, "--steps", 1)
    assert (completed.returncode, completed.stdout) == (0, "second.mp4\n"), completed.stderr
    assert "model tiny, onnxruntime" in completed.stderr
    frames = [frame for _, frame in read_picture(full.parent / "second.mp4")]
    assert len(frames) == 25
    assert frames[0].shape == (TINY.frame_px, TINY.frame_px, 3)


def test_torch_and_onnxruntime_compute_the_same(home: Path, full: Path) -> None:
    from imagineid import backends
    from imagineid.backends.parity import errors, random_inputs

    def outputs_of(engine: str, folder: Path, network: str) -> dict[str, np.ndarray]:
        opener, _ = backends.choose(engine, find(str(folder)))
        return opener(network)(**random_inputs(ports(TINY)[network], 2))

    for network in ("text", "unet", "decoder"):
        by_torch = outputs_of("torch", home / "tiny", network)
        by_onnx = outputs_of("onnx", full, network)
        assert max(errors(by_torch, by_onnx).values()) < 1e-4


def test_a_folder_that_is_there_is_kept(home: Path, full: Path) -> None:
    completed = imagineid(home, "export", "--model", "tiny")
    refused(completed, "tiny-fp32 is there already", 2)
    (home / "mine").mkdir(exist_ok=True)
    completed = imagineid(home, "export", "--model", "tiny", "-o", "mine", "--overwrite")
    refused(completed, "mine is there already", 2)
    refused(imagineid(home, "export", "-o", "no/where"), "The folder no", 2)


def test_a_full_disk_leaves_nothing(home: Path) -> None:
    limit = "import resource; resource.setrlimit(resource.RLIMIT_FSIZE, (300_000, 300_000))"
    completed = imagineid(home, "export", "--model", "tiny", "-o", "big", "--quiet", before=limit)
    refused(completed, "No room left: big")
    assert not (home / "big").exists()
    assert not list(home.glob(".imagineid-*"))


def test_a_file_that_differs_from_torch_is_not_kept(home: Path) -> None:
    strict = "import imagineid_export.files as files; files.MAX_ERROR = 1e-12"
    completed = imagineid(
        home, "export", "--model", "tiny", "-o", "strict", "--quiet", before=strict
    )
    refused(completed, "differs from torch")
    assert not (home / "strict").exists()


def test_what_can_t_be_exported_is_refused(home: Path, tmp_path: Path) -> None:
    refused(imagineid(home, "export", "--model", "maxi"), "Unknown model 'maxi'", 2)
    without = imagineid(home, "export", "--model", "sd15")
    assert without.returncode == 3
    assert "There are no adapters for sd15 here" in without.stderr.splitlines()[0]
    refused(imagineid(home, "export", "--target", "sm89"), "--target is for engines", 2)
    completed = imagineid(home, "export", "--model", "tiny", "--random-weights")
    refused(completed, "tiny is none", 2)
    card_only(tmp_path / "made")
    refused(imagineid(tmp_path, "export", "--model", "made"), "holds ONNX files already", 2)


# ---- engines


@needs_rtx
def test_engines_for_two_cards_are_built_without_any(engines: Model) -> None:
    completed = imagineid(
        engines.folder,
        *("export", "--model", ".", "--format", "tensorrt-rtx"),
        *("--target", "sm86", "--target", "sm89", "--json"),
    )
    assert completed.returncode == 0, completed.stderr
    built = json.loads(completed.stdout)["engines"]
    assert [(e["network"], e["target"]) for e in built] == [
        (network, target) for network in NETWORKS for target in ("sm86", "sm89")
    ]
    flavour = engine_cache.FLAVOURS["tensorrt-rtx"]
    version = engine_cache.version_of(flavour.load())
    for each in built:
        path = engine_cache.find_engine(engines, each["network"], flavour, version, each["target"])
        assert path.name == each["path"]
        assert path.stat().st_size == each["size_bytes"] > 100_000
    assert not list(engines.folder.glob("*.part"))


@needs_rtx
def test_a_stale_engine_is_replaced(engines: Model) -> None:
    from imagineid_export.build import Builder

    builder = Builder.of("tensorrt-rtx", ["sm89"])
    version = engine_cache.version_of(builder.trt)
    path = engine_cache.engine_path(engines, "matte", builder.flavour, version, "sm89")
    stale = path.with_name("matte.sm89.0123.tensorrt-rtx")
    for name in (stale.name, stale.name + ".checked", stale.name + ".cache"):
        stale.with_name(name).write_bytes(b"of another version")
    assert builder.build(engines, "matte", "sm89").path == path
    assert [each.name for each in engines.folder.glob("matte.sm89.*")] == [path.name]
    before = path.stat().st_mtime_ns
    builder.build(engines, "matte", "sm89")  # it is there: nothing to build
    assert path.stat().st_mtime_ns == before


def put(model: Model, network: str, graph: bytes) -> None:
    """Put another graph in a model's folder, with its sum in the description."""
    for path in (model.graph(network), model.folder / "model.json"):  # shared with other tests
        data = path.read_bytes()
        path.unlink()
        path.write_bytes(data)
    model.graph(network).write_bytes(graph)
    write_model_file(model)


@needs_rtx
@pytest.mark.skipif(sys.platform != "linux", reason="runs on Linux, where the driver is made")
def test_the_card_that_is_here_decides_which_engine_is_run(
    engines: Model, tmp_path_factory: pytest.TempPathFactory, speech: Path
) -> None:
    paper = str(driver(tmp_path_factory.mktemp("driver")))  # shows an sm89 card

    def generate() -> subprocess.CompletedProcess[str]:
        words = ("generate", speech, "--model", ".", "--engine", "tensorrt-rtx", "--quiet")
        return imagineid(engines.folder, *words, LD_LIBRARY_PATH=paper)

    refused(generate(), "There is no tensorrt-rtx engine of identity for sm89")
    command = generate().stderr.splitlines()[1].removeprefix("Build it:  imagineid ")
    built = imagineid(engines.folder, *command.split(), "--json")
    assert built.returncode == 0, built.stderr
    refused(
        generate(), "The CUDA call cudaStreamCreate failed"
    )  # found all; paper computes nothing
    put(engines, "unet", b"trained further")
    refused(generate(), "The tensorrt-rtx engine of unet for sm89 is outdated")


@needs_rtx
def test_a_damaged_graph_is_refused(engines: Model) -> None:
    put(engines, "identity", b"no graph")
    words = ("--format", "tensorrt-rtx", "--target", "sm89", "--quiet")
    completed = imagineid(engines.folder, "export", "--model", ".", *words)
    refused(completed, "identity.onnx can't be read by tensorrt-rtx")
    assert not list(engines.folder.glob("identity.sm89*"))


@needs_rtx
def test_a_target_nobody_knows_is_refused(engines: Model) -> None:
    for target in ("sm42", "rtx4090", "sm89,sm12", "none"):
        words = ("--format", "tensorrt-rtx", "--target", target)
        completed = imagineid(engines.folder, "export", "--model", ".", *words)
        refused(completed, f"does not know the target {target.split(',')[-1]}")


@needs_rtx
@needs_no_driver
def test_the_current_card_needs_a_card(home: Path) -> None:
    completed = imagineid(home, "export", "--model", "tiny", "--format", "tensorrt-rtx")
    refused(completed, "No NVIDIA driver is installed")
    assert "--target sm89" in completed.stderr


def test_tensorrt_builds_for_the_card_that_is_here_only(monkeypatch: pytest.MonkeyPatch) -> None:
    from imagineid.backends import gpu
    from imagineid.errors import BadEngine
    from imagineid_export.build import Builder

    monkeypatch.setattr(gpu, "find", lambda: gpu.Gpu("Paper RTX", "sm89", "12.8"))
    with pytest.raises(BadEngine, match=r"builds only for the card that is here, sm89"):
        Builder.of("tensorrt", ["sm75"])


@needs_no_driver
def test_tensorrt_says_that_it_needs_the_card(home: Path) -> None:
    completed = imagineid(home, "export", "--model", "tiny", "--format", "tensorrt")
    refused(completed, "No NVIDIA driver is installed")
    assert "--format tensorrt-rtx --target sm89" in completed.stderr
