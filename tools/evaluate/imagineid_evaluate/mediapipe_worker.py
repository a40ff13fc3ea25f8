"""Runs MediaPipe in an environment of its own: ``python mediapipe_worker.py IN.npz OUT.npz``.

MediaPipe 0.10.21, the newest release whose wheel holds its models, needs numpy below 2, so nothing
else of this project is imported here. IN holds ``frames``, (N, H, W, 3) uint8 RGB, and ``faces``,
how many to look for. OUT gets ``landmarks`` of the tallest face, (N, 478, 2) float32 pixels with
NaN where none was found, ``count``, (N,) faces found, and ``person``, (N, H, W) uint8, the selfie
model's share of person times 255.
"""

import os
import sys

os.environ.setdefault("GLOG_minloglevel", "2")
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")


def main(source: str, target: str) -> None:
    """Read frames, find landmarks and persons, write them."""
    import numpy as np
    from mediapipe.python.solutions import face_mesh, selfie_segmentation

    with np.load(source, allow_pickle=False) as file:
        frames, faces = file["frames"], int(file["faces"])
    total, height, width = frames.shape[:3]
    landmarks = np.full((total, 478, 2), np.nan, np.float32)
    count = np.zeros(total, np.int32)
    person = np.zeros((total, height, width), np.uint8)
    with (
        face_mesh.FaceMesh(
            static_image_mode=True, max_num_faces=faces, refine_landmarks=True
        ) as mesh,
        selfie_segmentation.SelfieSegmentation(model_selection=0) as selfie,
    ):
        for i, frame in enumerate(frames):
            found = mesh.process(frame).multi_face_landmarks
            if found:
                marks = [[(p.x * width, p.y * height) for p in one.landmark] for one in found]
                landmarks[i] = max(marks, key=lambda face: np.ptp([y for _, y in face]))
                count[i] = len(found)
            mask = selfie.process(frame).segmentation_mask
            person[i] = np.round(np.clip(mask, 0, 1) * 255)
    np.savez(target, landmarks=landmarks, count=count, person=person)


if __name__ == "__main__":
    main(*sys.argv[1:3])
