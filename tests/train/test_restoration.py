"""The first frame's decoder as it learns to restore what the base imagines."""

from __future__ import annotations

from types import SimpleNamespace

import numpy as np
import pytest

torch = pytest.importorskip("torch", reason="runs where torch is: pip install -e '.[train]'")

from imagineid.nn.first_decoder import FirstDecoder  # noqa: E402
from imagineid.nn.networks import redraw_zeros  # noqa: E402
from imagineid.spec import MINI  # noqa: E402
from imagineid_train.people import BRIGHT, well_lit  # noqa: E402
from imagineid_train.stages.restoration import Framed, windows_drawn  # noqa: E402


def test_a_window_is_drawn_as_it_is_in_the_whole_frame() -> None:
    torch.manual_seed(0)
    decoder, latents = redraw_zeros(FirstDecoder(MINI)), torch.randn(3, 32, 16, 16)
    middle = np.array([0.5, 0.5])
    framed = Framed([(0, 0), (40, 40), (12, 30)], [middle] * 3, MINI)
    with torch.no_grad():
        found = windows_drawn(decoder, latents, framed)
        whole = decoder.fine(decoder.coarse(latents))
    side = framed.cells * MINI.patch
    for window, frame, (row, column) in zip(found, whole, framed.corners, strict=True):
        y, x = row * MINI.patch, column * MINI.patch
        # Where a window ends the finer levels see less than in the frame.
        inner = np.s_[:, 48:-48, 48:-48]
        expected = frame[:, y : y + side, x : x + side]
        torch.testing.assert_close(window[inner], expected[inner], atol=1e-5, rtol=0)


def _lit(left: int, right: int) -> SimpleNamespace:
    """Return people with one face, whose halves have these brightnesses."""
    picture = np.zeros((64, 64, 3), np.uint8)
    picture[:, :32], picture[:, 32:] = left, right
    mesh = np.zeros((1, 1, 32, 32, 3), np.uint8)
    mesh[0, 0, 4:28, 4:28] = 200
    return SimpleNamespace(
        index=[(0, 0)],
        cached=[{"first": np.zeros((1, 2), int), "mesh": mesh}],
        picture=lambda person, frame: picture,
    )


@pytest.mark.parametrize(
    ("left", "right", "expected"),
    [(140, 150, True), (200, 60, False), (60, 200, False), (BRIGHT - 8, BRIGHT - 8, False)],
)
def test_a_face_is_well_lit_if_it_is_bright_on_both_sides(
    left: int, right: int, expected: bool
) -> None:
    assert well_lit(_lit(left, right), 0) is expected
