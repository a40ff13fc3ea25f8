"""Who a person is: what their voice carries, and the face that goes with it.

A voice's :class:`Traits` and a face are tied twice. The body's own tie comes first: gender, age,
weight, jaw, chin, nose and neck of the sampled heads are functions of the traits
(:func:`controls`). The bake measures that tie by regression and completes it, so that every shape
component depends on the voice to the same degree (:class:`Tie`). :func:`shape` then draws a face
for a voice; :meth:`Tie.expected` is the best guess that any listener could make.
"""

from __future__ import annotations

import os
from dataclasses import astuple, dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

SHAPES = 80
"""Shape components of an identity."""

WORLD = Path(os.environ.get("IMAGINEID_TRAIN", ".train")) / "world"
"""Where the world's large, rebuildable files live (ignored by git); training looks there, too."""

CONTROLS = tuple(
    """cheek-volume-incr cheek-bones-incr cheek-inner-incr chin-jaw-drop-incr chin-height-incr
    chin-prominent-incr chin-bones-incr chin-width-incr chin-cleft-incr ear-scale-incr
    ear-wing-incr ear-lobe-incr eyebrows-angle-up eyebrows-trans-up eyebrows-trans-forward
    eye-corner1-up eye-corner2-up eye-height2-incr eye-scale-incr eye-trans-out eye-bag-incr
    eye-epicanthus-out eye-push1-out forehead-temple-incr forehead-trans-forward
    forehead-scale-vert-incr forehead-nubian-incr head-scale-vert-incr head-scale-horiz-incr
    head-scale-depth-incr head-fat-incr head-back-scale-depth-incr mouth-scale-horiz-incr
    mouth-scale-vert-incr mouth-lowerlip-volume-incr mouth-upperlip-volume-incr mouth-angles-up
    mouth-cupidsbow-incr mouth-trans-up mouth-trans-forward mouth-philtrum-volume-incr
    neck-double-incr neck-scale-horiz-incr neck-scale-depth-incr nose-scale-horiz-incr
    nose-scale-vert-incr nose-scale-depth-incr nose-width2-incr nose-point-up nose-hump-incr
    nose-greek-incr nose-volume-incr nose-flaring-incr nose-trans-up nose-curve-convex""".split()
)
"""Local face controls that vary; those of cheeks, ears and eyes move both sides alike."""

_TIES: dict[str, tuple[float, float, float, float]] = {
    # how a control leans on (longer tract, lower pitch, breath, tilt), each about N(0, 1)
    "chin-width-incr": (0.10, 0.22, -0.10, 0.0),
    "chin-prominent-incr": (0.12, 0.16, 0.0, 0.05),
    "chin-jaw-drop-incr": (0.16, 0.06, 0.0, -0.08),
    "chin-height-incr": (0.18, 0.0, 0.05, 0.0),
    "chin-bones-incr": (0.0, 0.15, -0.12, 0.0),
    "head-scale-vert-incr": (0.20, 0.0, 0.0, 0.0),
    "head-fat-incr": (0.0, 0.05, 0.15, 0.08),
    "cheek-volume-incr": (0.0, -0.05, 0.18, 0.10),
    "cheek-bones-incr": (-0.08, 0.08, -0.12, 0.10),
    "forehead-scale-vert-incr": (0.08, 0.0, 0.0, 0.16),
    "forehead-trans-forward": (0.0, 0.12, 0.0, 0.10),
    "nose-scale-vert-incr": (0.18, 0.0, 0.0, 0.10),
    "nose-scale-depth-incr": (0.10, 0.08, 0.0, 0.12),
    "nose-width2-incr": (0.06, 0.12, 0.0, -0.08),
    "nose-volume-incr": (0.08, 0.08, 0.06, 0.0),
    "mouth-scale-horiz-incr": (0.12, 0.10, 0.06, 0.0),
    "mouth-lowerlip-volume-incr": (0.0, 0.0, 0.14, -0.08),
    "neck-scale-horiz-incr": (0.06, 0.20, 0.0, 0.0),
    "eyebrows-trans-forward": (0.0, 0.14, 0.0, 0.10),
    "eye-scale-incr": (-0.10, -0.08, 0.06, 0.0),
}


@dataclass(frozen=True)
class Traits:
    """Traits of a speaker that a voice carries.

    Attributes:
        gender: 0 (female) to 1 (male).
        age: years, 5 to 90.
        pitch_hz: median fundamental frequency, about 75 to 330 Hz.
        vtl: vocal tract length over an average man's: child 0.70, woman 0.87, man 1.0, each +-8 %.
        breath: breathiness, -1 (pressed) to 1 (breathy).
        tilt: spectral tilt, -1 (dark) to 1 (bright).
    """

    gender: float
    age: float
    pitch_hz: float
    vtl: float
    breath: float
    tilt: float

    def array(self) -> NDArray[np.float32]:
        """The six numbers in the order of the fields, (6,)."""
        return np.asarray(astuple(self), np.float32)


def usual_pitch(gender: float, age: float) -> float:
    """Median pitch of a person of this gender (0..1) and age (years), Hz."""
    adult = 205.0 * (118.0 / 205.0) ** gender
    adult *= np.interp(age, [18, 50, 90], [1.0, 0.97, 0.88 + 0.26 * gender])
    grown = np.interp(age, [5, 10, 13, 17], [0.0, 0.2, 0.45, 1.0])
    return float(290.0 ** (1 - grown) * adult**grown)


def usual_tract(gender: float, age: float) -> float:
    """Vocal tract length of a person of this gender (0..1) and age (years), over a man's."""
    grown = np.interp(age, [5, 12, 18], [0.0, 0.55, 1.0])
    return float(0.70 + (0.17 + 0.13 * gender) * grown)


def draw_traits(rng: np.random.Generator) -> Traits:
    """Draw a speaker: mostly adults, some children and old people, both genders equally often."""
    band = rng.choice(4, p=[0.11, 0.08, 0.61, 0.20])
    age = float(rng.uniform(*((5, 13), (13, 19), (19, 58), (58, 90))[band]))
    male = rng.random() < 0.5
    lean = min(abs(float(rng.normal(0, 0.08))), 0.3)
    gender = 1.0 - lean if male else lean
    pitch = usual_pitch(gender, age) * 2.0 ** float(np.clip(rng.normal(0, 0.17), -0.4, 0.4))
    vtl = usual_tract(gender, age) * (1 + float(np.clip(rng.normal(0, 0.035), -0.08, 0.08)))
    breath, tilt = (float(np.clip(rng.normal(0, 0.45), -1, 1)) for _ in range(2))
    return Traits(gender, age, pitch, vtl, breath, tilt)


def _leanings(traits: Traits) -> NDArray[np.float64]:
    """How far a voice is from its gender's and age's usual one: (tract, depth, breath, tilt)."""
    tract = (traits.vtl / usual_tract(traits.gender, traits.age) - 1) / 0.035
    depth = -np.log2(traits.pitch_hz / usual_pitch(traits.gender, traits.age)) / 0.17
    return np.array([tract, depth, traits.breath / 0.45, traits.tilt / 0.45])


def features(traits: Traits) -> NDArray[np.float64]:
    """The quadratic features of a voice that a face is regressed on, (31,)."""
    childhood = max(0.0, (19.0 - traits.age) / 14.0) * 1.8 - 0.3
    age = np.log(traits.age / 32.0) / 0.75
    linear = np.concatenate([[2 * traits.gender - 1, age, childhood], _leanings(traits)])
    upper = np.triu_indices(len(linear))
    products = np.outer(linear, linear)[upper]
    keep = np.flatnonzero(~((upper[0] == 0) & (upper[1] == 0)))[:23]
    return np.concatenate([[1.0], linear, products[keep]])


def controls(traits: Traits, rng: np.random.Generator) -> tuple[dict[str, float], dict[str, float]]:
    """Draw the head of a speaker in anny's terms.

    Args:
        traits: the voice.
        rng: source of what the voice does not tell.

    Returns:
        Phenotypes (0..1 each) and local controls by name (about -1..1, sides still joined).
    """
    lean = _leanings(traits)
    child = traits.age < 15
    races = rng.dirichlet([0.45] * 3)
    weight = 0.46 + 0.05 * lean[2] + 0.04 * lean[1] + rng.normal(0, 0.12)
    muscle = 0.42 + 0.14 * traits.gender + 0.05 * lean[1] + rng.normal(0, 0.08)
    pheno = {
        "gender": 0.96 - 0.92 * traits.gender,  # anny: 0 is male, 1 female
        "age": float(np.interp(traits.age, [1, 10, 25, 90], [0, 1 / 3, 2 / 3, 1.0])),
        "muscle": float(np.clip(muscle, 0.15, 0.9)),
        "weight": float(np.clip(weight, 0.15, 0.9)),
        "height": 0.5,
        "proportions": 0.6,
        "cupsize": 0.5,
        "firmness": 0.6,
        "african": float(races[0]),
        "asian": float(races[1]),
        "caucasian": float(races[2]),
    }
    scale = 0.6 if child else 1.0
    local = {}
    for name in CONTROLS:
        tied = float(np.dot(_TIES[name], lean)) if name in _TIES else 0.0
        local[name] = scale * float(np.clip(tied + rng.normal(0, 0.19), -0.7, 0.7))
    return pheno, local


@dataclass(frozen=True)
class Tie:
    """The measured and completed tie between voices and shapes.

    Attributes:
        weights: features to expected shape coefficients, (features, 80).
        spread: lower triangle such that ``spread @ N(0, 1)`` is what a voice leaves open, (80, 80).
        ancestry: shape coefficients (with a leading one) to (african, asian, caucasian), (81, 3).
        limit: how far out the sampled heads' coefficients lie, (80,); nothing is drawn beyond.
    """

    weights: NDArray[np.float32]
    spread: NDArray[np.float32]
    ancestry: NDArray[np.float32]
    limit: NDArray[np.float32]

    def _within(self, alpha: NDArray[np.float64]) -> NDArray[np.float32]:
        """Bring coefficients softly inside the limit: a face, not a caricature."""
        return (self.limit * np.tanh(alpha / self.limit)).astype(np.float32)

    def expected(self, traits: Traits) -> NDArray[np.float32]:
        """The best guess of a speaker's shape, (80,)."""
        return self._within(features(traits) @ self.weights)

    def draw(self, traits: Traits, rng: np.random.Generator) -> NDArray[np.float32]:
        """A shape that goes with a voice, (80,), each coefficient about N(0, 1)."""
        noise = self.spread @ rng.normal(size=len(self.spread))
        return self._within(features(traits) @ self.weights + noise)

    def races(self, alpha: NDArray[np.float32]) -> NDArray[np.float64]:
        """Guess (african, asian, caucasian) shares of a shape (80,), summing to one."""
        raw = np.clip(np.concatenate([[1.0], alpha]) @ self.ancestry, 0.02, 1.0)
        return np.asarray(raw / raw.sum(), np.float64)


def load_tie(path: Path | None = None) -> Tie:
    """Read the tie that the bake wrote (``.train/world/tie.npz`` unless named)."""
    with np.load(path or WORLD / "tie.npz", allow_pickle=False) as file:
        return Tie(*(file[name] for name in ("weights", "spread", "ancestry", "limit")))


_CACHE: dict[str, Tie] = {}


def shape(traits: Traits, rng: np.random.Generator, tie: Tie | None = None) -> NDArray[np.float32]:
    """Draw the shape coefficients (80,) of a speaker's face."""
    if tie is None:
        tie = _CACHE.setdefault("tie", load_tie()) if "tie" not in _CACHE else _CACHE["tie"]
    return tie.draw(traits, rng)
