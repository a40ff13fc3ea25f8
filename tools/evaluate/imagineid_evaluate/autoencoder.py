"""The autoencoder on held-out faces: encoder.onnx and decoder.onnx, masks of ones.

PSNR of 8-bit pictures of the TEST split, as the video writer would get them: the mean over frames
of each frame's dB, for the whole picture, and for the boxes about the mouth and about each eye (of
the face landmarks projected with the frame's true shape, expression and pose, grown by a quarter of
their sides; an eye's box is 0.7 of its width high), each frame's boxes taken together.
"""

from __future__ import annotations

import argparse
from collections.abc import Mapping

import numpy as np

from imagineid.ccf.images import to_images, to_pictures
from imagineid.engine import Engine
from imagineid.face import FaceModel, project
from imagineid_evaluate.model_under_test import SIZE, engines, face
from imagineid_evaluate.pictures import box_of, psnr
from imagineid_evaluate.report import Row
from imagineid_evaluate.world import people

Array = np.ndarray
GROW = 0.25
"""Of the sides of a box."""

EYE_HEIGHT = 0.7
"""Of an eye's box, over its width: lids and lashes belong to it."""


def arguments(parser: argparse.ArgumentParser) -> None:
    """Add the options of this group."""
    parser.add_argument("--split", default="test", help="test is what the bars are about")
    parser.add_argument("--frames", type=int, default=8, help="of each person, 1 to 8")


def run(options: argparse.Namespace) -> tuple[list[Row], dict[str, object]]:
    """Measure; see the module."""
    opened, model = engines(("encoder", "decoder")), face()
    whole, parts = [], []
    for person in people(options.split):
        for i in np.linspace(0, 7, options.frames).astype(int):
            picture = person.frame[i]
            decoded = reconstruct(opened, picture)
            points = model.vertices(person.alpha, person.beta[i], person.pose[i])
            whole.append(psnr(picture, decoded))
            parts.append(psnr(picture, decoded, details(model, points, len(picture))))
    note = f"{len(whole)} frames"
    low, middle = np.percentile(whole, [5, 50])
    found = [
        Row("whole picture", float(np.mean(whole)), "dB", 31.0, note=note),
        Row("mouth and eyes", float(np.mean(parts)), "dB", 31.0, note=note),
        Row("whole picture, median", float(middle), "dB"),
        Row("whole picture, worst 5 %", float(low), "dB", note="below this"),
    ]
    return found, {"split": options.split}


def reconstruct(opened: Mapping[str, Engine], picture: Array) -> Array:
    """Encode and decode (H, W, 3) uint8 without MBA."""
    coded = opened["encoder"](image=to_images(picture[None]))
    side = SIZE.feature_px
    decoded = opened["decoder"](
        latent=coded["latent"],
        background=np.zeros_like(coded["background"]),
        mask=np.ones((1, 1, side, side), np.float32),
    )
    return np.asarray(to_pictures(decoded["image"])[0])


def details(model: FaceModel, points: Array, side: int) -> Array:
    """Return where mouth and eyes are, (side, side) bool, from posed vertices (V, 3)."""
    screen = project(points, side)
    out = np.zeros((side, side), bool)
    groups = [[i for name, i in model.landmarks.items() if name.startswith("lip")]]
    for end in ("left", "right"):
        names = (f"eye_inner_{end}", f"eye_outer_{end}", f"lid_upper_{end}", f"lid_lower_{end}")
        groups.append([model.landmarks[name] for name in names])
    for number, marks in enumerate(groups):
        rows, columns = box_of(screen[marks], GROW, side)
        if number:  # an eye
            tall = int((columns.stop - columns.start) * EYE_HEIGHT / 2)
            middle = (rows.start + rows.stop) // 2
            rows = slice(max(0, middle - tall), middle + tall)
        out[rows, columns] = True
    return out
