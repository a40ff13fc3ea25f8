"""Controls of each frame (expression, gaze, pose), and the mesh picture drawn from them."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from imagineid.face.flow import Flow, MeshFlow
from imagineid.face.motion import BLINK_UNITS, BLINKS_A_SECOND, FrameMotion, Motion, frame_motions
from imagineid.face.raster import mesh_picture, mouth_mask, surface

if TYPE_CHECKING:
    from imagineid.face.model import FaceModel
    from imagineid.pad.conditioning import Conditioning
    from imagineid.spec import Size

Array = np.ndarray


@dataclass(frozen=True)
class FrameControls:
    """Controls of one frame.

    Attributes:
        units: expression and gaze, (52,) in [0, 1].
        pose: (6,), see ``imagineid.face.model.POSE``.
        level_db: loudness, dB below full scale.
    """

    units: Array
    pose: Array
    level_db: float


def frame_controls(
    parts: Iterable[Conditioning], seed: int, motion: Motion | None = None, blink: float = 1.0
) -> Iterator[FrameControls]:
    """Yield the controls of each frame: predicted expression, and head and eye motion.

    Args:
        parts: the conditioning of a recording, in parts that are consumed as needed.
        seed: seed of random motion.
        motion: motion of the whole recording; None for random motion.
        blink: frequency of blinks, 1 is the default; of a given motion, it scales the lids and
            is limited to 1.
    """
    pending: deque[Array] = deque()

    def levels() -> Iterator[float]:
        for part in parts:
            for beta, level in zip(part.expression, part.level_db, strict=True):
                pending.append(beta)
                pending.append(level)
                yield float(level)

    def from_motion(motion: Motion) -> Iterator[FrameMotion]:
        for _, pose, eyes in zip(levels(), motion.pose, motion.eyes, strict=True):
            lids = eyes.copy()
            lids[BLINK_UNITS] *= np.float32(min(1.0, blink))
            yield FrameMotion(pose, lids)

    blinks_a_second = BLINKS_A_SECOND * blink
    motions = (
        frame_motions(levels(), seed, blinks_a_second) if motion is None else from_motion(motion)
    )
    for move in motions:
        beta, level = pending.popleft(), pending.popleft()
        yield FrameControls(np.clip(np.maximum(beta, move.eyes), 0, 1), move.pose, float(level))


@dataclass(frozen=True)
class RenderedMesh:
    """A frame's network inputs, rendered from its controls.

    Attributes:
        picture: the mesh picture I_rd, (N, N, 3) uint8.
        mouth: the mouth area, (H, W) bool.
        flow: from the first frame's mesh to this one; None: there is no first frame to move.
    """

    picture: Array
    mouth: Array
    flow: Flow | None


def render_mesh(
    face: FaceModel,
    rest: Array,
    controls: FrameControls,
    size: Size,
    move: MeshFlow | None = None,
) -> RenderedMesh:
    """Draw the mesh of a frame.

    Args:
        face: the face model.
        rest: the vertices of a person at rest, see :meth:`~imagineid.face.model.FaceModel.neutral`.
        controls: what to show.
        size: of the networks that will see it.
        move: the flow from the first frame, of :attr:`Size.mesh_px <imagineid.spec.Size>`.
    """
    side = size.mesh_px if size.mesh_encoder else size.frame_px
    points = face.posed(face.express(rest, controls.units), controls.pose)
    visible = surface(points, face, side)
    return RenderedMesh(
        mesh_picture(points, face, side, visible),
        mouth_mask(points, face, size.frame_px),
        move(points, controls.pose, visible if move.size == side else None) if move else None,
    )


def mesh_flow(face: FaceModel, rest: Array, opening: FrameControls, size: Size) -> MeshFlow:
    """Return the flow from a first frame of these controls to any later one."""
    points = face.posed(face.express(rest, opening.units), opening.pose)
    return MeshFlow(face, rest, points, opening.pose, size.mesh_px)
