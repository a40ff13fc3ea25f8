"""Every command reports a damaged model before it makes a face; each runs in a subprocess."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from dataclasses import asdict
from pathlib import Path

import pytest

import imagineid
from imagineid.errors import BadWeights
from imagineid.models import MODEL_FILE, embedded_model, sums
from imagineid.models.sums import check_files, files_of
from imagineid.spec import MINI
from support.command import environment

FILES = [
    "emotions.npy",
    *(
        pytest.param(name, marks=pytest.mark.slow)
        for name in ("weights.safetensors", "words.json", "face.npz", "unet.onnx", MODEL_FILE)
    ),
]


def package(folder: Path) -> Path:
    """Lay the package out elsewhere, of links; return where its embedded model is."""
    own = Path(imagineid.__file__).parent
    shutil.copytree(own, folder / "imagineid", copy_function=os.link)
    return folder / "imagineid" / embedded_model(MINI.name).folder.relative_to(own)


def flip_a_bit(path: Path) -> None:
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 1
    path.unlink()
    path.write_bytes(data)


def imagineid_of(folder: Path, *words: object) -> subprocess.CompletedProcess[str]:
    paths = os.pathsep.join([str(folder), environment()["PYTHONPATH"]])
    return subprocess.run(
        [sys.executable, "-m", "imagineid_cli", *map(str, words)],
        cwd=folder,
        env={**os.environ, "PYTHONPATH": paths, "IMAGINEID_HOME": str(folder / "home")},
        capture_output=True,
        text=True,
        check=False,
    )


@pytest.mark.parametrize("name", FILES)
def test_one_flipped_bit_of_the_embedded_model_ends_with_three(
    name: str, tmp_path: Path, speech: Path
) -> None:
    flip_a_bit(package(tmp_path) / name)
    for words in (
        ("generate", speech, "-o", "out.mp4", "--emotion", "happy"),
        ("weights", "verify", "mini"),
        ("doctor",),
    ):
        completed = imagineid_of(tmp_path, *words)
        assert completed.returncode == 3, completed.stderr
        assert name in completed.stderr + completed.stdout
        assert "pip install --force-reinstall imagineid" in completed.stderr
    assert "generate does not work here." in completed.stdout
    assert not (tmp_path / "out.mp4").exists()


def test_the_listed_sums_are_those_of_the_tree() -> None:
    model = embedded_model(MINI.name)
    listed = json.loads((model.folder / MODEL_FILE).read_text())
    again = "write them anew:  python -m imagineid_train sums"
    assert model.files == files_of(model.folder, MODEL_FILE), again
    assert listed["size"] == json.loads(json.dumps(asdict(MINI))), again
    assert listed["seeds"] == {"training": 0}


def test_a_file_is_read_once_and_again_when_it_changes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("IMAGINEID_HOME", str(tmp_path / "home"))
    folder = tmp_path / "model"
    folder.mkdir()
    (folder / "words.json").write_bytes(b"[1]")
    files = files_of(folder, MODEL_FILE)
    check_files(folder, files, "")
    before = (tmp_path / "home" / sums.MEMORY).stat().st_ino
    check_files(folder, files, "")
    assert (tmp_path / "home" / sums.MEMORY).stat().st_ino == before, "nothing was read"
    (folder / "words.json").write_bytes(b"[2]")
    with pytest.raises(BadWeights, match=r"words.json has a wrong SHA-256.*\nInstall"):
        check_files(folder, files, "Install again")
    (folder / "words.json").unlink()
    with pytest.raises(BadWeights, match="words.json is missing"):
        check_files(folder, files, "")


@pytest.mark.parametrize("text", ["", "[" * 100_000, "{}", "[]", '{"a": [1, 2]}', "x" * (1 << 21)])
def test_a_damaged_memory_is_forgotten(
    text: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("IMAGINEID_HOME", str(tmp_path))
    (tmp_path / sums.MEMORY).write_text(text)
    (tmp_path / "words.json").write_bytes(b"[1]")
    check_files(tmp_path, files_of(tmp_path, MODEL_FILE)[1:], "")
