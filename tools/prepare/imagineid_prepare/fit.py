"""Fit the face model to MediaPipe's landmarks by regularised least squares.

A photograph gives shape, expression and pose at once; a clip gives one shape and, for each frame,
expression and pose. Expressions stay in 0..1 by an active set. Landmarks that lie far from their
mesh point count less (Geman-McClure weights).

Source:
    Blanz and Vetter 1999 (a linear face fitted under Gaussian priors); Gauss-Newton.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from imagineid.face import load, project
from imagineid.face.model import CAMERA_Z, FOV_DEG, rotation
from imagineid.spec import ARKIT
from imagineid_prepare import correspondence
from imagineid_prepare.correspondence import (
    EYELIDS,
    IRISES,
    LANDMARKS,
    LOWER_INNER_LIP,
    OUTER_LIP,
    OVAL,
    UPPER_INNER_LIP,
)

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from imagineid.face import FaceModel
    from imagineid_prepare.correspondence import Correspondence

    F32 = NDArray[np.float32]
    F64 = NDArray[np.float64]

SHAPES, UNITS, POSES = 80, len(ARKIT), 6

POSE_SPREAD = (0.3, 0.4, 0.3, 0.05, 0.05, 0.3)
"""Prior deviation of pitch, yaw, roll (radians), tx, ty (metres) and log scale."""

INDEPENDENT = 0.35
"""Share of the landmarks that count as independent: neighbours err alike."""

OUTLIER = 4.0
"""Landmarks further off than this many deviations lose more than half their weight."""

LARGEST_SHAPE = 3.0
POSE_ROUNDS = 3
"""First rounds of a fit, in which only the pose moves."""


def _spread(default: float, **own: float) -> F64:
    """Deviation of each unit (52,): ``default``, or that of the longest matching name prefix."""
    out = np.full(UNITS, default)
    for i, name in enumerate(ARKIT):
        found = [prefix for prefix in own if name.startswith(prefix)]
        if found:
            out[i] = own[max(found, key=len)]
    return out


_RARE = {"tongueOut": 0.03, "jawForward": 0.03, "cheekPuff": 0.03}
_EYES = {"eyeLook": 0.4, "eyeBlink": 0.4, "eyeWide": 0.4, "eyeSquint": 0.4}
_MILD = ("brow", "mouthSmile", "mouthFrown", "mouthPress", "mouthRoll")

STILL = _spread(0.15, **_RARE, **_EYES, mouthClose=0.03, **dict.fromkeys(_MILD, 0.25))
"""How far units are from rest in a photograph with the mouth closed, (52,)."""

TALKING = _spread(0.25, **_RARE, **_EYES, jawOpen=0.4, mouthClose=0.15, brow=0.35)
"""The same of a frame of a talking face."""


@dataclass(frozen=True)
class Fit:
    """The face model fitted to one picture.

    Attributes:
        alpha: shape, (80,).
        beta: expression in 0..1, (52,).
        pose: see :data:`imagineid.face.model.POSE`, (6,).
        residual: landmark minus mesh point, px of a 256-px picture, (478, 2).
    """

    alpha: F32
    beta: F32
    pose: F32
    residual: F32

    @property
    def error_px(self) -> float:
        """Median distance between landmarks and mesh, px of a 256-px picture."""
        return float(np.median(np.linalg.norm(self.residual, axis=1)))


@dataclass(frozen=True)
class ClipFit:
    """The face model fitted to F frames of one person.

    Attributes:
        alpha: shape, one for all frames, (80,).
        beta: (F, 52) in 0..1.
        pose: (F, 6).
        error_px: median landmark error of each frame, px of 256; NaN where no face was seen, (F,).
    """

    alpha: F32
    beta: F32
    pose: F32
    error_px: F32


class Fitter:
    """Fits one face model; holds what is the same for all pictures.

    Args:
        model: the face; the packaged one unless given.
        marks: where the landmarks lie on it; the packaged ones unless given.
    """

    def __init__(self, model: FaceModel | None = None, marks: Correspondence | None = None) -> None:
        self.marks = marks or correspondence.load()
        self.points = self.marks.landmark_model(model or load())
        bases = np.concatenate([self.points.shapes, self.points.units])
        self._bases = np.ascontiguousarray(bases.transpose(1, 2, 0), np.float64)  # (478, 3, 132)
        self._sigma = _deviations(self.marks.error)

    def fit(
        self,
        landmarks: NDArray[np.floating],
        size: int = 256,
        *,
        alpha: F32 | None = None,
        start: Fit | None = None,
        spread: F64 = STILL,
        rounds: int = 14,
    ) -> Fit:
        """Fit one picture.

        Args:
            landmarks: (478, 2 or more), pixels of a picture ``size`` wide in the model's framing.
            size: side of the picture, pixels.
            alpha: shape (80,) to hold fixed; fitted where not given.
            start: where to begin, e.g. the fit of the frame before.
            spread: prior deviation of each expression unit, (52,).
            rounds: Gauss-Newton rounds; 5 are enough from a neighbouring frame.

        Raises:
            ValueError: landmarks are missing or not finite.
        """
        goal = _checked(landmarks) * (256 / size)
        state = np.zeros(SHAPES + UNITS + POSES)
        if start is not None:
            state[:] = np.concatenate([start.alpha, start.beta, start.pose])
        held = np.zeros(len(state), bool)
        if alpha is not None:
            state[:SHAPES], held[:SHAPES] = alpha, True
        prior = np.concatenate([np.ones(SHAPES), 1 / spread, 1 / np.array(POSE_SPREAD)])
        for turn in range(rounds):
            free = ~held
            if start is None and turn < POSE_ROUNDS:
                free[: SHAPES + UNITS] = False
            projected, slopes = self._linearised(state)
            state = self._step(state, goal - projected, slopes, free, prior)
        shape, beta, pose = _split(state)
        return Fit(shape, beta, pose, (goal - self._projected(state)).astype(np.float32))

    def fit_clip(
        self, landmarks: NDArray[np.floating], size: int = 256, *, frames_for_shape: int = 12
    ) -> ClipFit:
        """Fit a clip of one person: one shape, then expression and pose of every frame.

        The shape is the mean over ``frames_for_shape`` frames spread over the clip.

        Args:
            landmarks: (F, 478, 2 or more) pixels, NaN where no face was seen; such frames repeat
                their neighbour.
            size: side of the pictures, pixels.
            frames_for_shape: frames whose shape is fitted.

        Raises:
            ValueError: no frame shows a face.
        """
        detected = np.flatnonzero(np.isfinite(landmarks[..., :2]).all((1, 2)))
        if not len(detected):
            raise ValueError("No frame of the clip shows a face")
        picks = detected[
            np.linspace(0, len(detected) - 1, min(frames_for_shape, len(detected))).astype(int)
        ]
        alone = [self.fit(landmarks[i], size, spread=TALKING) for i in picks]
        alpha = np.mean([one.alpha for one in alone], axis=0)
        before: Fit | None = None
        found: dict[int, Fit] = {}
        for i in detected:
            rounds = 14 if before is None else 5
            before = self.fit(
                landmarks[i], size, alpha=alpha, start=before, spread=TALKING, rounds=rounds
            )
            found[int(i)] = before
        nearest = detected[np.abs(np.arange(len(landmarks))[:, None] - detected).argmin(1)]
        error = np.full(len(landmarks), np.nan, np.float32)
        error[detected] = [found[int(i)].error_px for i in detected]
        return ClipFit(
            alpha,
            np.stack([found[int(i)].beta for i in nearest]),
            np.stack([found[int(i)].pose for i in nearest]),
            error,
        )

    def _projected(self, state: F64) -> F64:
        """Where a state's landmarks fall, px of 256, (478, 2)."""
        return np.asarray(project(self.points.vertices(*_split(state))), np.float64)

    def _linearised(self, state: F64) -> tuple[F64, F64]:
        """Landmarks (478, 2) of a state and their slopes by each of its numbers, (478, 2, 138)."""
        alpha, beta, pose = _split(state)
        resting = self.points.express(self.points.neutral(alpha), beta)
        posed = self.points.posed(resting, pose)
        projected = np.asarray(project(posed), np.float64)
        turn = np.float64(np.exp(pose[5])) * (
            np.eye(3) + self.points.head_weight[:, None, None] * (rotation(*pose[:3]) - np.eye(3))
        )
        slopes = np.empty((LANDMARKS, 2, len(state)))
        slopes[:, :, : SHAPES + UNITS] = (_camera_slopes(posed) @ turn) @ self._bases
        for k in range(POSES):
            moved = pose.copy()
            moved[k] += 1e-3
            ahead = np.asarray(project(self.points.posed(resting, moved)), np.float64)
            slopes[:, :, SHAPES + UNITS + k] = (ahead - projected) / 1e-3
        return projected, slopes

    def _step(
        self, state: F64, missing: F64, slopes: F64, free: NDArray[np.bool_], prior: F64
    ) -> F64:
        """One Gauss-Newton step under the priors; units that would fall below 0 are held there."""
        far = np.linalg.norm(missing, axis=1) / (OUTLIER * self._sigma)
        trust = np.sqrt(INDEPENDENT / (1 + far**2)) / self._sigma
        weighted = slopes * trust[:, None, None]
        rows = weighted.reshape(-1, len(state))
        goal = (missing * trust[:, None]).reshape(-1)
        state, free = state.copy(), free.copy()
        step = np.zeros_like(state)
        for _ in range(4):
            own, pull = rows[:, free], prior[free] ** 2
            step[:] = 0
            step[free] = np.linalg.solve(
                own.T @ own + np.diag(pull), own.T @ goal - pull * state[free]
            )
            below = np.flatnonzero(free & ((state + step) < 0) & _IS_UNIT)
            if not len(below):
                break
            goal = goal + rows[:, below] @ state[below]
            state[below], free[below] = 0, False
        state += step
        state[:SHAPES] = np.clip(state[:SHAPES], -LARGEST_SHAPE, LARGEST_SHAPE)
        state[_IS_UNIT] = np.clip(state[_IS_UNIT], 0, 1)
        return state


_IS_UNIT = np.zeros(SHAPES + UNITS + POSES, bool)
_IS_UNIT[SHAPES : SHAPES + UNITS] = True


def _split(state: F64) -> tuple[F32, F32, F32]:
    alpha, beta, pose = np.split(state.astype(np.float32), [SHAPES, SHAPES + UNITS])
    return alpha, beta, pose


def _checked(landmarks: NDArray[np.floating]) -> F64:
    if landmarks.shape[0] != LANDMARKS or not np.isfinite(landmarks[:, :2]).all():
        raise ValueError(f"A fit needs {LANDMARKS} finite landmarks, not {landmarks.shape}")
    return np.asarray(landmarks[:, :2], np.float64)


def _deviations(error: F32) -> F64:
    """How far a landmark usually is from its mesh point, px of 256, (478,)."""
    sigma = np.clip(error.astype(np.float64), 0.8, 3.0)
    sigma[list(OVAL)] *= 1.8
    sharp = {*UPPER_INNER_LIP, *LOWER_INNER_LIP, *OUTER_LIP, *sum(IRISES, ()), *sum(EYELIDS, ())}
    sigma[sorted(sharp)] *= 0.6
    return sigma


def _camera_slopes(points: F32, size: int = 256) -> F64:
    """Derivative of :func:`project` by the points (N, 3): (N, 2, 3)."""
    depth = CAMERA_Z - points[:, 2].astype(np.float64)
    focal = size / 2 / np.tan(np.radians(FOV_DEG / 2))
    off = np.asarray(project(points, size), np.float64) - size / 2
    out = np.zeros((len(points), 2, 3))
    out[:, 0, 0], out[:, 1, 1] = focal / depth, -focal / depth
    out[:, :, 2] = off / depth[:, None]
    return out
