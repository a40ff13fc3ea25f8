"""Damaged input of every kind, given to every command: words and an exit code, and no half file.

Each number is one damage, the same on every machine. Forty run by default, all 200 with ``-m slow``
beside them. Sound and pictures are really decoded; only the networks are plain functions.
"""

from __future__ import annotations

import contextlib
import faulthandler
import json
import os
import random
import re
import resource
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from typer.testing import CliRunner

from imagineid import models, pipeline
from imagineid.hub import manifest
from imagineid.models import Model, write_model_file
from imagineid.request import Request
from imagineid.resume import begin
from imagineid.spec import MINI
from imagineid_cli.main import app
from support import plain_pipeline
from support.bad_server import Server
from support.command import environment
from support.recordings import read_picture, read_sound, tone, write_recording
from support.small_weights import served, write_manifest

HOW_MANY = 200
EVERY_FAST = 5
HANGS_S = 1200.0
"""After so long the whole run is ended, with where it hung."""


@dataclass(frozen=True)
class Case:
    """A command, and a pattern for the files one of which is damaged before it runs."""

    typed: str
    damaged: str


SOUNDS = [Case("generate {} -o new.mp4 --seed 1", f"a.{kind}") for kind in
          ("wav", "flac", "mp3", "ogg", "m4a", "mp4")]  # fmt: skip
CASES = [
    *SOUNDS,
    Case("generate a.wav -o new.mp4 --like {}", "ours.mp4"),
    Case("generate a.wav -o new.mp4 --seed 1 --pose-from {}", "motion.csv"),
    Case("generate a.wav -o new.mp4 --seed 1 --pose-from {}", "ours.mp4"),
    Case("generate a.wav -o ours.mp4 --seed 1 --resume", "ours.mp4"),
    Case("generate a.wav -o begun.mp4 --resume", "home/cache/begun/*"),
    Case("generate a.wav -o new.mp4 --seed 1", "home/cache/frames/*/*"),
    Case("swap {} -o new.mp4 --emotion sad", "ours.mp4"),
    Case("swap a.wav -o new.mp4 --emotion-from {}", "a.ogg"),
    Case("swap a.wav -o new.mp4 --content-from {}", "a.m4a"),
    Case("swap -o new.mp4 --emotion happy", "home/videos/*"),
    Case("swap -o new.mp4 --emotion happy", "home/last-video.json"),
    Case("analyze {} --csv new.csv --plot new.png --json", "a.flac"),
    Case("analyze {} --csv new.csv --pose-from motion.csv", "a.mp3"),
    Case("analyze a.wav --csv new.csv --pose-from {}", "motion.csv"),
    Case("analyze a.wav --csv new.csv --model model", "model/*"),
    Case("retrieve {} many --json", "a.m4a"),
    Case("retrieve a.wav many --sheet new.png", "many/*"),
    Case("batch many -o out --seed 1", "many/*"),
    Case("batch {} -o out --seed 1", "list.csv"),
    Case("batch {} -o out --resume", "list.jsonl"),
    Case("weights verify", "home/weights/**/*"),
    Case("weights verify --json", "home/weights/sd15/base/unet/*"),
    Case("weights pull sd15/matting", "home/weights/**/*"),
    Case("cache size --json", "home/cache/frames/*/*"),
    Case("cache clear", "home/cache/frames/*/*"),
    Case("doctor --json", "home/**/*"),
]


Damage = Callable[[Path, random.Random, list[Path]], None]


def damage(path: Path, chance: random.Random, others: list[Path]) -> None:
    """Damage a file in one of six ways."""
    data = bytearray(path.read_bytes())
    spot, length = chance.randrange(len(data) + 1), chance.randint(1, 64)
    way = chance.choice(("flip", "cut", "head", "zeros", "twice", "insert"))
    if way == "flip":
        for _ in range(length):
            data[chance.randrange(len(data))] ^= 1 << chance.randrange(8)
    elif way == "cut":
        del data[spot:]
    elif way == "head":
        data[:length] = chance.choice(others).read_bytes()[:length]
    elif way == "zeros":
        data[spot : spot + length] = bytes(min(length, len(data) - spot))
    elif way == "twice":
        data[spot:spot] = data[spot : spot + 50 * length]
    else:
        data[spot:spot] = chance.randbytes(length)
    path.unlink()  # it may share its bytes with another folder's
    path.write_bytes(data)


@pytest.fixture(scope="session")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder in which everything that is damaged is whole."""
    folder = tmp_path_factory.mktemp("whole")
    for _, kind in (case.damaged.rsplit(".", 1) for case in SOUNDS):
        rate = 48_000 if kind == "ogg" else 16_000
        write_recording(folder / f"a.{kind}", tone(0.3, rate), rate, picture=kind == "mp4")
    (folder / "many").mkdir()
    for name in ("a.flac", "a.mp3"):
        shutil.copy(folder / name, folder / "many" / f"b{name}")
    rows = [{"audio": "a.wav", "prompt": "red hair", "seed": 7, "out": "x.mp4"}, {"audio": "a.mp3"}]
    (folder / "list.jsonl").write_text("\n".join(json.dumps(row) for row in rows))
    (folder / "list.csv").write_text("audio,prompt,seed,out\na.wav,red hair,7,x.mp4\na.mp3,,,\n")
    write_manifest(folder / "manifest.json")
    with pytest.MonkeyPatch.context() as patch, Server(served()) as hub:
        _use(patch, folder, hub.url)
        for line in (
            "weights pull sd15 --accept-licence",
            "analyze a.wav --csv motion.csv",
            "generate a.wav -o ours.mp4 --seed 1",
        ):
            result = CliRunner().invoke(app, line.split())
            assert result.exit_code == 0, result.stderr
    _model(folder / "model")
    return folder


def _model(folder: Path) -> None:
    """Make the embedded model look as an exported one."""
    folder.mkdir()
    for file in models.embedded_folder("mini").iterdir():
        shutil.copy(file, folder / file.name)
    write_model_file(Model("mini", folder, MINI, "stored"))


def _use(patch: pytest.MonkeyPatch, folder: Path, hub: str) -> None:
    patch.chdir(folder)
    patch.setenv("IMAGINEID_HOME", str(folder / "home"))
    patch.setenv("HF_ENDPOINT", hub)
    patch.setattr(manifest, "MANIFEST", folder / "manifest.json")
    patch.setattr(pipeline, "load", plain_pipeline.load)


@pytest.fixture
def here(whole: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A copy made of hard links, for the test to damage."""
    with laid_out(whole, tmp_path / "here", monkeypatch) as folder:
        yield folder


@contextlib.contextmanager
def laid_out(whole: Path, folder: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    shutil.copytree(whole, folder, copy_function=os.link)
    note = folder / "home" / "last-video.json"
    note.unlink()
    note.write_text(json.dumps({"video": str(folder / "ours.mp4")}))
    with Server(served()) as hub:
        _use(monkeypatch, folder, hub.url)
        begin(Path("a.wav"), Path("begun.mp4"), Request(seed=7))
        yield folder


def run(words: list[str]) -> tuple[int, str]:
    """Run a command; return its exit code and what it said.

    A real model's networks run in a process of their own, as a damaged graph might end it.
    """
    if "--model" in words:
        completed = subprocess.run(
            [sys.executable, "-m", "imagineid_cli", *words],
            env=environment(),
            capture_output=True,
            text=True,
            check=False,
            timeout=HANGS_S,
        )
        return completed.returncode, completed.stderr
    result = CliRunner().invoke(app, words)
    return result.exit_code, result.stderr


def is_whole(path: Path) -> bool:
    """Whether a result can be read to its end."""
    if path.suffix == ".mp4":
        return len(read_picture(path)) > 0 and read_sound(path)[0].size > 0
    if path.suffix == ".png":
        with Image.open(path) as picture:
            return np.asarray(picture).size > 0
    return path.read_text().endswith("\n")


@pytest.mark.parametrize(
    "number",
    [
        pytest.param(n, marks=[] if n % EVERY_FAST == 0 else pytest.mark.slow)
        for n in range(HOW_MANY)
    ],
)
def test_damaged_input_gets_a_clear_error(number: int, here: Path) -> None:
    check_damaged(CASES[number % len(CASES)], random.Random(number), here, damage)


def check_damaged(case: Case, chance: random.Random, here: Path, how: Damage) -> None:
    """Damage a file of a case, run its command, and check its errors and output files."""
    found = sorted(
        path for path in here.glob(case.damaged) if path.is_file() and path.stat().st_size
    )
    target = chance.choice(found)
    how(target, chance, sorted(here.glob("a.*")))
    before = {path: path.read_bytes() for path in here.glob("*.*")}
    faulthandler.dump_traceback_later(HANGS_S, exit=True)
    try:
        code, stderr = run(case.typed.format(target.relative_to(here)).split())
    finally:
        faulthandler.cancel_dump_traceback_later()
    assert code in (0, 2, 3, 4), stderr
    assert "Traceback" not in stderr
    assert "unexpected error" not in stderr.lower()
    assert [path for path in here.rglob("*") if ".part" in path.name] == []
    written = [path for path in [*here.glob("new.*"), *here.glob("out/*.mp4")] if path.is_file()]
    assert [path for path in written if not is_whole(path)] == []
    if code in (2, 3):
        assert written == []
        assert {path: path.read_bytes() for path in here.glob("*.*")} == before


FUZZ_MINUTES = float(os.environ.get("IMAGINEID_FUZZ_MINUTES", "0"))
MOST_MEMORY = 1_500_000_000
"""Bytes that this process may come to hold, whatever a file claims."""

LIES = [
    b"Infinity",
    b"NaN",
    b"-1",
    b"1e400",
    b"9" * 400,
    b"4294967296",
    b"2147483647",
    b"[" * 99_999,
]
"""What is written over numbers."""


def damage_anything(path: Path, chance: random.Random, others: list[Path]) -> None:
    """Damage a file in several ways, one after the other, or let it lie about a number."""
    for _ in range(chance.randint(1, 3)):
        data = path.read_bytes()
        numbers = list(re.finditer(rb"[0-9]+", data[:100_000]))
        if numbers and chance.random() < 0.4:
            place = chance.choice(numbers)
            path.unlink()
            path.write_bytes(data[: place.start()] + chance.choice(LIES) + data[place.end() :])
        elif data:
            damage(path, chance, others)


@pytest.mark.slow
@pytest.mark.skipif(not FUZZ_MINUTES, reason="runs with IMAGINEID_FUZZ_MINUTES, as in make fuzz")
def test_fuzzing(whole: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """``make fuzz``: random damage for so many minutes; ``IMAGINEID_FUZZ_SEED`` repeats a run."""
    seed = int(os.environ.get("IMAGINEID_FUZZ_SEED", random.SystemRandom().randrange(10**6)))
    until, tried, failed = time.monotonic() + 60 * FUZZ_MINUTES, 0, []
    before = resource.getrlimit(resource.RLIMIT_DATA)
    resource.setrlimit(resource.RLIMIT_DATA, (2 * MOST_MEMORY, before[1]))
    try:
        while time.monotonic() < until:
            number, chance = seed + tried, random.Random(seed + tried)
            case = chance.choice(CASES)
            folder = tmp_path / f"fuzz{number}"
            with laid_out(whole, folder, monkeypatch) as here:
                try:
                    check_damaged(case, chance, here, damage_anything)
                except Exception as error:
                    failed.append(f"{number}: {case.typed}: {error!r}"[:2000])
            shutil.rmtree(folder, ignore_errors=True)
            tried += 1
    finally:
        resource.setrlimit(resource.RLIMIT_DATA, before)
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
    print(f"seed {seed}: {tried} tried, {len(failed)} failed, {peak / 1e9:.2f} GB at most")
    assert not failed, "\n".join(failed)
    assert peak < MOST_MEMORY
