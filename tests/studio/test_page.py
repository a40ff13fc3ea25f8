"""The page in a real browser, wide and as narrow as a phone.

``IMAGINEID_SCREENSHOTS=FOLDER`` keeps what is seen; a browser that is not Playwright's own is named
by ``IMAGINEID_CHROMIUM``.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, expect, sync_playwright

from imagineid_studio.server import address, free_port
from support.command import environment
from support.recordings import durations_s

TOKEN = "a-token-of-the-test"
WAIT_MS = 120_000
SIZES = {"wide": (1280, 1000), "phone": (390, 844)}
CHROMIUM = os.environ.get("IMAGINEID_CHROMIUM") or shutil.which("chromium")


@pytest.fixture(scope="module")
def port(tmp_path_factory: pytest.TempPathFactory) -> Iterator[int]:
    """The page's port, while it is served."""
    found, home = free_port(None), tmp_path_factory.mktemp("home")
    with subprocess.Popen(
        [sys.executable, "-m", "support.studio_server", str(found), TOKEN],
        env=environment(IMAGINEID_HOME=str(home), PLAIN_FRAME_S="0.02"),
        stdout=subprocess.PIPE,
        text=True,
    ) as server:
        assert server.stdout is not None
        assert server.stdout.readline().strip() == address(found, TOKEN)
        assert status(address(found, TOKEN)) == 200, "it answers once its address is printed"
        yield found
        server.terminate()


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with sync_playwright() as play:
        browser = play.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        yield browser
        browser.close()


def status(url: str, **headers: str) -> int:
    try:
        with urllib.request.urlopen(urllib.request.Request(url, headers=headers)) as answer:
            return int(answer.status)
    except urllib.error.HTTPError as error:
        return error.code
    except urllib.error.URLError:
        return 0


def opened(browser: Browser, port: int, size: str) -> Page:
    width, height = SIZES[size]
    page = browser.new_page(viewport={"width": width, "height": height})
    page.set_default_timeout(WAIT_MS)
    page.goto(address(port, TOKEN))
    expect(page.locator("#render")).to_be_visible(timeout=WAIT_MS)
    return page


def save_screenshot(page: Page, name: str) -> None:
    """Save a screenshot of the whole page if ``IMAGINEID_SCREENSHOTS`` is set."""
    if folder := os.environ.get("IMAGINEID_SCREENSHOTS"):
        page.screenshot(path=Path(folder) / f"{name}.png", full_page=True)


def shows(page: Page, text: str, where: str = "#status") -> None:
    expect(page.locator(where)).to_contain_text(text, timeout=WAIT_MS)


def fits(page: Page) -> None:
    """Nothing is cut at the side."""
    sides = page.evaluate(
        "[...document.querySelectorAll('.gradio-container *')]"
        ".filter(each => each.checkVisibility() && !each.closest('svg, label.sr-only'))"
        ".map(each => each.getBoundingClientRect().right)"
    )
    assert max(sides) <= page.viewport_size["width"]


def drop(page: Page, speech: Path) -> None:
    page.locator("#audio input[type=file]").set_input_files(speech)
    expect(page.locator("#heard")).to_contain_text("Heard: female", timeout=WAIT_MS)


def test_nobody_gets_in_without_the_token_or_by_another_name(port: int) -> None:
    root = f"http://127.0.0.1:{port}/"
    assert status(root) == 403
    assert status(root + "config") == 403
    assert status(root + "?token=wrong") == 403
    assert status(root, Cookie="imagineid-studio=wrong") == 403
    assert status(root, Cookie=f"imagineid-studio={TOKEN}") == 200
    assert status(root, Cookie=f"imagineid-studio={TOKEN}", Host="evil.example") == 403
    assert status(f"{root}?token={TOKEN}") == 200


@pytest.mark.parametrize("size", SIZES)
def test_a_recording_becomes_a_video_on_the_page(
    browser: Browser, port: int, speech: Path, tmp_path: Path, size: str
) -> None:
    page = opened(browser, port, size)
    save_screenshot(page, f"{size}-1-empty")
    fits(page)
    drop(page, speech)
    fits(page)
    page.locator("#prompt textarea, #prompt input").first.fill("red hair, glasses")
    page.locator("#imagine").click()
    shows(page, "Choose a face.", "#chosen")
    faces = page.locator("#faces img")
    assert faces.count() == 6
    page.locator("#faces button.thumbnail-item, #faces .thumbnail-lg").nth(2).click()
    expect(page.locator("#chosen")).to_contain_text("face 9")
    save_screenshot(page, f"{size}-2-faces")
    page.locator("#preview").click()
    shows(page, "Done: preview-")
    expect(page.locator("#video video")).to_be_visible()
    fits(page)
    save_screenshot(page, f"{size}-3-preview")
    page.locator("#render").click()
    shows(page, "frames")
    page.locator("#cancel").click()
    shows(page, "Stopped.")
    page.locator("#render").click()
    shows(page, "Done: speech-")
    with page.expect_download() as waiting:
        page.locator("#download a").first.click()
    waiting.value.save_as(tmp_path / "out.mp4")
    lengths = durations_s(tmp_path / "out.mp4")
    assert lengths["video"] == pytest.approx(8.32, abs=0.05)
    save_screenshot(page, f"{size}-4-video")
    page.close()


def test_a_face_is_kept_as_an_avatar(browser: Browser, port: int, speech: Path) -> None:
    page = opened(browser, port, "wide")
    page.get_by_label("Save this face as an avatar").fill("anna")
    page.locator("#save").click()
    shows(page, "There is no video yet", "#saved")
    drop(page, speech)
    page.locator("#preview").click()
    shows(page, "Done: preview-")
    page.locator("#save").click()
    shows(page, "Saved the avatar anna.", "#saved")
    expect(page.locator("#avatar input")).to_have_value("anna")
    page.locator("#preview").click()
    shows(page, "Done: preview-")
    page.locator("#remove").click()
    shows(page, "Removed the avatar anna.", "#saved")
    page.close()


def test_errors_are_shown_on_the_page(
    browser: Browser, port: int, speech: Path, tmp_path: Path
) -> None:
    page = opened(browser, port, "wide")
    page.locator("#render").click()
    shows(page, "Drop or record a voice first.")
    drop(page, speech)
    page.get_by_text("Size, shape, background").click()
    page.get_by_label("Background").fill("transparent")
    page.locator("#render").click()
    shows(page, "Choose webm or mov as the file.")
    save_screenshot(page, "wide-5-refused")
    page.locator("#audio").get_by_label("Clear").click()
    (tmp_path / "notes.wav").write_text("no sound")
    page.locator("#audio input[type=file]").set_input_files(tmp_path / "notes.wav")
    shows(page, "notes.wav", "#heard")
    page.close()
