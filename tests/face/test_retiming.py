"""Retiming: other frame rates, quiet ends and other amounts, control by control."""

from __future__ import annotations

from fractions import Fraction

import numpy as np
import pytest

from imagineid.errors import BadInput
from imagineid.face.controls import FrameControls
from imagineid.face.retiming import (
    EASE,
    RATES_FPS,
    Amounts,
    frames_of,
    resampled,
    scaled,
    with_quiet_ends,
)
from imagineid.spec import ARKIT, MOUTH, SAMPLE_RATE

JAW, BLINK = ARKIT.index("jawOpen"), ARKIT.index("eyeBlinkLeft")


def ramp(frames: int) -> list[FrameControls]:
    """Pose number i at frame i, a half-open mouth, half-closed lids."""
    units = np.full(len(ARKIT), 0.5, np.float32)
    return [FrameControls(units, np.full(6, i, np.float32), -20.0 - i) for i in range(frames)]


@pytest.mark.parametrize("fps", RATES_FPS)
@pytest.mark.parametrize("samples", [3200, 16_000, 132_640])
def test_a_video_of_any_rate_is_as_long_as_its_sound(fps: int, samples: int) -> None:
    frames = frames_of(samples, fps)
    controls = list(resampled(ramp(frames_of(samples, 25)), fps, frames))
    assert len(controls) == frames
    assert 0 <= Fraction(frames, fps) - Fraction(samples, SAMPLE_RATE) < Fraction(1, fps)


@pytest.mark.parametrize("fps", RATES_FPS)
def test_a_frame_of_any_rate_shows_its_own_moment(fps: int) -> None:
    controls = list(resampled(ramp(51), fps, 2 * fps + 1))
    poses = np.array([control.pose[0] for control in controls])
    np.testing.assert_allclose(poses, np.arange(2 * fps + 1) * 25 / fps, atol=1e-4)
    assert controls[-1].level_db == pytest.approx(-70)


def test_controls_of_25_a_second_stay_the_same_objects() -> None:
    controls = ramp(7)
    assert all(a is b for a, b in zip(resampled(controls, 25, 7), controls, strict=True))


def test_resampling_needs_no_more_controls_than_it_shows() -> None:
    consumed = []

    def source():  # noqa: ANN202
        for control in ramp(100):
            consumed.append(control)
            yield control

    output = resampled(source(), 30, 120)
    for _ in range(30):
        next(output)
    assert len(consumed) <= 27


def test_the_mouth_is_shut_at_quiet_ends_and_free_between() -> None:
    pad = 12
    controls = list(with_quiet_ends(ramp(60), pad))
    jaw = np.array([control.units[JAW] for control in controls])
    assert len(controls) == 60
    assert jaw[0] == jaw[-1] == 0
    assert (jaw[: pad - EASE] == 0).all()
    assert (jaw[pad:-pad] == np.float32(0.5)).all()
    assert np.abs(np.diff(jaw)).max() < 0.25, "it opens and closes smoothly"
    assert all(control.units[BLINK] == np.float32(0.5) for control in controls), (
        "the eyes still blink"
    )


def test_without_a_pad_nothing_is_shut() -> None:
    controls = ramp(20)
    assert all(a is b for a, b in zip(with_quiet_ends(controls, 0), controls, strict=True))


def test_amounts_scale_head_and_mouth_alone() -> None:
    (control,) = scaled(ramp(2)[1:], Amounts(head=0.5, mouth=1.5))
    assert control.pose.tolist() == [0.5] * 6
    assert control.units[JAW] == np.float32(0.75)
    others = [i for i in range(len(ARKIT)) if i not in MOUTH]
    assert (control.units[others] == np.float32(0.5)).all()
    (wide,) = scaled(ramp(1), Amounts(mouth=2))
    assert wide.units.max() <= 1


@pytest.mark.parametrize("amounts", [Amounts(head=-0.1), Amounts(blink=2.1), Amounts(mouth=np.nan)])
def test_an_amount_outside_0_to_2_is_refused(amounts: Amounts) -> None:
    with pytest.raises(BadInput, match="outside 0 to 2"):
        amounts.check()
