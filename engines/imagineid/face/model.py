"""The face model: identity, expression and pose to vertices.

A face is ``mean + alpha . shapes + beta . units``, posed rigidly about the neck. Coordinates are
metres with the origin midway between the eyes of the mean face, x to the viewer's right, y up and
z towards the viewer. The camera is fixed, so the pose alone determines the framing.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from imagineid.array_files import read_arrays

if TYPE_CHECKING:
    from numpy.typing import NDArray

    F32 = NDArray[np.float32]

FACE_FILE = Path(__file__).parents[1] / "models" / "mini" / "face.npz"
"""The face model that all sizes share."""

FOV_DEG = 13.5
"""Vertical field of view of the camera, degrees; the picture is square."""

VIEW_HEIGHT = 0.315
"""Height of the visible area at the depth of the eyes, metres."""

VIEW_CENTRE = (0.0, -0.016)
"""The point (x, y) at the depth of the eyes that is in the centre of the picture, metres."""

CAMERA_Z = VIEW_HEIGHT / 2 / float(np.tan(np.radians(FOV_DEG / 2)))
"""Distance of the camera from the eyes, metres."""

NECK_PIVOT = (0.0, -0.09, -0.075)
"""Centre of the head's rotation, metres."""

IRIS_RADIUS = 0.0062
"""Radius of the iris, metres."""

REGIONS = ("skin", "lips", "eye", "mouth", "teeth", "tongue", "lash", "body", "socket")
"""Names of the region labels, in the order of their numbers."""

POSE = ("pitch", "yaw", "roll", "tx", "ty", "log_scale")
"""The six pose numbers: radians (nod down, turn to the viewer's right, tilt), metres, log."""


def rotation(pitch: float, yaw: float, roll: float) -> F32:
    """Rotation matrix (3, 3) of a head pose given in radians."""
    (cp, cy, cr), (sp, sy, sr) = np.cos([pitch, yaw, roll]), np.sin([pitch, yaw, roll])
    about_x = np.array([[1, 0, 0], [0, cp, -sp], [0, sp, cp]])
    about_y = np.array([[cy, 0, sy], [0, 1, 0], [-sy, 0, cy]])
    about_z = np.array([[cr, -sr, 0], [sr, cr, 0], [0, 0, 1]])
    return np.asarray(about_z @ about_y @ about_x, np.float32)


def project(points: F32, size: int = 256) -> F32:
    """Picture coordinates of points (..., 3): pixels (..., 2), x right and y down from the corner.

    The middle of the upper left pixel is at (0.5, 0.5).
    """
    depth = CAMERA_Z - points[..., 2]
    scale = size / 2 / np.tan(np.radians(FOV_DEG / 2)) / depth
    x = size / 2 + (points[..., 0] - VIEW_CENTRE[0]) * scale
    y = size / 2 - (points[..., 1] - VIEW_CENTRE[1]) * scale
    return np.stack([x, y], -1).astype(np.float32)


def posed(points: F32, pose: F32, head_weight: F32) -> F32:
    """Move points (N, 3) by a pose (6,); each follows the head by its ``head_weight`` (N,)."""
    weight = head_weight[:, None]
    pivot = np.asarray(NECK_PIVOT, np.float32)
    turned = (points - pivot) @ rotation(*map(float, pose[:3])).T + pivot
    moved = points + weight * (turned - points)
    moved[:, :2] += pose[3:5].astype(np.float32) * (0.4 + 0.6 * weight)
    out: F32 = ((moved - pivot) * np.float32(np.exp(pose[5])) + pivot).astype(np.float32)
    return out


@dataclass(frozen=True)
class FaceModel:
    """A linear face model.

    Attributes:
        mean: the average face, (V, 3) metres.
        shapes: displacement for one standard deviation of each identity coefficient, (80, V, 3).
        units: displacement for each full ARKit unit, (52, V, 3).
        triangles: vertex indices, counter-clockwise seen from outside, (T, 3).
        triangle_region: index into :data:`REGIONS` of each triangle, (T,).
        vertex_region: the same of each vertex, (V,).
        head_weight: 1 where the head's pose applies fully, 0 at the shoulders, (V,).
        landmarks: vertex index by name.
    """

    mean: F32
    shapes: F32
    units: F32
    triangles: NDArray[np.int32]
    triangle_region: NDArray[np.uint8]
    vertex_region: NDArray[np.uint8]
    head_weight: F32
    landmarks: dict[str, int]

    @cached_property
    def eye_plane(self) -> F32:
        """Offset of each eye vertex from its eye's centre at rest, (V, 2) metres; 1 elsewhere."""
        plane = np.ones((len(self.mean), 2), np.float32)
        eyes = self.vertex_region == REGIONS.index("eye")
        for side in (-1, 1):
            own = eyes & (self.mean[:, 0] * side > 0)
            if own.any():
                points = self.mean[own]
                plane[own] = (points - (points.min(0) + points.max(0)) / 2)[:, :2]
        return plane

    def neutral(self, alpha: F32) -> F32:
        """Vertices (V, 3) of an identity (80,) at rest, facing the camera."""
        flat = alpha.astype(np.float32) @ self.shapes.reshape(len(self.shapes), -1)
        out: F32 = self.mean + flat.reshape(self.mean.shape)
        return out

    def express(self, neutral: F32, beta: F32) -> F32:
        """Add an expression (52,), each 0..1, to resting vertices (V, 3)."""
        # Not a matrix product: BLAS would split it among threads that wait for busy cores.
        flat = np.einsum(
            "u,uc->c", beta.astype(np.float32), self.units.reshape(len(self.units), -1)
        )
        out: F32 = neutral + flat.reshape(neutral.shape)
        return out

    def posed(self, points: F32, pose: F32) -> F32:
        """Move vertices (V, 3) by a pose (6,); see :data:`POSE`."""
        return posed(points, pose, self.head_weight)

    def vertices(self, alpha: F32, beta: F32, pose: F32) -> F32:
        """Vertices (V, 3) of an identity (80,) with an expression (52,) and a pose (6,)."""
        return self.posed(self.express(self.neutral(alpha), beta), pose)


def load(path: Path | str | None = None) -> FaceModel:
    """Load a face model; that of the package unless a file is named.

    Raises:
        FileNotFoundError: there is no such file.
    """
    file = read_arrays(Path(path or FACE_FILE))
    scaled = {
        name: file[name].astype(np.float32) * np.float32(file[f"{name}_scale"])
        for name in ("mean", "shapes", "units")
    }
    names = [str(name) for name in file["landmark_names"]]
    return FaceModel(
        mean=scaled["mean"],
        shapes=scaled["shapes"],
        units=scaled["units"],
        triangles=file["triangles"].astype(np.int32),
        triangle_region=file["triangle_region"],
        vertex_region=file["vertex_region"],
        head_weight=file["head_weight"].astype(np.float32),
        landmarks=dict(zip(names, file["landmarks"].tolist(), strict=True)),
    )


def pack(model: FaceModel) -> dict[str, NDArray[np.generic]]:
    """Return the arrays that :func:`load` reads, with displacements as scaled 16-bit integers."""
    arrays: dict[str, NDArray[np.generic]] = {}
    for name in ("mean", "shapes", "units"):
        values = getattr(model, name)
        scale = float(np.abs(values).max()) / 32000
        arrays[name] = np.round(values / scale).astype(np.int16)
        arrays[f"{name}_scale"] = np.asarray(scale, np.float64)
    small = len(model.mean) < 65536
    arrays["triangles"] = model.triangles.astype(np.uint16 if small else np.int32)
    arrays["triangle_region"] = model.triangle_region.astype(np.uint8)
    arrays["vertex_region"] = model.vertex_region.astype(np.uint8)
    arrays["head_weight"] = model.head_weight.astype(np.float16)
    arrays["landmark_names"] = np.array(list(model.landmarks))
    arrays["landmarks"] = np.array(list(model.landmarks.values()), np.int32)
    return arrays
