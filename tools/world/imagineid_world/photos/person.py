"""One photograph that moves: pictures of any expression and pose, whose truth is the mesh.

The photograph is laid on the fitted mesh so that its landmarks fall exactly on the mesh's, by a
smooth field of residuals. The face is drawn by a per-pixel map of the mesh, everything around it by
:mod:`.outer`, the background stands still, and eyes, lids and the mouth's inside are completed.
"""

from __future__ import annotations

from copy import copy
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import cv2
import numpy as np
from scipy.interpolate import RBFInterpolator

from imagineid.face import project
from imagineid_prepare.correspondence import IRISES
from imagineid_world.photos import eyes, mouth
from imagineid_world.photos.anatomy import (
    EYE,
    INSIDE,
    LIPS,
    SKIN,
    Anatomy,
    Surface,
    anatomy,
    normals,
    smoothstep,
    surface,
)
from imagineid_world.photos.matte import Cutout, cut_out
from imagineid_world.photos.outer import OuterField

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from imagineid_prepare.fit import Fit
    from imagineid_world.photos.framing import Framed

    F32 = NDArray[np.float32]
    U8 = NDArray[np.uint8]


class Geometry:
    """Where the mesh lies in a photograph; the same however the photograph is coloured.

    Args:
        framed: the photograph in the model's framing.
        fit: the face model fitted to it.
        glasses: whether it wears glasses, which must not bend.
    """

    def __init__(self, framed: Framed, fit: Fit, glasses: bool = False) -> None:
        self.face = face = anatomy()
        self.fit, self.glasses = fit, glasses
        self.side = side = len(framed.picture)
        self.landmarks = framed.landmarks
        self.rest = face.model.neutral(fit.alpha)
        points = face.model.posed(face.model.express(self.rest, fit.beta), fit.pose)
        shift = _residuals(face, fit.residual * (side / 256))
        places = (project(points, side) + shift).astype(np.float32)
        self.lips = mouth.Lips(face, places, framed.landmarks, side)
        self.places = self.lips.closed
        self.outer = OuterField(face, self.rest, points, fit.pose, places, side)
        self.facing = normals(points, face.model.triangles)[:, 2]
        self.inner = _inner(face, self.facing)

    def with_glasses(self) -> Geometry:
        """The same with glasses on, which do not bend."""
        other = copy(self)
        other.glasses = True
        return other

    def skin_places(self) -> F32:
        """Where skin of the lower face that looks at the camera lies, (N, 2) pixels."""
        face = self.face
        own = (face.region == SKIN) & (self.facing > 0.6) & (face.model.mean[:, 1] < 0)
        out: F32 = self.places[own]
        return out


def _residuals(face: Anatomy, residual: F32) -> F32:
    """Continue landmark residuals (478, 2) px to all vertices (V, 2), not across the lips."""
    at = face.at_marks(face.open_jaw)
    _, first = np.unique(at.round(5), axis=0, return_index=True)
    field = RBFInterpolator(
        at[first] * 100, residual[first], kernel="thin_plate_spline", smoothing=0.3
    )
    out = field(face.open_jaw * 100)
    near = np.linalg.norm(face.open_jaw[:, None] - at[None, ::4], axis=2).min(1)
    out *= smoothstep(0.05, 0.015, near)[:, None]
    for sign, ids in zip((-1, 1), IRISES, strict=True):  # an eyeball moves as one
        ball = (face.region == EYE) & (face.model.mean[:, 0] * sign > 0)
        out[ball] = residual[list(ids)].mean(0)
    return np.asarray(out, np.float32)


def _inner(face: Anatomy, facing: F32) -> F32:
    """How far each vertex is drawn by the mesh's own map, (V,); the rest is the outer field's."""
    mean = face.model.mean
    out = (
        smoothstep(0.25, 0.7, facing)
        * smoothstep(-0.125, -0.105, mean[:, 1])
        * smoothstep(0.10, 0.075, mean[:, 1])
        * smoothstep(-0.055, -0.025, mean[:, 2])
        * face.model.head_weight
    )
    out[np.isin(face.region, (LIPS, EYE, *INSIDE))] = 1
    return np.asarray(out, np.float32)


@dataclass(frozen=True)
class Appearance:
    """How a photograph looks: its layers, and what is derived of its eyes and mouth.

    Attributes:
        cutout: person, matte and background.
        plates: eyes and lids.
        seam: colour between closed lips, (3,) 0..255.
        mouth_light: colour of white in the mouth, (3,) 0..1.
    """

    cutout: Cutout
    plates: eyes.EyePlates
    seam: F32
    mouth_light: F32


def appearance(cutout: Cutout, shape: Geometry) -> Appearance:
    """Derive the properties that follow from a photograph's colours."""
    picture = np.clip(cutout.person, 0, 255).astype(np.uint8)
    plates = eyes.eye_plates(picture, shape.landmarks)
    at = np.clip(shape.skin_places(), 0, shape.side - 1).astype(int)
    skin = np.percentile(picture[at[:, 1], at[:, 0]], 75, axis=0) / 255
    white = (0.6 * plates.white + 0.4 * plates.white.mean()) * 1.28 + 0.05
    light = np.clip(np.maximum(white, 1.1 * skin.mean()), 0.25, 1.05)
    seam = mouth.seam_colour(picture, shape.landmarks)
    return Appearance(cutout, plates, seam, light.astype(np.float32))


@dataclass(frozen=True)
class PhotoPerson:
    """A photograph to animate.

    Attributes:
        shape: where the mesh lies in it.
        look: its colours.
        keep_mouth: leave what shows between the lips as photographed, for open-mouthed ones.
    """

    shape: Geometry
    look: Appearance
    keep_mouth: bool = False

    @classmethod
    def of(cls, framed: Framed, fit: Fit, glasses: bool = False) -> PhotoPerson:
        """Take a framed photograph as it is."""
        shape = Geometry(framed, fit, glasses)
        cutout = cut_out(framed.picture, framed.person, framed.landmarks)
        return cls(shape, appearance(cutout, shape))

    def points(self, beta: F32, pose: F32, rest: F32 | None = None) -> F32:
        """Posed vertices (V, 3): the truth of a frame."""
        model = self.shape.face.model
        own = self.shape.rest if rest is None else rest
        return model.posed(model.express(own, beta), pose)

    def frame(
        self, beta: F32, pose: F32, size: int = 512, rest: F32 | None = None
    ) -> tuple[U8, U8]:
        """Draw an expression and a pose.

        Args:
            beta: (52,) in 0..1.
            pose: (6,); total yaw within 20 degrees, pitch -5..8 of the photograph's own.
            size: side, pixels.
            rest: resting vertices (V, 3) of another head shape to give the photograph.

        Returns:
            Picture (size, size, 3) RGB and matte (size, size), 255 on the person.
        """
        shape, look, face = self.shape, self.look, self.shape.face
        points = self.points(beta, pose, rest)
        mesh = surface(points, face.model, size)
        gate = mouth.opening(face, points, size)
        sources = shape.outer.sources(points, pose, size)
        own, places = self._own(mesh, gate)
        flat = sources.reshape(-1, 2)
        flat[mesh.pixel] += (places - flat[mesh.pixel]) * own[:, None]
        across, down = sources[..., 0] - 0.5, sources[..., 1] - 0.5
        border = cv2.BORDER_REFLECT_101
        picture = cv2.remap(look.cutout.person, across, down, cv2.INTER_CUBIC, borderMode=border)
        matte = cv2.remap(
            look.cutout.matte, across, down, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE
        )
        matte = np.maximum(matte, mesh.spread(own))
        background = _resized(look.cutout.background, size)
        picture = background + (picture - background) * matte[..., None]
        eyes.paint_balls(picture, mesh, places, look.plates)
        closing = eyes.closing_of(beta, shape.fit.beta)
        eyes.paint_lids(picture, mesh, face, places, look.plates, closing)
        if not self.keep_mouth:
            mouth.paint(picture, mesh, face, gate, look.seam, look.mouth_light)
        return (
            np.clip(picture + 0.5, 0, 255).astype(np.uint8),
            np.clip(matte * 255 + 0.5, 0, 255).astype(np.uint8),
        )

    def _own(self, mesh: Surface, gate: U8) -> tuple[F32, F32]:
        """How far each mesh pixel is drawn by the mesh's map (N,), and from where (N, 2)."""
        shape = self.shape
        own = mesh.mix(shape.inner)
        inside = np.isin(mesh.region, INSIDE)
        own[inside] = gate.reshape(-1)[mesh.pixel[inside]]
        texture = shape.places if self.keep_mouth else shape.lips.places(mesh.points)
        places = mesh.mix(texture)
        if shape.glasses:
            places = _stiff_about_eyes(shape, mesh, places)
        return np.clip(own, 0, 1).astype(np.float32), places.astype(np.float32)


def _stiff_about_eyes(shape: Geometry, mesh: Surface, places: F32) -> F32:
    """Move the region around the eyes by one quadratic map, so that glasses do not bend."""
    face, size = shape.face, mesh.size
    screen = project(mesh.points, size) / size - 0.5
    ruling = np.flatnonzero((face.belt > 0.3) & (shape.inner > 0.2) & (face.lids < 0.1))

    def basis(q: NDArray[np.floating[Any]]) -> NDArray[np.float64]:
        x, y = q[:, 0], q[:, 1]
        return np.stack([np.ones(len(q)), x, y, x**2, x * y, y**2], 1)

    weights = np.linalg.lstsq(basis(screen[ruling]), shape.places[ruling], rcond=None)[0]
    share = mesh.mix(face.belt) * (1 - smoothstep(0.05, 0.25, mesh.mix(face.lids)))
    at = np.stack([mesh.pixel % size + 0.5, mesh.pixel // size + 0.5], 1) / size - 0.5
    return np.asarray(places + share[:, None] * (basis(at) @ weights - places), np.float32)


def _resized(picture: F32, size: int) -> F32:
    if len(picture) == size:
        return picture
    return np.asarray(cv2.resize(picture, (size, size), interpolation=cv2.INTER_AREA))
