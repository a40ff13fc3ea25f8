"""Motion of a photograph: a first frame, one expressive frame, and pairs of neighbours."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from imagineid.spec import ARKIT, FPS
from imagineid_world import motion
from imagineid_world.photos.anatomy import UNIT

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from imagineid_prepare.fit import Fit

    F32 = NDArray[np.float32]

FIRST, EXPRESSIVE = 0, 1
"""Which frames are the photograph at rest and one strong expression; pairs follow."""

PITCH_DEG, YAW_DEG, ROLL_DEG = (-5.0, 8.0), 20.0, 8.0
"""Pitch beside the photograph's own, and total yaw and roll: beyond, the picture tears."""

LIMITS = {"mouthFunnel": 0.4, "jawOpen": 0.55, "mouthPucker": 0.75, "tongueOut": 0.4}
"""Units held within what the mesh shows as MediaPipe sees it (mouthFunnel) or looks right."""

_ABOVE_MOUTH = np.array([name.startswith(("eye", "brow")) for name in ARKIT])
_SWAY_DEG = np.array([2.2, 7.0, 2.5])
_SHIFT = np.array([0.004, 0.003, 0.015])
"""Deviation of tx, ty (metres) and log scale."""


@dataclass(frozen=True)
class Act:
    """What F frames show.

    Attributes:
        beta: expressions, the photograph's own included, (F, 52) in 0..1.
        pose: (F, 6).
        emotions: what is acted, a word a frame; "" where nothing is.
    """

    beta: F32
    pose: F32
    emotions: list[str]


def draw_act(
    fit: Fit,
    rng: np.random.Generator,
    frames: int = 8,
    *,
    still_mouth: bool = False,
    still_face: bool = False,
) -> Act:
    """Draw what a fitted photograph does.

    Args:
        fit: its own expression and pose, which is frame 0.
        rng: source of every choice.
        frames: even; 0 is the first frame, 1 expressive, then pairs 1/25 s apart.
        still_mouth: only eyes, brows and head move, as in photographs with an open mouth.
        still_face: only the whole picture moves and rolls, as in photographs from the side.

    Raises:
        ValueError: ``frames`` is odd.
    """
    if frames % 2:
        raise ValueError(f"{frames} frames are no pairs: give an even number")
    talk, words = motion.expressions(rng)
    while len(talk) < frames:
        more, more_words = motion.expressions(rng)
        talk, words = np.concatenate([talk, more]), words + more_words
    if still_mouth:
        talk[:, ~_ABOVE_MOUTH] = 0
    if still_face:
        talk[:] = 0
    beta = np.clip(fit.beta + talk[:frames], 0, 1)
    beta[FIRST] = fit.beta
    for name, most in LIMITS.items():
        beta[:, UNIT[name]] = np.minimum(beta[:, UNIT[name]], max(most, fit.beta[UNIT[name]]))
    pose = np.concatenate([_pair(fit.pose, rng) for _ in range(frames // 2)])
    if still_face:
        pose[:, [0, 1]] = fit.pose[[0, 1]]
    pose[FIRST] = fit.pose
    emotions = [words[k // 2] for k in range(frames)]
    emotions[FIRST] = ""
    if still_mouth or still_face:
        emotions = [""] * frames
    return Act(beta.astype(np.float32), pose.astype(np.float32), emotions)


def _pair(own: F32, rng: np.random.Generator) -> F32:
    """Two poses about a photograph's own, one frame's movement apart, (2, 6)."""
    spread = np.concatenate([np.radians(_SWAY_DEG), _SHIFT])
    start = own + rng.normal(0, 1, 6) * spread
    speed = rng.normal(0, 1.2, 6) * spread / FPS
    return np.stack([held(start, own), held(start + speed, own)])


def held(pose: F32, own: F32) -> F32:
    """Hold a pose (6,) within what a photograph of pose ``own`` can show."""
    out = pose.copy()
    out[0] = own[0] + np.clip(pose[0] - own[0], *np.radians(PITCH_DEG))
    for axis, most in ((1, YAW_DEG), (2, ROLL_DEG)):
        limit = max(np.radians(most), abs(own[axis]))
        out[axis] = np.clip(pose[axis], -limit, limit)
    return np.asarray(out, np.float32)
