"""The page's server: on this machine only, and only for whoever has the address with its token."""

from __future__ import annotations

import os
import secrets
import socket
from collections.abc import Awaitable, Callable
from http.cookies import SimpleCookie
from typing import Any, TypeAlias
from urllib.parse import parse_qs

from imagineid.errors import BadInput

Scope: TypeAlias = dict[str, Any]
Receive: TypeAlias = Callable[[], Awaitable[dict[str, Any]]]
Send: TypeAlias = Callable[[dict[str, Any]], Awaitable[None]]
ASGI: TypeAlias = Callable[[Scope, Receive, Send], Awaitable[None]]

HOST = "127.0.0.1"
PORT = 7860
COOKIE = "imagineid-studio"


def new_token() -> str:
    """Return a random token that cannot be guessed."""
    return secrets.token_urlsafe(24)


def address(port: int, token: str) -> str:
    """Return what to open in a browser."""
    return f"http://{HOST}:{port}/?token={token}"


def free_port(requested: int | None) -> int:
    """Return the requested port, or the first free one from :data:`PORT` on.

    Raises:
        BadInput: it is taken.
    """
    tried = [requested] if requested is not None else [*range(PORT, PORT + 20), 0]
    for port in tried:
        with socket.socket() as probe:
            try:
                probe.bind((HOST, port))
            except OSError:
                continue
            found: int = probe.getsockname()[1]
            return found
    raise BadInput(f"Port {requested} is taken.\nTry another:  imagineid studio --port {PORT + 1}")


class Guard:
    """Lets through who brings the token.

    The first visit brings it in its address and gets a cookie that only this page is sent. A
    request under another host's name, as of a site that points its name at this machine, is
    refused.

    Args:
        app: what is guarded.
        token: that the address must hold.
        port: where it listens.
    """

    def __init__(self, app: ASGI, token: str, port: int) -> None:
        self._app, self._token = app, token
        self._hosts = {f"{HOST}:{port}", f"localhost:{port}"}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        if scope["type"] == "lifespan":
            await self._app(scope, receive, send)
            return
        headers = {
            name.decode("latin-1"): value.decode("latin-1") for name, value in scope["headers"]
        }
        token = parse_qs(scope.get("query_string", b"").decode("latin-1")).get("token", [""])[0]
        cookies = SimpleCookie(headers.get("cookie", ""))
        cookie = cookies[COOKIE].value if COOKIE in cookies else ""
        known = any(
            secrets.compare_digest(x.encode(), self._token.encode()) for x in (token, cookie)
        )
        if not known or headers.get("host") not in self._hosts:
            await _refuse(scope, send)
            return

        async def send_with_cookie(message: dict[str, Any]) -> None:
            if token and message["type"] == "http.response.start":
                cookie = f"{COOKIE}={self._token}; HttpOnly; SameSite=Strict; Path=/"
                message["headers"] = [*message["headers"], (b"set-cookie", cookie.encode())]
            await send(message)

        await self._app(scope, receive, send_with_cookie)


async def _refuse(scope: Scope, send: Send) -> None:
    """Say why nothing is shown."""
    if scope["type"] == "websocket":
        await send({"type": "websocket.close", "code": 1008})
        return
    text = b"Open the address that imagineid studio printed: it ends in a token."
    headers = [(b"content-type", b"text/plain; charset=utf-8")]
    await send({"type": "http.response.start", "status": 403, "headers": headers})
    await send({"type": "http.response.body", "body": text})


def guarded(page: Any, token: str, port: int, **looks: Any) -> Guard:
    """Put a Gradio page behind a token.

    Args:
        page: Gradio's Blocks.
        token: that the address must hold.
        port: where it listens.
        **looks: what else :func:`gradio.mount_gradio_app` takes.
    """
    import gradio
    from fastapi import FastAPI

    app = FastAPI(docs_url=None, redoc_url=None, openapi_url=None)
    mounted = gradio.mount_gradio_app(
        app, page, "/", server_name=HOST, server_port=port, show_error=True, ssr_mode=False, **looks
    )
    return Guard(mounted, token, port)


def run(model: str, engine: str, port: int, token: str, ready: Callable[[str], object]) -> None:
    """Load a model and serve the page until Ctrl-C.

    Args:
        model: see :func:`imagineid.load`.
        engine: see there.
        port: a free one.
        token: that the address holds.
        ready: receives the address as soon as it answers.
    """
    from imagineid import pipeline
    from imagineid_studio.page import CSS, page, theme
    from imagineid_studio.studio import Studio

    os.environ.setdefault("GRADIO_ANALYTICS_ENABLED", "False")
    studio = Studio(pipeline.load(model, engine=engine))
    app = guarded(
        page(studio), token, port,
        allowed_paths=[str(studio.folder)], theme=theme(), css=CSS,
    )  # fmt: skip
    serve(app, port, lambda: ready(address(port, token)))


def serve(app: ASGI, port: int, ready: Callable[[], object]) -> None:
    """Serve until Ctrl-C; ``ready`` is called as soon as requests are answered."""
    import uvicorn

    class Server(uvicorn.Server):  # type: ignore[misc, unused-ignore]
        async def startup(self, sockets: list[socket.socket] | None = None) -> None:
            await super().startup(sockets)
            if self.started:
                ready()

    Server(uvicorn.Config(app, host=HOST, port=port, log_level="error")).run()
