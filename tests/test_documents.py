"""Every command of the README and of docs/ is run as it is typed, in a folder that has its files.

By default upon plain functions for networks, all else real; with ``-m slow`` upon the embedded
model, too.
"""

from __future__ import annotations

import re
import shlex
import shutil
import subprocess
from collections.abc import Iterator
from io import BytesIO
from pathlib import Path
from typing import Any

import av
import pytest
import soundfile
import typer
from typer.testing import CliRunner

from imagineid import pipeline
from imagineid.hub import manifest
from imagineid_cli.main import app
from support import plain_pipeline
from support.bad_server import Server
from support.small_weights import adapter, served, write_manifest

HERE = Path(__file__).parent.parent
PAGES = [HERE / "README.md", *sorted((HERE / "docs").glob("*.md"))]

ONLY_PARSED = {
    "--install-completion": "writes into the shell's own files; tests/cli/test_completion.py",
    "--show-completion": "asks which shell started it; tests/cli/test_completion.py",
    "export": "needs torch, and a minute; tests/export runs it",
    "bench": "takes minutes, and wants a quiet machine; tests/bench runs it",
    "--webrtc": "needs aiortc, and a browser; tests/test_webrtc.py calls it",
    "--ray": "needs a Ray cluster; tests/cli/test_batch.py starts one",
    "--engine torch": "needs torch; tests/backends runs it",
    "--engine tensorrt": "needs a card",
    "--model": "needs a folder that export made; tests/export runs one",
    "--pose-from ref.mp4": "needs the extra [motion]; tests/face/test_reference.py",
    "live": "needs a microphone, a screen or an endless stream; tests/cli/test_live.py",
    "studio": "needs a browser; tests/studio opens one",
    "https://": "needs the network; tests/cli/test_weights.py has a server of its own",
}
"""What is not run, by words of the command, and why: these must be valid usage all the same."""


def written() -> dict[str, str]:
    """Return the commands in the code blocks of all pages, each with the page it is first on."""
    found: dict[str, str] = {}
    for page in PAGES:
        for line in re.findall(r"^ {4}(imagineid .*)$", page.read_text("utf-8"), re.M):
            found.setdefault(re.split(r"\s+#", line)[0].rstrip(), page.name)
        for block in re.findall(r"^```\w*\n(.*?)^```", page.read_text("utf-8"), re.M | re.S):
            for line in re.findall(r"^(?:\$ )?(imagineid .*)$", block, re.M):
                found.setdefault(re.split(r"\s+#", line)[0].rstrip(), page.name)
    return found


def why_not(line: str) -> str | None:
    """Say why a command is not run; None: it is."""
    words = f"{line} "
    return next((why for mark, why in ONLY_PARSED.items() if f" {mark}" in words), None)


RUN = [line for line in written() if not why_not(line)]
NOT_RUN = [line for line in written() if why_not(line)]


@pytest.fixture(scope="session")
def prepared(tmp_path_factory: pytest.TempPathFactory, speech: Path) -> Path:
    """A folder with the files that the pages name; ``home`` and the last video are in it."""
    folder = tmp_path_factory.mktemp("prepared")
    wave, rate = soundfile.read(speech, dtype="int16")
    for name in ("recordings", "talks/deep"):
        (folder / name).mkdir(parents=True)
    names = ("speech.wav", "b.wav", "other.wav", "long.wav", "intro.wav", "speech60.wav")
    more = ("talk.flac", "talks/deep/one.flac", "recordings/monday.wav", "recordings/b.flac")
    for number, name in enumerate((*names, *more, "monday.wav", "tuesday.wav")):
        start = 6000 * number
        length = rate if name == "speech.wav" else rate // 2
        soundfile.write(folder / name, wave[start : start + length], rate)
    (folder / "list.csv").write_text(_list_of_the_page(), encoding="utf-8")
    adapter(folder / "my-adapters")
    write_manifest(folder / "manifest.json")
    with pytest.MonkeyPatch.context() as patch, Server(served()) as hub:
        _use(patch, folder, hub)
        patch.setattr(pipeline, "load", plain_pipeline.load)
        _typed('imagineid generate speech.wav --prompt "red hair" -o out.mp4')
        _typed("imagineid avatar save anna out.mp4")
        _typed("imagineid analyze speech.wav --csv motion.csv --quiet")
        _typed("imagineid weights pull sd15 --accept-licence --quiet")
    return folder


@pytest.fixture
def here(prepared: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A copy of it for one command, and a hub that has the weights."""
    folder = tmp_path / "here"
    shutil.copytree(prepared, folder)
    with Server(served()) as hub:
        _use(monkeypatch, folder, hub)
        yield folder


def _use(patch: pytest.MonkeyPatch, folder: Path, hub: Server) -> None:
    patch.chdir(folder)
    patch.setenv("IMAGINEID_HOME", str(folder / "home"))
    patch.setenv("HF_ENDPOINT", hub.url)
    patch.setattr(manifest, "MANIFEST", folder / "manifest.json")


def _list_of_the_page() -> str:
    """Return the CSV that docs/batch.md shows."""
    text = (HERE / "docs" / "batch.md").read_text("utf-8")
    lines = re.findall(r"^ {4}((?:audio,|\w+\.wav,).*)$", text, re.M)
    assert lines[0] == "audio,prompt,seed,out"
    return "\n".join(lines) + "\n"


PLAYERS = ("ffplay -", "mpv -")
"""What shows a video in a window is not started."""


def _typed(line: str) -> Any:
    """Run a command as it is typed; what it is piped into is run, too, where that is installed."""
    line, _, reader = line.partition(" | ")
    result = CliRunner().invoke(app, shlex.split(line)[1:], prog_name="imagineid")
    assert result.exit_code == 0, result.stderr
    assert result.exception is None
    if reader and reader not in PLAYERS and shutil.which(reader.split()[0]):
        subprocess.run(["sh", "-c", reader], input=result.stdout_bytes, check=True, timeout=60)
    return result


def check(line: str) -> None:
    """Run a command where what it makes is not there yet, and look for that."""
    words = shlex.split(line.partition(" | ")[0])
    options = [o for o in ("-o", "--csv", "--plot", "--sheet") if o in words]
    makes = [Path(name) for o in options if (name := words[words.index(o) + 1]) != "-"]
    for path in makes:
        path.unlink(missing_ok=True)
    if words[1:3] == ["weights", "pull"]:
        shutil.rmtree("home/weights")
    if words[1:3] == ["avatar", "save"]:
        shutil.rmtree("home/avatars")
    result = _typed(line)
    assert [path for path in makes if not path.exists()] == []
    if words[1] in ("generate", "swap") and "--json" not in words:
        film = BytesIO(result.stdout_bytes) if "-" in words else result.stdout.strip()
        if not str(film).endswith(".png"):
            with av.open(film) as container:
                assert {stream.type for stream in container.streams} == {"video", "audio"}


@pytest.mark.parametrize("line", RUN)
def test_a_documented_command_works(line: str, here: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    if " doctor" not in line:  # which looks at the embedded model's frames
        monkeypatch.setattr(pipeline, "load", plain_pipeline.load)
    check(line)


@pytest.mark.slow
@pytest.mark.parametrize("line", [line for line in RUN if " weights " not in line])
def test_a_documented_command_works_with_the_embedded_model(line: str, here: Path) -> None:
    check(line)


@pytest.mark.parametrize("line", NOT_RUN)
def test_a_documented_command_that_is_not_run_is_valid_usage(line: str) -> None:
    command = typer.main.get_command(app)
    words = shlex.split(re.split(r" [|>] ", line)[0])[1:]
    while (known := getattr(command, "commands", {})) and words[0] in known:
        command, words = known[words[0]], words[1:]
    if hasattr(command, "commands"):  # an option of imagineid itself, which acts when it is read
        assert words[0] in {name for option in command.params for name in option.opts}
    else:
        command.make_context("imagineid", words)


def test_every_skipped_command_still_exists() -> None:
    stale = [mark for mark in ONLY_PARSED if not any(f" {mark}" in f"{li} " for li in NOT_RUN)]
    assert stale == []
