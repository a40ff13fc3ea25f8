"""No output replaces an input: every command, in a process of its own, upon real recordings."""

from __future__ import annotations

import errno
import os
import subprocess
import sys
import time
import unicodedata
from pathlib import Path

import numpy as np
import pytest

from imagineid.errors import BadOutput
from imagineid.files import atomic_output, check_outputs, sweep
from imagineid.video import VideoWriter
from support.command import plain
from support.recordings import tone, write_recording

TYPED = [
    "generate talk.mp4 -o talk.mp4 --overwrite",
    "generate a.wav -o own.mp4 --overwrite --like own.mp4",
    "generate talk.mp4 -o LINK.mp4 --overwrite",
    "generate talk.mp4 --overwrite",
    "generate talk.mp4 -o deep/../talk.mp4 --overwrite",
    "generate HARD.mp4 -o talk.mp4 --overwrite",
    "generate picture.png -o picture.mp4 --preview 2 --overwrite",
    "batch talks -o talks --overwrite",
    "batch . -o . --overwrite --resume",
    "batch talks -o FOLDER --overwrite",
    "batch talks/*.mp4 -o deep/../talks --overwrite --workers 2",
    "batch out.csv -o . --overwrite",
    "batch two.jsonl -o . --overwrite",
    "swap talk.mp4 --emotion happy -o talk.mp4 --overwrite",
    "swap a.wav --emotion-from talk.mp4 -o talk.mp4 --overwrite",
    "swap a.wav --identity-from LINK.mp4 -o talk.mp4 --overwrite",
    "swap a.wav --content-from talk.mp4 -o ./talk.mp4 --overwrite",
    "swap a.wav --still --content-from HARD.mp4 -o talk.mp4 --overwrite",
    "analyze a.wav --csv motion.csv --pose-from motion.csv --overwrite",
    "analyze picture.png --plot picture.png --overwrite",
    "analyze picture.png --plot FOLDER/../picture.png --overwrite",
    "retrieve a.wav talks --sheet talks/b.png --overwrite",
    "retrieve picture.png talks --sheet picture.png --overwrite",
    "bench picture.png --plot picture.png --overwrite",
]


@pytest.fixture
def here(tmp_path: Path) -> Path:
    """A folder of recordings and of other names for them."""
    (tmp_path / "talks").mkdir()
    (tmp_path / "deep").mkdir()
    for name in ("a.wav", "talk.mp4", "talks/b.mp4", "talks/c.mp4"):
        write_recording(tmp_path / name, tone(0.3), picture=name.endswith("mp4"))
    with VideoWriter(tmp_path / "own.mp4", 64, tmp_path / "a.wav", {"seed": 1}) as video:
        video.write(np.zeros((64, 64, 3), np.uint8))
    (tmp_path / "picture.preview.png").symlink_to("picture.png")
    (tmp_path / "picture.png").write_bytes((tmp_path / "a.wav").read_bytes())
    (tmp_path / "talks/b.png").symlink_to("b.mp4")
    (tmp_path / "LINK.mp4").symlink_to("talk.mp4")
    (tmp_path / "FOLDER").symlink_to("talks")
    (tmp_path / "DEEP").symlink_to("deep")
    os.link(tmp_path / "talk.mp4", tmp_path / "HARD.mp4")
    (tmp_path / "motion.csv").write_text("Timecode,BlendshapeCount\n")
    (tmp_path / "out.csv").write_text("audio,out\na.wav,x.mp4\ntalk.mp4,y.mp4\na.wav,talk.mp4\n")
    rows = ('{"audio": "a.wav", "out": "deep/x.mp4"}', '{"audio": "talk.mp4", "out": "DEEP/x.mp4"}')
    (tmp_path / "two.jsonl").write_text("\n".join(rows))
    return tmp_path


@pytest.mark.parametrize(
    "typed",
    [
        pytest.param(typed, marks=[] if number % 3 == 1 else pytest.mark.slow)
        for number, typed in enumerate(TYPED)
    ],
)
def test_no_command_replaces_what_it_reads(typed: str, here: Path) -> None:
    before = {p: (p.read_bytes(), p.lstat().st_ino) for p in here.rglob("*") if p.is_file()}
    completed = plain(here, *typed.split())
    assert completed.returncode == 2, completed.stderr
    assert (
        "which would be lost" in completed.stderr
        or "Two outputs are the same file" in completed.stderr
    )
    lines = [line for line in completed.stderr.splitlines() if " left out: " not in line]
    assert len(lines) == 2, "before any work"
    after = {p: (p.read_bytes(), p.lstat().st_ino) for p in here.rglob("*") if p.is_file()}
    assert after == before


def test_names_that_differ_in_case_are_one_file_where_the_file_system_says_so(
    tmp_path: Path,
) -> None:
    accent = [unicodedata.normalize(form, "é.mp4") for form in ("NFC", "NFD")]
    for one, other in (("A.mp4", "a.mp4"), accent):
        (tmp_path / f"probe-{one}").touch()
        same = (tmp_path / f"probe-{other}").exists()
        outputs = [tmp_path / one, tmp_path / "new" / ".." / other]
        if same:
            with pytest.raises(BadOutput, match="Two outputs are the same file"):
                check_outputs(outputs, [])
        else:
            check_outputs(outputs, [])
    assert all(path.name.startswith("probe-") for path in tmp_path.iterdir())


WITHOUT_FCNTL = """
import sys
sys.modules["fcntl"] = None  # as on Windows
from pathlib import Path
from imagineid.files import atomic_output, sweep
import imagineid_cli.main, imagineid.batch, imagineid.pipeline, imagineid.swap, imagineid.live
place = Path(sys.argv[1])
with atomic_output(place / "new.txt", False) as part:
    part.write_text("whole")
    sweep(place)
    assert part.exists()
"""


def test_where_there_are_no_locks_as_on_windows_files_are_written(tmp_path: Path) -> None:
    code = [sys.executable, "-c", WITHOUT_FCNTL, str(tmp_path)]
    completed = subprocess.run(code, capture_output=True, text=True, timeout=60)
    assert completed.returncode == 0, completed.stderr
    assert [path.name for path in tmp_path.iterdir()] == ["new.txt"]
    assert (tmp_path / "new.txt").read_text() == "whole"


@pytest.mark.parametrize("answer", [errno.ENOSYS, errno.ENOLCK, errno.EOPNOTSUPP, errno.EACCES])
def test_a_file_system_without_locks_is_supported(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, answer: int
) -> None:
    def flock(_file: int, _how: int) -> None:
        raise OSError(answer, os.strerror(answer))

    monkeypatch.setattr("fcntl.flock", flock)
    leftovers = {hours: tmp_path / f".imagineid-other-1-{hours}.part" for hours in (1, 25)}
    for hours, path in leftovers.items():
        path.touch()
        os.utime(path, (time.time() - 3600 * hours,) * 2)
    with atomic_output(tmp_path / "new.txt", overwrite=False) as part:
        part.write_text("whole")
        sweep(tmp_path)
        assert part.exists()
    assert (tmp_path / "new.txt").read_text() == "whole"
    assert [path.exists() for path in leftovers.values()] == [True, False]


def test_what_another_process_locks_is_not_swept(tmp_path: Path) -> None:
    fcntl = pytest.importorskip("fcntl", reason="runs on Linux and macOS, which have locks")
    held, free = (tmp_path / f".imagineid-other-1-{name}.part" for name in ("held", "free"))
    for path in (held, free):
        path.touch()
        os.utime(path, (time.time() - 90_000,) * 2)
    with held.open() as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        sweep(tmp_path)
        assert (held.exists(), free.exists()) == (True, False)
    sweep(tmp_path)
    assert not held.exists()
