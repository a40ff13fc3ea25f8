"""Eyeballs completed behind the lids, and lids free of lashes for eyes that close."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import cv2
import numpy as np

from imagineid.face import project
from imagineid_prepare.correspondence import EYELIDS, IRISES, UPPER_LIDS
from imagineid_world.photos.anatomy import EYE, SKIN, UNIT, Anatomy, Surface, smoothstep

if TYPE_CHECKING:
    from numpy.typing import NDArray

    F32 = NDArray[np.float32]
    U8 = NDArray[np.uint8]

RIM = 1.06
"""The limbus ring is drawn a little outside MediaPipe's iris."""

_RINGS = 13
_CLOSING = (0.12, 0.6)
"""A blink unit beyond the photograph's own at which lid skin starts and stops to replace lashes."""


@dataclass(frozen=True)
class EyePlates:
    """What is derived once of a photograph's eyes.

    Attributes:
        balls: the photograph with the eyeballs completed under the lids, (S, S, 3).
        lids: the photograph with skin in place of eyes and lashes, (S, S, 3).
        lash: colour of the lashes, (3,) 0..255.
        white: colour of the eyes' white, (3,) 0..1.
    """

    balls: U8
    lids: U8
    lash: F32
    white: F32


def eye_plates(photo: U8, landmarks: F32) -> EyePlates:
    """Derive the plates of a photograph (S, S, 3) with landmarks (478, 2)."""
    balls = photo.astype(np.float32)
    for rim, iris in zip(EYELIDS, IRISES, strict=True):
        _complete_ball(balls, photo, landmarks[list(rim)], landmarks[list(iris)])
    band = _lash_band(landmarks, len(photo))
    own = photo[band > 0].reshape(-1, 3)
    lash = np.percentile(own, 8, axis=0) if len(own) else np.zeros(3)
    return EyePlates(
        balls=np.clip(balls, 0, 255).astype(np.uint8),
        lids=_without_lashes(photo, band),
        lash=lash.astype(np.float32),
        white=np.mean([_white(photo, landmarks[list(rim)]) for rim in EYELIDS], axis=0),
    )


def _box(points: F32, margin: float, side: int) -> tuple[slice, slice]:
    low = np.maximum(points.min(0) - margin, 0).astype(int)
    high = np.minimum(points.max(0) + margin, side).astype(int)
    return slice(low[1], high[1]), slice(low[0], high[0])


def _complete_ball(balls: F32, photo: U8, rim: F32, iris: F32) -> None:
    """Continue white and iris of one eye behind its lids, in place."""
    side, unit = len(photo), len(photo) / 256
    middle = iris[0]
    radius = float(np.linalg.norm(iris[1:] - middle, axis=1).mean()) * RIM
    shape = np.zeros((side, side), np.uint8)
    cv2.fillPoly(shape, [np.round(rim * 16 - 8).astype(np.int32)], 1, shift=4)
    inset = max(1, round(1.3 * unit))
    shape = cv2.erode(shape, np.ones((2 * inset + 1, 3), np.uint8))
    box = _box(rim, 26 * unit, side)
    rows, columns = np.mgrid[box].astype(np.float32) + 0.5
    away = np.hypot(columns - middle[0], rows - middle[1])
    open_, source = shape[box] > 0, photo[box].astype(np.float32)
    if open_.sum() < 12:
        return
    white = open_ & (away > radius * 1.1)
    if white.sum() < 8:
        white = open_
    base = np.median(source[white], axis=0)
    near = cv2.GaussianBlur(source * white[..., None], (0, 0), 3 * unit)
    weight = cv2.GaussianBlur(white.astype(np.float32), (0, 0), 3 * unit)[..., None]
    fill = (near + base * 0.02) / (weight + 0.02)
    rings = _ring_colours(source, away, open_, radius)
    if rings is not None:
        at, colours = rings
        iris_fill = np.stack([np.interp(away, at, colours[:, c]) for c in range(3)], -1)
        share = smoothstep(radius * 1.12, radius * 0.98, away)[..., None]
        fill = fill * (1 - share) + iris_fill * share
    keep = cv2.GaussianBlur(open_.astype(np.float32), (0, 0), 0.7 * unit)[..., None]
    balls[box] = source * keep + fill * (1 - keep)


def _ring_colours(
    source: F32, away: F32, open_: NDArray[np.bool_], radius: float
) -> tuple[F32, F32] | None:
    """Median colour of the iris by distance from its middle; None where none is seen."""
    edges = np.linspace(0, radius * 1.1, _RINGS + 1)
    found = []
    for low, high in zip(edges[:-1], edges[1:], strict=True):
        own = open_ & (away >= low) & (away < high)
        if own.sum() > 2:
            found.append(((low + high) / 2, *np.median(source[own], axis=0)))
    if not found:
        return None
    table = np.array(found, np.float32)
    return table[:, 0], table[:, 1:]


def _lash_band(landmarks: F32, side: int) -> U8:
    """Pixels of eyes, lashes and lid rims, 0 or 1."""
    unit = side / 256
    band = np.zeros((side, side), np.uint8)
    for rim, upper in zip(EYELIDS, UPPER_LIDS, strict=True):
        whole, above = landmarks[list(rim)], landmarks[list(upper)]
        cv2.fillPoly(band, [np.round(whole).astype(np.int32)], 1)
        above = np.round(above - [0, 0.8 * unit]).astype(np.int32)
        cv2.polylines(band, [above], False, 1, max(2, round(6 * unit)))
        below = np.round(whole[:9] + [0, 0.3 * unit]).astype(np.int32)
        cv2.polylines(band, [below], False, 1, max(1, round(2 * unit)))
    return band


def _without_lashes(photo: U8, band: U8) -> U8:
    """The photograph with the band filled by the skin around it, wide across and short down."""
    unit = len(photo) / 256
    rows, columns = np.flatnonzero(band.any(1)), np.flatnonzero(band.any(0))
    margin = round(8 * unit)
    box = (
        slice(max(rows[0] - margin, 0), rows[-1] + margin),
        slice(max(columns[0] - margin, 0), columns[-1] + margin),
    )
    inner, source = band[box], photo[box].astype(np.float32)
    grey, known = source.mean(2), (inner == 0).astype(np.float32)
    ring = cv2.dilate(inner, np.ones((round(7 * unit), round(3 * unit)))) * known > 0
    known *= smoothstep(0.5, 0.85, grey / (np.median(grey[ring]) + 1))  # no liner, no brow
    total, weight = np.zeros_like(source), np.full((*grey.shape, 1), 1e-4, np.float32)
    for across, down, share in ((5, 2.5, 1.0), (10, 5, 0.05), (25, 15, 0.001)):
        wide, high = across * unit, down * unit
        total += share * cv2.GaussianBlur(source * known[..., None], (0, 0), wide, sigmaY=high)
        weight += share * cv2.GaussianBlur(known, (0, 0), wide, sigmaY=high)[..., None]
    fill = total / weight
    grain = source - cv2.GaussianBlur(source, (0, 0), 1.5 * unit)
    strength = min(6.0, 1.5 * float(np.median(np.abs(grain[ring]))))
    noise = np.random.default_rng(0).normal(0, 1, grey.shape).astype(np.float32)
    fill += strength * cv2.GaussianBlur(noise, (0, 0), 0.8)[..., None]
    hole = cv2.GaussianBlur(inner.astype(np.float32), (0, 0), 0.7 * unit)[..., None]
    out: NDArray[np.uint8] = photo.copy()
    out[box] = np.clip(source * (1 - hole) + fill * hole, 0, 255)
    return out


def _white(photo: U8, rim: F32) -> F32:
    """Colour of an eye's white, (3,) 0..1."""
    mask = np.zeros(photo.shape[:2], np.uint8)
    cv2.fillPoly(mask, [np.round(rim).astype(np.int32)], 1)
    own = photo[mask > 0].astype(np.float32)
    return np.asarray(np.percentile(own, 94, axis=0) / 255 if len(own) else np.full(3, 0.6))


def paint_balls(picture: F32, mesh: Surface, places: F32, plates: EyePlates) -> None:
    """Draw the eyeballs into a picture (S, S, 3), in place; ``places`` (N, 2) as of ``mesh``."""
    own = mesh.region == EYE
    if not own.any():
        return
    unit = mesh.size / 256
    box = mesh.window(own, round(4 * unit))
    eye = mesh.spread(own.astype(np.float32))[box]
    at = places[own][:, None] - 0.5
    colours = np.zeros((len(own), 3), np.float32)
    colours[own] = cv2.remap(plates.balls, at[..., 0], at[..., 1], cv2.INTER_CUBIC)[:, 0]
    share = (cv2.GaussianBlur(eye, (0, 0), 0.45 * unit) * eye)[..., None]
    above = cv2.GaussianBlur(np.roll(eye, round(unit), 0), (0, 0), 1.2 * unit)
    shade = np.clip(1 - 0.35 * (1 - above), 0.6, 1)[..., None]  # the lid's shadow
    picture[box] += (mesh.spread(colours)[box] * shade - picture[box]) * share


def paint_lids(
    picture: F32, mesh: Surface, face: Anatomy, places: F32, plates: EyePlates, closing: F32
) -> None:
    """Draw closing lids into a picture, in place.

    Args:
        picture: the frame so far, (S, S, 3) 0..255.
        mesh: the posed mesh's pixels.
        face: the anatomy.
        places: where each pixel's texture lies in the photograph, (N, 2).
        plates: the photograph's eyes.
        closing: blink beyond the photograph's own of the person's left and right eye, (2,).
    """
    shut = smoothstep(*_CLOSING, closing)
    if shut.max() < 0.02:
        return
    amount = mesh.mix(face.lids)
    own = (mesh.region == SKIN) & (amount > 0.05)
    of_left = mesh.mix(face.model.mean[:, 0]) > 0  # the person's left is the viewer's right
    share = np.where(of_left, *shut) * smoothstep(0.05, 0.3, amount)
    at = places[own][:, None] - 0.5
    skin = cv2.remap(plates.lids, at[..., 0], at[..., 1], cv2.INTER_LINEAR)[:, 0]
    flat = picture.reshape(-1, 3)
    flat[mesh.pixel[own]] += (skin - flat[mesh.pixel[own]]) * share[own][:, None]
    marks = project(face.at_marks(mesh.points), mesh.size)
    for ids, much in ((UPPER_LIDS[1], shut[0]), (UPPER_LIDS[0], shut[1])):
        if much >= 0.02:
            _draw_lashes(picture, marks[list(ids)], plates.lash, float(much))


def _draw_lashes(picture: F32, rim: F32, colour: F32, much: float) -> None:
    unit = len(picture) / 256
    fine = np.linspace(0, len(rim) - 1, 33)
    line = np.stack([np.interp(fine, np.arange(len(rim)), rim[:, c]) for c in (0, 1)], 1)
    line = cv2.GaussianBlur(line.astype(np.float32), (1, 9), 1.5, borderType=cv2.BORDER_REPLICATE)
    box = _box(rim, 8 * unit, len(picture))
    ink = np.zeros(picture.shape[:2], np.uint8)
    for width, tone, lower in ((1.8, 80, 0.7), (1.0, 225, 0.0)):
        points = np.round((line + [0, lower * unit - 0.5]) * 16).astype(np.int32)
        cv2.polylines(ink, [points], False, tone, max(1, round(width * unit)), cv2.LINE_AA, 4)
    share = cv2.GaussianBlur(ink[box].astype(np.float32) / 255, (0, 0), 0.5 * unit)[..., None]
    picture[box] += (colour * 0.85 - picture[box]) * share * np.float32(0.85 * much)


def closing_of(beta: F32, own: F32) -> F32:
    """Blink of (left, right) beyond what is in the photograph itself, (2,)."""
    ids = [UNIT["eyeBlinkLeft"], UNIT["eyeBlinkRight"]]
    return np.asarray(beta[ids] - 0.6 * own[ids], np.float32)
