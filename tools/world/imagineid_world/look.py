"""How a person looks besides their shape: hair, skin, eyes, clothes, backdrop and light."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from imagineid_world.people import Traits

RGB = tuple[float, float, float]
"""A colour as displayed (gamma-encoded), each 0..1."""

HAIR_COLOURS: dict[str, RGB] = {
    "black": (0.075, 0.062, 0.060),
    "brown": (0.27, 0.165, 0.10),
    "blonde": (0.74, 0.58, 0.36),
    "red": (0.56, 0.22, 0.09),
    "grey": (0.52, 0.51, 0.50),
    "white": (0.86, 0.85, 0.83),
    "pink": (0.86, 0.42, 0.60),
    "blue": (0.18, 0.32, 0.68),
    "green": (0.20, 0.50, 0.30),
    "purple": (0.44, 0.24, 0.60),
}
DYES = ("pink", "blue", "green", "purple")

STYLES = ("bald", "buzzed", "short", "medium", "long", "curly", "afro", "bangs", "bun", "ponytail")

SKINS: dict[str, tuple[RGB, RGB]] = {
    # darkest and lightest of each word
    "pale": ((0.93, 0.78, 0.70), (0.97, 0.85, 0.79)),
    "light": ((0.87, 0.70, 0.59), (0.93, 0.77, 0.67)),
    "olive": ((0.76, 0.60, 0.46), (0.84, 0.68, 0.54)),
    "tan": ((0.68, 0.49, 0.36), (0.77, 0.57, 0.43)),
    "brown": ((0.47, 0.31, 0.22), (0.60, 0.41, 0.30)),
    "dark": ((0.27, 0.17, 0.125), (0.41, 0.27, 0.20)),
}

IRISES: dict[str, RGB] = {
    "brown": (0.26, 0.145, 0.07),
    "blue": (0.30, 0.50, 0.72),
    "green": (0.32, 0.48, 0.26),
    "grey": (0.50, 0.55, 0.58),
    "hazel": (0.46, 0.35, 0.15),
}

COLOURS: dict[str, RGB] = {
    "red": (0.74, 0.13, 0.13),
    "blue": (0.16, 0.31, 0.66),
    "green": (0.18, 0.45, 0.26),
    "yellow": (0.92, 0.76, 0.22),
    "orange": (0.90, 0.48, 0.14),
    "purple": (0.44, 0.22, 0.56),
    "pink": (0.91, 0.55, 0.66),
    "white": (0.93, 0.93, 0.92),
    "black": (0.08, 0.08, 0.09),
    "grey": (0.52, 0.53, 0.55),
    "brown": (0.42, 0.28, 0.18),
    "beige": (0.83, 0.75, 0.62),
    "teal": (0.12, 0.48, 0.50),
    "navy": (0.10, 0.14, 0.30),
}

CLOTHES = ("t-shirt", "sweater", "shirt", "hoodie", "turtleneck", "blouse", "suit")
BACKDROPS = ("plain", "gradient", "room", "landscape", "bokeh", "studio")
BEARDS = ("none", "stubble", "moustache", "goatee", "beard")
GLASSES = ("none", "round", "square")
EARRINGS = ("none", "stud", "hoop")


@dataclass(frozen=True)
class Look:
    """Everything drawn that the face's shape does not say. Colours are 0..1 RGB.

    Attributes:
        seed: decides strands, noise and furniture.
        hair: one of :data:`STYLES`; ``hair_name`` and ``hair_rgb`` its colour.
        length: 0..1 within the style; ``part`` -1..1; ``recede`` 0..1; ``wave`` 0..1.
        brow: thickness 0.5..1.5; ``wrinkle`` and ``freckle`` 0..1; ``lipstick`` 0..1.
        light: direction to the key light; ``warmth`` -1..1; ``contrast`` 0..1.
    """

    seed: int
    hair: str
    hair_name: str
    hair_rgb: RGB
    brow_rgb: RGB
    length: float
    part: float
    recede: float
    wave: float
    brow: float
    beard: str
    glasses: str
    glasses_rgb: RGB
    earrings: str
    iris: str
    iris_rgb: RGB
    skin: str
    skin_rgb: RGB
    lip_rgb: RGB
    lipstick: float
    wrinkle: float
    freckle: float
    lashes: float
    clothes: str
    clothes_name: str
    clothes_rgb: RGB
    backdrop: str
    backdrop_name: str
    backdrop_rgb: RGB
    light_side: str
    light: RGB
    warmth: float
    contrast: float

    def attributes(self) -> dict[str, Any]:
        """All fields as plain values, for a dataset's records."""
        return asdict(self)


def _jitter(rng: np.random.Generator, colour: Sequence[float], by: float) -> RGB:
    """A colour near another: common gain and a little of each channel."""
    gain = 1 + rng.normal(0, by)
    mixed = np.clip(np.asarray(colour) * gain * (1 + rng.normal(0, by / 3, 3)), 0.02, 0.98)
    return (float(mixed[0]), float(mixed[1]), float(mixed[2]))


def _mix(a: Sequence[float], b: Sequence[float], t: float) -> RGB:
    mixed = np.asarray(a) * (1 - t) + np.asarray(b) * t
    return (float(mixed[0]), float(mixed[1]), float(mixed[2]))


def _pick(rng: np.random.Generator, table: dict[str, float]) -> str:
    share = np.array(list(table.values()), float)
    return str(rng.choice(list(table), p=share / share.sum()))


def _hair_colour(rng: np.random.Generator, age: float, skin: str) -> str:
    if 14 < age < 60 and rng.random() < 0.10:
        return str(rng.choice(DYES))
    grey = np.interp(age, [35, 50, 65, 80], [0.0, 0.18, 0.75, 0.97])
    if rng.random() < grey:
        return "white" if rng.random() < np.interp(age, [50, 85], [0.1, 0.8]) else "grey"
    if skin in ("dark", "brown"):
        return _pick(rng, {"black": 0.62, "brown": 0.28, "blonde": 0.06, "red": 0.04})
    if skin in ("tan", "olive"):
        return _pick(rng, {"black": 0.38, "brown": 0.38, "blonde": 0.14, "red": 0.10})
    return _pick(rng, {"black": 0.20, "brown": 0.30, "blonde": 0.28, "red": 0.22})


def _hair_style(rng: np.random.Generator, male: bool, age: float) -> str:
    if not male:
        return _pick(
            rng,
            {
                "short": 0.08,
                "medium": 0.20,
                "long": 0.27,
                "curly": 0.13,
                "afro": 0.05,
                "bangs": 0.12,
                "bun": 0.08,
                "ponytail": 0.07,
            },
        )
    bald = float(np.interp(age, [22, 40, 70], [0.03, 0.14, 0.30]))
    table = {
        "bald": bald,
        "buzzed": 0.16,
        "short": 0.36,
        "medium": 0.14,
        "long": 0.06,
        "curly": 0.09,
        "afro": 0.04,
        "bun": 0.03,
    }
    if age < 16:
        table |= {"bald": 0.0, "bun": 0.0, "short": 0.5}
    return _pick(rng, table)


def draw_look(
    traits: Traits, races: Sequence[float] | NDArray[np.float64], rng: np.random.Generator
) -> Look:
    """Draw a look that suits a speaker.

    Args:
        traits: gender and age decide what is likely.
        races: (african, asian, caucasian) shares of the face's shape, which tint the skin.
        rng: everything else.
    """
    male, age = traits.gender > 0.5, traits.age
    african, asian, _ = races
    tone = 0.5 * african + 0.18 * asian + float(rng.uniform(0, 0.5))
    names = tuple(SKINS)
    skin = names[int(np.clip(tone * 6.0, 0, 5))]
    skin_rgb = _jitter(rng, _mix(*SKINS[skin], float(rng.random())), 0.012)
    style = _hair_style(rng, male, age)
    if style == "afro" and skin not in ("dark", "brown", "tan"):
        style = "curly"
    hair_name = _hair_colour(rng, age, skin)
    hair_rgb = _jitter(rng, HAIR_COLOURS[hair_name], 0.07)
    natural = HAIR_COLOURS["brown"] if hair_name in DYES else hair_rgb
    brow_rgb = _mix(natural, (0.16, 0.11, 0.08), 0.45 if hair_name != "white" else 0.2)
    beard = "none"
    if male and age > 19:
        shares = {"none": 0.45, "stubble": 0.17, "moustache": 0.09, "goatee": 0.09, "beard": 0.2}
        beard = _pick(rng, shares)
    fair = skin in ("pale", "light", "olive")
    iris = _pick(
        rng,
        {"brown": 0.28, "blue": 0.26, "green": 0.18, "grey": 0.12, "hazel": 0.16}
        if fair
        else {"brown": 0.74, "hazel": 0.14, "green": 0.07, "grey": 0.03, "blue": 0.02},
    )
    glasses = str(rng.choice(GLASSES, p=[0.76, 0.12, 0.12]))
    lipstick = (
        float(rng.uniform(0.3, 0.9)) if not male and age > 17 and rng.random() < 0.35 else 0.0
    )
    red = (0.86, 0.69, 0.67) if male else (0.87, 0.62, 0.62)
    rosy = np.asarray(skin_rgb) * red + np.array([0.03, 0.0, 0.01])
    paint = ((0.62, 0.10, 0.16), (0.70, 0.28, 0.33), (0.50, 0.12, 0.22))[int(rng.integers(3))]
    lip = _mix(rosy.tolist(), paint, 0.75 * lipstick)
    kinds = {"t-shirt": 0.27, "sweater": 0.2, "shirt": 0.17, "hoodie": 0.15, "turtleneck": 0.09}
    kinds |= {"suit": 0.12} if male and age > 18 else {"blouse": 0.12}
    clothes = _pick(rng, kinds)
    clothes_name = str(rng.choice(list(COLOURS)))
    if clothes == "suit":
        clothes_name = str(rng.choice(["black", "navy", "grey", "brown"]))
    shares = {"plain": 0.3, "gradient": 0.14, "room": 0.2, "landscape": 0.18, "bokeh": 0.1}
    backdrop = _pick(rng, shares | {"studio": 0.08})
    backdrop_name = str(rng.choice(list(COLOURS)))
    side = str(rng.choice(["left", "right", "front"], p=[0.32, 0.32, 0.36]))
    x = {"left": -0.75, "right": 0.75, "front": float(rng.uniform(-0.2, 0.2))}[side]
    light = np.array([x * rng.uniform(0.7, 1.1), rng.uniform(0.35, 0.8), rng.uniform(0.7, 1.0)])
    light /= np.linalg.norm(light)
    recede = 0.0
    if male and age > 28:
        recede = float(np.clip(rng.beta(1.2, 3.0) * (age - 20) / 45, 0, 0.9))
    return Look(
        seed=int(rng.integers(2**31)),
        hair=style,
        hair_name=hair_name,
        hair_rgb=hair_rgb,
        brow_rgb=brow_rgb,
        length=float(rng.random()),
        part=float(rng.choice([-0.55, 0.0, 0.55]) + rng.normal(0, 0.12)),
        recede=recede,
        wave=float(rng.beta(1.1, 2.2)),
        brow=float(np.clip(rng.normal(1.1 if male else 0.82, 0.16), 0.55, 1.5)),
        beard=beard,
        glasses=glasses,
        glasses_rgb=_jitter(
            rng,
            ((0.06,) * 3, (0.3, 0.17, 0.1), (0.72, 0.6, 0.36), (0.5, 0.1, 0.1))[
                int(rng.integers(4))
            ],
            0.05,
        ),
        earrings=str(rng.choice(EARRINGS, p=[0.6, 0.22, 0.18])) if not male else "none",
        iris=iris,
        iris_rgb=_jitter(rng, IRISES[iris], 0.06),
        skin=skin,
        skin_rgb=skin_rgb,
        lip_rgb=lip,
        lipstick=lipstick,
        wrinkle=float(np.clip((age - 38) / 42 + rng.normal(0, 0.08), 0, 1)),
        freckle=float(rng.uniform(0.4, 1)) if fair and rng.random() < 0.14 else 0.0,
        lashes=float(rng.uniform(0.85, 1.3) if not male else rng.uniform(0.35, 0.75)),
        clothes=clothes,
        clothes_name=clothes_name,
        clothes_rgb=_jitter(rng, COLOURS[clothes_name], 0.05),
        backdrop=backdrop,
        backdrop_name=backdrop_name,
        backdrop_rgb=_jitter(rng, COLOURS[backdrop_name], 0.06),
        light_side=side,
        light=(float(light[0]), float(light[1]), float(light[2])),
        warmth=float(np.clip(rng.normal(0.1, 0.45), -1, 1)),
        contrast=float(rng.uniform(0.15, 0.85)),
    )
