"""Acting: what each frame shall show, and the mesh picture drawn of it."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from imagineid.face.motion import BLINK_UNITS, BLINKS_A_SECOND, FrameMotion, Motion, frame_motions
from imagineid.face.raster import mesh_picture, mouth_mask

if TYPE_CHECKING:
    from imagineid.face.model import FaceModel
    from imagineid.pad.conditioning import Conditioning

Array = np.ndarray


@dataclass(frozen=True)
class FrameControls:
    """What one frame shall show.

    Attributes:
        units: expression and eyes, (52,) in [0, 1]; pose: (6,), see ``imagineid.face.model.POSE``.
        level_db: how loud it is there, dB below full scale.
    """

    units: Array
    pose: Array
    level_db: float


def frame_controls(
    parts: Iterable[Conditioning], seed: int, motion: Motion | None = None, blink: float = 1.0
) -> Iterator[FrameControls]:
    """Yield an act for each frame: the expression heard, and how head and eyes move.

    Args:
        parts: the factors of a recording, in order; each is asked for when it is needed.
        seed: of the motion that is made up.
        motion: of the whole recording; None: made up.
        blink: how often lids close, 1 as usual; lids of a given motion close that far, at most as
            far as they do there.
    """
    told: deque[Array] = deque()

    def levels() -> Iterator[float]:
        for part in parts:
            for beta, level in zip(part.expression, part.level_db, strict=True):
                told.append(beta)
                told.append(level)
                yield float(level)

    def given(motion: Motion) -> Iterator[FrameMotion]:
        for _, pose, eyes in zip(levels(), motion.pose, motion.eyes, strict=True):
            lids = eyes.copy()
            lids[BLINK_UNITS] *= np.float32(min(1.0, blink))
            yield FrameMotion(pose, lids)

    blinks_a_second = BLINKS_A_SECOND * blink
    made = frame_motions(levels(), seed, blinks_a_second) if motion is None else given(motion)
    for move in made:
        beta, level = told.popleft(), told.popleft()
        yield FrameControls(np.clip(np.maximum(beta, move.eyes), 0, 1), move.pose, float(level))


def render_mesh(
    face: FaceModel, rest: Array, act: FrameControls, size_px: int
) -> tuple[Array, Array]:
    """Draw an act: the mesh picture I_rd (H, W, 3) uint8 and the mouth area (H, W) bool.

    Args:
        face: the face model.
        rest: the vertices of a person at rest, see :meth:`~imagineid.face.model.FaceModel.neutral`.
        act: what to show.
        size_px: height and width.
    """
    points = face.posed(face.express(rest, act.units), act.pose)
    return mesh_picture(points, face, size_px), mouth_mask(points, face, size_px)
