"""Live video in a browser over WebRTC: its microphone comes in, the face and its sound go out.

A small page is served on this machine only, to whoever has the address with its token. It needs the
extra ``[webrtc]`` (aiortc). No server elsewhere is asked for the way between the two (no STUN).
"""

from __future__ import annotations

import asyncio
import contextlib
import hmac
import json
import queue
import secrets
import threading
from collections.abc import Callable, Iterable, Iterator
from fractions import Fraction
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from importlib.util import find_spec
from types import TracebackType
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qs, urlsplit

import av
import numpy as np

from imagineid.errors import BackendMissing
from imagineid.spec import FPS, FRAME_SAMPLES, SAMPLE_RATE

if TYPE_CHECKING:
    from imagineid.live import LivePicture

HOST = "127.0.0.1"

CLOCK = 90_000
"""Ticks a second of video in RTP."""

SPEAKER_RATE = 48_000
"""Samples a second of sound in RTP, whatever the codec."""

SPEAKER_SAMPLES = SPEAKER_RATE // 50
"""Samples of one packet of sound, 20 ms."""

MOST_BYTES = 200_000
"""A longer offer is refused."""

ANSWER_S = 20.0
"""So long an offer may take."""

Imagine = Callable[[Iterable[np.ndarray]], Iterator["LivePicture"]]
"""Maps sound, mono at 16 kHz in [-1, 1], in pieces of any length, to pictures."""

PAGE = """<!doctype html><meta charset="utf-8"><meta name="viewport" content="width=device-width">
<title>imagineid live (synthetic)</title>
<style>body{font:1.1rem system-ui;text-align:center;background:#222;color:#eee}
video{width:min(90vw,80vh);aspect-ratio:1;background:#000;border-radius:1rem}</style>
<p><video id="face" autoplay playsinline muted></video>
<p><button id="start">Start the microphone</button>
<label><input type="checkbox" id="hear"> Hear it (with headphones)</label>
<p id="state" role="status">&nbsp;
<p>The face is made by a machine: it is nobody's.
<script>
const [face, start, hear, state] =
  ["face", "start", "hear", "state"].map(name => document.getElementById(name));
const say = text => state.textContent = text;
hear.onchange = () => face.muted = !hear.checked;
face.onplaying = () => say("Live.");
const ended = {disconnected: "The connection was lost.", failed: "The call ended.",
  closed: "The call ended."};
start.onclick = async () => {
  start.disabled = true;
  let sound, peer;
  const stop = text => {
    sound?.getTracks().forEach(track => track.stop());
    peer?.close();
    start.disabled = false;
    say(text);
  };
  try {
    sound = await navigator.mediaDevices.getUserMedia({audio: true});
    peer = new RTCPeerConnection();
    sound.getTracks().forEach(track => peer.addTrack(track, sound));
    peer.addTransceiver("video", {direction: "recvonly"});
    peer.ontrack = event => face.srcObject = event.streams[0];
    peer.onconnectionstatechange = () => {
      if (peer.connectionState === "connected") say("Speak: the face appears in some seconds.");
      if (peer.connectionState in ended) stop(ended[peer.connectionState]);
    };
    await peer.setLocalDescription();
    while (peer.iceGatheringState !== "complete") await new Promise(r => setTimeout(r, 50));
    const answer = await fetch("offer" + location.search,
      {method: "POST", body: JSON.stringify(peer.localDescription)});
    if (!answer.ok) throw new Error(await answer.text());
    await peer.setRemoteDescription(await answer.json());
  } catch (error) { stop(error.message); }
};
</script>
"""


def check_installed() -> None:
    """Check that the extra is installed.

    Raises:
        BackendMissing: it is not.
    """
    if find_spec("aiortc") is None:
        raise BackendMissing("webrtc", "webrtc")


class Call:
    """One browser: its sound comes in, and the imagined frames go out with their sound.

    Args:
        imagine: makes pictures of sound, in a thread of its own.
        tell: receives errors, one line each.
    """

    def __init__(self, imagine: Imagine, tell: Callable[[str], object]) -> None:
        from aiortc import RTCConfiguration, RTCPeerConnection

        self._imagine, self._tell = imagine, tell
        self._loop = asyncio.get_running_loop()
        self._peer = RTCPeerConnection(RTCConfiguration(iceServers=[]))
        self._incoming: queue.SimpleQueue[np.ndarray | None] = queue.SimpleQueue()
        self._pictures: asyncio.Queue[av.VideoFrame] = asyncio.Queue(FPS)
        self._sounds: asyncio.Queue[av.AudioFrame] = asyncio.Queue(2 * FPS)
        self._resampler = av.AudioResampler("s16", "stereo", SPEAKER_RATE, SPEAKER_SAMPLES)
        self._listening: asyncio.Task[None] | None = None
        self._worker = threading.Thread(target=self._work, name="imagineid-webrtc", daemon=True)
        self._closed = threading.Event()
        self._peer.on("track", self._begin)
        self._peer.on("connectionstatechange", self._changed)

    async def answer(self, offer: dict[str, str]) -> dict[str, str]:
        """Answer a browser's offer.

        Args:
            offer: ``type`` and ``sdp`` of its description.

        Raises:
            ValueError: it is none.
        """
        from aiortc import RTCSessionDescription

        if offer["type"] != "offer":
            raise ValueError("not an offer")
        await self._peer.setRemoteDescription(RTCSessionDescription(offer["sdp"], offer["type"]))
        self._peer.addTrack(_track("video", self._pictures))
        self._peer.addTrack(_track("audio", self._sounds))
        await self._peer.setLocalDescription(await self._peer.createAnswer())
        description = self._peer.localDescription
        return {"type": description.type, "sdp": description.sdp}

    async def close(self) -> None:
        """Hang up, and wait until nothing is imagined any more."""
        self._closed.set()
        self._incoming.put(None)
        if self._listening is not None:
            self._listening.cancel()
            await asyncio.to_thread(self._worker.join, ANSWER_S / 2)
        await self._peer.close()

    def _begin(self, track: Any) -> None:
        """Listen to a microphone."""
        if track.kind == "audio" and self._listening is None:
            self._listening = asyncio.ensure_future(self._listen(track))
            self._worker.start()

    async def _changed(self) -> None:
        if self._peer.connectionState == "failed":
            await self.close()

    async def _listen(self, track: Any) -> None:
        """Bring what comes in to mono at 16 kHz, until it ends."""
        from aiortc.mediastreams import MediaStreamError

        resampler = av.AudioResampler(format="flt", layout="mono", rate=SAMPLE_RATE)
        with contextlib.suppress(MediaStreamError):
            while True:
                frame = await track.recv()
                frame.pts = None
                for part in resampler.resample(frame):
                    self._incoming.put(np.asarray(part.to_ndarray()[0], np.float32))
        self._incoming.put(None)

    def _work(self) -> None:
        """Imagine, in a thread, until the sound ends."""
        try:
            for picture in self._imagine(self._chunks()):
                if self._closed.is_set():
                    return
                self._loop.call_soon_threadsafe(self._show, picture)
        except Exception as error:
            with contextlib.suppress(RuntimeError):  # the server was closed meanwhile
                self._loop.call_soon_threadsafe(self._tell, f"the call ended: {error}")

    def _chunks(self) -> Iterator[np.ndarray]:
        """Yield the incoming sound until it ends or the call does."""
        while (chunk := self._incoming.get()) is not None and not self._closed.is_set():
            yield chunk

    def _show(self, picture: LivePicture) -> None:
        """Send a picture with its sound; both carry the time of the picture's number."""
        frame = av.VideoFrame.from_ndarray(np.ascontiguousarray(picture.frame), format="rgb24")
        frame.pts, frame.time_base = picture.number * CLOCK // FPS, Fraction(1, CLOCK)
        _send(self._pictures, frame)
        sound = np.ascontiguousarray(picture.sound[None], np.float32)
        heard = av.AudioFrame.from_ndarray(sound, format="flt", layout="mono")
        heard.sample_rate, heard.time_base = SAMPLE_RATE, Fraction(1, SAMPLE_RATE)
        heard.pts = picture.number * FRAME_SAMPLES
        for part in self._resampler.resample(heard):
            _send(self._sounds, part)


def _send(outgoing: asyncio.Queue[Any], frame: Any) -> None:
    """Queue a frame; frames that were not fetched in time are dropped."""
    if outgoing.full():
        outgoing.get_nowait()
    outgoing.put_nowait(frame)


def _track(kind: str, frames: asyncio.Queue[Any]) -> Any:
    """Return a track of frames as they come; ``kind`` is video or audio."""
    from aiortc import MediaStreamTrack

    class Track(MediaStreamTrack):  # type: ignore[misc, unused-ignore]
        async def recv(self) -> Any:
            return await frames.get()

    Track.kind = kind
    return Track()


class Server:
    """The page and its calls, one at a time: a new one ends that before. For a ``with`` block.

    Args:
        imagine: makes pictures of sound; called once a call.
        tell: receives errors, one line each.
        port: where to listen; 0 is any that is free.

    Raises:
        BackendMissing: the extra ``[webrtc]`` is not installed.
    """

    def __init__(
        self, imagine: Imagine, tell: Callable[[str], object] = print, port: int = 0
    ) -> None:
        check_installed()
        self._imagine, self._tell = imagine, tell
        self._token = secrets.token_urlsafe(24)
        self._call: Call | None = None
        self._loop = asyncio.new_event_loop()
        self._http = ThreadingHTTPServer((HOST, port), _handler(self))
        self._http.daemon_threads = True
        targets = {"calls": self._take_calls, "page": self._http.serve_forever}
        self._threads = [
            threading.Thread(target=target, name=f"imagineid-{name}", daemon=True)
            for name, target in targets.items()
        ]

    @property
    def port(self) -> int:
        """Where it listens."""
        return int(self._http.server_address[1])

    @property
    def address(self) -> str:
        """What to open in a browser."""
        return f"http://{HOST}:{self.port}/?token={self._token}"

    def __enter__(self) -> Server:
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._http.shutdown()
        self._http.server_close()
        self._loop.call_soon_threadsafe(self._loop.stop)
        for thread in self._threads:
            thread.join(ANSWER_S)

    def _take_calls(self) -> None:
        """Run the loop of the calls until it is stopped, then hang up."""
        try:
            self._loop.run_forever()
            self._loop.run_until_complete(self._hang_up())
        finally:
            self._loop.close()

    async def _hang_up(self) -> None:
        if self._call is not None:
            await self._call.close()
        remaining = asyncio.all_tasks() - {asyncio.current_task()}
        for task in remaining:
            task.cancel()
        await asyncio.gather(*remaining, return_exceptions=True)

    def admits(self, host: str, query: str) -> bool:
        """Return whether a request comes to this very address, with the token."""
        token = parse_qs(query).get("token", [""])[0]
        known = hmac.compare_digest(token.encode(), self._token.encode())
        return known and host in (f"{HOST}:{self.port}", f"localhost:{self.port}")

    def answer(self, offer: dict[str, str]) -> dict[str, str]:
        """Answer an offer, from any thread."""
        return asyncio.run_coroutine_threadsafe(self._answer(offer), self._loop).result(ANSWER_S)

    async def _answer(self, offer: dict[str, str]) -> dict[str, str]:
        if self._call is not None:
            await self._call.close()
        self._call = Call(self._imagine, self._tell)
        return await self._call.answer(offer)


def _handler(server: Server) -> type[BaseHTTPRequestHandler]:
    """Return what answers the requests of a browser."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            if self._is_asked_for("/"):
                self._send(200, PAGE, "text/html")

        def do_POST(self) -> None:
            if not self._is_asked_for("/offer"):
                return
            try:
                length = int(self.headers.get("content-length", 0))
                if not 0 < length <= MOST_BYTES:
                    raise ValueError("no offer")
                answer = server.answer(json.loads(self.rfile.read(length)))
            except Exception as error:  # aiortc raises many types for a broken offer
                self._send(400, f"This is no offer of a call ({type(error).__name__}).")
                return
            self._send(200, json.dumps(answer), "application/json")

        def _is_asked_for(self, path: str) -> bool:
            """Return whether this path is requested; another one is refused."""
            where = urlsplit(self.path)
            if not server.admits(self.headers.get("host", ""), where.query):
                self._send(403, "Open the address that imagineid live --webrtc printed.")
                return False
            if where.path != path:
                self._send(404, "There is no such page.")
            return where.path == path

        def _send(self, code: int, text: str, kind: str = "text/plain") -> None:
            data = text.encode()
            self.send_response(code)
            self.send_header("content-type", f"{kind}; charset=utf-8")
            self.send_header("content-length", str(len(data)))
            self.send_header("cache-control", "no-store")
            self.send_header("referrer-policy", "no-referrer")
            self.end_headers()
            self.wfile.write(data)

        def log_message(self, format: str, *args: Any) -> None:
            """Say nothing: the token is part of each line."""

    return Handler
