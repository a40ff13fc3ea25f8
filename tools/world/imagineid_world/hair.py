"""Hair as strands: grown on the scalp, combed, dropped by gravity and kept off the face."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from imagineid_world.strands import CENTRE, Skull, Strands, plant, unit

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from imagineid.face.model import FaceModel
    from imagineid_world.look import Look

    F32 = NDArray[np.float32]
    F64 = NDArray[np.float64]

_ANGLES = np.arange(0, 181, 10)
_HAIRLINE = np.interp(
    _ANGLES,
    [0, 14, 24, 34, 46, 56, 66, 74, 84, 98, 112, 130, 150, 180],
    [62, 63, 65, 61, 52, 36, 8, -8, 8, 20, -10, -48, -68, -74],
)
_RECEDED = np.interp(_ANGLES, [0, 14, 24, 34, 46, 60, 70, 180], [26, 38, 48, 46, 34, 12, 0, 0])


def hairline(look: Look) -> F32:
    """Height of the hairline (19,) in metres at 0, 10 ... 180 degrees around the mean head."""
    line = _HAIRLINE + look.recede * _RECEDED
    return np.asarray(line / 1000, np.float32)


def above_hairline(rest: F32, line: F32) -> F64:
    """How far points of the mean head (N, 3) lie above the hairline, metres."""
    around = np.degrees(np.arctan2(np.abs(rest[:, 0]), rest[:, 2] + 0.075))
    return np.asarray(rest[:, 1] - np.interp(around, _ANGLES, line), np.float64)


@dataclass(frozen=True)
class Style:
    """What a haircut is made of; lengths in metres.

    Attributes:
        length: shortest and longest strand.
        count: strands; ``steps``: points along each.
        width: half width of a strand at its root.
        lift: how far the outermost strands stand off the skull.
        flow: ``part``, ``back``, ``side``, ``forward``, ``out`` or ``knot``.
        fall: pull of gravity; ``curl``: radius of the curls; ``turns``: curls along a strand.
        stray: disorder of directions.
    """

    length: tuple[float, float]
    count: int
    steps: int
    width: float
    lift: float
    flow: str
    fall: float
    curl: float = 0.0
    turns: float = 0.0
    stray: float = 0.10


STYLES: dict[str, Style] = {
    "buzzed": Style((0.004, 0.007), 6500, 3, 0.0007, 0.003, "out", 0.0, stray=0.25),
    "short": Style((0.020, 0.042), 5200, 5, 0.0013, 0.009, "side", 0.10, stray=0.20),
    "medium": Style((0.10, 0.17), 3400, 9, 0.0019, 0.017, "part", 1.1, stray=0.10),
    "long": Style((0.25, 0.38), 3200, 12, 0.0020, 0.018, "part", 1.6, stray=0.07),
    "bangs": Style((0.18, 0.33), 3400, 12, 0.0019, 0.017, "part", 1.6, stray=0.07),
    "curly": Style((0.12, 0.28), 2600, 15, 0.0019, 0.034, "part", 1.0, 0.0075, 3.2, 0.20),
    "afro": Style((0.050, 0.085), 5500, 6, 0.0020, 0.07, "out", 0.02, 0.004, 1.6, 0.35),
    "bun": Style((0.16, 0.20), 3600, 8, 0.0016, 0.006, "knot", 0.0, stray=0.05),
    "ponytail": Style((0.16, 0.20), 3600, 8, 0.0016, 0.007, "knot", 0.0, stray=0.05),
}


def head_weight(points: F64) -> F32:
    """How far hair at resting points (..., 3) follows the head: less where it lies on shoulders."""
    t = np.clip((points[..., 1] + 0.20) / 0.12, 0, 1)
    return np.asarray(0.25 + 0.75 * t * t * (3 - 2 * t), np.float32)


def _flow(style: Style, root: F64, look: Look, rng: np.random.Generator) -> F64:
    """Where each root is combed to, before gravity, (N, 3)."""
    count = len(root)
    side = np.where(root[:, 0] > 0.035 * look.part, 1.0, -1.0)
    front = np.clip((root[:, 2] + 0.06) / 0.08, 0, 1)
    zero, one = np.zeros(count), np.ones(count)
    if style.flow == "part":
        return np.stack([side, 0.25 * front, -0.15 - 0.75 * front], 1)
    if style.flow == "back":
        return np.stack([0.25 * side, 0.35 * one, -one], 1)
    if style.flow == "side":
        way = 1.0 if look.part >= 0 else -1.0
        top = np.clip((root[:, 1] - 0.06) / 0.04, 0, 1)
        if look.length < 0.35:
            ahead = np.stack([0.3 * way * one, -0.1 * one, 0.9 * one], 1)
        elif look.length < 0.7:
            ahead = np.stack([way * one, 0.6 * front, -0.35 * one], 1)
        else:
            ahead = np.stack([0.35 * side, 0.9 * front, -0.9 * one], 1)
        down = np.stack([0.2 * side, -0.9 * one, -0.45 * one], 1)
        return np.asarray(ahead * top[:, None] + down * (1 - top[:, None]), np.float64)
    if style.flow == "out":
        return np.stack([zero, 0.1 * one, zero], 1)
    return unit(_knot(look) - root)


def _knot(look: Look) -> F64:
    """Where tied hair is gathered."""
    if look.hair == "bun" and look.length > 0.4:
        return np.array([0.0, 0.135, -0.11])
    return np.array([0.0, 0.085, -0.185])


def _keep_off_face(
    points: F64, root: F64, style: Style, free: NDArray[np.bool_], jitter: F64
) -> F64:
    """Push points (N, 3) that hang before the face out to its sides, unless ``free``."""
    low = np.clip((0.060 - points[:, 1]) / 0.05, 0, 1)
    before = (points[:, 2] > -0.055) & (points[:, 1] < 0.062) & (points[:, 1] > -0.19) & ~free
    ramp = np.clip((0.064 - points[:, 1]) / 0.024, 0, 1)
    wide = (0.050 + 0.026 * low + jitter) * np.sqrt(ramp)
    side = np.where(
        np.abs(root[:, 0]) < 0.004, np.sign(jitter - jitter.mean()), np.sign(root[:, 0])
    )
    x = np.where(before & (np.abs(points[:, 0]) < wide), side * wide, points[:, 0])
    return np.stack([x, points[:, 1], points[:, 2]], 1)


def _crosses_face(points: F64) -> NDArray[np.bool_]:
    """Whether strands (N, S, 3) lie across the forehead or the cheeks, (N,)."""
    middle = (points[:, 1:] + points[:, :-1]) / 2
    both = np.concatenate([points, middle], 1)
    x, y, z = np.abs(both[..., 0]), both[..., 1], both[..., 2]
    wide = np.interp(y, [-0.12, 0.0, 0.03, 0.056], [0.055, 0.066, 0.060, 0.040])
    return np.asarray(((x < wide) & (y < 0.056) & (y > -0.17) & (z > -0.03)).any(1), np.bool_)


def grow(look: Look, model: FaceModel, points: F32, normal: F32) -> list[Strands]:
    """Grow the hair of a look on resting vertices (V, 3) with normals (V, 3)."""
    if look.hair == "bald":
        return []
    rng = np.random.default_rng(look.seed)
    style = STYLES[look.hair]
    line = hairline(look)
    skin = np.isin(model.triangle_region, [0, 1, 7])
    skull = Skull(points, model.triangles[skin])
    high = above_hairline(model.mean, line)
    keep = (
        skin
        & (high[model.triangles].max(1) > -0.004)
        & (model.mean[model.triangles][:, :, 1].min(1) > -0.1)
    )
    root, out, rest, _, _ = plant(model, points, normal, keep, int(style.count * 1.5), rng)
    edge = above_hairline(rest.astype(np.float32), line) + rng.normal(0, 0.0022, len(rest))
    ear = (np.abs(rest[:, 0]) > 0.0785) & (rest[:, 1] < 0.03)
    good = (edge > 0) & ~ear
    if style.fall > 0.5:
        # What grows at the back hangs behind the neck: a third of it is enough.
        good &= (rest[:, 2] > -0.125) | (rng.random(len(rest)) < 0.35)
        good &= (rest[:, 2] < -0.055) | (rest[:, 1] > 0.050)
    elif style.fall < 0.2:
        good &= rest[:, 1] > -0.058
    chosen = np.flatnonzero(good)[: style.count]
    root, out, rest, edge = root[chosen], out[chosen], rest[chosen], edge[chosen]
    bangs = np.zeros(len(root), bool)
    if look.hair == "bangs":
        bangs = (rest[:, 2] > -0.02) & (rest[:, 1] > 0.05) & (np.abs(rest[:, 0]) < 0.052)
    grown = _comb(look, style, skull, root, out, edge, bangs, rng)
    bundles = [grown]
    if style.flow == "knot":
        bundles.append(_bundle(look, rng))
    return bundles


def _comb(
    look: Look,
    style: Style,
    skull: Skull,
    root: F64,
    out: F64,
    edge: F64,
    bangs: NDArray[np.bool_],
    rng: np.random.Generator,
) -> Strands:
    """Integrate strands from their roots outwards."""
    count = len(root)
    short, long = style.length
    length = (short + (long - short) * look.length) * rng.uniform(0.82, 1.06, count)
    layer = np.sort(rng.random(count) ** 0.8)[::-1]
    taper = np.clip(edge / 0.03, 0.12, 1.0)
    if look.hair in ("short", "buzzed"):
        sides = np.clip((root[:, 1] - 0.02) / 0.05, 0.0, 1.0)
        length *= 0.35 + 0.65 * sides
        layer *= 0.4 + 0.6 * sides
    if look.hair == "afro":
        length *= np.clip(edge / 0.035, 0.22, 1.0)
    lift = (0.0015 + style.lift * layer) * (taper if style.flow != "part" else np.sqrt(taper))
    length = np.where(
        bangs, rng.uniform(0.048, 0.060, count) + 0.4 * np.maximum(root[:, 2] * -1, 0), length
    )
    flow = _flow(style, root, look, rng)
    flow[bangs] = np.stack(
        [root[bangs, 0] * 2.5, -0.25 * np.ones(bangs.sum()), np.ones(bangs.sum())], 1
    )
    wisp = unit(rng.normal(size=(count, 3)))
    lock = rng.normal(size=(24, 3))
    own = rng.integers(24, size=count)
    direction = unit(
        out * (0.9 if style.flow == "out" else 0.35)
        + unit(flow) * (0.0 if style.flow == "out" else 1.0)
        + wisp * style.stray
    )
    jitter = rng.uniform(0, 0.012, count)
    position, path = root.copy(), [root.copy()]
    step = length / (style.steps - 1)
    knot = _knot(look)
    for k in range(1, style.steps):
        t = k / (style.steps - 1)
        pull = np.array([0.0, -1.0, 0.0]) * style.fall * (0.25 + 1.2 * t)
        if style.flow == "knot":
            pull = unit(knot - position) * 1.6
        comb = flow * max(0.0, 0.5 - 0.9 * t) if style.flow != "out" else 0.0
        if style.flow == "part":
            # The front is swept back before it falls, so that it leaves the face free.
            ahead = (
                np.clip((position[:, 2] + 0.07) / 0.05, 0, 1) * (position[:, 1] > 0.045) * ~bangs
            )
            pull = pull * (1 - 0.9 * ahead[:, None])
            comb = comb + np.array([0.0, 0.12, -0.5]) * ahead[:, None]
        direction = unit(
            direction + comb + pull + wisp * style.stray * 0.35 + lock[own] * 0.05 * look.wave
        )
        stride = step[:, None] * np.ones(3)
        if style.flow == "knot":
            far = np.linalg.norm(knot - position, axis=1, keepdims=True)
            stride = np.minimum(stride, far / max(1, style.steps - k))
            stride = np.maximum(stride, far / max(1, style.steps - k) * 0.98)
        last, position = position, position + direction * stride
        away = position - CENTRE
        distance = np.linalg.norm(away, axis=1)
        toward = away / distance[:, None]
        surface = skull.reach(toward) + lift * min(1.0, t * 4.0)
        if style.flow == "knot":
            surface -= lift * max(0.0, t - 0.7)
        if style.fall > 0.5 and k > 0:
            # Hair clings to the skull until it hangs free below the ears.
            cling = np.clip((position[:, 1] + 0.035) / 0.06, 0, 1) * 0.85
            ceiling = surface + 0.004
            pulled = np.where(distance > ceiling, distance + (ceiling - distance) * cling, distance)
            position = CENTRE + toward * pulled[:, None]
            distance = pulled
        inside = (distance < surface) & (surface - distance < 0.02 + lift)
        position = np.where(inside[:, None], CENTRE + toward * surface[:, None], position)
        if style.flow not in ("out", "knot", "side"):
            position = _keep_off_face(position, root, style, bangs, jitter)
        direction = unit(0.5 * direction + 0.5 * unit(position - last))
        path.append(position.copy())
    points = np.stack(path, 1)
    if style.flow == "part":
        clear = bangs | ~_crosses_face(points)
        points, layer, own, root = points[clear], layer[clear], own[clear], root[clear]
        count = len(points)
    if style.curl > 0 or look.wave > 0.25:
        points = _curled(points, style, look, own, rng)
    depth = (1 - layer) * (0.85 if style.flow != "out" else 0.7)
    along = np.linspace(0, 1, style.steps)
    width = style.width * rng.uniform(0.7, 1.25, count)[:, None] * (1 - 0.55 * along**2)
    shadow = np.clip(depth[:, None] + 0.35 * np.exp(-along / 0.08), 0, 1)
    brightness = np.clip(rng.normal(0.5, 0.2, count) + 0.12 * lock[own, 0], 0, 1)
    tone = np.stack([np.repeat(brightness[:, None], style.steps, 1), shadow], -1)
    return Strands(
        points.astype(np.float32),
        width.astype(np.float32),
        tone.astype(np.float32),
        head_weight(points),
    )


def _curled(
    points: F64, style: Style, look: Look, own: NDArray[np.int64], rng: np.random.Generator
) -> F64:
    """Wind strands (N, S, 3) around their own course; locks share a phase."""
    tangent = unit(np.gradient(points, axis=1))
    out = unit(points - CENTRE)
    side = unit(np.cross(tangent, out))
    out = np.cross(side, tangent)
    t = np.linspace(0, 1, points.shape[1])
    radius = max(style.curl, 0.0045 * look.wave if style.length[1] > 0.08 else 0.0)
    turns = style.turns if style.curl > 0 else 1.6
    phase = (own * 1.7 + rng.normal(0, 0.5, len(own)))[:, None]
    angle = 2 * np.pi * turns * t * rng.uniform(0.85, 1.15, len(own))[:, None] + phase
    grow_in = np.minimum(1, t * 3.5)
    wound = side * np.cos(angle)[..., None] + 0.8 * out * (np.sin(angle) + 0.9)[..., None]
    return np.asarray(points + radius * grow_in[:, None] * wound)


def _bundle(look: Look, rng: np.random.Generator) -> Strands:
    """The knot itself: strands wound into a bun, or a tail that falls behind."""
    knot = _knot(look)
    count, steps = 900, 12
    t = np.linspace(0, 1, steps)
    tone = np.stack(
        [
            np.repeat(rng.random(count)[:, None], steps, 1),
            np.repeat(rng.random(count)[:, None] * 0.5, steps, 1),
        ],
        -1,
    )
    if look.hair == "bun":
        axis = unit(np.array([0.0, 1.0, -0.45]) + rng.normal(0, 0.28, (count, 3)))
        first = unit(np.cross(axis, rng.normal(size=(count, 3))))
        second = np.cross(axis, first)
        radius = 0.030 * rng.uniform(0.82, 1.04, count)[:, None]
        angle = t * 2.6
        tilt = rng.uniform(-0.75, 0.75, count)
        ring = (
            first[:, None] * np.cos(angle)[None, :, None]
            + second[:, None] * np.sin(angle)[None, :, None]
        ) * np.cos(tilt)[:, None, None]
        points = knot + radius[:, None] * (ring + axis[:, None] * np.sin(tilt)[:, None, None])
    else:
        spread = rng.normal(0, 0.012, (count, 1, 3))
        side = 1.0 if look.part >= 0 else -1.0
        course = np.stack(
            [side * 0.055 * t, 0.02 * np.sin(t * 3.14) - 0.30 * t**1.3, -0.035 * np.sin(t * 3.0)],
            -1,
        )
        points = (
            knot
            + course[None]
            + spread * (0.25 + 1.6 * np.sin(np.pi * np.minimum(1, 0.9 * t)))[None, :, None]
        )
    width = np.full((count, steps), 0.0014) * (1 - 0.4 * t**2)
    return Strands(
        points.astype(np.float32),
        width.astype(np.float32),
        tone.astype(np.float32),
        head_weight(points),
    )
