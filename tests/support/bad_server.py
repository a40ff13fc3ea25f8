"""A real local HTTP server that misbehaves on demand, one request after another."""

from __future__ import annotations

import hashlib
import re
import threading
import time
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType

PIECE = 16_384


class Handler(BaseHTTPRequestHandler):
    """One request, answered by the next behaviour."""

    protocol_version = "HTTP/1.1"
    server: Listener

    def do_GET(self) -> None:
        owner = self.server.owner
        owner.requests.append((self.path, self.headers.get("Range"), self.headers.get("If-Range")))
        with owner.turn:
            behaviour = owner.behaviours.pop(0) if owner.behaviours else owner.always
        self.close_connection = True
        behaviour(self)

    def do_HEAD(self) -> None:
        self.close_connection = True
        self.head(200, {"Content-Length": str(len(self.data()))})

    def data(self) -> bytes:
        return self.server.owner.files.get(self.path, b"")

    def head(self, code: int, headers: dict[str, str]) -> None:
        self.send_response(code)
        for name, value in {"Connection": "close", **headers}.items():
            self.send_header(name, value)
        self.end_headers()

    def send(self, data: bytes) -> None:
        owner = self.server.owner
        for i in range(0, len(data), PIECE):
            try:
                self.wfile.write(data[i : i + PIECE])
            except OSError:  # the other side was killed
                return
            owner.sent += len(data[i : i + PIECE])
            if owner.piece_s:
                time.sleep(owner.piece_s)

    def log_message(self, *_: object) -> None:
        """Say nothing."""


Behaviour = Callable[[Handler], None]


class Listener(ThreadingHTTPServer):
    """A threaded server with a reference to its owner, which holds the files."""

    daemon_threads = True
    owner: Server

    def handle_error(self, *_: object) -> None:
        """A client that was killed is no error of ours."""


class Server:
    """``with Server({"/a.onnx": b"..."}) as server: ... server.url``."""

    def __init__(
        self, files: dict[str, bytes], *behaviours: Behaviour, piece_s: float = 0.0
    ) -> None:
        self.files, self.behaviours, self.piece_s = files, list(behaviours), piece_s
        self.always: Behaviour = good
        self.etags: dict[str, str] = {}
        self.requests: list[tuple[str, str | None, str | None]] = []
        self.sent = 0
        self.turn = threading.Lock()
        self.closing = threading.Event()
        self._listener = Listener(("127.0.0.1", 0), Handler)
        self._listener.owner = self
        self.url = f"http://127.0.0.1:{self._listener.server_port}"

    def __enter__(self) -> Server:
        self._thread = threading.Thread(target=self._listener.serve_forever, args=(0.02,))
        self._thread.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        tb: TracebackType | None,
    ) -> None:
        self.closing.set()
        self._listener.shutdown()
        self._listener.server_close()
        self._thread.join()

    def etag(self, path: str) -> str:
        usual = hashlib.sha256(self.files.get(path, b"")).hexdigest()[:16]
        return self.etags.get(path, f'"{usual}"')


def first_byte(handler: Handler) -> int:
    """Return the first requested byte; 0 if another version is requested."""
    found = re.fullmatch(r"bytes=(\d+)-", handler.headers.get("Range", ""))
    version = handler.headers.get("If-Range")
    same = version is None or version == handler.server.owner.etag(handler.path)
    return int(found[1]) if found and same else 0


def good(handler: Handler) -> None:
    """Answer as a server should."""
    cut(None)(handler)


def cut(most: int | None) -> Behaviour:
    """Promise the whole file, send ``most`` bytes of it, and hang up."""

    def behaviour(handler: Handler) -> None:
        data, start = handler.data(), first_byte(handler)
        if handler.path not in handler.server.owner.files:
            status(404)(handler)
            return
        if start > len(data):
            status(416)(handler)
            return
        headers = {
            "Content-Length": str(len(data) - start),
            "ETag": handler.server.owner.etag(handler.path),
        }
        if start:
            headers["Content-Range"] = f"bytes {start}-{len(data) - 1}/{len(data)}"
        handler.head(206 if start else 200, headers)
        handler.send(data[start:] if most is None else data[start : start + most])

    return behaviour


def stall(after: int) -> Behaviour:
    """Send some bytes, then nothing, and hold the line."""

    def behaviour(handler: Handler) -> None:
        cut(after)(handler)
        handler.wfile.flush()
        handler.server.owner.closing.wait(20)

    return behaviour


def trickle(handler: Handler) -> None:
    """Send a byte now and then."""
    handler.head(200, {"Content-Length": str(len(handler.data()))})
    while not handler.server.owner.closing.wait(0.05):
        try:
            handler.wfile.write(b"x")
        except OSError:
            return


def other_range(handler: Handler) -> None:
    """Answer a range with the beginning of the file, and say so."""
    data = handler.data()
    span = {"Content-Range": f"bytes 0-{len(data) - 1}/{len(data)}"}
    handler.head(206, {"Content-Length": str(len(data)), **span})
    handler.send(data)


def lying_range(handler: Handler) -> None:
    """Say the range is right, and send the beginning of the file."""
    data, start = handler.data(), first_byte(handler)
    span = {"Content-Range": f"bytes {start}-{len(data) - 1}/{len(data)}"}
    handler.head(206, {"Content-Length": str(len(data) - start), **span})
    handler.send(data[: len(data) - start])


def whole(handler: Handler) -> None:
    """Know nothing of ranges."""
    handler.head(200, {"Content-Length": str(len(handler.data()))})
    handler.send(handler.data())


def whole_cut(most: int) -> Behaviour:
    """Know nothing of ranges, and hang up early."""

    def behaviour(handler: Handler) -> None:
        handler.head(200, {"Content-Length": str(len(handler.data()))})
        handler.send(handler.data()[:most])

    return behaviour


def wrong(handler: Handler) -> None:
    """Send as many bytes as there should be, but others."""
    data = bytes(255 - byte for byte in handler.data())
    handler.head(200, {"Content-Length": str(len(data))})
    handler.send(data)


def endless(handler: Handler) -> None:
    """Send twice as much, without saying how much."""
    handler.head(200, {})
    handler.send(handler.data() * 2)


def page(handler: Handler) -> None:
    """Send a page that says hello, as hotel networks do."""
    handler.head(200, {"Content-Length": "5", "Content-Type": "text/html"})
    handler.send(b"hello")


def packed(handler: Handler) -> None:
    """Send another encoding than the requested one."""
    data = handler.data()
    handler.head(200, {"Content-Length": str(len(data)), "Content-Encoding": "gzip"})
    handler.send(data)


def status(code: int, **headers: str) -> Behaviour:
    """Answer a code and nothing else."""
    return lambda handler: handler.head(code, {"Content-Length": "0", **headers})


def redirect(to: str, code: int = 302) -> Behaviour:
    """Send elsewhere."""
    return lambda handler: handler.head(code, {"Content-Length": "0", "Location": to})
