"""The command upon the embedded model: a real recording becomes a real video."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import soundfile

from imagineid import models
from imagineid.errors import BadWeights
from imagineid.video import read_metadata
from support.recordings import durations_s, read_picture


def embedded() -> bool:
    """Whether the weights are in this tree; while they are trained they are not."""
    try:
        models.embedded_folder("mini")
    except BadWeights:
        return False
    return True


pytestmark = pytest.mark.skipif(
    not embedded(), reason="runs in a checkout with the embedded weights"
)


@pytest.fixture(scope="module")
def second(speech: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """One second of the reading, in a folder of its own."""
    wave, rate = soundfile.read(speech, frames=16_000, dtype="int16")
    path = tmp_path_factory.mktemp("real") / "second.flac"
    soundfile.write(path, wave, rate)
    return path


def imagineid(folder: Path, *words: object) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "imagineid_cli", *(str(word) for word in words)],
        cwd=folder,
        capture_output=True,
        text=True,
        check=False,
    )


def test_a_real_recording_becomes_a_video(second: Path) -> None:
    folder = second.parent
    completed = imagineid(folder, "generate", second, "--json", "--seed", 7, "--prompt", "red hair")
    assert completed.returncode == 0, completed.stderr
    output = json.loads(completed.stdout)
    assert output["heard"]["gender"] in ("female", "male")
    frames = [frame for _, frame in read_picture(folder / "second.mp4")]
    assert len(frames) == output["frames"] == 25
    assert frames[0].shape == (output["size_px"], output["size_px"], 3)
    assert min(frame.std() for frame in frames) > 10  # a picture, not a plain colour
    lengths = durations_s(folder / "second.mp4")
    assert lengths["video"] == pytest.approx(lengths["audio"], abs=0.04)


def test_like_makes_the_very_same_file(second: Path) -> None:
    folder = second.parent
    completed = imagineid(folder, "generate", second, "-o", "a.mp4", "--seed", 3)
    assert completed.returncode == 0, completed.stderr
    again = imagineid(folder, "generate", second, "-o", "b.mp4", "--like", "a.mp4", "--quiet")
    assert (again.returncode, again.stdout, again.stderr) == (0, "b.mp4\n", "")
    assert (folder / "a.mp4").read_bytes() == (folder / "b.mp4").read_bytes()
    assert read_metadata(folder / "b.mp4")["seed"] == 3


def test_an_emotion_is_swapped_and_the_face_is_kept(second: Path, speech: Path) -> None:
    folder = second.parent
    wave, rate = soundfile.read(speech, start=50_000, frames=16_000, dtype="int16")
    soundfile.write(folder / "b.wav", wave, rate)
    completed = imagineid(folder, "generate", second, "-o", "base.mp4", "--seed", 3, "--still")
    assert completed.returncode == 0, completed.stderr
    completed = imagineid(folder, "swap", "--emotion-from", "b.wav")
    assert (completed.returncode, completed.stdout) == (0, "base-swapped.mp4\n"), completed.stderr
    completed = imagineid(folder, "swap", "base.mp4", "--seed", "4", "-o", "other.mp4")
    assert completed.returncode == 0, completed.stderr
    base, same, other = (
        np.stack([f for _, f in read_picture(folder / name)]).astype(float)
        for name in ("base.mp4", "base-swapped.mp4", "other.mp4")
    )
    assert base.shape == same.shape
    assert np.abs(base - same).mean() < 0.5 * np.abs(base - other).mean()


def test_a_happy_face_smiles_more_than_a_sad_one(second: Path) -> None:
    from imagineid import audio, pipeline
    from imagineid.spec import ARKIT

    pipe = pipeline.load()
    with audio.open_sound(second) as sound:
        factors = pipe.encode(sound)
    smile, frown = ARKIT.index("mouthSmileLeft"), ARKIT.index("mouthFrownLeft")
    happy, sad = (
        pipe.express(factors.with_emotion(pipe.emotion(name))).expression.mean(axis=0)
        for name in ("happy", "sad")
    )
    assert happy[smile] > sad[smile] + 0.05
    assert sad[frown] > happy[frown]


def test_a_plain_background_has_hardly_a_rim() -> None:
    from imagineid import pipeline
    from imagineid.ccf.images import to_images, to_pictures

    pipe = pipeline.load()
    colours = np.array([[30, 75, 170], [200, 60, 50], [90, 160, 90], [225, 225, 225]], np.uint8)
    plain = np.broadcast_to(colours[:, None, None], (4, pipe.size_px, pipe.size_px, 3))
    encoded = pipe.engines["encoder"](image=to_images(plain))
    side = pipe.size.feature_px
    decoded = pipe.engines["decoder"](**encoded, mask=np.zeros((4, 1, side, side), np.float32))
    frames = to_pictures(decoded["image"]).astype(float)
    inside = frames[:, 16:-16, 16:-16].mean(axis=(1, 2), keepdims=True)
    rims = [frames[:, :2], frames[:, -2:], frames[:, :, :2], frames[:, :, -2:]]
    assert max(float(np.abs(rim - inside).mean()) for rim in rims) < 8  # 12 with zeros around


def test_brows_go_where_the_units_say(second: Path) -> None:
    from imagineid import audio, pipeline
    from imagineid.face import project
    from imagineid.face.controls import FrameControls
    from imagineid.face.motion import still
    from imagineid.request import Request
    from imagineid.spec import ARKIT

    pipe = pipeline.load()
    with audio.open_sound(second) as sound:
        factors = pipe.express(pipe.encode(sound))
    request = Request("a man with short black hair", seed=0)
    at_rest = pipe.placed(FrameControls(np.zeros(52, np.float32), np.zeros(6, np.float32), 0))
    points = pipe.face.posed(pipe.rest(factors, 0, request.words), at_rest.pose)
    inner = [pipe.face.landmarks[f"brow_inner_{side}"] for side in ("left", "right")]
    (left, high), (right, low) = np.sort(project(points[inner], pipe.size_px), axis=0).astype(int)
    frames = []
    for moved in ("browDown", "browInnerUp"):
        units = np.zeros((10, len(ARKIT)), np.float32)
        units[5:, [i for i, name in enumerate(ARKIT) if name.startswith(moved)]] = 0.9
        acted = replace(factors, expression=units, level_db=factors.level_db[:10])
        frames.append(list(pipe.imagine(acted, request, motion=still(10)))[-1].astype(int))
    columns, tall = slice(left - 30, right + 30), 24
    down = frames[0][high - tall : low + tall, columns]
    errors = {
        shift: float(
            np.abs(frames[1][high - tall + shift : low + tall + shift, columns] - down).mean()
        )
        for shift in range(-16, 17)
    }
    assert -14 <= min(errors, key=lambda shift: errors[shift]) <= -2, errors


def test_other_seeds_are_other_people(second: Path) -> None:
    folder = second.parent
    assert imagineid(folder, "generate", second, "--preview", 2, "--seed", 1).returncode == 0
    sheet = read_picture(folder / "second.preview.png")[0][1].astype(float)
    width = sheet.shape[1] // 2
    assert np.abs(sheet[:width, :width] - sheet[:width, width:]).mean() > 5


def test_ctrl_c_in_the_middle_leaves_nothing(tmp_path: Path, speech: Path) -> None:
    process = subprocess.Popen(
        [sys.executable, "-m", "imagineid_cli", "generate", str(speech)],
        cwd=tmp_path,
        stderr=subprocess.PIPE,
        text=True,
        env={**os.environ, "OMP_NUM_THREADS": "1"},
    )
    deadline = time.monotonic() + 60
    while not any(part.stat().st_size for part in tmp_path.glob(".imagineid-*.part")):
        assert time.monotonic() < deadline
        assert process.poll() is None, "it ended before it was stopped"
        time.sleep(0.02)
    process.send_signal(signal.SIGINT)
    _, stderr = process.communicate(timeout=30)
    assert process.returncode == 130
    assert stderr.splitlines()[-1] == "Stopped. No incomplete file is left."
    assert list(tmp_path.iterdir()) == []
