"""Portraits by OpenGL: a person over a backdrop, with the matte that cuts them out.

A :class:`Studio` holds the context and programs; a :class:`Sitter` holds what stays the same for
one person. Per frame only the expressed vertices go to the driver; poses are applied there.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import cv2
import moderngl
import numpy as np

from imagineid.face.model import (
    CAMERA_Z,
    FOV_DEG,
    NECK_PIVOT,
    REGIONS,
    VIEW_CENTRE,
    FaceModel,
    load,
    rotation,
)
from imagineid.face.raster import normals
from imagineid_world import props, shaders
from imagineid_world.backdrop import paint
from imagineid_world.beard import face_hair
from imagineid_world.hair import grow, hairline
from imagineid_world.look import CLOTHES
from imagineid_world.people import WORLD
from imagineid_world.strands import Strands

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from imagineid_world.look import Look

    F32 = NDArray[np.float32]

SHADOW_SIZE = 512
"""Texels a side of the shadow map."""

PROGRAMS = (
    ("skin", "mesh", "skin"),
    ("cloth", "mesh", "cloth"),
    ("mesh_depth", "mesh", "depth"),
    ("strand", "strand", "strand"),
    ("strand_depth", "strand", "depth"),
    ("object", "object", "object"),
)
"""Programs by name, with their vertex and fragment shaders."""

BODY = REGIONS.index("body")


def _perspective() -> F32:
    """Clip matrix (4, 4) of the fixed camera."""
    near, far = 0.5, 3.0
    t = 1 / np.tan(np.radians(FOV_DEG / 2))
    lens = np.array(
        [
            [t, 0, 0, 0],
            [0, t, 0, 0],
            [0, 0, (far + near) / (near - far), 2 * far * near / (near - far)],
            [0, 0, -1, 0],
        ]
    )
    place = np.eye(4)
    place[:3, 3] = [-VIEW_CENTRE[0], -VIEW_CENTRE[1], -CAMERA_Z]
    return (lens @ place).astype(np.float32)


def _shadow_matrix(light: F32) -> F32:
    """Orthographic clip matrix (4, 4) that looks along the key light."""
    side = np.cross([0, 1, 0], light)
    side /= np.linalg.norm(side)
    basis = np.eye(4)
    basis[:3, :3] = [side, np.cross(light, side), light]
    back = np.eye(4)
    back[:3, 3] = [0, 0.03, 0.05]
    scale = np.diag([1 / 0.23, 1 / 0.23, -1 / 0.35, 1])
    return (scale @ basis @ back).astype(np.float32)


class Studio:
    """An OpenGL context with the programs that draw people."""

    def __init__(self, size: int = 256, finer: int = 2, mesh: Path | None = None) -> None:
        """Open a context and read the render mesh.

        Args:
            size: side of the pictures, pixels.
            finer: pixels drawn a side for each pixel of the picture.
            mesh: the bake's file; ``.train/world/mesh.npz`` unless named.
        """
        self.size, self.fine = size, size * finer
        path = mesh or WORLD / "mesh.npz"
        self.model: FaceModel = load(path)
        with np.load(path, allow_pickle=False) as file:
            self.lips, self.lids, self.ambient = (file[k] for k in ("lips", "lids", "ambient"))
        options: dict[str, Any] = {"backend": "egl"}
        self.context = moderngl.create_context(400, True, **options)
        ctx = self.context
        self.programs = {
            name: ctx.program(shaders.source(f"{vertex}.vert"), shaders.source(f"{paint}.frag"))
            for name, vertex, paint in PROGRAMS
        }
        # Supersampling: software drivers are slower at multisampling than at four times the pixels.
        shape = (self.fine, self.fine)
        self.canvas = ctx.framebuffer([ctx.renderbuffer(shape, 4)], ctx.depth_renderbuffer(shape))
        self.shadow = ctx.depth_texture((SHADOW_SIZE, SHADOW_SIZE))
        self.shadow.compare_func = "<="
        self.shadow.repeat_x = self.shadow.repeat_y = False
        self.shadow_canvas = ctx.framebuffer(depth_attachment=self.shadow)
        self.camera = _perspective()
        regions = self.model.triangle_region
        self.skin_index = ctx.buffer(self.model.triangles.astype("i4").tobytes())
        cloth = self.model.triangles[
            (regions == BODY)
            | (self.model.mean[self.model.triangles][:, :, 1].max(1) < -0.10) & (regions == 0)
        ]
        self.cloth_index = ctx.buffer(cloth.astype("i4").tobytes())
        own = self.model.vertex_region == REGIONS.index("eye")
        sides = [self.model.mean[own & (self.model.mean[:, 0] * s > 0)] for s in (-1, 1)]
        self.eye_middles = np.stack([(p.min(0) + p.max(0)) / 2 for p in sides])

    def array(self, program: str, parts: list[tuple[Any, str, str]], index: Any) -> Any:
        """A vertex array of buffers with attributes, ``(buffer, "3 1", "in_a in_b")``.

        Attributes that the compiler dropped become padding.
        """
        target = self.programs[program]
        layout = []
        for buffer, sizes, names in parts:
            used = [target.get(name, None) is not None for name in names.split()]
            cells = [
                f"{size}f" if use else f"{4 * int(size)}x"
                for size, use in zip(sizes.split(), used, strict=True)
            ]
            present = [name for name, use in zip(names.split(), used, strict=True) if use]
            if present:
                layout.append((buffer, " ".join(cells), *present))
        return self.context.vertex_array(target, layout, index)

    def put(self, program: str, **values: Any) -> None:
        """Set uniforms that a program has; the rest are skipped (compilers drop unused ones)."""
        target = self.programs[program]
        for name, value in values.items():
            member: Any = target.get(name, None)
            if member is None:
                continue
            data = np.asarray(value)
            if isinstance(value, int):
                member.value = value
            elif data.ndim == 2 and data.shape[0] == data.shape[1]:
                member.write(np.ascontiguousarray(data.T, "f4").tobytes())
            else:
                member.write(np.ascontiguousarray(data, "f4").tobytes())


class _StrandBuffers:
    """Strands on the driver: two vertices a point, joined into quads."""

    def __init__(self, studio: Studio, strands: Strands) -> None:
        count, steps = strands.points.shape[:2]
        self.strands, self.steps = strands, steps
        tangent = np.gradient(strands.points, axis=1)
        tangent /= np.linalg.norm(tangent, axis=-1, keepdims=True) + 1e-9
        along = np.broadcast_to(np.linspace(0, 1, steps, dtype=np.float32), (count, steps))
        columns = []
        for side in (-1.0, 1.0):
            form = np.stack(
                [np.full((count, steps), side), strands.width, along, strands.weight], -1
            )
            columns.append(np.concatenate([strands.points, tangent, form, strands.tone], -1))
        table = np.stack(columns, 2).astype("f4")
        corner = np.arange(count * steps * 2, dtype=np.int32).reshape(count, steps, 2)
        a, b, c, d = corner[:, :-1, 0], corner[:, :-1, 1], corner[:, 1:, 0], corner[:, 1:, 1]
        index = np.stack([a, b, c, c, b, d], -1).astype("i4")
        ctx = studio.context
        self.data = ctx.buffer(table.tobytes())
        self.move = ctx.buffer(reserve=count * steps * 2 * 12)
        self.move.write(np.zeros(count * steps * 2 * 3, "f4").tobytes())
        self.index = ctx.buffer(index.tobytes())
        parts = [
            (self.data, "3 3 4 2", "in_point in_tangent in_form in_tone"),
            (self.move, "3", "in_move"),
        ]
        self.colour = studio.array("strand", parts, self.index)
        self.sparse = ctx.buffer(index[::3].tobytes())
        self.depth = studio.array("strand_depth", parts, self.sparse)

    def ride(self, moved: F32, rest: F32) -> None:
        """Carry roots that hang on skin from resting to expressed vertices (V, 3)."""
        corners, shares = self.strands.corners, self.strands.shares
        if corners is None or shares is None:
            return
        delta = np.einsum("nkc,nk->nc", (moved - rest)[corners], shares)
        self.move.write(np.repeat(delta, self.steps * 2, 0).astype("f4").tobytes())

    def release(self) -> None:
        for item in (self.colour, self.depth, self.data, self.move, self.index, self.sparse):
            item.release()


class Sitter:
    """One person ready to be drawn in any expression and pose."""

    def __init__(self, studio: Studio, look: Look, alpha: F32) -> None:
        """Grow hair, paint the backdrop and send all that stays the same to the driver.

        Args:
            studio: where to draw.
            look: hair, skin, clothes, backdrop and light.
            alpha: shape coefficients (80,).
        """
        self.studio, self.look = studio, look
        model, ctx = studio.model, studio.context
        self.rest = model.neutral(alpha)
        normal = normals(self.rest, model.triangles)
        self.backdrop = paint(look, studio.size)
        extra = np.stack(
            [model.vertex_region.astype(np.float32), studio.lips, studio.lids, studio.ambient], 1
        )
        still = np.concatenate([model.mean, extra, model.head_weight[:, None]], 1).astype("f4")
        self.still = ctx.buffer(still.tobytes())
        self.moving = ctx.buffer(reserve=len(self.rest) * 24)
        parts = [
            (self.moving, "3 3", "in_point in_normal"),
            (self.still, "3 4 1", "in_rest in_extra in_weight"),
        ]
        self.skin = studio.array("skin", parts, studio.skin_index)
        self.cloth = studio.array("cloth", parts, studio.cloth_index)
        self.shade = studio.array("mesh_depth", parts, studio.skin_index)
        strands = grow(look, model, self.rest, normal)
        beards = face_hair(look, model, self.rest, normal)
        self.hair = [_StrandBuffers(studio, s) for s in strands]
        self.beard = [_StrandBuffers(studio, s) for s in beards]
        self.props = []
        for item in props.build(look, model, self.rest):
            data = ctx.buffer(np.concatenate([item.points, item.normals], 1).astype("f4").tobytes())
            index = ctx.buffer(item.triangles.astype("i4").tobytes())
            parts = [(data, "3 3", "in_point in_normal")]
            array = studio.array("object", parts, index)
            self.props.append((item, array, data, index))
        self._light()

    def _light(self) -> None:
        """Set every uniform that lasts as long as the person."""
        look, studio = self.look, self.studio
        light = np.asarray(look.light, np.float32)
        warm = np.array([1 + 0.10 * look.warmth, 1.0, 1 - 0.14 * look.warmth])
        cool = np.array([1 - 0.05 * look.warmth, 1.0, 1 + 0.08 * look.warmth])
        around = self.backdrop.mean((0, 1)) ** 2
        around = 0.75 * around.mean() + 0.25 * around
        key = (0.92 + 0.42 * look.contrast) * warm
        ambient = (0.56 - 0.26 * look.contrast) * cool
        matrix = _shadow_matrix(light)
        bearded = {
            "stubble": (0.5, 0, 0, 0.0),
            "moustache": (0, 0.85, 0, 0.8),
            "goatee": (0, 0, 0.85, 0.7),
            "beard": (0.85, 0, 0, 0.7),
        }
        natural = np.asarray(
            look.hair_rgb
            if look.hair_name in ("black", "brown", "blonde", "red", "grey", "white")
            else look.brow_rgb
        )
        heart = np.array([0, 0.01, -0.07])
        common = {
            "camera": (VIEW_CENTRE[0], VIEW_CENTRE[1], CAMERA_Z),
            "eye": (VIEW_CENTRE[0], VIEW_CENTRE[1], CAMERA_Z),
            "pivot": NECK_PIVOT,
            "light": light,
            "key": key,
            "fill": ambient * 0.55 + 0.05 * around,
            "sky": ambient * 0.8 + 0.25 * around,
            "shadow_matrix": matrix,
            "seed": float(look.seed % 97) + 0.37,
        }
        fair = float(np.mean(look.skin_rgb))
        for program in studio.programs:
            studio.put(program, **common)
        studio.put(
            "skin",
            skin=look.skin_rgb,
            lip=look.lip_rgb,
            iris=look.iris_rgb,
            hair=natural if look.beard != "none" else look.hair_rgb,
            brow_colour=look.brow_rgb,
            hairline=hairline(look),
            scalp=0.0 if look.hair == "bald" else 1.0,
            brow=look.brow,
            wrinkle=look.wrinkle,
            freckle=look.freckle,
            beard=bearded.get(look.beard, (0, 0, 0, 0)),
            gloss=0.22 + 0.5 * look.lipstick,
            lashes=look.lashes,
            blush=0.45 + 0.5 * fair,
            eyes=studio.eye_middles,
        )
        studio.put(
            "cloth",
            cloth=look.clothes_rgb,
            inner=look.backdrop_rgb,
            kind=CLOTHES.index(look.clothes),
        )
        studio.put("strand", heart=heart, fine=5.0)
        self.natural, self.matrix = natural, matrix

    def frame(self, beta: F32, pose: F32) -> tuple[NDArray[np.uint8], NDArray[np.uint8]]:
        """Draw an expression (52,) in a pose (6,).

        Returns:
            The picture (H, W, 3) and the matte (H, W), both 0..255.
        """
        studio, model, ctx = self.studio, self.studio.model, self.studio.context
        points = model.express(self.rest, beta)
        table = np.concatenate([points, normals(points, model.triangles)], 1)
        self.moving.write(table.astype("f4").tobytes())
        for hair in self.beard:
            hair.ride(points, self.rest)
        moves = {
            "turn": rotation(*map(float, pose[:3])),
            "shift": pose[3:5],
            "zoom": float(np.exp(pose[5])),
            "inflate": 0.0,
        }
        ctx.enable(moderngl.DEPTH_TEST)
        for program in studio.programs:
            depth = program.endswith("depth")
            studio.put(program, **moves, view_projection=self.matrix if depth else studio.camera)
        studio.put("strand_depth", eye=np.asarray(self.look.light) * 3.0)
        studio.shadow_canvas.use()
        studio.shadow_canvas.clear(depth=1.0)
        self.shade.render()
        for hair in self.hair + self.beard:
            hair.depth.render()
        studio.canvas.use()
        studio.canvas.clear(0.0, 0.0, 0.0, 0.0)
        studio.shadow.use(0)
        self.skin.render()
        studio.put("cloth", inflate=0.004)
        self.cloth.render()
        studio.put("strand", hair=self.natural * 0.9, sheen=0.25)
        for hair in self.beard:
            hair.colour.render()
        studio.put("strand", hair=self.look.hair_rgb, sheen=0.8)
        for hair in self.hair:
            hair.colour.render()
        for item, array, _, _ in self.props:
            studio.put("object", tint=item.colour, metal=item.metal)
            array.render()
        raw = np.frombuffer(studio.canvas.read(components=4), np.uint8)
        raw = raw.reshape(studio.fine, studio.fine, 4)[::-1]
        small = np.asarray(
            cv2.resize(raw, (studio.size, studio.size), interpolation=cv2.INTER_AREA), np.uint8
        )
        matte = small[:, :, 3]
        cover = matte[:, :, None].astype(np.float32) / 255
        picture = small[:, :, :3] + (1 - cover) * self.backdrop * 255 + 0.5
        return np.clip(picture, 0, 255).astype(np.uint8), matte.copy()

    def release(self) -> None:
        """Free the driver's memory."""
        for hair in self.hair + self.beard:
            hair.release()
        for _, array, data, index in self.props:
            for part in (array, data, index):
                part.release()
        for part in (self.skin, self.cloth, self.shade, self.still, self.moving):
            part.release()
