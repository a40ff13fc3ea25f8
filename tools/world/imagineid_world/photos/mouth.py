"""Lips that part, and what shows between them: teeth, gums, tongue and dark."""

from __future__ import annotations

from typing import TYPE_CHECKING

import cv2
import numpy as np

from imagineid.face import project
from imagineid_prepare.correspondence import LOWER_INNER_LIP, UPPER_INNER_LIP
from imagineid_world.photos.anatomy import (
    INSIDE,
    TEETH,
    TONGUE,
    Anatomy,
    Surface,
    normals,
    smoothstep,
)

if TYPE_CHECKING:
    from numpy.typing import NDArray

    F32 = NDArray[np.float32]

EASE_PX = 1.3
"""Open lips take their inner rim's colour this far from the closed seam, px of 256."""

OPENING_M = (0.0015, 0.005)
"""Lips this far apart count as closed and as open, metres."""

_ENAMEL = np.array([0.98, 0.93, 0.86], np.float32)
_GUM = np.array([0.60, 0.28, 0.28], np.float32)
_TONGUE = np.array([0.62, 0.27, 0.27], np.float32)
_DARK = np.array([0.13, 0.04, 0.04], np.float32)
_LIGHT = np.array([0.0, 0.35, 0.93], np.float32)
_TOOTH_WIDTH = (0.27, 0.20)
"""Angle around the arch of an upper and of a lower tooth, radians."""


class Lips:
    """Where the lips' texture lies in a photograph, closed and open.

    What of the lips the photograph hides takes the colour next to the seam, never the other lip's.
    The dark line of the seam shows on closed lips only.

    Args:
        face: the anatomy.
        places: where each vertex lies in the photograph, (V, 2) pixels.
        landmarks: (478, 2) pixels.
        side: side of the photograph.
    """

    def __init__(self, face: Anatomy, places: F32, landmarks: F32, side: int) -> None:
        self._face = face
        self.closed, self.open = places.copy(), places.copy()
        for ids, is_lower in ((UPPER_INNER_LIP, False), (LOWER_INNER_LIP, True)):
            line = landmarks[list(ids)]
            line = line[np.argsort(line[:, 0])]
            own = face.outer_lips[(face.drop[face.outer_lips] >= 0.35) == is_lower]
            seam = np.interp(places[own, 0], line[:, 0], line[:, 1])
            for out, ease in ((self.closed, 0.0), (self.open, EASE_PX * side / 256)):
                limit = seam + ease if is_lower else seam - ease
                keep = np.maximum if is_lower else np.minimum
                out[own, 1] = keep(out[own, 1], limit)

    def places(self, points: F32) -> F32:
        """Texture places (V, 2) for posed vertices, by the gap at each column of the lips."""
        face = self._face
        gap = points[face.upper_seam, 1] - points[face.lower_seam, 1]
        columns = face.model.mean[face.upper_seam, 0]
        order = np.argsort(columns)
        openness = smoothstep(*OPENING_M, gap)[order]
        share = np.interp(face.model.mean[face.outer_lips, 0], columns[order], openness)[:, None]
        out: F32 = self.closed.copy()
        own = face.outer_lips
        out[own] = self.closed[own] * (1 - share) + self.open[own] * share
        return out


def seam_colour(photo: NDArray[np.uint8], landmarks: F32) -> F32:
    """Colour of the dark between closed lips, (3,) 0..255."""
    at = np.clip(np.round(landmarks[list(UPPER_INNER_LIP[2:-2])]), 0, len(photo) - 1).astype(int)
    return np.asarray(np.median(photo[at[:, 1], at[:, 0]].astype(np.float32), axis=0) * 0.7)


def opening(face: Anatomy, points: F32, size: int) -> NDArray[np.uint8]:
    """Pixels between the lips, 0 or 1, (size, size); elsewhere the cavity's mesh is not drawn."""
    ring = np.round(project(points[face.mouth_ring()], size) * 16 - 8).astype(np.int32)
    out = np.zeros((size, size), np.uint8)
    cv2.fillPoly(out, [ring], 1, shift=4)
    cv2.polylines(out, [ring], True, 1, max(1, round(2.4 * size / 256)), shift=4)
    return out


def paint(
    picture: F32, mesh: Surface, face: Anatomy, gate: NDArray[np.uint8], seam: F32, light: F32
) -> None:
    """Paint the mouth's inside into a picture (S, S, 3) 0..255, in place.

    Args:
        picture: the frame so far.
        mesh: the posed mesh's pixels.
        face: the anatomy.
        gate: pixels between the lips, of :func:`opening`.
        seam: colour between closed lips, (3,) 0..255.
        light: colour of white in the mouth, (3,) 0..1.
    """
    own = np.isin(mesh.region, INSIDE)
    if own.sum() < 3:
        return
    unit = mesh.size / 256
    box = mesh.window(own, round(6 * unit))
    part, inside = picture[box], mesh.spread(own.astype(np.float32))[box]
    hole = inside * gate[box]
    rim = cv2.GaussianBlur(hole, (0, 0), 0.4 * unit)[..., None]
    part += (seam - part) * rim
    speck = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (round(1 + unit), round(1 + unit)))
    hole = cv2.morphologyEx(hole, cv2.MORPH_OPEN, speck)  # closed lips let no specks through
    if not hole.any():
        return
    colours = np.zeros((len(own), 3), np.float32)
    colours[own] = _colours(mesh, face, own) * light * 255
    soft = cv2.GaussianBlur(mesh.spread(colours)[box], (0, 0), 0.5 * unit)
    soft /= cv2.GaussianBlur(inside, (0, 0), 0.5 * unit)[..., None] + np.float32(1e-3)
    # Little light gets in: darker near the lips, most below the upper one.
    below = np.minimum(hole, np.roll(hole, max(1, round(1.2 * unit)), 0))
    depth = cv2.GaussianBlur(below, (0, 0), 1.5 * unit)
    soft *= (0.34 + 0.66 * smoothstep(0.15, 0.9, depth))[..., None]
    share = cv2.GaussianBlur(hole, (0, 0), 0.5 * unit)[..., None]
    part += (soft - part) * share


def _colours(mesh: Surface, face: Anatomy, own: NDArray[np.bool_]) -> F32:
    """Colours of the mouth's pixels under white light, (n, 3) 0..1."""
    x, y, z = mesh.mix(face.model.mean, own).T
    normal = mesh.mix(normals(mesh.points, face.model.triangles), own)
    upper = mesh.mix(face.drop, own) < 0.5
    region = mesh.region[own]
    lit = (0.35 + 0.65 * np.clip(normal @ _LIGHT, 0, 1))[:, None]
    out = _DARK * smoothstep(-0.03, 0.03, z)[:, None]
    out[region == TEETH] = (_teeth(x, y, z, upper) * (0.6 + 0.4 * lit))[region == TEETH]
    tongue = _TONGUE * lit * (0.06 + 0.94 * smoothstep(-0.022, 0.016, z))[:, None]
    out[region == TONGUE] = tongue[region == TONGUE]
    return np.asarray(out, np.float32)


def _teeth(x: F32, y: F32, z: F32, upper: NDArray[np.bool_]) -> F32:
    """Teeth by the angle around the arch and the height along a tooth, (n, 3) 0..1."""
    angle = np.arctan2(x, z + 0.012) / np.where(upper, *_TOOTH_WIDTH)
    from_gap = np.abs(angle - np.floor(angle) - 0.5) * 2  # 1 at a gap; one is in the middle
    gap = 1 - 0.4 * smoothstep(0.80, 1.0, from_gap)
    back = 0.25 + 0.75 * smoothstep(-0.03, 0.016, z)
    along = np.where(upper, (-0.0575 - y) / 0.010, (y + 0.0855) / 0.010)  # 0 at the gum, 1 the edge
    form = 0.82 + 0.18 * np.clip(along, 0, 1)
    row = np.where(upper, 1.0, 0.66)  # the lower row lies deeper in the dark
    tooth = _ENAMEL * (gap * form * back * row)[:, None]
    gum = smoothstep(0.0, 0.35, along)[:, None]
    return np.asarray(_GUM * back[:, None] * (1 - gum) + tooth * gum, np.float32)
