"""Which pixels of a photograph are hair, skin, beard, iris or clothes, as soft masks."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import cv2
import numpy as np

from imagineid_prepare.correspondence import EYELIDS, IRISES
from imagineid_world.photos.anatomy import LIPS, SKIN, smoothstep, surface
from imagineid_world.photos.matte import guided

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from imagineid_world.photos.matte import Cutout
    from imagineid_world.photos.person import Geometry

    F32 = NDArray[np.float32]

BROWS = (
    (70, 63, 105, 66, 107, 55, 65, 52, 53, 46),
    (300, 293, 334, 296, 336, 285, 295, 282, 283, 276),
)
"""Outline of each brow."""

CHEEKS = (50, 280, 117, 346, 101, 330, 205, 425)
REACHES = {
    **dict.fromkeys(("short", "buzzed", "pixie", "bald", "short-afro", "bun"), -0.1),
    **dict.fromkeys(("bob", "bangs", "medium", "afro"), 0.3),
}
"""How far below the chin hair of a style reaches, in widths of the face; others go further."""

DRESSED = 0.5
"""Share of what is well below the chin that must look like clothes, or nothing does."""

BARE = 14.0
"""Squared distance (in deviations) within which what is below the neck counts as skin."""

_KINDS = 3
"""Colours that each kind of pixel is described by."""


@dataclass(frozen=True)
class Layers:
    """Soft masks of a photograph, each (S, S) in 0..1; they do not overlap.

    Attributes:
        hair: of the head, without brows and beard.
        beard: hair of the lower face.
        brows: brows.
        skin: face, ears and neck, without lips and eyes.
        irises: both irises.
        clothes: what is worn below the neck.
    """

    hair: F32
    beard: F32
    brows: F32
    skin: F32
    irises: F32
    clothes: F32


def find_layers(cutout: Cutout, shape: Geometry, beard: bool = False, hair: str = "long") -> Layers:
    """Segment the parts of a person by place and colour.

    Args:
        cutout: the photograph, separated into person and background.
        shape: where the mesh lies in it.
        beard: whether there is hair on the lower face.
        hair: its style, which says how far down it reaches.
    """
    side, marks, matte = shape.side, shape.landmarks, cutout.matte
    photo = np.clip(cutout.person, 0, 255).astype(np.uint8)
    lab = cv2.cvtColor(photo, cv2.COLOR_RGB2LAB).astype(np.float32)
    lab = cv2.GaussianBlur(lab, (0, 0), 1.2 * side / 256)
    at, (face, lips) = _Place(marks, side), _mesh_masks(shape)
    eyes, brows = _polygons(marks, EYELIDS, side, 1.5), _polygons(marks, BROWS, side, 1.0)
    cheeks = (matte > 0.9) & (face > 0.9) & _discs(marks, CHEEKS, side, 0.05 * at.wide)
    share = _shares(_costs(lab, matte, face, cheeks, at, hair), photo, side / 256)
    darker = _darker(lab, cheeks)
    hairs = np.zeros_like(matte)
    if beard:
        hairs = np.maximum(share["hair"], darker) * at.jaw * (1 - lips) * (1 - share["clothes"])
        hairs = hairs * _about_face(marks, side, 0.12 * at.wide)
    mane = share["hair"] * np.where(face > 0.5, at.above_brows * (1 - brows), 1.0)
    if hair in REACHES:  # nothing falls before the face: what is dark there is shadow
        mane = mane * (1 - (1 - at.above_brows) * _about_face(marks, side, 0))
    mane = _joined(mane * (1 - np.minimum(1, 2 * hairs)))
    soft_face = cv2.GaussianBlur(face, (0, 0), side / 256)
    clear = (1 - eyes) * (1 - lips) * (1 - brows) * (1 - hairs) * (1 - share["clothes"])
    worn = _joined(share["clothes"] * matte * (1 - soft_face) * (1 - lips))
    below = at.chest & (matte > 0.9)
    if (worn * below).sum() < DRESSED * below.sum():
        worn = 0 * worn
    return Layers(
        hair=_soft(mane * matte),
        beard=_soft(hairs * matte),
        brows=_soft(brows * darker),
        skin=_soft(np.maximum(share["skin"], soft_face * (1 - mane)) * clear * matte),
        irises=_irises(marks, side),
        clothes=_soft(worn),
    )


class _Place:
    """Where pixels are relative to the face, in widths of it."""

    def __init__(self, marks: F32, side: int) -> None:
        self.wide = float(np.ptp(marks[:468, 0]))
        rows = np.arange(side, dtype=np.float32)[:, None]
        columns = np.arange(side, dtype=np.float32)[None]
        self.away = np.abs(columns - float(marks[:468, 0].mean())) / self.wide
        self.below_chin = (rows - float(marks[152, 1])) / self.wide
        self.below_brows = (rows - float(marks[[105, 334], 1].mean())) / self.wide
        self.above_brows = smoothstep(0.05, -0.05, self.below_brows)
        self.chest = self.below_chin > np.full_like(self.away, 0.3)
        below_nose = (rows - float(marks[1, 1])) / self.wide
        self.jaw = (
            smoothstep(0, 0.1, below_nose)
            * smoothstep(0.35, 0.1, self.below_chin)
            * (self.away < 0.62)
        )


def _costs(
    lab: F32, matte: F32, face: F32, cheeks: NDArray[np.bool_], at: _Place, style: str
) -> dict[str, F32]:
    """How unlikely skin, hair and clothes are at each pixel, by colour and by place, (S, S)."""
    solid = matte > 0.9
    skin = _distance(lab, lab[cheeks])
    crown = solid & (face < 0.05) & (at.below_brows < 0) & (at.away < 0.75)
    chest = solid & (face < 0.02) & (at.below_chin > 0.25)
    hair = _distance(lab, lab[crown])
    clothes = _distance(lab, lab[chest & (skin > BARE)])  # bare shoulders are skin
    neck = smoothstep(0.45, 0.3, at.away) * smoothstep(0.5, 0.3, at.below_chin)
    clothes = clothes + 8 * (1 - smoothstep(-0.05, 0.12, at.below_chin)) + 10 * neck
    clothes = clothes + 8 * _hue_of_skin(lab, cheeks)
    reach = REACHES.get(style, 0.6)
    hair = hair + 30 * smoothstep(reach - 0.15, reach, at.below_chin)
    hair = hair + 30 * smoothstep(0.8, 1.0, at.away) * (style in REACHES)
    skin = skin + 6 * (1 - np.maximum(face, smoothstep(0.62, 0.5, at.away)))
    skin = skin + 4 * smoothstep(0.25, 0.5, at.below_chin)
    return {"skin": skin, "hair": hair, "clothes": clothes}


def _about_face(marks: F32, side: int, margin: float) -> F32:
    """The face's outline, widened, (S, S) 0..1."""
    out = np.zeros((side, side), np.uint8)
    cv2.fillConvexPoly(out, cv2.convexHull(marks[:468].astype(np.float32)).astype(np.int32), 1)
    size = 2 * round(margin) + 1
    out = cv2.dilate(out, cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (size, size)))
    blur = max(margin / 4, side / 256)
    return np.asarray(cv2.GaussianBlur(out.astype(np.float32), (0, 0), blur))


def _joined(mask: F32) -> F32:
    """A mask without islands smaller than a twentieth of its largest part."""
    count, labels, stats, _ = cv2.connectedComponentsWithStats((mask > 0.3).astype(np.uint8))
    if count < 3:
        return mask
    areas = stats[1:, cv2.CC_STAT_AREA]
    small = 1 + np.flatnonzero(areas < areas.max() / 20)
    return np.asarray(np.where(np.isin(labels, small), 0, mask), np.float32)


def _hue_of_skin(lab: F32, skin: NDArray[np.bool_]) -> F32:
    """How far a colour is skin's in hue, however dark, (S, S) 0..1."""
    if skin.sum() < 20:
        return np.zeros(lab.shape[:2], np.float32)
    usual = np.median(lab[skin], axis=0)[1:] - 128
    own = lab[..., 1:] - 128
    chroma = np.linalg.norm(own, axis=-1)
    cosine = (own @ usual) / (chroma * np.linalg.norm(usual) + 1e-3)
    return smoothstep(0.96, 0.99, cosine) * smoothstep(5, 10, chroma)


def _soft(mask: F32) -> F32:
    return np.clip(mask, 0, 1).astype(np.float32)


def _mesh_masks(shape: Geometry) -> tuple[F32, F32]:
    """Skin that the mesh draws, and lips, as in the photograph."""
    face = shape.face
    points = face.model.posed(face.model.express(shape.rest, shape.fit.beta), shape.fit.pose)
    mesh = surface(points, face.model, shape.side)
    skin = mesh.spread((mesh.region == SKIN) * np.clip(mesh.mix(shape.inner), 0, 1))
    lips = mesh.spread((mesh.region == LIPS).astype(np.float32))
    return skin, cv2.GaussianBlur(lips, (0, 0), 0.8 * shape.side / 256)


def _polygons(marks: F32, outlines: tuple[tuple[int, ...], ...], side: int, blur: float) -> F32:
    out = np.zeros((side, side), np.uint8)
    for ids in outlines:
        cv2.fillPoly(out, [np.round(marks[list(ids)]).astype(np.int32)], 1)
    return np.asarray(cv2.GaussianBlur(out.astype(np.float32), (0, 0), blur * side / 256))


def _discs(marks: F32, ids: tuple[int, ...], side: int, radius: float) -> NDArray[np.bool_]:
    out = np.zeros((side, side), np.uint8)
    for x, y in marks[list(ids)]:
        cv2.circle(out, (round(float(x)), round(float(y))), max(2, round(radius)), 1, -1)
    return out > 0


def _irises(marks: F32, side: int) -> F32:
    """Irises between the lids."""
    out = np.zeros((side, side), np.float32)
    rows, columns = np.mgrid[:side, :side].astype(np.float32) + 0.5
    for ids in IRISES:
        middle = marks[ids[0]]
        radius = float(np.linalg.norm(marks[list(ids[1:])] - middle, axis=1).mean())
        away = np.hypot(columns - middle[0], rows - middle[1]) / radius
        out = np.maximum(out, smoothstep(1.08, 0.9, away))
    return np.asarray(out * _polygons(marks, EYELIDS, side, 0.5), np.float32)


def _distance(lab: F32, samples: F32) -> F32:
    """How far colours (S, S, 3) are from the nearest kind of the samples (N, 3), (S, S)."""
    if len(samples) < 60:
        return np.full(lab.shape[:2], 20.0, np.float32)
    few = samples[:: max(1, len(samples) // 4000)]
    stop = (cv2.TERM_CRITERIA_EPS + cv2.TERM_CRITERIA_MAX_ITER, 20, 0.5)
    cv2.setRNGSeed(0)
    _, labels, centres = cv2.kmeans(few, _KINDS, None, stop, 1, cv2.KMEANS_PP_CENTERS)
    costs = []
    for k, centre in enumerate(centres):
        own = few[labels[:, 0] == k]
        if len(own) < 0.08 * len(few):
            continue
        cover = np.cov(own.T) + np.diag([60.0, 12.0, 12.0])
        away = (lab - centre).reshape(-1, 3)
        costs.append((away @ np.linalg.inv(cover) * away).sum(1))
    return np.asarray(np.min(costs, axis=0).reshape(lab.shape[:2]), np.float32)


def _shares(costs: dict[str, F32], photo: NDArray[np.uint8], unit: float) -> dict[str, F32]:
    """Soft shares of each kind (they sum to 1), smoothed along the photograph's edges."""
    stack = np.stack(list(costs.values()))
    odds = np.exp(-0.5 * np.minimum(stack - stack.min(0), 40))
    odds = np.asarray(odds / odds.sum(0), np.float32)
    guide = np.asarray(photo / np.float32(255), np.float32)
    fine = np.clip(guided(odds.transpose(1, 2, 0), guide, round(5 * unit), 1e-3), 0, 1)
    fine /= fine.sum(-1, keepdims=True) + 1e-4
    return {name: fine[..., k] for k, name in enumerate(costs)}


def _darker(lab: F32, skin: NDArray[np.bool_]) -> F32:
    """How much darker than skin (or, for white hair, greyer) a pixel is, (S, S) 0..1."""
    if skin.sum() < 20:
        return np.zeros(lab.shape[:2], np.float32)
    usual = np.median(lab[skin], axis=0)
    dark = smoothstep(0.86, 0.62, lab[..., 0] / usual[0])
    chroma = np.hypot(lab[..., 1] - 128, lab[..., 2] - 128)
    grey = smoothstep(0.62, 0.4, chroma / (np.hypot(*(usual[1:] - 128)) + 1))
    return np.maximum(dark, grey)


def edge_contrast(cutout: Cutout, hair: F32) -> float:
    """How far hair is from the background beside it, Lab: below 15 the matte is a guess."""
    lab = cv2.cvtColor((cutout.person / 255).astype(np.float32), cv2.COLOR_RGB2LAB)
    ground = cv2.cvtColor((cutout.background / 255).astype(np.float32), cv2.COLOR_RGB2LAB)
    reach = round(0.04 * len(hair))
    near = cv2.dilate((hair > 0.5).astype(np.uint8), np.ones((reach, reach))) > 0
    beside = near & (cutout.matte < 0.1)
    rim = (hair > 0.5) & (cv2.dilate(beside.astype(np.uint8), np.ones((reach, reach))) > 0)
    if beside.sum() < 50 or rim.sum() < 50:
        return 0.0
    return float(np.linalg.norm(np.median(lab[rim], 0) - np.median(ground[beside], 0)))


def crown_cover(cutout: Cutout, shape: Geometry, hair: F32) -> float:
    """Share of the region above the brows and beside the face that a mask of hair covers."""
    at = _Place(shape.landmarks, shape.side)
    outside = _about_face(shape.landmarks, shape.side, 0) < 0.1
    crown = (cutout.matte > 0.9) & outside & (at.below_brows < 0) & (at.away < 0.75)
    return float(hair[crown].mean()) if crown.any() else 0.0


def mean_colour(lab: F32, mask: F32) -> F32 | None:
    """Weighted mean of Lab values (S, S, 3) under a mask; None where hardly anything is."""
    weight = np.where(mask > 0.6, mask, 0)
    if weight.sum() < 60:
        return None
    return np.asarray((lab * weight[..., None]).sum((0, 1)) / weight.sum(), np.float32)
