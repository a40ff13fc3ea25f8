"""How near and how sharp pictures are, in the face, eyes, mouth and hair."""

from __future__ import annotations

import cv2
import numpy as np

AREAS = ("face", "mouth", "eyes", "hair", "whole")


def areas(mesh: np.ndarray, person: np.ndarray, spots: np.ndarray) -> dict[str, np.ndarray]:
    """Return the areas that are measured, each (H, W) bool.

    Args:
        mesh: the frame's mesh picture, any size, uint8.
        person: its matte, any size, uint8.
        spots: boxes of mouth and eyes, pixels, (3, 4): top, bottom, left, right.
    """
    side = len(person)
    head = cv2.resize(np.uint8(mesh.max(-1) > 8), (side, side), interpolation=cv2.INTER_NEAREST)
    grown = cv2.dilate(head, np.ones((9, 9), np.uint8)) > 0
    boxes = np.zeros((2, side, side), bool)
    for i, (a, b, c, d) in enumerate(np.clip(np.round(spots).astype(int), 0, side)):
        boxes[min(i, 1), a:b, c:d] = True
    hair = (person > 200) & ~grown
    hair[round(0.66 * side) :] = False
    return {
        "face": cv2.erode(head, np.ones((15, 15), np.uint8)) > 0,
        "mouth": boxes[0],
        "eyes": boxes[1],
        "hair": hair,
        "whole": np.ones((side, side), bool),
    }


def decibels(predicted: np.ndarray, true: np.ndarray, area: np.ndarray) -> float:
    """Peak signal-to-noise ratio of uint8 pictures in an area."""
    error = np.square(predicted[area].astype(np.float64) - true[area]).mean()
    return float(10 * np.log10(255**2 / max(error, 1e-6)))


def sharpness(predicted: np.ndarray, true: np.ndarray, area: np.ndarray) -> float:
    """Variance of the Laplacian of ``predicted`` in an area, over that of ``true``."""

    def variance(picture: np.ndarray) -> float:
        grey = cv2.cvtColor(picture, cv2.COLOR_RGB2GRAY).astype(np.float32)
        return float(cv2.Laplacian(grey, cv2.CV_32F)[area].var())

    return variance(predicted) / max(variance(true), 1e-6)


def summary(
    rows: list[tuple[np.ndarray, np.ndarray, dict[str, np.ndarray]]], smallest: int = 500
) -> dict[str, float]:
    """Return medians over (made, true, areas), e.g. ``face_db`` and ``face_sharp``.

    Areas of fewer than ``smallest`` pixels are left out.
    """
    found: dict[str, list[float]] = {}
    for predicted, true, where in rows:
        for name, area in where.items():
            if area.sum() >= smallest:
                found.setdefault(f"{name}_db", []).append(decibels(predicted, true, area))
                found.setdefault(f"{name}_sharp", []).append(sharpness(predicted, true, area))
    return {name: float(np.median(values)) for name, values in found.items()}
