"""A call over WebRTC in a real browser, whose microphone is a recording.

A browser that is not Playwright's own is named by ``IMAGINEID_CHROMIUM``.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterable, Iterator
from pathlib import Path

import numpy as np
import pytest
from playwright.sync_api import Browser, Page, expect, sync_playwright

from imagineid.live import LivePicture, live
from imagineid.webrtc import Imagine, Server
from support import plain_pipeline
from support.recordings import write_recording

CHROMIUM = os.environ.get("IMAGINEID_CHROMIUM") or shutil.which("chromium")
WAIT_MS = 30_000
RATE = 48_000
PERIOD_S = 2.0

SHOWN = """() => {
  const video = document.getElementById("face"), canvas = document.createElement("canvas");
  canvas.width = video.videoWidth; canvas.height = video.videoHeight;
  if (!canvas.width) return [];
  const pen = canvas.getContext("2d"); pen.drawImage(video, 0, 0);
  return [canvas.width, canvas.height,
          ...pen.getImageData(0, 0, canvas.width, canvas.height).data.filter((_, i) => i % 4 == 1)];
}"""
"""Width, height and the green of every pixel that the page shows."""


@pytest.fixture
def browser(tmp_path: Path) -> Iterator[Browser]:
    """A browser that hears noise for a second, then nothing for a second, and so on."""
    rng = np.random.default_rng(0)
    second = int(RATE * PERIOD_S / 2)
    wave = np.concatenate([rng.normal(0, 0.2, second), np.zeros(second)])
    heard = write_recording(tmp_path / "heard.wav", wave[None].astype(np.float32), RATE)
    flags = [
        "--no-sandbox",
        "--use-fake-ui-for-media-stream",
        "--use-fake-device-for-media-stream",
        f"--use-file-for-fake-audio-capture={heard}",
        "--allow-loopback-in-peer-connection",
    ]
    with sync_playwright() as play:
        browser = play.chromium.launch(executable_path=CHROMIUM, args=flags)
        yield browser
        browser.close()


def called(browser: Browser, server: Server) -> Page:
    page = browser.new_page()
    page.set_default_timeout(WAIT_MS)
    page.goto(server.address)
    page.locator("#start").click()
    expect(page.locator("#state")).to_have_text("connected", timeout=WAIT_MS)
    page.wait_for_function("document.getElementById('face').videoWidth > 0")
    return page


def shown(page: Page) -> np.ndarray:
    """What the page shows, (H, W) uint8."""
    width, height, *green = page.evaluate(SHOWN)
    return np.array(green, np.uint8).reshape(height, width)


def with_pipeline(chunks: Iterable[np.ndarray]) -> Iterator[LivePicture]:
    return live(plain_pipeline.load(), chunks)


def loudness(chunks: Iterable[np.ndarray]) -> Iterator[LivePicture]:
    """Yield pictures that are as bright as the sound is loud, 25 a second."""
    waiting, number = np.zeros(0, np.float32), 0
    for chunk in chunks:
        waiting = np.concatenate([waiting, chunk])
        while len(waiting) >= 640:
            sound, waiting = waiting[:640], waiting[640:]
            bright = np.uint8(min(255, 2000 * np.sqrt(np.square(sound).mean())))
            yield LivePicture(number, np.full((64, 64, 3), bright), sound, False)
            number += 1


@pytest.mark.parametrize("imagine", [with_pipeline, loudness])
def test_the_page_shows_frames_while_the_microphone_is_on(
    browser: Browser, imagine: Imagine
) -> None:
    warnings: list[str] = []
    with Server(imagine, warnings.append) as server:
        page = called(browser, server)
        before = page.evaluate("document.getElementById('face').currentTime")
        page.wait_for_timeout(2000)
        assert page.evaluate("document.getElementById('face').currentTime") - before > 1
        assert shown(page).shape == (64, 64)
        page.close()
    assert warnings == []


def test_what_is_seen_follows_what_is_heard(browser: Browser) -> None:
    """The noise comes every two seconds, and so does the light."""
    bright = []
    with Server(loudness) as server:
        page = called(browser, server)
        page.wait_for_timeout(1000)
        for _ in range(80):
            bright.append((page.evaluate("performance.now()") / 1000, shown(page).mean()))
            page.wait_for_timeout(80)
        page.close()
    times, level = np.array(bright).T
    loud = level > (level.max() + level.min()) / 2
    assert level.max() - level.min() > 40
    begins = times[1:][loud[1:] & ~loud[:-1]]
    assert len(begins) >= 2
    assert np.diff(begins) == pytest.approx(PERIOD_S, abs=0.35)
    assert loud.mean() == pytest.approx(0.5, abs=0.15)
