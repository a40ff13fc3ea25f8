"""Many recordings, upon the tiny model."""

from __future__ import annotations

import json
import os
import random
import shutil
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from imagineid.batch_inputs import find_items
from imagineid.errors import BadInput
from imagineid.request import Request
from imagineid.video import read_metadata
from support.command import Run, command, environment, plain
from support.recordings import durations_s, read_picture, tone, write_recording


def recordings(folder: Path, count: int, seconds: float = 0.3) -> list[Path]:
    folder.mkdir(exist_ok=True)
    return [
        write_recording(folder / f"{i:02}.wav", tone(seconds, hz=200 + 10 * i))
        for i in range(count)
    ]


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def test_three_broken_of_twenty_do_not_stop_the_others(run: Run) -> None:
    sounds = recordings(Path("in"), 20)
    sounds[3].write_bytes(b"")
    sounds[7].write_text("Good morning.\n" * 30)
    sounds[19].write_bytes(sounds[19].read_bytes()[:2000])
    result = run("batch", "in", "-o", "out")
    assert result.exit_code == 4
    failed = [line for line in result.stderr.splitlines() if line.startswith("Failed: ")]
    assert [line.split()[1] for line in failed] == ["in/03.wav:", "in/07.wav:", "in/19.wav:"]
    assert "is empty" in failed[0]
    good = [f"{i:02}.mp4" for i in range(20) if i not in (3, 7, 19)]
    assert names(Path("out")) == good
    assert result.stdout.splitlines() == [f"out/{name}" for name in good]
    assert "Error: 3 of 20 failed, 17 are made." in result.stderr


def test_files_patterns_and_folders_can_be_named_together(run: Run) -> None:
    recordings(Path("a"), 2)
    recordings(Path("b"), 4)
    Path("a/notes.txt").write_text("no recording")
    result = run("batch", "a", "b/*2.wav", "b/03.wav", "-o", "out/deep", "--quiet")
    assert (result.exit_code, result.stderr) == (0, "")
    assert names(Path("out/deep")) == ["00.mp4", "01.mp4", "02.mp4", "03.mp4"]


@pytest.mark.parametrize("kind", ["csv", "jsonl"])
def test_a_list_says_prompt_seed_and_place_of_each(run: Run, kind: str) -> None:
    recordings(Path("in"), 3)
    rows = [
        {"audio": "00.wav", "prompt": "red hair, glasses", "seed": 5, "out": "first.mp4"},
        {"audio": "01.wav", "seed": 6},
        {"audio": "02.wav", "out": "deep/third.mp4"},
    ]
    path = Path("in") / f"list.{kind}"
    if kind == "jsonl":
        path.write_text("\n".join(json.dumps(row) for row in rows) + "\n\n")
    else:
        path.write_text(
            "audio,prompt,seed,out\n"
            '00.wav,"red hair, glasses",5,first.mp4\n01.wav,,6,\n02.wav,,,deep/third.mp4\n'
        )
    result = run("batch", path, "-o", "out", "--prompt", "beard", "--json")
    assert result.exit_code == 0, result.stderr
    output = json.loads(result.stdout)
    assert [row["path"] for row in output["made"]] == [
        "out/first.mp4",
        "out/01.mp4",
        "out/deep/third.mp4",
    ]
    metadata = [read_metadata(row["path"]) for row in output["made"]]
    assert [(s["prompt"]) for s in metadata] == ["red hair, glasses", "beard", "beard"]
    assert [s["seed"] for s in metadata[:2]] == [5, 6]


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("audio,seed\na.wav,many\n", "Line 2 of list.csv has the seed 'many'"),
        ("audio,seed\na.wav,-1\n", "Line 2 of list.csv can't be used"),
        ("sound\na.wav\n", "Line 2 of list.csv has the column 'sound'"),
        ("audio,prompt\n,red\n", "Line 2 of list.csv names no audio"),
        ("", "There is no recording in list.csv"),
    ],
)
def test_an_invalid_list_is_refused(run: Run, text: str, words: str) -> None:
    Path("list.csv").write_text(text)
    result = run("batch", "list.csv", "-o", "out")
    assert result.exit_code == 2
    assert words in result.stderr
    assert names(Path()) == ["list.csv"]


def test_recordings_of_one_name_get_places_of_their_own(tmp_path: Path) -> None:
    sounds = [tmp_path / name for name in ("a.wav", "a.flac", "b.wav")]
    found = find_items([str(path) for path in sounds], Path("out"), Request())
    assert [item.output.name for item in found] == ["a.wav.mp4", "a.flac.mp4", "b.mp4"]
    with pytest.raises(BadInput, match="would all be written to"):
        find_items([str(sounds[0])] * 2, Path("out"), Request())


def test_resume_makes_only_what_is_missing(run: Run) -> None:
    sounds = recordings(Path("in"), 4)
    assert run("batch", "in", "-o", "out").exit_code == 0
    before = {path: path.stat().st_mtime_ns for path in Path("out").iterdir()}
    Path("out/02.mp4").unlink()
    assert run("batch", "in", "-o", "out").exit_code == 4, "nothing is overwritten unasked"
    result = run("batch", "in", "-o", "out", "--resume")
    assert (result.exit_code, result.stdout) == (0, ""), "made by the run before"
    Path("out/02.mp4").unlink()
    result = run("batch", "in", "-o", "out", "--resume")
    assert (result.exit_code, result.stdout) == (0, "out/02.mp4\n")
    assert "3 already finished" in result.stderr
    modified_ns = {path: path.stat().st_mtime_ns for path in before if path.name != "02.mp4"}
    assert modified_ns.items() <= before.items()
    os.utime(sounds[1], (2**31, 2**31))  # its date says nothing
    write_recording(sounds[0], tone(0.3, hz=900))  # another recording of the same name
    assert run("batch", "in", "-o", "out", "--resume").exit_code == 4


def test_workers_make_the_same_videos(tmp_path: Path) -> None:
    recordings(tmp_path / "in", 4)
    (tmp_path / "in" / "broken.wav").write_text("no recording")
    for workers in (1, 2):
        completed = plain(
            tmp_path, "batch", "in", "-o", f"out{workers}", "--seed", 1, "--no-cache",
            "--workers", workers,
        )  # fmt: skip
        assert completed.returncode == 4, completed.stderr
        assert "Failed: in/broken.wav" in completed.stderr
    assert names(tmp_path / "out1") == names(tmp_path / "out2") == [f"0{i}.mp4" for i in range(4)]
    for name in names(tmp_path / "out1"):
        alone, together = tmp_path / "out1" / name, tmp_path / "out2" / name
        assert alone.read_bytes() == together.read_bytes()
        assert durations_s(alone)["video"] == pytest.approx(0.3, abs=0.04)


def test_a_missing_ray_is_reported(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    recordings(Path("in"), 1)
    monkeypatch.setitem(sys.modules, "ray", None)
    result = run("batch", "in", "-o", "out", "--ray", "auto")
    assert result.exit_code == 3
    assert "pip install 'imagineid[ray]'" in result.stderr


def ray_in_this_process() -> SimpleNamespace:
    """Return what ``import ray`` gives, as far as a batch uses it: actors are plain objects."""

    class Actor:
        def __init__(self, made: Any) -> None:
            self._made = made

        def __getattr__(self, name: str) -> SimpleNamespace:
            method = getattr(self._made, name)
            return SimpleNamespace(remote=lambda *words: Answer(method(*words)))

    @dataclass(frozen=True, eq=False)
    class Answer:
        value: Any

    return SimpleNamespace(
        init=lambda **_: None,
        shutdown=lambda: None,
        nodes=lambda: [{"Alive": True}, {"Alive": True}],
        remote=lambda **_: lambda cls: SimpleNamespace(remote=lambda *words: Actor(cls(*words))),
        wait=lambda answers, num_returns: (answers[:num_returns], answers[num_returns:]),
        get=lambda answer: answer.value,
        exceptions=SimpleNamespace(RayError=RuntimeError),
    )


def test_recordings_travel_to_actors_of_ray_and_videos_come_back(
    run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    recordings(Path("in"), 3)
    monkeypatch.setitem(sys.modules, "ray", ray_in_this_process())
    far = run("batch", "in", "-o", "far", "--seed", 1, "--ray", "auto")
    assert far.exit_code == 0, far.stderr
    assert run("batch", "in", "-o", "near", "--seed", 1).exit_code == 0
    assert names(Path("far")) == names(Path("near")) == [f"0{i}.mp4" for i in range(3)]
    for name in names(Path("far")):
        assert (Path("far") / name).read_bytes() == (Path("near") / name).read_bytes()


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore")
def test_a_ray_cluster_of_two_nodes_makes_the_same_videos(run: Run, tmp_path: Path) -> None:
    pytest.importorskip("ray", reason="runs where Ray is: pip install -e '.[ray]'")
    from ray.cluster_utils import Cluster

    recordings(Path("in"), 8)
    cluster = Cluster(initialize_head=True, head_node_args={"num_cpus": 1})
    try:
        cluster.add_node(num_cpus=1)
        cluster.wait_for_nodes()
        distributed = run("batch", "in", "-o", "far", "--seed", 1, "--ray", cluster.address)
        assert distributed.exit_code == 0, distributed.stderr
    finally:
        cluster.shutdown()
    alone = subprocess.run(
        [sys.executable, "-m", "imagineid_cli", "batch", "in", "-o", "near", "--seed", "1"],
        capture_output=True,
        text=True,
        check=False,
    )
    assert alone.returncode == 0, alone.stderr
    assert names(Path("far")) == names(Path("near")) == [f"0{i}.mp4" for i in range(8)]
    for name in names(Path("far")):
        far, near = (read_picture(Path(where) / name) for where in ("far", "near"))
        assert all((a[1] == b[1]).all() for a, b in zip(far, near, strict=True))


def killed_and_resumed(folder: Path, home: Path, chance: random.Random) -> None:
    """Kill a batch (-9) at some moment; with --resume it ends as one that ran through."""
    words = ("batch", "in", "-o", "killed", "--seed", 1, "--quiet")
    process = subprocess.Popen(
        command("plain_pipeline", *words),
        cwd=folder,
        env=environment(PLAIN_FRAME_S="0.02"),
        stdout=subprocess.DEVNULL,
    )
    pieces = chance.randrange(6)  # a first frame and a piece of each video are kept, one by one
    while process.poll() is None and len(list(home.rglob("*.mp4"))) < pieces:
        time.sleep(0.01)
    time.sleep(chance.uniform(0, 0.5))
    process.kill()
    process.wait()
    for path in (folder / "killed").glob("*.mp4"):
        assert len(read_picture(path)) == 10, "under its name it is whole"
    completed = plain(folder, *words, "--resume")
    assert completed.returncode == 0, completed.stderr
    killed, through = (sorted((folder / name).glob("*.mp4")) for name in ("killed", "through"))
    assert [path.name for path in killed] == [path.name for path in through]
    assert [path.read_bytes() for path in killed] == [path.read_bytes() for path in through]


@pytest.mark.slow
def test_a_batch_killed_at_any_moment_ends_the_same(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    recordings(tmp_path / "in", 3, 0.4)
    through = plain(tmp_path, "batch", "in", "-o", "through", "--seed", 1, "--no-cache")
    assert through.returncode == 0, through.stderr
    chance = random.Random(11)
    for moment in range(int(os.environ.get("IMAGINEID_TEST_KILLS", "3"))):
        home = tmp_path / f"home{moment}"
        monkeypatch.setenv("IMAGINEID_HOME", str(home))
        killed_and_resumed(tmp_path, home, chance)
        shutil.rmtree(tmp_path / "killed")
