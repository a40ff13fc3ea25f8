"""A call over WebRTC: two peers of aiortc in one process, and the page's own HTTP."""

from __future__ import annotations

import asyncio
import json
import re
import subprocess
import sys
import urllib.error
import urllib.request
from collections.abc import Iterable, Iterator
from pathlib import Path

import numpy as np
import pytest
from aiortc import RTCConfiguration, RTCPeerConnection, RTCSessionDescription
from aiortc.contrib.media import MediaPlayer

from imagineid.live import LivePicture, live
from imagineid.webrtc import Server
from support import plain_pipeline
from support.command import command, environment
from support.recordings import tone, write_recording

pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning")


def imagine(chunks: Iterable[np.ndarray]) -> Iterator[LivePicture]:
    return live(plain_pipeline.load(), chunks)


def post(address: str, body: bytes, **headers: str) -> tuple[int, str]:
    request = urllib.request.Request(address, body, headers)
    try:
        with urllib.request.urlopen(request, timeout=20) as answer:
            return answer.status, answer.read().decode()
    except urllib.error.HTTPError as error:
        return error.code, error.read().decode()


async def called(address: str, sound: Path, count: int) -> list[np.ndarray]:
    """Call as a browser does, let it hear a recording, and return the first pictures."""
    peer = RTCPeerConnection(RTCConfiguration(iceServers=[]))
    player = MediaPlayer(str(sound))
    peer.addTrack(player.audio)
    peer.addTransceiver("video", direction="recvonly")
    tracks: list = []
    peer.on("track", tracks.append)
    try:
        await peer.setLocalDescription(await peer.createOffer())
        offer = {"type": peer.localDescription.type, "sdp": peer.localDescription.sdp}
        place = address.replace("/?", "/offer?")
        status, text = await asyncio.to_thread(post, place, json.dumps(offer).encode())
        assert status == 200, text
        await peer.setRemoteDescription(RTCSessionDescription(**json.loads(text)))
        (video,) = [track for track in tracks if track.kind == "video"]
        frames = [await asyncio.wait_for(video.recv(), 20) for _ in range(count)]
        return [frame.to_ndarray(format="rgb24") for frame in frames]
    finally:
        await peer.close()


def test_a_browser_that_speaks_sees_a_face_and_may_call_again(speech: Path) -> None:
    warnings: list[str] = []
    with Server(imagine, warnings.append) as server:
        for _ in range(2):
            frames = asyncio.run(called(server.address, speech, 30))
            assert {frame.shape for frame in frames} == {(64, 64, 3)}
            assert frames[-1].std() > 5
    assert warnings == []


def loudness(chunks: Iterable[np.ndarray]) -> Iterator[LivePicture]:
    """Yield pictures that are as bright as the sound is loud, 25 a second."""
    waiting, number = np.zeros(0, np.float32), 0
    for chunk in chunks:
        waiting = np.concatenate([waiting, chunk])
        while len(waiting) >= 640:
            sound, waiting = waiting[:640], waiting[640:]
            bright = np.uint8(min(255, 800 * np.sqrt(np.square(sound).mean())))
            yield LivePicture(number, np.full((64, 64, 3), bright), sound, False)
            number += 1


def test_the_mouth_follows_the_speech(tmp_path: Path) -> None:
    """A second of silence, a second of a tone, silence: black, bright, black."""
    wave = np.concatenate([0 * tone(1.0, 48_000), tone(1.0, 48_000), 0 * tone(1.5, 48_000)], axis=1)
    path = write_recording(tmp_path / "a.wav", wave, 48_000)
    with Server(loudness) as server:
        frames = asyncio.run(called(server.address, path, 75))
    brightness = np.array([frame.mean() for frame in frames])
    bright = np.flatnonzero(brightness > 100)
    assert brightness[bright].mean() == pytest.approx(800 * 0.3 / 2**0.5, rel=0.15)
    assert len(bright) == pytest.approx(25, abs=4)
    assert np.diff(bright).max() <= 2
    assert brightness[:15].max() < 30 > brightness[-5:].max()


def test_only_this_machine_with_the_token_is_answered() -> None:
    with Server(imagine) as server:
        page = urllib.request.urlopen(server.address).read().decode()
        assert "getUserMedia({audio: true})" in page
        assert "stun:" not in page
        bare = server.address.partition("?")[0]
        wrong = [bare, f"{bare}?token=wrong", f"{bare}offer?token="]
        assert [post(address, b"{}")[0] for address in wrong] == [403] * 3
        elsewhere = post(server.address.replace("/?", "/offer?"), b"{}", Host="evil.example")
        assert elsewhere[0] == 403
        place = server.address.replace("/?", "/offer?")
        broken = [b"{}", b"no", b'{"type": "offer", "sdp": "v=9"}', b" " * 300_000]
        assert [post(place, body)[0] for body in broken] == [400] * 4
        assert post(server.address, b"{}")[0] == 404
        with pytest.raises(urllib.error.HTTPError, match="404"):
            urllib.request.urlopen(place, timeout=20)
        assert server.address.startswith("http://127.0.0.1:")


def test_the_command_prints_the_address_and_ends_with_a_signal(tmp_path: Path) -> None:
    process = subprocess.Popen(
        command("plain_pipeline", "live", "--webrtc"),
        cwd=tmp_path,
        env=environment(),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert process.stdout is not None
    try:
        address = process.stdout.readline().strip()
        assert re.fullmatch(r"http://127\.0\.0\.1:\d+/\?token=[\w-]{32}", address)
        assert "getUserMedia" in urllib.request.urlopen(address, timeout=20).read().decode()
    finally:
        process.terminate()
        _, err = process.communicate(timeout=20)
    assert process.returncode == 0, err
    assert "Traceback" not in err


def test_a_missing_extra_is_named(tmp_path: Path) -> None:
    code = "import sys; sys.modules['aiortc'] = None; from imagineid_cli.__main__ import run; run()"
    completed = subprocess.run(
        [sys.executable, "-c", code, "live", "--webrtc"], capture_output=True, text=True
    )
    assert completed.returncode == 3
    assert "pip install 'imagineid[webrtc]'" in completed.stderr
