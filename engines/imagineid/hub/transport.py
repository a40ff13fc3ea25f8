"""One HTTP request for a file, or for the rest of it.

The standard library's client supports proxies and redirects, and keeps the base install small.
Added here: no redirects from https to http, a minimum transfer rate, checked ranges, and one type
of error.
"""

from __future__ import annotations

import contextlib
import http.client
import re
import socket
import ssl
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass
from typing import IO, Any
from urllib.parse import urlsplit

from imagineid import __version__

PIECE_BYTES = 1 << 18
"""Largest number of bytes per read."""


@dataclass(frozen=True)
class RetryPolicy:
    """Timeouts and retries.

    Attributes:
        silence_s: seconds without a byte, or below ``trickle``, after which a server has stalled.
        trickle: minimum transfer rate, bytes per second.
        tries: consecutive failures, without ``progress`` new bytes, until the next address is used.
        pause_s: pause before the second try, doubled each time.
        progress: number of new bytes that resets the count of failures.
    """

    silence_s: float = 30.0
    trickle: int = 1024
    tries: int = 4
    pause_s: float = 1.0
    progress: int = 1 << 20


class TransferFailed(Exception):
    """A request failed, or its response is invalid.

    Attributes:
        again: whether to retry at the same address.
        discard: whether the bytes received so far are useless.
        pause_s: pause requested by the server.
    """

    def __init__(
        self, reason: str, *, again: bool, discard: bool = False, pause_s: float = 0.0
    ) -> None:
        super().__init__(reason)
        self.again, self.discard, self.pause_s = again, discard, pause_s


@dataclass(frozen=True)
class Response:
    """Response of a server.

    Attributes:
        start: offset of the first byte in the file.
        total: size of the whole file, or None if unknown.
        etag: version of the file; "" if missing or weak, because a weak one can't join two parts.
    """

    start: int
    total: int | None
    etag: str
    _body: http.client.HTTPResponse
    _patience: RetryPolicy

    def pieces(self) -> Iterator[bytes]:
        """Yield the bytes as they are received.

        Raises:
            TransferFailed: the connection broke or stalled.
        """
        began, received = time.monotonic(), 0
        with _reasons(self._patience):
            while piece := self._body.read1(PIECE_BYTES):
                yield piece
                received += len(piece)
                if (took_s := time.monotonic() - began) > self._patience.silence_s:
                    if received < took_s * self._patience.trickle:
                        raise TransferFailed(f"only {received} bytes in {took_s:.0f} s", again=True)
                    began, received = time.monotonic(), 0


def host(address: str) -> str:
    """Return the host of an address, without a password."""
    return urlsplit(address).netloc.rpartition("@")[2]


def split_off_password(address: str) -> str:
    """Return an address as it may be shown: without a user's name and password."""
    return re.sub(r"//[^/@]*@", "//", address)


@contextlib.contextmanager
def open_url(
    address: str, patience: RetryPolicy, start: int = 0, etag: str = "", method: str = "GET"
) -> Iterator[Response]:
    """Request a file from byte ``start`` on.

    Args:
        address: http or https.
        patience: timeouts.
        start: first byte to send; the server may ignore it.
        etag: version of the earlier bytes; the server sends the whole file if it has another.
        method: ``HEAD`` for the headers only.

    Raises:
        TransferFailed: there is no usable response.
    """
    headers = {"User-Agent": f"imagineid/{__version__}", "Accept-Encoding": "identity"}
    if start:
        headers["Range"] = f"bytes={start}-"
        if etag:
            headers["If-Range"] = etag
    request = urllib.request.Request(address, headers=headers, method=method)
    with _reasons(patience):
        body = _opener().open(request, timeout=patience.silence_s)
    with body:
        yield _answer(body, start, patience)


def _answer(body: http.client.HTTPResponse, start: int, patience: RetryPolicy) -> Response:
    """Parse and validate the headers."""
    if body.headers.get("Content-Encoding", "identity") != "identity":
        raise TransferFailed("the server sends an unexpected encoding", again=False)
    etag = body.headers.get("ETag", "")
    etag = "" if etag.startswith("W/") else etag
    if body.status == 200:
        length = body.headers.get("Content-Length", "")
        return Response(0, int(length) if length.isdigit() else None, etag, body, patience)
    found = re.fullmatch(r"bytes (\d+)-\d+/(\d+|\*)", body.headers.get("Content-Range", "").strip())
    if body.status != 206:
        raise TransferFailed(f"the server answers {body.status}", again=False)
    if not found or not start or int(found[1]) != start:
        raise TransferFailed("the server sends an unexpected range", again=True, discard=True)
    total = None if found[2] == "*" else int(found[2])
    return Response(start, total, etag, body, patience)


class _Redirects(urllib.request.HTTPRedirectHandler):
    """Follow redirects, 308 also before Python 3.11, but never from https to http."""

    def redirect_request(
        self,
        req: urllib.request.Request,
        fp: IO[bytes],
        code: int,
        msg: str,
        headers: Any,
        newurl: str,
    ) -> urllib.request.Request | None:
        """Return the request for a redirect."""
        if req.full_url.startswith("https:") and not newurl.startswith("https:"):
            raise TransferFailed("the server redirects from https to http", again=False)
        return super().redirect_request(req, fp, 307 if code == 308 else code, msg, headers, newurl)

    http_error_308 = urllib.request.HTTPRedirectHandler.http_error_302


def _opener() -> urllib.request.OpenerDirector:
    """Return a client for http and https only."""
    opener = urllib.request.OpenerDirector()
    for handler in (
        urllib.request.ProxyHandler(),
        urllib.request.HTTPHandler(),
        urllib.request.HTTPSHandler(),
        _Redirects(),
        urllib.request.HTTPErrorProcessor(),
        urllib.request.HTTPDefaultErrorHandler(),
        urllib.request.UnknownHandler(),
    ):
        opener.add_handler(handler)
    return opener


@contextlib.contextmanager
def _reasons(patience: RetryPolicy) -> Iterator[None]:
    """Map the client's errors to :class:`TransferFailed`."""
    try:
        yield
    except urllib.error.HTTPError as error:
        with error:
            raise _status(error) from error
    except (urllib.error.URLError, OSError, http.client.HTTPException) as error:
        reason = error.reason if isinstance(error, urllib.error.URLError) else error
        if isinstance(reason, TimeoutError):
            raise TransferFailed(f"no data for {patience.silence_s:g} s", again=True) from error
        if isinstance(reason, socket.gaierror):
            raise TransferFailed("there is no such host, or no network", again=False) from error
        if isinstance(reason, ConnectionRefusedError):
            raise TransferFailed("the connection was refused", again=False) from error
        if isinstance(reason, ssl.SSLCertVerificationError):
            raise TransferFailed("its certificate is not trusted", again=False) from error
        message = str(reason) or type(reason).__name__
        raise TransferFailed(f"the connection broke ({message})", again=True) from error


def _status(error: urllib.error.HTTPError) -> TransferFailed:
    """Return the error for a status code."""
    if error.code == 416:
        return TransferFailed("the server has no such range", again=True, discard=True)
    after = error.headers.get("Retry-After", "") if error.headers else ""
    again = error.code in (408, 429) or error.code >= 500
    meaning = {
        401: "it asks for a login",
        403: "it is forbidden",
        404: "the server does not have it",
    }
    message = meaning.get(error.code, str(error.reason).splitlines()[0] if error.reason else "")
    if 300 <= error.code < 400:
        message = "too many redirects, or to an address that is not allowed"
    pause_s = float(after) if after.isdigit() else 0.0
    return TransferFailed(
        f"the server answers {error.code}: {message}", again=again, pause_s=pause_s
    )
