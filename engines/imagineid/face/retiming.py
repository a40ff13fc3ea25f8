"""Retiming of controls: other frame rates, silent ends, and scaled motion.

Each function maps a stream of controls to another one and buffers a few frames only.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace

import numpy as np

from imagineid.errors import BadInput
from imagineid.face.controls import FrameControls
from imagineid.spec import FPS, MOUTH, SAMPLE_RATE

RATES_FPS = (24, 25, 30, 50, 60)
"""Supported frame rates."""

EASE = 4
"""Frames at 25 a second in which the mouth opens after silence or closes before it."""

LARGEST_AMOUNT = 2.0
"""Largest factor of a motion."""

LONGEST_PAD_S = 10.0
"""Longest added silence at each end, seconds."""

_MOUTH = list(MOUTH)


@dataclass(frozen=True)
class Amounts:
    """Factors of each motion: 0 none, 1 the default, 2 twice as much.

    Attributes:
        head: turns, nods and sway.
        blink: frequency of blinks.
        mouth: motion of lips and jaw.
    """

    head: float = 1.0
    blink: float = 1.0
    mouth: float = 1.0

    def check(self) -> None:
        """Validate all factors.

        Raises:
            BadInput: a factor is outside 0 to 2.
        """
        for name in ("head", "blink", "mouth"):
            value = getattr(self, name)
            if not 0 <= value <= LARGEST_AMOUNT:  # NaN, too
                raise BadInput(
                    f"--{name} {value} is outside 0 to {LARGEST_AMOUNT:g}.\n"
                    f"Leave it out, or try:  --{name} 0.5"
                )


@dataclass(frozen=True)
class Retiming:
    """Changes of the controls before drawing.

    Attributes:
        amounts: factor of each motion.
        fps: frame rate of the video.
        frames: number of frames of the video; None for one per control, at 25 fps only.
        pad_frames: silent frames at each end, at 25 fps.
    """

    amounts: Amounts = Amounts()
    fps: int = FPS
    frames: int | None = None
    pad_frames: int = 0

    def __call__(self, controls: Iterable[FrameControls]) -> Iterator[FrameControls]:
        """Map controls at 25 a second to those of the video's frames."""
        if (self.amounts.head, self.amounts.mouth) != (1.0, 1.0):
            controls = scaled(controls, self.amounts)
        if self.pad_frames:
            controls = with_quiet_ends(controls, self.pad_frames)
        if self.fps != FPS:
            assert self.frames is not None, "another frame rate needs the number of frames"
            controls = resampled(controls, self.fps, self.frames)
        return iter(controls)


def scaled(controls: Iterable[FrameControls], amounts: Amounts) -> Iterator[FrameControls]:
    """Scale the motion of head and mouth; blinks are scaled where they are generated.

    Args:
        controls: one per frame.
        amounts: factor of each motion.
    """
    for control in controls:
        units = control.units.copy()
        units[_MOUTH] = np.clip(units[_MOUTH] * np.float32(amounts.mouth), 0, 1)
        yield replace(control, units=units, pose=control.pose * np.float32(amounts.head))


def with_quiet_ends(controls: Iterable[FrameControls], pad_frames: int) -> Iterator[FrameControls]:
    """Close the mouth in the silence added at both ends.

    Args:
        controls: one per frame, including the silent ones.
        pad_frames: silent frames at each end; the mouth is closed in them, except for the
            :data:`EASE` frames next to speech. 0 changes nothing.
    """
    waiting: list[FrameControls] = []
    for number, control in enumerate(controls):
        waiting.append(_opened(control, number - pad_frames + 1 + EASE))
        if len(waiting) > pad_frames:
            yield waiting.pop(0)
    for number, control in enumerate(waiting):
        yield _opened(control, EASE - 1 - number)


def _opened(control: FrameControls, ease: int) -> FrameControls:
    """Scale the mouth's motion by a smooth step of ``ease``, 0 to EASE."""
    share = min(max(ease / EASE, 0.0), 1.0)
    if share == 1.0:
        return control
    units = control.units.copy()
    units[_MOUTH] *= np.float32(0.5 - 0.5 * math.cos(math.pi * share))
    return replace(control, units=units)


def resampled(controls: Iterable[FrameControls], fps: int, frames: int) -> Iterator[FrameControls]:
    """Resample controls from 25 fps to another rate by linear interpolation.

    Args:
        controls: one per frame at 25 fps, at least one.
        fps: frame rate of the output.
        frames: number of output frames; the last control is repeated if needed.

    Yields:
        Controls of the time j / fps.
    """
    if fps == FPS:
        yield from controls
        return
    source = iter(controls)
    before = next(source)
    after, at = next(source, before), 0
    for j in range(frames):
        whole, rest = divmod(j * FPS, fps)
        while at < whole:
            before, after, at = after, next(source, after), at + 1
        yield _between(before, after, rest / fps)


def _between(a: FrameControls, b: FrameControls, share: float) -> FrameControls:
    """Return ``a`` at 0, ``b`` at 1."""
    if share == 0 or a is b:
        return a
    keep, take = np.float32(1 - share), np.float32(share)
    return replace(
        a,
        units=keep * a.units + take * b.units,
        pose=keep * a.pose + take * b.pose,
        level_db=(1 - share) * a.level_db + share * b.level_db,
    )


def frames_of(samples: int, fps: int) -> int:
    """Return the video frames that cover a recording of 16 kHz samples, at least one."""
    return max(1, -(-samples * fps // SAMPLE_RATE))
