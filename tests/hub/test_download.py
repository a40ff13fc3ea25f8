"""Downloads from a real server that misbehaves in every way: right bytes or none at all."""

from __future__ import annotations

import hashlib
import json
import random
import socket
from collections.abc import Iterator
from pathlib import Path

import pytest

from imagineid.errors import BadOutput, DownloadFailed
from imagineid.hub.download import Counter, fetch
from imagineid.hub.manifest import File
from imagineid.hub.transport import RetryPolicy
from support import bad_server
from support.bad_server import Behaviour, Server

DATA = random.Random(4).randbytes(200_000)
FILE = File("unet/model.safetensors", len(DATA), hashlib.sha256(DATA).hexdigest())
PATH = "/unet/model.safetensors"
QUICK = RetryPolicy(silence_s=0.25, tries=4, pause_s=0.01, progress=1000)


class Notes:
    """A listener that records its messages."""

    def __init__(self) -> None:
        self.lines: list[str] = []
        self.done: list[int] = []

    def line(self, text: str) -> None:
        self.lines.append(text)

    def at(self, name: str, done: int, total: int) -> None:
        self.done.append(done)


class Case:
    """One file, to be fetched to one place."""

    def __init__(self, folder: Path) -> None:
        self.target = folder / FILE.path
        self.notes = Notes()

    def fetch(self, *servers: Server, patience: RetryPolicy = QUICK) -> None:
        addresses = [server.url + PATH for server in servers]
        counter = Counter(self.notes, "sd15/base", 0, FILE.bytes)
        fetch(FILE, addresses, self.target, counter, patience)

    def is_right(self) -> bool:
        """Whether the file is whole and nothing else is left."""
        folder = self.target.parent
        return self.target.read_bytes() == DATA and list(folder.iterdir()) == [self.target]


@pytest.fixture
def case(tmp_path: Path) -> Case:
    return Case(tmp_path)


@pytest.fixture
def server() -> Iterator[Server]:
    with Server({PATH: DATA}) as one:
        yield one


def test_a_good_server_is_asked_once(case: Case, server: Server) -> None:
    case.fetch(server)
    assert case.is_right()
    assert server.requests == [(PATH, None, None)]
    assert case.notes.lines == []
    assert case.notes.done[-1] == FILE.bytes


def test_what_is_here_is_not_fetched_again(case: Case, server: Server) -> None:
    case.fetch(server)
    case.fetch(server)
    assert len(server.requests) == 1


def test_a_wrong_file_under_the_final_name_is_replaced(case: Case, server: Server) -> None:
    case.target.parent.mkdir()
    case.target.write_bytes(DATA[:-1] + b"!")
    case.fetch(server)
    assert case.is_right()


def test_a_cut_connection_is_resumed(case: Case, server: Server) -> None:
    server.behaviours = [bad_server.cut(70_000), bad_server.cut(50_000)]
    case.fetch(server)
    assert case.is_right()
    etag = server.etag(PATH)
    assert server.requests[1:] == [(PATH, "bytes=70000-", etag), (PATH, "bytes=120000-", etag)]
    assert server.sent == FILE.bytes
    assert [line.partition(": ")[2] for line in case.notes.lines] == [
        "the connection ended at 70,000 bytes; resuming at 70,000 of 200,000 bytes",
        "the connection ended at 120,000 bytes; resuming at 120,000 of 200,000 bytes",
    ]


def test_another_process_resumes_a_partial_download(case: Case, server: Server) -> None:
    server.behaviours = [bad_server.cut(70_000)]
    with pytest.raises(DownloadFailed):
        case.fetch(server, patience=RetryPolicy(tries=1))
    assert not case.target.exists()
    case.fetch(server)  # nothing is remembered but what lies on the disk
    assert case.is_right()
    assert server.requests[1][1] == "bytes=70000-"


def test_a_stalled_request_is_retried(case: Case, server: Server) -> None:
    server.behaviours = [bad_server.stall(60_000)]
    case.fetch(server)
    assert case.is_right()
    assert server.requests[1][1] == "bytes=60000-"
    assert "no data for 0.25 s" in case.notes.lines[0]


def test_a_trickling_server_counts_as_stalled(case: Case, server: Server) -> None:
    server.behaviours = [bad_server.trickle]
    case.fetch(server)
    assert case.is_right()
    assert "bytes in 0 s" in case.notes.lines[0]


BAD_ONCE: dict[str, tuple[Behaviour, ...]] = {
    "answers another range": (bad_server.cut(70_000), bad_server.other_range),
    "lies about the range": (bad_server.cut(70_000), bad_server.lying_range),
    "ignores ranges": (bad_server.cut(70_000), bad_server.whole),
    "has no such range": (bad_server.cut(70_000), bad_server.status(416)),
    "answers 500": (bad_server.status(500),),
    "answers 503, then half": (bad_server.status(503), bad_server.cut(70_000)),
    "is too busy": (bad_server.status(429, **{"Retry-After": "0"}),),
}


@pytest.mark.parametrize("how", BAD_ONCE)
def test_right_bytes_come_although_the_server(how: str, case: Case, server: Server) -> None:
    server.behaviours = list(BAD_ONCE[how])
    case.fetch(server)
    assert case.is_right()
    assert len(case.notes.lines) == len(set(case.notes.lines)) <= 3


def test_a_file_that_changes_between_parts_is_begun_again(case: Case, server: Server) -> None:
    server.files[PATH] = bytes(FILE.bytes)  # an older version of the same size
    server.behaviours = [bad_server.cut(70_000)]
    with pytest.raises(DownloadFailed):
        case.fetch(server, patience=RetryPolicy(tries=1))
    server.files[PATH] = DATA
    case.fetch(server)
    assert case.is_right()
    assert server.requests[1][2] != server.etag(PATH)  # it was asked for the older version's rest


def test_a_file_that_changes_under_the_same_weak_etag_is_found_out(
    case: Case, server: Server
) -> None:
    server.etags[PATH] = 'W/"same"'
    server.files[PATH] = bytes(FILE.bytes)
    server.behaviours = [bad_server.cut(70_000)]
    with pytest.raises(DownloadFailed):
        case.fetch(server, patience=RetryPolicy(tries=1))
    server.files[PATH] = DATA
    case.fetch(server)
    assert case.is_right()
    assert [request[1:] for request in server.requests] == [
        (None, None),
        ("bytes=70000-", None),  # a weak version can't be asked for
        (None, None),
    ]
    assert "has a wrong SHA-256; starting again" in case.notes.lines[-1]


NEVER: dict[str, tuple[Behaviour, str]] = {
    "sends wrong bytes": (bad_server.wrong, "the downloaded file has a wrong SHA-256"),
    "sends too much": (bad_server.endless, "the server sends more bytes than expected"),
    "sends a login page": (bad_server.page, "the server has 5 bytes instead of 200,000"),
    "sends it packed": (bad_server.packed, "the server sends an unexpected encoding"),
    "always cuts": (bad_server.whole_cut(70_000), "the connection ended at 70,000 bytes"),
    "always stalls": (bad_server.stall(0), "no data for"),
    "does not have it": (
        bad_server.status(404),
        "the server answers 404: the server does not have it",
    ),
    "forbids it": (bad_server.status(403), "the server answers 403: it is forbidden"),
    "is broken": (bad_server.status(500), "the server answers 500"),
    "redirects for ever": (bad_server.redirect(PATH), "the server answers 302"),
    "redirects to a file": (bad_server.redirect("file:///etc/passwd"), "the server answers 302"),
    "sends a range not asked for": (bad_server.other_range, "an unexpected range"),
}


@pytest.mark.parametrize("how", NEVER)
def test_no_file_is_accepted_from_a_server_that(how: str, case: Case, server: Server) -> None:
    server.always, words = NEVER[how]
    with pytest.raises(DownloadFailed) as excinfo:
        case.fetch(server)
    assert not case.target.exists()
    first, last = str(excinfo.value).splitlines()
    assert words in first
    assert last.endswith("imagineid weights pull sd15/base")
    assert len(server.requests) <= 12


@pytest.mark.parametrize("how", NEVER)
def test_the_next_mirror_is_tried_after_one_that(how: str, case: Case, server: Server) -> None:
    with Server({PATH: DATA}) as bad:
        bad.always, words = NEVER[how]
        case.fetch(bad, server)
    assert case.is_right()
    assert words in case.notes.lines[-1]
    assert case.notes.lines[-1].endswith(f"; trying {server.url.removeprefix('http://')}")


def test_the_next_mirror_resumes_the_download_of_the_first(case: Case, server: Server) -> None:
    with Server({PATH: DATA}, bad_server.cut(70_000)) as bad:
        bad.always = bad_server.status(404)
        case.fetch(bad, server)
    assert case.is_right()
    assert server.requests == [(PATH, "bytes=70000-", None)]  # another server's version is not ours


def test_a_mirror_that_is_not_there_is_passed_over(case: Case, server: Server) -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    closed = Server({})
    closed.url = f"http://127.0.0.1:{port}"
    case.fetch(closed, server)
    closed._listener.server_close()
    assert case.is_right()
    assert "the connection was refused" in case.notes.lines[0]


@pytest.mark.parametrize("code", [301, 302, 303, 307, 308])
def test_redirects_are_followed_with_the_range(code: int, case: Case, server: Server) -> None:
    with Server({PATH: DATA}) as hub:
        hub.always = bad_server.redirect(server.url + PATH, code)
        server.behaviours = [bad_server.cut(70_000)]
        case.fetch(hub)
    assert case.is_right()
    assert server.requests[1][1:] == ("bytes=70000-", server.etag(PATH))


def test_a_redirect_may_be_relative(case: Case, server: Server) -> None:
    server.files["/elsewhere"] = server.files.pop(PATH)
    server.behaviours = [bad_server.redirect("/elsewhere")]
    case.fetch(server)
    assert case.is_right()


def test_proxies_are_honoured(case: Case, server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("http_proxy", server.url)
    monkeypatch.delenv("no_proxy", raising=False)
    monkeypatch.delenv("NO_PROXY", raising=False)
    elsewhere = Server({})
    elsewhere.url = "http://hub.invalid"
    server.files["http://hub.invalid" + PATH] = DATA
    case.fetch(elsewhere)
    elsewhere._listener.server_close()
    assert case.is_right()


def test_a_part_that_is_whole_already_is_checked_and_named(case: Case, server: Server) -> None:
    case.target.parent.mkdir()
    part = case.target.with_name(case.target.name + ".part")
    part.write_bytes(DATA)
    case.fetch(server)
    assert case.is_right()
    assert server.requests == []


@pytest.mark.parametrize("partial", [b"", b"x" * 90_000, bytes(200_000), b"y" * 300_000])
def test_a_part_of_other_bytes_is_never_accepted(
    partial: bytes, case: Case, server: Server
) -> None:
    case.target.parent.mkdir()
    part = case.target.with_name(case.target.name + ".part")
    part.write_bytes(partial)
    story = {"address": server.url + PATH, "etag": server.etag(PATH)}
    part.with_name(part.name + ".json").write_text(json.dumps(story))
    case.fetch(server)
    assert case.is_right()


def test_an_unwritable_folder_is_reported(case: Case, server: Server) -> None:
    case.target.parent.write_bytes(b"a file where a folder must be")
    with pytest.raises(BadOutput, match="can't be written"):
        case.fetch(server)


def test_without_a_network_the_ways_without_one_are_named(tmp_path: Path) -> None:
    counter = Counter(Notes(), "sd15/base", 0, FILE.bytes)
    with pytest.raises(DownloadFailed, match=r"\(--from DIR\), or --offline") as excinfo:
        fetch(FILE, ["http://127.0.0.1:9/a"], tmp_path / "a", counter, RetryPolicy(tries=1))
    assert str(excinfo.value).endswith("Try again later:  imagineid weights pull sd15/base")
