"""The command itself: quick to start, light to load, true to the README."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from typer.testing import CliRunner

import imagineid
from imagineid_cli.examples import EXAMPLES, EXIT_CODES
from imagineid_cli.main import app

HEAVY = ("torch", "numpy", "onnxruntime", "av", "cv2", "rich.progress")


def test_importing_the_cli_does_not_import_torch() -> None:
    script = f"import sys, imagineid_cli.main; print([m for m in {HEAVY} if m in sys.modules])"
    completed = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=True
    )
    assert completed.stdout == "[]\n"


def test_reading_a_recording_does_not_import_torch(speech: Path) -> None:
    script = (
        "import sys; from imagineid.audio import open_sound, mel_windows; import imagineid.video;"
        f"mel_windows(open_sound({str(speech)!r}), 0, 9); print('torch' in sys.modules)"
    )
    completed = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=True
    )
    assert completed.stdout == "False\n"


def test_the_version_is_the_package_s() -> None:
    assert CliRunner().invoke(app, ["--version"]).stdout == f"imagineid {imagineid.__version__}\n"


def test_the_readme_lists_every_exit_code(speech: Path) -> None:
    readme = (speech.parent.parent / "README.md").read_text(encoding="utf-8")
    for code, _ in EXIT_CODES:
        assert f"| {code} |" in readme


def test_every_example_of_the_help_stands_in_the_readme_or_a_page_that_tests_run(
    speech: Path,
) -> None:
    root = speech.parent.parent
    pages = [root / "README.md", *(root / "docs").glob("*.md")]
    written = "\n".join(page.read_text(encoding="utf-8") for page in pages)
    commands = {info.callback.__name__ for info in app.registered_commands if info.callback}
    assert commands == EXAMPLES.keys()
    for example in (line for lines in EXAMPLES.values() for line in lines):
        assert example in written
