from pathlib import Path

import numpy as np
import pytest

from imagineid.face import FaceModel, load
from imagineid.spec import ARKIT, FPS
from imagineid_evaluate import recordings
from imagineid_evaluate.alignment import (
    Phone,
    frames_in,
    joined,
    pauses,
    phones,
    prompts,
    transcripts,
)
from imagineid_evaluate.lips import CLOSED, at_rest, opening
from imagineid_evaluate.recordings import MARGIN_S, Tally, judge
from imagineid_evaluate.sounds import room_noise, wave_of

SPEECH = Path(__file__).parents[2] / "examples" / "speech.flac"
JAW = ARKIT.index("jawOpen")


@pytest.fixture(scope="module")
def face() -> FaceModel:
    return load()


def curves(frames: int, **units: object) -> np.ndarray:
    out = np.zeros((frames, len(ARKIT)), np.float32)
    for name, values in units.items():
        out[:, ARKIT.index(name)] = values
    return out


def test_a_resting_face_has_closed_lips_and_a_dropped_jaw_has_not(face: FaceModel) -> None:
    alpha = np.random.default_rng(0).standard_normal(80).astype(np.float32)
    opened = opening(face, alpha, curves(3, jawOpen=[0, 0.5, 1]))
    assert opened[0] == 0
    assert 0.2 < opened[1] == pytest.approx(opened[2] / 2)


def test_the_opening_is_that_of_the_posed_vertices(face: FaceModel) -> None:
    beta = curves(1, jawOpen=0.4, mouthFunnel=0.3, mouthSmileLeft=0.5)
    rest, posed = face.neutral(np.zeros(80)), face.vertices(np.zeros(80), beta[0], np.zeros(6))
    upper, lower = (
        [face.landmarks[f"lip_{side}_inner_{k}"] for k in (3, 4, 5)] for side in ("upper", "lower")
    )
    gap = [(p[upper, 1] - p[lower, 1]).mean() for p in (rest, posed)]
    corners = [face.landmarks[f"lip_corner_{side}"] for side in ("left", "right")]
    wide = np.linalg.norm(np.subtract(*rest[corners]))
    assert opening(face, np.zeros(80), beta)[0] == pytest.approx((gap[1] - gap[0]) / wide, rel=1e-3)


def test_pressed_lips_are_closed_but_a_raised_corner_is_still_rest(face: FaceModel) -> None:
    alpha = np.zeros(80, np.float32)
    pressed = opening(face, alpha, curves(1, jawOpen=0.05, mouthClose=0.05))
    assert pressed[0] <= CLOSED
    smile = curves(1, mouthSmileLeft=0.2, mouthSmileRight=0.2)
    assert at_rest(opening(face, alpha, smile), smile)[0]
    jaw = curves(1, jawOpen=0.2)
    assert not at_rest(opening(face, alpha, jaw), jaw)[0]


@pytest.mark.parametrize(
    ("start", "end", "frames"),
    [
        (0.0, 0.04, [0]),
        (0.0, 0.1, [0, 1]),
        (0.03, 0.05, [1]),
        (0.95, 2.0, [24]),
        (0.1, 0.18, [2, 3]),
    ],
)
def test_a_phone_has_the_frames_whose_middle_lies_in_it(
    start: float, end: float, frames: list[int]
) -> None:
    assert list(frames_in(start, end, FPS)) == frames


def test_silences_of_all_names_are_joined() -> None:
    found = joined([("SIL", 0, 0.1), ("+SPN+", 0.1, 0.3), ("AH0", 0.3, 0.4), ("sil", 0.4, 0.7)])
    assert [p.name for p in found] == ["SIL", "AH", "SIL"]
    assert found[0] == Phone("SIL", 0, 0.3)
    assert pauses(found, 0.29999) == [found[0], found[2]]


def test_transcripts_and_prompts_are_read(tmp_path: Path) -> None:
    assert transcripts("<s> he was not </s> (a-0880)\nnoise") == {"a-0880": "he was not"}
    listed = tmp_path / "core-sounds-en.txt"
    listed.write_text(";comment\nvm-a: Please, hold on (pause) now.\nbeep: [a beep]\nn: 1 2 3\n")
    assert prompts(listed) == {"vm-a": "please hold on now"}


def test_a_correct_mouth_scores_higher_than_a_wrong_one() -> None:
    spoken = [Phone("SIL", 0, 0.6), Phone("M", 0.6, 0.72), Phone("AA", 0.72, 1.0)]
    frames = FPS
    good = np.zeros(frames)
    good[18:] = 0.3
    jaw = curves(frames)
    jaw[18:, JAW] = 0.5
    correct, closed, opened = Tally(), Tally(), Tally()
    judge(correct, spoken, good, jaw)
    judge(closed, spoken, np.zeros(frames), curves(frames))
    judge(opened, spoken, np.full(frames, 0.3), jaw)
    kinds = ("holds", "hold frames", "open vowels", "pause frames inside")
    assert [correct.row(k).value for k in kinds] == [1, 1, 1, 1]
    assert [closed.row(k).value for k in kinds] == [1, 1, 0, 1]
    assert [opened.row(k).value for k in kinds] == [0, 0, 1, 0]


def test_frames_near_speech_are_kept_out_of_pauses() -> None:
    inside = recordings._inside(Phone("SIL", 0.4, 1.0), 50)
    assert min(inside) / FPS >= 0.4 + MARGIN_S - 0.5 / FPS
    assert (max(inside) + 0.5) / FPS < 1.0 - MARGIN_S
    assert recordings._inside(Phone("SIL", 0.4, 0.6), 50) == []
    assert recordings._inside(Phone("SIL", 0.0, 0.2), 50) == [0]
    assert recordings._inside(Phone("SIL", 1.6, 2.0), 50)[-1] == 49


def test_room_noise_has_the_level_asked_for() -> None:
    noise = room_noise(1.0, -50)
    assert 20 * np.log10(noise.std()) == pytest.approx(-50, abs=0.01)


def test_real_speech_is_aligned_to_its_text() -> None:
    pytest.importorskip(
        "pocketsphinx", reason="runs where pocketsphinx is: pip install pocketsphinx==5.1.1"
    )
    text = "he was not an ill disposed young man unless to be rather cold hearted"
    text += " and rather selfish is to be ill disposed"
    found = phones(wave_of(SPEECH), text)
    lips = [p for p in found if p.name in "PBM"]
    assert [p.name for p in lips] == ["P", "M", "B", "B", "P"]
    assert all(0.02 <= p.end - p.start <= 0.3 for p in lips)
    with pytest.raises(ValueError, match="xyzzyq"):
        phones(wave_of(SPEECH), "xyzzyq")
