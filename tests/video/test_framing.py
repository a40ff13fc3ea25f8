"""Framing: sizes, shapes and backgrounds, on a figure of known outline."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from imagineid.errors import BadInput
from imagineid.video.framing import Compositor, Framing, extended, over, read_background

SIDE = 128
RED, BLUE = np.array([200, 30, 30]), np.array([40, 60, 180])


def figure() -> tuple[np.ndarray, np.ndarray]:
    """A red head and shoulders on blue, with a seam of mixed pixels, and its coarse mask."""
    y, x = np.mgrid[:SIDE, :SIDE] + 0.5
    head = 36 - np.hypot(x - 64, y - 52)
    body = np.minimum(y - 100, 90 - np.hypot((x - 64) * 0.9, y - 190))
    alpha = np.clip(np.maximum(head, body) + 0.5, 0, 1)[..., None]
    frame = (alpha * RED + (1 - alpha) * BLUE).round().astype(np.uint8)
    coarse = alpha[..., 0].reshape(SIDE // 4, 4, SIDE // 4, 4).mean(axis=(1, 3))
    return frame, coarse.astype(np.float32)


FRAME, MASK = figure()


def composed(framing: Framing, frame: np.ndarray = FRAME) -> np.ndarray:
    return Compositor(framing, FRAME, lambda _: MASK)(frame)


@pytest.mark.parametrize(
    ("framing", "shape"),
    [
        (Framing(), (128, 128, 3)),
        (Framing(512), (512, 512, 3)),
        (Framing(512, "9:16"), (910, 512, 3)),
        (Framing(256, "16:9"), (256, 456, 3)),
        (Framing(768, "16:9", "transparent"), (768, 1366, 4)),
        (Framing(None, "1:1", "white"), (128, 128, 3)),
    ],
)
def test_frames_have_the_size_that_was_asked_for(
    framing: Framing, shape: tuple[int, int, int]
) -> None:
    frame = composed(framing)
    assert frame.shape == shape
    assert framing.output_px(SIDE) == (shape[1], shape[0])


def test_where_nothing_is_asked_for_frames_stay_as_they_are() -> None:
    assert Framing().plain(SIDE)
    assert Framing(SIDE).plain(SIDE)
    assert not Framing(256).plain(SIDE)
    np.testing.assert_array_equal(composed(Framing()), FRAME)


def test_the_square_is_untouched_inside_a_wide_frame() -> None:
    frame = composed(Framing(None, "16:9"))
    left = (frame.shape[1] - SIDE) // 2
    np.testing.assert_array_equal(frame[:, left : left + SIDE], FRAME)


def test_the_room_beside_the_square_goes_on_without_a_seam() -> None:
    frame = composed(Framing(None, "16:9")).astype(int)
    left = (frame.shape[1] - SIDE) // 2
    rows = slice(0, 90)  # above the shoulders
    assert np.abs(frame[rows, left - 1] - frame[rows, left]).max() <= 6
    assert np.abs(frame[rows, :left] - BLUE).max() <= 12


def test_shoulders_that_are_cut_slope_down_to_the_foot() -> None:
    alpha = composed(Framing(None, "16:9", "transparent"))[..., 3]
    tops = [int(np.argmax(column > 128)) for column in alpha[:, :66].T if column[-1] > 128]
    assert len(tops) > 20
    assert all(a >= b for a, b in zip(tops, tops[1:], strict=False))


def test_a_transparent_frame_holds_the_person_alone() -> None:
    frame = composed(Framing(None, "1:1", "transparent"))
    alpha = frame[..., 3]
    assert alpha[52, 64] == 255
    assert alpha[5, 5] == 0
    half = (alpha > 60) & (alpha < 200)
    assert half.any(), "its rim is soft"
    assert np.abs(frame[..., :3][half].astype(int) - RED).mean() < 25, "its rim is not blue"


def test_a_green_background_is_green_to_the_rim() -> None:
    frame = composed(Framing(None, "1:1", "#00ff00")).astype(int)
    assert frame[5, 5].tolist() == [0, 255, 0]
    assert np.abs(frame[52, 64] - RED).max() <= 2
    assert frame[..., 2].max() < 90, "no blue of the old background is left"


def test_a_picture_is_cropped_to_the_frame(tmp_path: Path) -> None:
    wide = np.zeros((50, 200, 3), np.uint8)
    wide[:, 75:125] = 200
    Image.fromarray(wide).save(tmp_path / "room.png")
    background = read_background(str(tmp_path / "room.png"), (64, 64))
    assert background.shape == (64, 64, 3)
    assert background.mean() == pytest.approx(200, abs=5)


@pytest.mark.parametrize(
    ("framing", "word"),
    [
        (Framing(500), "--size 256|384|512"),
        (Framing(None, "4:3"), "--aspect 1:1|9:16|16:9"),
        (Framing(None, "1:1", "greeen"), "--background"),
    ],
)
def test_what_is_not_made_is_refused_with_what_is(framing: Framing, word: str) -> None:
    with pytest.raises(BadInput, match=r"\n") as excinfo:
        framing.check()
    assert word in str(excinfo.value)


def test_a_background_that_is_no_picture_is_refused(tmp_path: Path) -> None:
    (tmp_path / "notes.jpg").write_text("no picture")
    with pytest.raises(BadInput, match="can't be read as a picture"):
        Framing(background=str(tmp_path / "notes.jpg")).check()


def test_an_extended_background_keeps_its_square() -> None:
    padded = extended(FRAME, 40, 60)
    assert padded.shape == (SIDE + 60, SIDE + 80, 3)
    np.testing.assert_array_equal(padded[60:, 40 : 40 + SIDE], FRAME)


def test_a_transparent_pixel_shows_what_is_behind() -> None:
    picture = np.zeros((2, 2, 4), np.uint8)
    picture[0, 0] = (10, 20, 30, 255)
    blended = over(picture, np.full((2, 2, 3), 99, np.uint8))
    assert blended[0, 0].tolist() == [10, 20, 30]
    assert blended[1, 1].tolist() == [99, 99, 99]
