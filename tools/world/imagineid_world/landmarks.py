"""Named vertices of the mean face, found by geometry."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from imagineid_world.topology import EYE, LIPS, MOUTH, SKIN

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from imagineid_world.topology import Head

LIP_COLUMNS = 9
"""Columns between the lip corners in which the four lip contours are marked."""


def _lips(
    mean: NDArray[np.float32], head: Head, drop: NDArray[np.float32]
) -> dict[str, NDArray[np.int64]]:
    """Upper and lower, outer and inner lip contours from left to right."""
    red = np.flatnonzero(head.vertex_region == LIPS)
    around = (np.abs(mean[:, 0]) < 0.035) & (mean[:, 1] < -0.03) & (mean[:, 1] > -0.1)
    near = np.flatnonzero(np.isin(head.vertex_region, [LIPS, MOUTH, SKIN]) & around)
    near = near[mean[near, 2] > mean[red, 2].min() - 0.004]
    corners = red[np.argmin(mean[red, 0])], red[np.argmax(mean[red, 0])]
    half = (mean[corners[1], 0] - mean[corners[0], 0]) / 2
    contours: dict[str, list[int]] = {}
    for t in np.linspace(-0.8, 0.8, LIP_COLUMNS):
        x = t * half
        column = red[np.abs(mean[red, 0] - x) < max(0.0026, half / LIP_COLUMNS)]
        upper = column[drop[column] < 0.35]
        lower = column[drop[column] >= 0.35]
        aside = 2.0 * np.abs(mean[:, 0] - x)
        picks = {
            "upper_outer": upper[np.argmin(-mean[upper, 1] + aside[upper])],
            "upper_inner": upper[np.argmin(mean[upper, 1] - 0.4 * mean[upper, 2] + aside[upper])],
            "lower_inner": lower[np.argmin(-mean[lower, 1] - 0.4 * mean[lower, 2] + aside[lower])],
            "lower_outer": lower[np.argmin(mean[lower, 1] + aside[lower])],
        }
        for name, i in picks.items():
            contours.setdefault(name, []).append(int(i))
    found = {name: np.array(ids) for name, ids in contours.items()}
    found["corner"] = np.array(corners)
    return found


def find_landmarks(mean: NDArray[np.float32], head: Head, units: Sequence[str]) -> dict[str, int]:
    """Landmark vertices by name; left and right are the viewer's."""
    moves = head.units(["jawOpen"])[0]
    drop = np.linalg.norm(moves, axis=1)
    drop = drop / drop[head.vertex_region == LIPS].max()
    lips = _lips(mean, head, drop)
    marks = {"lip_corner_left": int(lips["corner"][0]), "lip_corner_right": int(lips["corner"][1])}
    for name in ("upper_outer", "upper_inner", "lower_inner", "lower_outer"):
        for k, i in enumerate(lips[name]):
            marks[f"lip_{name}_{k}"] = int(i)
        marks[f"lip_{name}_middle"] = int(lips[name][LIP_COLUMNS // 2])
    face = np.flatnonzero((head.vertex_region == SKIN) & (mean[:, 2] > 0))

    def nearest(x: float, y: float, among: NDArray[np.int64] = face) -> int:
        return int(among[np.argmin((mean[among, 0] - x) ** 2 + (mean[among, 1] - y) ** 2)])

    middle = face[np.abs(mean[face, 0]) < 0.003]
    nose = middle[(mean[middle, 1] < -0.015) & (mean[middle, 1] > -0.06)]
    marks["nose_tip"] = int(nose[np.argmax(mean[nose, 2])])
    low = middle[(mean[middle, 1] < -0.08) & (mean[middle, 1] > -0.15)]
    marks["chin"] = int(low[np.argmin(mean[low, 1] - 0.7 * mean[low, 2])])
    lids = np.flatnonzero((head.vertex_region == SKIN) & (head.lids > 0.5))
    balls = np.flatnonzero(head.vertex_region == EYE)
    for side, sign in (("left", -1), ("right", 1)):
        ball = mean[balls[mean[balls, 0] * sign > 0]].mean(0)
        own = lids[mean[lids, 0] * sign > 0]
        rim = own[np.linalg.norm(mean[own] - ball, axis=1) < 0.022]
        marks[f"eye_inner_{side}"] = int(rim[np.argmin(np.abs(mean[rim, 0]))])
        marks[f"eye_outer_{side}"] = int(rim[np.argmax(np.abs(mean[rim, 0]))])
        close = np.linalg.norm(mean[rim] - ball - [0, 0.0045, 0.012], axis=1)
        marks[f"lid_upper_{side}"] = int(rim[np.argmin(close)])
        close = np.linalg.norm(mean[rim] - ball - [0, -0.0055, 0.011], axis=1)
        marks[f"lid_lower_{side}"] = int(rim[np.argmin(close)])
        marks[f"brow_inner_{side}"] = nearest(sign * 0.013, 0.021)
        marks[f"brow_middle_{side}"] = nearest(sign * 0.031, 0.026)
        marks[f"brow_outer_{side}"] = nearest(sign * 0.05, 0.019)
        marks[f"jaw_{side}"] = nearest(sign * 0.055, -0.07)
        marks[f"cheek_{side}"] = nearest(sign * 0.045, -0.03)
    return marks
