"""``imagineid weights`` in processes of its own: two at once, killed, stopped, on a terminal."""

from __future__ import annotations

import json
import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path

from support.bad_server import Server
from support.small_weights import BASE, MATTING, is_whole, listed, write_manifest

TESTS = Path(__file__).parent.parent


def start(folder: Path, *words: object, **streams: int) -> subprocess.Popen[str]:
    """``imagineid weights`` upon the small manifest, in a process of its own."""
    return subprocess.Popen(
        [sys.executable, "-m", "support.small_weights", "weights", *(str(word) for word in words)],
        env={
            **os.environ,
            "SMALL_MANIFEST": str(write_manifest(folder / f"{random.random()}.json")),
            "PYTHONPATH": f"{os.environ.get('PYTHONPATH', '')}:{TESTS}",
        },
        text=True,
        **(streams or {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE}),
    )


def test_two_pulls_at_once_are_one_download(home: Path, tmp_path: Path, hub: Server) -> None:
    hub.piece_s = 0.03
    pulls = [start(tmp_path, "pull", "sd15", "--accept-licence") for _ in range(2)]
    outputs = [pull.communicate(timeout=60) for pull in pulls]
    assert [pull.returncode for pull in pulls] == [0, 0], outputs
    assert len(hub.requests) == 3
    assert hub.sent == sum(map(len, (*BASE.values(), *MATTING.values())))
    assert (
        sum("waiting for another imagineid process that uses sd15/" in err for _, err in outputs)
        == 1
    )
    assert is_whole(home / "weights/sd15/base", BASE)


def test_a_pull_killed_at_any_moment_resumes_and_completes(
    home: Path, tmp_path: Path, hub: Server
) -> None:
    hub.piece_s = 0.02  # half a second in all
    file = home / "weights/sd15/base/unet/model.safetensors"
    moments = random.Random(11)
    for _ in range(5):
        before = len(hub.requests)
        pull = start(tmp_path, "pull", "sd15/base", "--accept-licence")
        while len(hub.requests) == before and pull.poll() is None:
            time.sleep(0.005)
        time.sleep(moments.uniform(0, 0.25))
        pull.send_signal(signal.SIGKILL)
        pull.communicate()
        assert not file.exists() or file.read_bytes() == BASE["unet/model.safetensors"]
    hub.piece_s = 0.0
    pull = start(tmp_path, "pull", "sd15/base")
    assert pull.communicate(timeout=60)[0] == f"{home}/weights/sd15/base\n"
    assert is_whole(home / "weights/sd15/base", BASE)
    assert (
        sum(request[1] is not None for request in hub.requests) >= 2
    )  # it went on, not from nothing


def test_on_a_terminal_the_licence_is_shown_and_asked_for_and_a_bar_drawn(
    home: Path, tmp_path: Path, hub: Server
) -> None:
    hub.piece_s = 0.02
    ours, theirs = os.openpty()
    terminal = {"stdin": theirs, "stdout": theirs, "stderr": theirs}
    pull = start(tmp_path, "pull", "sd15/base", **terminal)
    os.close(theirs)
    printed, answered = b"", False
    while True:
        try:
            piece = os.read(ours, 4096)
        except OSError:  # the other end is closed
            break
        printed += piece
        if not answered and b"do you accept this licence? [y/N]" in printed:
            answered = bool(os.write(ours, b"y\n"))
    os.close(ours)
    assert pull.wait() == 0, printed
    assert b"Attachment A" in printed
    assert "━".encode() in printed
    assert b"kB/s" in printed or b"MB/s" in printed
    assert is_whole(home / "weights/sd15/base", BASE)


def test_ctrl_c_keeps_what_came(home: Path, tmp_path: Path, hub: Server) -> None:
    hub.piece_s = 0.1
    pull = start(tmp_path, "pull", "sd15/base", "--accept-licence")
    part = home / "weights/sd15/base/unet/model.safetensors.part"
    while not (part.exists() and part.stat().st_size):
        assert pull.poll() is None
        time.sleep(0.02)
    pull.send_signal(signal.SIGINT)
    out, err = pull.communicate(timeout=20)
    assert (pull.returncode, out) == (130, "")
    assert err.splitlines()[-1] == "Stopped. The same command continues the download."
    assert part.stat().st_size > 0


def test_a_name_begun_from_one_address_and_pulled_from_another_holds_only_what_is_listed(
    home: Path, tmp_path: Path, hub: Server
) -> None:
    texts = {"one.txt": b"one " * 50_000, "two.txt": b"two " * 50_000}
    other = {"three.txt": b"three\n"}
    for place, files in (("a", texts), ("b", other)):
        hub.files[f"/{place}/files.json"] = json.dumps({"files": listed(files)}).encode()
        hub.files |= {f"/{place}/{path}": data for path, data in files.items()}
    hub.piece_s = 0.02
    first = start(tmp_path, "pull", "--from", f"{hub.url}/a", "mine")
    begun = home / "weights" / ".mine.coming"
    while not list(begun.rglob("one.txt")):
        assert first.poll() is None, first.communicate()
        time.sleep(0.005)
    first.kill()
    first.communicate()
    hub.piece_s = 0.0
    second = start(tmp_path, "pull", "--from", f"{hub.url}/b", "mine")
    output = second.communicate(timeout=60)
    assert second.returncode == 0, output
    held = {path.name for path in (home / "weights/mine").rglob("*") if path.is_file()}
    assert held == {"three.txt", "files.json"}
    assert "all files are valid" in start(tmp_path, "verify", "mine").communicate(timeout=60)[0]


def test_a_link_in_a_folder_is_not_followed(home: Path, tmp_path: Path, hub: Server) -> None:
    (tmp_path / "secret").mkdir()
    (tmp_path / "secret" / "key.txt").write_text("secret")
    for name, target in (("file", "../secret/key.txt"), ("folder", "../secret")):
        mine = tmp_path / name
        mine.mkdir()
        (mine / "note.txt").write_text("mine")
        (mine / ("key.txt" if name == "file" else "sub")).symlink_to(target)
        pull = start(tmp_path, "pull", "--from", mine, name)
        out, err = pull.communicate(timeout=60)
        assert (pull.returncode, out) == (2, ""), err
        assert "is a link, which is not taken" in err
        assert not (home / "weights" / name).exists()
        assert not list((home / "weights").rglob("key.txt"))
