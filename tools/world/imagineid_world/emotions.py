"""How each of the eight emotions sounds and looks.

The sound is a :class:`Prosody`: what an emotion does to a neutral reading. The look is a set of
ARKit amplitudes built from the facial action units of the Facial Action Coding System, together
with the way it changes speech articulation and how its intensity moves over time.

Sources: Scherer 2003, "Vocal communication of emotion" (prosody table); Ekman, Friesen and Hager
2002, FACS Investigator's Guide (prototypes of the basic emotions and of contempt).
"""

from __future__ import annotations

from dataclasses import dataclass, fields, replace

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import gaussian_filter1d

from imagineid.spec import ARKIT, EMOTIONS, FPS

Array = NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class Prosody:
    """What an emotion at strength 1 does to a neutral reading; all zeros and ones do nothing.

    Attributes:
        pitch_st: mean pitch shift, semitones.
        range_ratio: factor on the pitch's excursions around its mean.
        rate_ratio: factor on speaking rate; above 1 is faster.
        energy_db: mean level shift, dB.
        energy_ratio: factor on the level's excursions around its mean.
        tilt_db: change of spectral slope, dB per octave above 500 Hz; positive is brighter.
        breath: aspiration, -1 (pressed) .. 1 (whispery).
        jitter: irregularity of the pitch, relative standard deviation frame to frame.
        tremor_st: depth of a slow pitch wobble, semitones.
        slope_st: drift of pitch from start to end of each phrase, semitones.
        final_st: extra movement on the phrase's last third of a second, semitones.
        formant_ratio: factor on formant frequencies: spread lips raise, lowered corners lower.
    """

    pitch_st: float = 0.0
    range_ratio: float = 1.0
    rate_ratio: float = 1.0
    energy_db: float = 0.0
    energy_ratio: float = 1.0
    tilt_db: float = 0.0
    breath: float = 0.0
    jitter: float = 0.0
    tremor_st: float = 0.0
    slope_st: float = 0.0
    final_st: float = 0.0
    formant_ratio: float = 1.0

    def scaled(self, strength: float) -> Prosody:
        """The same emotion felt ``strength`` (0..1) as much; ratios are scaled in log."""
        values: dict[str, float] = {}
        for field in fields(self):
            value = float(getattr(self, field.name))
            is_ratio = field.name.endswith("_ratio")
            values[field.name] = value**strength if is_ratio else value * strength
        return replace(self, **values)


PROSODY: dict[str, Prosody] = {
    "neutral": Prosody(),
    "angry": Prosody(1.5, 1.3, 1.15, 7.0, 1.45, 5.0, -0.9, 0.012, 0.0, -2.0, -3.0, 0.97),
    "contempt": Prosody(-1.5, 0.45, 0.86, -1.0, 0.8, 2.5, -0.5, 0.004, 0.0, -6.0, -1.0, 1.01),
    "disgusted": Prosody(-3.0, 1.3, 0.74, 1.0, 1.3, -0.8, 0.1, 0.04, 0.0, -2.0, -5.0, 0.95),
    "fear": Prosody(6.0, 0.7, 1.25, -2.0, 0.85, 1.0, 0.6, 0.02, 1.0, 2.0, 0.5, 1.03),
    "happy": Prosody(4.0, 1.9, 1.1, 3.0, 1.15, 2.5, -0.2, 0.0, 0.0, 0.0, 1.5, 1.09),
    "sad": Prosody(-2.5, 0.4, 0.74, -6.0, 0.65, -4.5, 0.6, 0.004, 0.3, -1.5, -1.0, 0.97),
    "surprised": Prosody(6.5, 2.1, 0.9, 3.0, 1.1, 0.5, 0.45, 0.0, 0.0, 6.0, 6.5, 1.0),
}
"""Prosody of each emotion at strength 1, in the order of :data:`imagineid.spec.EMOTIONS`."""

_BOTH = ("Left", "Right")

_FACE: dict[str, dict[str, float]] = {
    "neutral": {},
    "angry": {
        "browDown*": 0.85,
        "eyeSquint*": 0.4,
        "eyeWide*": 0.15,
        "noseSneer*": 0.35,
        "cheekSquint*": 0.15,
        "mouthPress*": 0.25,
        "mouthFrown*": 0.25,
        "mouthUpperUp*": 0.12,
        "mouthLowerDown*": 0.12,
        "jawForward": 0.2,
    },
    "contempt": {
        "mouthSmileLeft": 0.4,
        "mouthDimpleLeft": 0.55,
        "mouthUpperUpLeft": 0.12,
        "mouthPressLeft": 0.2,
        "mouthLeft": 0.15,
        "cheekSquintLeft": 0.25,
        "eyeSquint*": 0.3,
        "browDownLeft": 0.3,
        "browOuterUpRight": 0.4,
        "noseSneerLeft": 0.15,
    },
    "disgusted": {
        "noseSneer*": 0.85,
        "mouthUpperUp*": 0.4,
        "browDown*": 0.5,
        "eyeSquint*": 0.5,
        "cheekSquint*": 0.45,
        "mouthFrown*": 0.35,
        "mouthShrugLower": 0.25,
        "mouthLowerDown*": 0.1,
    },
    "fear": {
        "browInnerUp": 0.85,
        "browOuterUp*": 0.4,
        "browDown*": 0.2,
        "eyeWide*": 0.75,
        "mouthStretch*": 0.5,
        "mouthLowerDown*": 0.15,
        "jawOpen": 0.04,
    },
    "happy": {
        "mouthSmile*": 0.7,
        "cheekSquint*": 0.6,
        "eyeSquint*": 0.3,
        "mouthDimple*": 0.2,
        "mouthUpperUp*": 0.12,
        "browOuterUp*": 0.12,
    },
    "sad": {
        "browInnerUp": 0.75,
        "browDown*": 0.2,
        "mouthFrown*": 0.6,
        "mouthShrugLower": 0.3,
        "eyeSquint*": 0.25,
        "mouthPress*": 0.08,
    },
    "surprised": {
        "browInnerUp": 0.75,
        "browOuterUp*": 0.85,
        "eyeWide*": 0.7,
        "jawOpen": 0.08,
        "mouthFunnel": 0.06,
    },
}

JAW_RATIO: dict[str, float] = {
    "neutral": 1.0,
    "angry": 1.25,
    "contempt": 0.8,
    "disgusted": 0.95,
    "fear": 1.0,
    "happy": 1.12,
    "sad": 0.78,
    "surprised": 1.25,
}
"""How much wider or narrower each emotion opens the jaw while speaking, at strength 1."""


def face(emotion: str) -> Array:
    """ARKit amplitudes of an emotion at its height.

    Args:
        emotion: one of :data:`imagineid.spec.EMOTIONS`.

    Returns:
        (52,), in [0, 1]. Contempt is drawn on the left; :func:`mirrored` swaps the sides.

    Raises:
        ValueError: the emotion is unknown.
    """
    if emotion not in EMOTIONS:
        raise ValueError(f"unknown emotion {emotion!r}; known: {', '.join(EMOTIONS)}")
    out = np.zeros(len(ARKIT), np.float32)
    for name, value in _FACE[emotion].items():
        sides = [name[:-1] + side for side in _BOTH] if name.endswith("*") else [name]
        for unit in sides:
            out[ARKIT.index(unit)] = value
    return out


def mirrored(units: Array) -> Array:
    """Swap left and right of ARKit units (..., 52)."""
    order = list(range(len(ARKIT)))
    for i, name in enumerate(ARKIT):
        if name.endswith("Left"):
            order[i] = ARKIT.index(name[: -len("Left")] + "Right")
        elif name.endswith("Right"):
            order[i] = ARKIT.index(name[: -len("Right")] + "Left")
    return units[..., order]


def intensity(strength: float, stress: Array, speaking: Array, rng: np.random.Generator) -> Array:
    """How strongly an emotion shows on the face, frame by frame.

    It fades in over the first half second, wanders slowly, rises on stressed syllables and
    relaxes in pauses and at the end.

    Args:
        strength: 0..1.
        stress: (T,), 0..1, how stressed the syllable at each frame is.
        speaking: (T,), 1 where someone speaks, 0 in silence.
        rng: source of the slow wander.

    Returns:
        (T,), in [0, 1].
    """
    frames = len(stress)
    if frames == 0:
        return np.zeros(0, np.float32)
    t = np.arange(frames) / FPS
    wander = gaussian_filter1d(rng.standard_normal(frames + 100), 15.0, mode="wrap")[:frames]
    wander *= 0.09 / 0.137  # white noise through a 15-frame Gaussian has deviation 0.137
    onset = 1.0 - np.exp(-(t + 0.25) / 0.3)
    ending = 1.0 - 0.3 * np.exp(-(t[-1] - t) / 0.4)
    voiced = gaussian_filter1d(speaking.astype(np.float64), 5.0, mode="nearest")
    peaks = gaussian_filter1d(stress.astype(np.float64), 2.5, mode="nearest")
    level = 0.62 + 0.18 * voiced + 0.35 * peaks + wander
    return np.asarray(np.clip(strength * level * onset * ending, 0.0, 1.0), np.float32)
