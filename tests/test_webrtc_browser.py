"""The page of ``imagineid live --webrtc`` in a real browser, whose microphone plays a file.

``IMAGINEID_SCREENSHOTS=FOLDER`` keeps what is seen; a browser that is not Playwright's own is named
by ``IMAGINEID_CHROMIUM``.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pytest
from playwright.sync_api import Page, expect, sync_playwright

from imagineid.audio import open_sound
from imagineid.live import LivePicture
from imagineid.spec import FPS, FRAME_SAMPLES, SAMPLE_RATE
from imagineid.webrtc import Server
from support.command import environment
from support.recordings import tone, write_recording

pytestmark = [pytest.mark.slow, pytest.mark.filterwarnings("ignore::DeprecationWarning")]

CHROMIUM = os.environ.get("IMAGINEID_CHROMIUM") or shutil.which("chromium")
WAIT_MS = 60_000
FLASH = 5
"""Frames of a flash; one begins every second."""

WATCH = """
() => {
  const video = document.getElementById("face");
  const small = new OffscreenCanvas(32, 32).getContext("2d", {willReadFrequently: true});
  window.seen = [];
  window.heard = [];
  const look = now => {
    small.drawImage(video, 0, 0, 32, 32);
    const rgba = small.getImageData(0, 0, 32, 32).data;
    const green = Array.from({length: 32 * 32}, (_, i) => rgba[4 * i + 1]);
    seen.push({now, size: [video.videoWidth, video.videoHeight], green});
    video.requestVideoFrameCallback(look);
  };
  video.requestVideoFrameCallback(look);
  const context = new AudioContext(), listener = context.createAnalyser();
  listener.fftSize = 256;
  context.createMediaStreamSource(video.srcObject).connect(listener);
  const wave = new Float32Array(256);
  setInterval(() => {
    listener.getFloatTimeDomainData(wave);
    heard.push([performance.now(), Math.hypot(...wave) / 16]);
  }, 4);
}
"""
"""Note each frame that the video element shows, 32 x 32, and how loud its sound is, RMS."""


@contextmanager
def calling(address: str, microphone: Path) -> Iterator[Page]:
    """Open the page, and let its microphone hear a recording once."""
    flags = [
        "--no-sandbox",
        "--use-fake-ui-for-media-stream",
        "--use-fake-device-for-media-stream",
        f"--use-file-for-fake-audio-capture={microphone}%noloop",
        "--autoplay-policy=no-user-gesture-required",
    ]
    with sync_playwright() as play:
        browser = play.chromium.launch(executable_path=CHROMIUM, args=flags)
        page = browser.new_page(viewport={"width": 800, "height": 900})
        page.goto(address)
        page.locator("#start").click()
        expect(page.locator("#state")).to_have_text("Live.", timeout=WAIT_MS)
        page.evaluate(WATCH)
        yield page
        browser.close()


def save_screenshot(page: Page, name: str) -> None:
    """Save a screenshot of the page if ``IMAGINEID_SCREENSHOTS`` is set."""
    if folder := os.environ.get("IMAGINEID_SCREENSHOTS"):
        page.screenshot(path=Path(folder) / f"{name}.png")


def flashes(chunks: Iterable[np.ndarray]) -> Iterator[LivePicture]:
    """Yield a white frame with a tone in the first fifth of each second, else black and silence."""
    waiting, number = 0, 0
    for chunk in chunks:
        waiting += len(chunk)
        while waiting >= FRAME_SAMPLES:
            waiting -= FRAME_SAMPLES
            on = number % FPS < FLASH
            frame = np.full((128, 128, 3), 255 * on, np.uint8)
            sound = on * tone(FRAME_SAMPLES / SAMPLE_RATE)[0]
            yield LivePicture(number, frame, sound, False)
            number += 1


def onsets_ms(samples: list[tuple[float, float]], threshold: float, quiet_ms: float) -> np.ndarray:
    """Return when a level rises above a threshold after it was below it for some time."""
    found, last_above = [], 0.0
    for now, level in samples:
        if level > threshold:
            if now - last_above > quiet_ms:
                found.append(now)
            last_above = now
    return np.array(found[1:])  # the first may have begun before it was watched


def test_a_flash_and_its_tone_come_together_in_the_browser(tmp_path: Path) -> None:
    microphone = write_recording(tmp_path / "a.wav", tone(40.0, 48_000), 48_000)
    warnings: list[str] = []
    with Server(flashes, warnings.append) as server, calling(server.address, microphone) as page:
        page.wait_for_timeout(12_000)
        seen, heard = page.evaluate("[seen, heard]")
    assert warnings == []
    assert {tuple(frame["size"]) for frame in seen} == {(128, 128)}
    bright = [(frame["now"], float(np.mean(frame["green"]))) for frame in seen]
    pictures, tones = onsets_ms(bright, 128, 300), onsets_ms(heard, 0.05, 300)
    assert len(pictures) >= 8
    np.testing.assert_allclose(np.diff(pictures), 1000, atol=150)
    apart = [pictures[np.abs(pictures - at).argmin()] - at for at in tones]
    assert len(apart) >= 8
    print("flash after tone, ms:", [round(float(each)) for each in apart])
    assert abs(np.median(apart)) < 2 * 1000 / FPS


def test_the_mouth_of_the_embedded_model_moves_while_speech_is_heard_in_the_browser(
    tmp_path: Path, speech: Path
) -> None:
    with open_sound(speech) as sound:
        wave = np.concatenate([sound.read(0, sound.samples), np.zeros(8 * SAMPLE_RATE, np.float32)])
    microphone = write_recording(tmp_path / "a.wav", wave[None])
    words = [sys.executable, "-m", "imagineid_cli", "live", "--webrtc"]
    process = subprocess.Popen(
        words, cwd=tmp_path, env=environment(), stdout=subprocess.PIPE, text=True
    )
    assert process.stdout is not None
    try:
        address = process.stdout.readline().strip()
        with calling(address, microphone) as page:
            save_screenshot(page, "live-speaks")
            page.wait_for_timeout(10_000)
            seen, heard = page.evaluate("[seen, heard]")
    finally:
        process.terminate()
        process.communicate(timeout=20)
    assert process.returncode == 0
    assert {tuple(frame["size"]) for frame in seen} == {(512, 512)}
    assert len(seen) > 10 * FPS / 2
    frames = np.array([frame["green"] for frame in seen], np.float32).reshape(-1, 32, 32)
    times = np.array([frame["now"] for frame in seen])
    silent_from = max(now for now, level in heard if level > 0.02)
    assert times[0] + 2000 < silent_from < times[-1] - 3000
    mouth = np.abs(np.diff(frames[:, 18:24, 11:21], axis=0)).mean(axis=(1, 2))
    speaks, is_silent = times[1:] < silent_from, times[1:] > silent_from + 1000
    assert mouth[speaks].mean() > 3 * mouth[is_silent].mean()
