"""Measure where MediaPipe's landmarks lie on the face model, on drawn faces of known truth.

``python -m imagineid_prepare.calibrate FOLDER`` reads shards of ``imagineid_world.faces``, asks
MediaPipe for the landmarks of their frames and finds, for each landmark, the mesh point whose
projection is nearest over all frames. It writes ``correspondence.npz`` of this package.
"""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from imagineid.face import FaceModel, load, project
from imagineid.face.model import REGIONS
from imagineid.face.raster import normals
from imagineid_evaluate.landmarks import look
from imagineid_prepare import correspondence
from imagineid_prepare.correspondence import IRISES, LANDMARKS, Correspondence

if TYPE_CHECKING:
    from numpy.typing import NDArray

    F32 = NDArray[np.float32]

FRAMES = 420
LARGEST_YAW = np.radians(14)
"""Frames turned further are left out: landmarks on the outline slide."""

CANDIDATES = 6
"""Nearest vertices whose triangles are tried."""

FAR_PX = 12.0
"""Distances are capped here, so that a few wrong detections do not decide."""

_IRIS = frozenset(sum(IRISES, ()))


def drawn_frames(folder: Path, count: int, size: int = 256) -> tuple[F32, F32, float]:
    """Read drawn frames, and see them with MediaPipe.

    Returns:
        Landmarks (N, 478, 2) and vertices (N, V, 2), both px of ``size``, and the share of frames
        in which a face was found.

    Raises:
        FileNotFoundError: the folder holds no shard.
    """
    import cv2

    shards = sorted(folder.glob("**/shard-*.npz"))
    if not shards:
        raise FileNotFoundError(
            f"No shards in {folder}. Make some: python -m imagineid_world.faces"
        )
    model = load()
    frames: list[NDArray[np.uint8]] = []
    truth: list[F32] = []
    for path in shards:
        with np.load(path, allow_pickle=False) as shard:
            pictures = shard["frame"]
            for person, moments in enumerate(pictures):
                for k in range(0, len(moments), 2):
                    pose = shard["pose"][person, k]
                    if abs(pose[1]) < LARGEST_YAW and len(frames) < count:
                        small = cv2.resize(moments[k], (size, size), interpolation=cv2.INTER_AREA)
                        frames.append(np.asarray(small, np.uint8))
                        beta = shard["beta"][person, k].astype(np.float32)
                        points = model.vertices(shard["alpha"][person], beta, pose)
                        truth.append(project(points, size))
        if len(frames) == count:
            break
    faces = look(frames)
    return faces.landmarks[faces.found], np.stack(truth)[faces.found], float(faces.found.mean())


def calibrate(landmarks: F32, vertices: F32, model: FaceModel) -> Correspondence:
    """Find the mesh point of each landmark.

    Args:
        landmarks: (N, 478, 2) pixels.
        vertices: projected vertices of the same pictures, (N, V, 2) pixels.
        model: the mesh.
    """
    facing = normals(model.mean, model.triangles)[:, 2] > -0.1
    region = model.vertex_region
    skin = np.isin(region, [REGIONS.index("skin"), REGIONS.index("lips")])
    front = skin & facing & (model.mean[:, 2] > -0.06)
    eyes = region == REGIONS.index("eye")
    triangle = np.zeros(LANDMARKS, np.int32)
    weights, error = np.zeros((LANDMARKS, 3), np.float32), np.zeros(LANDMARKS, np.float32)
    for k in range(LANDMARKS):
        pool = eyes if k in _IRIS else front
        triangle[k], weights[k], error[k] = _nearest(landmarks[:, k], vertices, model, pool)
    return Correspondence(triangle, weights, error)


def _nearest(
    landmark: F32, vertices: F32, model: FaceModel, pool: NDArray[np.bool_]
) -> tuple[int, F32, float]:
    """The triangle of ``pool``, the weights in it and the median error of one landmark (N, 2)."""
    own = np.flatnonzero(pool)
    away = np.linalg.norm(vertices[:, own] - landmark[:, None], axis=2)
    near = own[np.argsort((np.minimum(away, FAR_PX) ** 2).mean(0))[:CANDIDATES]]
    around = np.isin(model.triangles, near).any(1) & pool[model.triangles].all(1)
    best: tuple[int, F32, float] = (-1, np.zeros(3, np.float32), np.inf)
    for index in np.flatnonzero(around):
        corners = vertices[:, model.triangles[index]].astype(np.float64)
        sides = (corners[:, 1:] - corners[:, :1]).transpose(0, 2, 1).reshape(-1, 2)
        goal = (landmark - corners[:, 0]).reshape(-1)
        share = np.clip(np.linalg.lstsq(sides, goal, rcond=None)[0], 0, 1)
        share /= max(1.0, float(share.sum()))
        off = np.linalg.norm((sides @ share - goal).reshape(-1, 2), axis=1)
        if np.median(off) < best[2]:
            whole = np.array([1 - share.sum(), *share], np.float32)
            best = int(index), whole, float(np.median(off))
    return best


def main() -> None:
    """Command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("faces", type=Path, help="a folder of imagineid_world.faces")
    parser.add_argument("--frames", type=int, default=FRAMES)
    parser.add_argument("--out", type=Path, default=correspondence.FILE)
    args = parser.parse_args()
    landmarks, vertices, found = drawn_frames(args.faces, args.frames)
    marks = calibrate(landmarks, vertices, load())
    np.savez(args.out, triangle=marks.triangle, weights=marks.weights, error=marks.error)
    print(
        f"{len(landmarks)} frames (a face in {found:.0%}); error px of 256: median "
        f"{np.median(marks.error):.2f}, 90 % {np.percentile(marks.error, 90):.2f}"
    )


if __name__ == "__main__":
    main()
