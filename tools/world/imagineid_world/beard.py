"""Moustaches and beards: short strands that ride on the skin."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from imagineid_world.strands import Strands, plant, unit

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from imagineid.face.model import FaceModel
    from imagineid_world.look import Look

    F32 = NDArray[np.float32]
    F64 = NDArray[np.float64]


def face_hair(look: Look, model: FaceModel, points: F32, normal: F32) -> list[Strands]:
    """Short strands that ride on the skin: moustache and beard."""
    if look.beard in ("none", "stubble"):
        return []
    rng = np.random.default_rng(look.seed + 1)
    skin = np.isin(model.triangle_region, [0, 1])
    place = model.mean[model.triangles].mean(1)
    keep = skin & (place[:, 1] < 0.01) & (place[:, 1] > -0.15) & (place[:, 2] > -0.06)
    root, out, rest, corners, shares = plant(model, points, normal, keep, 16000, rng)
    likely = beard_mask(rest, look.beard)
    good = np.flatnonzero(rng.random(len(rest)) < likely)[:3600]
    root, out, rest = root[good], out[good], rest[good]
    corners, shares = corners[good], shares[good]
    count, steps = len(root), 4
    reach = {"moustache": 0.008, "goatee": 0.010, "beard": 0.008 + 0.014 * look.length}[look.beard]
    lower = np.clip((-0.055 - rest[:, 1]) / 0.05, 0.25, 1.0)
    length = reach * lower * rng.uniform(0.6, 1.1, count)
    comb = np.stack([np.sign(rest[:, 0]) * 0.45, -np.ones(count), 0.15 * np.ones(count)], 1)
    direction = unit(0.55 * out + comb + rng.normal(0, 0.22, (count, 3)))
    t = np.linspace(0, 1, steps)
    bend = t[None, :, None] * length[:, None, None]
    path = (
        root[:, None] + direction[:, None] * bend + np.array([0, -0.3, 0]) * bend * t[None, :, None]
    )
    width = 0.00075 * rng.uniform(0.7, 1.2, count)[:, None] * (1 - 0.6 * t)
    tone = np.stack(
        [
            np.repeat(rng.uniform(0.2, 0.9, count)[:, None], steps, 1),
            np.clip(0.75 - 0.6 * t, 0, 1)[None].repeat(count, 0),
        ],
        -1,
    )
    return [
        Strands(
            path.astype(np.float32),
            width.astype(np.float32),
            tone.astype(np.float32),
            np.ones((count, steps), np.float32),
            corners.astype(np.int32),
            shares.astype(np.float32),
        )
    ]


def beard_mask(rest: F64, kind: str) -> F64:
    """How likely a hair grows at places of the mean face (N, 3), 0..1."""
    x, y = np.abs(rest[:, 0]), rest[:, 1]
    moustache = np.exp(-(((y + 0.0545 + 0.12 * x) / 0.0045) ** 2)) * (x < 0.027) * (x > 0.002)
    chin = (y < -0.086) * (y > -0.128) * (x < 0.024)
    ring = (np.abs(x - 0.030) < 0.0045) * (y < -0.058) * (y > -0.10)
    cheek = y < -0.054 + 0.42 * np.maximum(x - 0.03, 0) + 0.9 * np.maximum(x - 0.058, 0)
    cheek = cheek * ((x > 0.026) | (y < -0.086)) * (y > -0.135)
    parts = {
        "moustache": moustache,
        "goatee": np.maximum.reduce([moustache, chin * 1.0, ring * 1.0]),
        "beard": np.maximum.reduce([moustache, cheek * 1.0, chin * 1.0]),
    }
    return np.asarray(parts[kind], np.float64)
