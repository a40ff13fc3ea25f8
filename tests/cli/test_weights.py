"""``imagineid weights`` upon a small manifest and a real server on this machine."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from imagineid.hub import manifest
from imagineid_cli.main import app
from support import bad_server
from support.bad_server import Server
from support.small_weights import BASE, MATTING, adapter, is_whole, listed, write_manifest

TESTS = Path(__file__).parent.parent
Run = Callable[..., Result]


@pytest.fixture
def run(home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Run:
    """``run("pull", ...)`` with the small manifest."""
    monkeypatch.setattr(manifest, "MANIFEST", write_manifest(tmp_path / "manifest.json"))
    return lambda *words: CliRunner().invoke(app, ["weights", *(str(word) for word in words)])


def refused(result: Result, code: int, *words: str) -> None:
    assert result.exit_code == code, result.output
    assert result.stdout == ""
    assert sum(line.startswith("Error: ") for line in result.stderr.splitlines()) == 1
    for word in words:
        assert word in result.stderr
    assert "Traceback" not in result.stderr


# ---- the manifest


def test_a_model_s_name_stands_for_all_of_it(run: Run, home: Path) -> None:
    result = run("pull", "sd15", "--accept-licence")
    assert result.exit_code == 0, result.stderr
    assert result.stdout == f"{home}/weights/sd15\n"
    assert is_whole(home / "weights/sd15/base", BASE)
    assert is_whole(home / "weights/sd15/matting", MATTING)
    assert run("path", "sd15/base").stdout == f"{home}/weights/sd15/base\n"


def test_progress_in_a_pipe_is_plain_lines(run: Run) -> None:
    lines = run("pull", "sd15/matting").stderr.splitlines()
    assert lines[0] == "sd15/matting: 30.0 kB to download"
    assert lines[1].startswith("sd15/matting: all files are valid, in ")
    assert len(lines) == 2
    assert run("pull", "sd15/matting", "--quiet").stderr == ""


def test_a_licence_is_accepted_once_and_before_anything_is_fetched(run: Run, hub: Server) -> None:
    refused(run("pull", "sd15"), 2, "forbids some uses", "--accept-licence", "Read it:")
    assert hub.requests == []
    accepted = run("pull", "sd15/base", "--accept-licence")
    assert "CreativeML-OpenRAIL-M accepted" in accepted.stderr
    assert "saved in" in accepted.stderr
    assert run("remove", "sd15/base").exit_code == 0
    again = run("pull", "sd15/base")  # remembered
    assert (again.exit_code, "remembered" in again.stderr) == (0, False)


def test_the_licence_text_is_the_one_of_its_publishers() -> None:
    from imagineid.hub.download import sha256

    text = manifest.LICENCES / "CreativeML-OpenRAIL-M.txt"
    assert sha256(text) == "be351ebe7ac01bcdbb018639aadcfd38f136b7dc3f2a3d4d3a24db51d1b210ef"


def test_the_list_says_what_is_here(run: Run, hub: Server) -> None:
    hub.always = bad_server.cut(15_000)
    assert run("pull", "sd15/matting").exit_code == 0  # it takes two answers
    hub.behaviours = [bad_server.good, bad_server.cut(200_000)]
    hub.always = bad_server.status(404)
    refused(run("pull", "sd15/base", "--accept-licence"), 3, "Continue later")
    rows = {row["name"]: row for row in json.loads(run("list", "--json").stdout)["weights"]}
    assert {name: row["state"] for name, row in rows.items()} == {
        "mini": "embedded",
        "sd15/base": "50% here",
        "sd15/matting": "here",
    }
    assert rows["sd15/base"]["licence"] == "CreativeML-OpenRAIL-M"
    assert "no adapters are published" in run("list").stderr
    refused(run("path", "sd15"), 3, "sd15/base is not installed", "weights pull sd15/base")


def test_mirrors_are_asked_in_order(run: Run, hub: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    with Server({}) as first:
        monkeypatch.setenv("HF_ENDPOINT", first.url)
        monkeypatch.setenv("IMAGINEID_MIRROR", hub.url + "/")
        result = run("pull", "sd15/matting")
        assert len(first.requests) == 1
    assert result.exit_code == 0
    assert "answers 404: the server does not have it; trying 127.0.0.1" in result.stderr


def test_offline_nothing_is_fetched(run: Run, hub: Server) -> None:
    refused(run("pull", "sd15/matting", "--offline"), 3, "weights pull sd15/matting")
    assert hub.requests == []
    assert run("pull", "sd15/matting").exit_code == 0
    before = len(hub.requests)
    assert run("pull", "sd15/matting", "--offline").exit_code == 0
    assert len(hub.requests) == before


def test_verify_finds_one_changed_byte(run: Run, home: Path) -> None:
    run("pull", "sd15/matting")
    right = "mini: all files are valid\nsd15/matting: all files are valid\n"
    assert run("verify").stdout == right
    file = home / "weights/sd15/matting/onnx/model.onnx"
    data = bytearray(file.read_bytes())
    data[20_000] ^= 1
    file.write_bytes(data)
    result = run("verify")
    assert result.exit_code == 3
    assert "onnx/model.onnx has a wrong SHA-256" in result.stdout
    assert result.stderr.splitlines()[-1] == "Fix it:  imagineid weights pull sd15/matting"
    assert run("pull", "sd15/matting").exit_code == 0
    assert run("verify", "sd15", "--json").exit_code == 3  # the base is not here
    assert run("verify", "sd15/matting").exit_code == 0


def test_what_is_removed_is_gone(run: Run, home: Path) -> None:
    run("pull", "sd15/matting")
    assert "30.0 kB were freed" in run("remove", "sd15/matting").stderr
    assert not (home / "weights/sd15/matting").exists()
    refused(run("remove", "mini"), 2, "part of the package")
    refused(run("remove", "nothing"), 2, "weights list")


def test_a_folder_may_stand_in_for_the_hub(run: Run, hub: Server, tmp_path: Path) -> None:
    stick = tmp_path / "stick"
    (stick / "onnx").mkdir(parents=True)
    (stick / "onnx/model.onnx").write_bytes(MATTING["onnx/model.onnx"][:-1] + b"!")
    refused(run("pull", "sd15/matting", "--from", stick), 3, "has a wrong SHA-256")
    (stick / "onnx/model.onnx").write_bytes(MATTING["onnx/model.onnx"])
    assert run("pull", "sd15/matting", "--from", stick).exit_code == 0
    assert hub.requests == []


@pytest.mark.parametrize("name", ["nothing", "../x", "", "sd16", "mini/.."])
def test_unknown_names_are_refused(run: Run, name: str) -> None:
    for word in ("pull", "path", "remove", "verify"):
        refused(run(word, name), 2, "no weights called")


def test_a_mirror_that_is_no_address_is_refused(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("IMAGINEID_MIRROR", "ftp://example.org")
    refused(run("pull", "sd15/matting"), 2, "IMAGINEID_MIRROR")


def test_a_full_disk_is_reported_before_anything_is_downloaded(
    run: Run, hub: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    import shutil

    full = shutil.disk_usage("/")._replace(free=1000)
    monkeypatch.setattr(shutil, "disk_usage", lambda path: full)
    refused(run("pull", "sd15/matting"), 2, "Not enough space")
    assert hub.requests == []


def test_an_unwritable_home_is_reported(
    run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "file").touch()
    monkeypatch.setenv("IMAGINEID_HOME", str(tmp_path / "file"))
    refused(run("pull", "sd15/matting"), 2, "can't be written", "IMAGINEID_HOME")
    refused(run("pull", "sd15/base", "--accept-licence"), 2, "can't be written")


# ---- weights that a user brings


def test_a_folder_can_be_pulled_from_again(
    run: Run, tmp_path: Path, hub: Server, home: Path
) -> None:
    mine = adapter(tmp_path / "mine")
    assert run("pull", "--from", mine, "red-hair").stdout == f"{home}/weights/red-hair\n"
    assert "here" in run("list").stdout.splitlines()[-1]
    assert run("verify", "red-hair").exit_code == 0
    for file in (home / "weights/red-hair").iterdir():  # put on a server as it is
        hub.files[f"/theirs/{file.name}"] = file.read_bytes()
    assert run("pull", "--from", f"{hub.url}/theirs", "theirs").exit_code == 0
    assert run("verify").stdout.count("all files are valid") == 3
    assert run("pull", "theirs").exit_code == 0  # it is here
    refused(run("pull", "--from", mine, "theirs"), 2, "weights remove theirs")


def test_a_pull_from_an_address_resumes_after_a_cut(run: Run, hub: Server, home: Path) -> None:
    hub.files["/a/files.json"] = json.dumps({"files": listed(BASE)}).encode()
    hub.files |= {f"/a/{path}": data for path, data in BASE.items()}
    hub.behaviours = [bad_server.good, bad_server.good, bad_server.cut(200_000)]
    hub.always = bad_server.status(404)
    refused(run("pull", "--from", f"{hub.url}/a", "a"), 3, "To continue later")
    assert not (home / "weights/a").exists()
    assert "incomplete" in run("list").stdout
    refused(run("path", "a"), 3)
    hub.always = bad_server.good
    result = run("pull", "--from", f"{hub.url}/a", "a")
    assert hub.requests[-1][1] == "bytes=200000-"
    refused(result, 3, "The content of model.safetensors does not match")  # random bytes
    assert not list((home / "weights").glob("*a*"))


def test_one_file_needs_its_sum(run: Run, tmp_path: Path, hub: Server) -> None:
    data = (adapter(tmp_path / "mine") / "sca.safetensors").read_bytes()
    hub.files["/x/sca.safetensors"] = data
    url = f"{hub.url}/x/sca.safetensors"
    refused(run("pull", "--from", url, "x"), 2, "--sha256 SUM")
    refused(run("pull", "--from", url, "x", "--sha256", "0" * 64), 3, "has a wrong SHA-256")
    sum_ = listed({"x": data})[0]["sha256"]
    assert run("pull", "--from", url, "x", "--sha256", sum_).exit_code == 0


def test_a_pickle_is_never_taken(run: Run, tmp_path: Path) -> None:
    import pickle

    mine = adapter(tmp_path / "mine")
    (mine / "extra.pt").write_bytes(pickle.dumps({"x": 1}))
    refused(run("pull", "--from", mine, "x"), 2, "extra.pt is rejected", ".safetensors")
    (mine / "extra.pt").unlink()
    for name in ("a.safetensors", "a.onnx", "a.json", "a.txt", "a.npz"):
        (mine / name).write_bytes(pickle.dumps({"x": [1] * 900}))
        refused(run("pull", "--from", mine, "x"), 3, f"The content of {name} does not match")
        (mine / name).unlink()
    assert run("pull", "--from", mine, "x").exit_code == 0


@pytest.mark.parametrize(
    "listing",
    [
        {"files": [{"path": "../evil.json", "bytes": 2, "sha256": "0" * 64}]},
        {"files": [{"path": "/etc/evil.json", "bytes": 2, "sha256": "0" * 64}]},
        {"files": [{"path": "a.bin", "bytes": 2, "sha256": "0" * 64}]},
        {"files": [{"path": "a.json", "bytes": -2, "sha256": "0" * 64}]},
        {"files": [{"path": "a.json", "bytes": 2, "sha256": "?"}]},
        {"files": [{"path": "a.json", "bytes": 2, "sha256": "0" * 64}] * 2},
        {"files": []},
        {"files": 3},
        [],
        3,
    ],
)
def test_a_list_of_bad_files_is_refused(run: Run, hub: Server, home: Path, listing: object) -> None:
    hub.files["/a/files.json"] = json.dumps(listing).encode()
    refused(run("pull", "--from", f"{hub.url}/a", "a"), 2)
    assert not list((home / "weights").glob("*a*"))


def test_every_example_of_the_docs_runs(run: Run, tmp_path: Path, hub: Server) -> None:
    text = (TESTS.parent / "docs" / "weights.md").read_text(encoding="utf-8")
    lines = [line for line in text.splitlines() if line.startswith("    imagineid weights ")]
    mine = adapter(tmp_path / "my-adapters")
    files = {file.name: file.read_bytes() for file in mine.iterdir()}
    hub.files |= {f"/adapters/{name}": data for name, data in files.items()}
    hub.files["/adapters/files.json"] = json.dumps({"files": listed(files)}).encode()
    hub.files["/sca.safetensors"] = files["sca.safetensors"]
    sums = {file["path"]: file["sha256"] for file in listed(files)}
    assert len(lines) > 8
    for line in lines:
        words = line.partition("#")[0].replace("https://example.org", hub.url).split()[2:]
        result = run(*(sums["sca.safetensors"] if word == "SUM" else word for word in words))
        assert result.exit_code == 0, (line, result.stderr)
