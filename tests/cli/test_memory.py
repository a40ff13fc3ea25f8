"""Memory against length: small frames and plain functions, but every part of the way."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import soundfile

TESTS = Path(__file__).parent.parent

SMALL = """
import sys
from dataclasses import replace
import numpy as np
from imagineid import pipeline
from imagineid_cli.main import app
from support import plain_pipeline

whole = plain_pipeline.load()
small = replace(whole, size=replace(whole.size, frame_px=64))
side = small.size.latent_px

def encoder(image):
    b = len(image)
    rows = np.repeat(image.mean(axis=(1, 2, 3))[:, None], 16, 1)
    feature = np.zeros((b, 48, 16, 16), np.float32)
    return {"latent": rows[..., None, None] * np.ones((side, side), np.float32),
            "background": feature}

def decoder(latent, **_):
    noise = np.random.default_rng(0).standard_normal((len(latent), 3, 64, 64))
    return {"image": (noise / 4 + latent.mean()).astype(np.float32)}

def matte(image):
    return {"mask": np.ones((len(image), 1, 16, 16), np.float32)}

def render_mesh(face, rest, controls, size_px):
    return np.full((64, 64, 3), controls.units[17] * 255, np.uint8), np.zeros((64, 64), bool)

engines = {**small.engines, "encoder": encoder, "decoder": decoder, "matte": matte}
pipeline.render_mesh = render_mesh
pipeline.load = lambda *_, **__: replace(small, engines=engines)
app(sys.argv[1:], standalone_mode=False)
status = open("/proc/self/status").read()
print(status.split("VmHWM:")[1].split()[0])
"""


def peak_kb(folder: Path, speech: Path, minutes: float) -> int:
    """Make a video of some minutes; return the most memory that was ever resident."""
    wave, rate = soundfile.read(speech, dtype="int16")
    sound = folder / f"{minutes}.flac"
    soundfile.write(sound, np.resize(wave, round(minutes * 60 * rate)), rate)
    paths = os.pathsep.join([str(TESTS), os.environ.get("PYTHONPATH", "")])
    completed = subprocess.run(
        [sys.executable, "-c", SMALL, "generate", str(sound), "--quiet", "--seed", "1"],
        cwd=folder,
        env={**os.environ, "PYTHONPATH": paths, "MALLOC_ARENA_MAX": "2"},
        capture_output=True,
        text=True,
        check=True,
    )
    return int(completed.stdout.split()[-1])


@pytest.mark.slow
def test_memory_does_not_grow_with_the_recording(tmp_path: Path, speech: Path) -> None:
    minutes = float(os.environ.get("IMAGINEID_TEST_MINUTES", "20"))
    short, long = (peak_kb(tmp_path, speech, length) for length in (1, minutes))
    print(f"1 min: {short / 1000:.0f} MB, {minutes:g} min: {long / 1000:.0f} MB")
    assert long <= 1.05 * short
