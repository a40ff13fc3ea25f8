"""From timed phones to ARKit curves: where the mouth is while each sound is made.

Each phone has a target (how far each mouth unit moves for it) and a dominance (how strongly it
insists on each unit). Targets are blended by dominance functions that decay with distance in
time, after Cohen and Massaro 1993, "Modeling coarticulation in synthetic visual speech". Lip
closures (p b m) and lip-to-teeth contacts (f v) are then enforced: in at least one video frame of
each, the contact is complete, whatever its neighbours want.

All zeros is a neutral face with closed lips. Frame ``f`` shows the time ``(f + 0.5) / 25`` s.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import gaussian_filter1d

from imagineid.spec import ARKIT, FPS
from imagineid_world import emotions

Array = NDArray[np.float32]
Phone = tuple[str, float, float]
"""A phone's name, its start and its end in seconds."""

PHONES = (
    "SIL AA AE AH AO AW AY B CH D DH EH ER EY F G HH IH IY JH K L M N NG OW OY P R S SH T TH UH "
    "UW V W Y Z ZH"
).split()
"""Silence (index 0) and the 39 phones of the CMU set."""

VOWELS = frozenset("AA AE AH AO AW AY EH ER EY IH IY OW OY UH UW".split())
BILABIALS = frozenset("PBM")
LABIODENTALS = frozenset("FV")

_UNITS = (
    "jawOpen mouthFunnel mouthPucker mouthStretch mouthSmile mouthLowerDown mouthUpperUp "
    "mouthRollLower mouthRollUpper mouthPress mouthShrugUpper tongueOut jawForward"
).split()
_PAIRED = frozenset("mouthStretch mouthSmile mouthLowerDown mouthUpperUp mouthPress".split())
_OPENING = (
    "jawOpen",
    "mouthFunnel",
    "mouthStretch",
    "mouthLowerDown",
    "mouthUpperUp",
    "tongueOut",
    "mouthShrugUpper",
)

# jaw, funnel, pucker, stretch, smile, lower down, upper up,
# roll lower, roll upper, press, shrug upper, tongue out, jaw forward; in hundredths.
_TARGETS: dict[str, str] = {
    "SIL": "0 0 0 0 0 0 0 0 0 0 0 0 0",
    "AA": "55 7 0 5 0 28 14 0 0 0 0 0 0",
    "AE": "48 0 0 25 12 34 21 0 0 0 0 0 0",
    "AH": "32 5 0 7 0 23 10 0 0 0 0 0 0",
    "AO": "43 39 21 0 0 21 10 0 0 0 0 0 0",
    "EH": "34 0 0 18 12 30 17 0 0 0 0 0 0",
    "ER": "22 34 18 0 0 18 12 0 0 0 0 0 0",
    "IH": "22 0 0 21 14 26 14 0 0 0 0 0 0",
    "IY": "14 0 0 34 30 28 15 0 0 0 0 0 0",
    "O1": "34 46 32 0 0 16 7 0 0 0 0 0 0",
    "UH": "19 39 32 0 0 16 7 0 0 0 0 0 0",
    "UW": "12 46 71 0 0 9 5 0 0 0 0 0 0",
    "B": "5 0 0 0 0 0 0 16 14 34 0 0 0",
    "P": "5 0 0 0 0 0 0 20 17 42 0 0 0",
    "M": "5 0 0 0 0 0 0 12 11 26 0 0 0",
    "F": "9 0 0 4 0 0 22 58 0 0 8 0 0",
    "V": "9 0 0 3 0 0 18 50 0 0 6 0 0",
    "TH": "12 0 0 6 0 22 12 0 0 0 0 32 0",
    "DH": "12 0 0 6 0 20 11 0 0 0 0 24 0",
    "T": "9 0 0 10 4 20 11 0 0 0 0 4 0",
    "D": "10 0 0 9 4 20 11 0 0 0 0 4 0",
    "N": "10 0 0 8 3 18 9 0 0 0 0 4 0",
    "L": "15 0 0 6 3 20 10 0 0 0 0 13 0",
    "S": "5 0 0 24 14 28 15 0 0 0 0 0 3",
    "Z": "6 0 0 22 12 27 14 0 0 0 0 0 3",
    "SH": "8 48 26 0 0 24 18 0 0 0 0 0 10",
    "ZH": "9 46 24 0 0 22 16 0 0 0 0 0 9",
    "CH": "8 46 26 0 0 24 18 0 0 0 0 0 10",
    "JH": "9 44 24 0 0 22 16 0 0 0 0 0 9",
    "K": "15 0 0 6 2 17 8 0 0 0 0 0 0",
    "G": "15 0 0 5 2 16 8 0 0 0 0 0 0",
    "NG": "15 0 0 5 2 16 8 0 0 0 0 0 0",
    "HH": "19 0 0 4 0 15 7 0 0 0 0 0 0",
    "R": "12 32 24 0 0 15 10 0 0 0 0 0 0",
    "W": "10 41 80 0 0 7 3 0 0 0 0 0 0",
    "Y": "11 0 0 26 20 21 11 0 0 0 0 0 0",
}
_DIPHTHONGS = {
    "AW": ("AA", "UW"),
    "AY": ("AA", "IY"),
    "EY": ("EH", "IY"),
    "OW": ("O1", "UW"),
    "OY": ("AO", "IY"),
}

_FINE_HZ = 200
_REACH = np.full(len(_UNITS), 0.055)  # seconds in which a phone's hold on a unit fades to 1/e
_REACH[[1, 2]] = 0.085  # rounding spreads furthest
_REACH[0] = 0.060
_CLOSURE_S = 0.042
"""How far from a contact's hold the lips are still mostly together, seconds."""


def _target(name: str) -> NDArray[np.float64]:
    return np.array(_TARGETS[name].split(), np.float64) / 100.0


def _dominance(name: str) -> NDArray[np.float64]:
    """How strongly a phone insists on each unit, (13,), 0..1."""
    out = np.full(len(_UNITS), 0.55)
    rounding = [1, 2]
    if name == "SIL":
        out[:] = 0.5
    elif name in BILABIALS:
        out[:] = 1.0
        out[rounding], out[0] = 0.10, 0.75
    elif name in LABIODENTALS:
        out[[5, 6, 7, 8, 9]] = 1.0
        out[rounding], out[0] = 0.12, 0.6
    elif name in ("W", "UW"):
        out[rounding] = 1.0
    elif name in ("SH", "ZH", "CH", "JH"):
        out[rounding], out[0] = 0.8, 0.7
    elif name in ("S", "Z"):
        out[rounding], out[0] = 0.25, 0.8
    elif name in ("T", "D", "N", "L", "TH", "DH"):
        out[rounding], out[0] = 0.10, 0.4
        out[11] = 0.8
    elif name in ("K", "G", "NG", "HH"):
        out[:] = 0.15
    elif name in VOWELS or name == "O1":
        out[:] = 0.8
    out[11] = max(out[11], 0.4)
    return out


def _segments(phones: Sequence[Phone]) -> list[tuple[str, float, float, float]]:
    """Phones with diphthongs cut in two and the gain on each one's target."""
    out: list[tuple[str, float, float, float]] = []
    for name, start, end in phones:
        if name not in PHONES:
            raise ValueError(f"unknown phone {name!r}; known: {' '.join(PHONES)}")
        length = max(end - start, 1e-3)
        gain = 1.0
        if name in VOWELS:  # short vowels fall short of their target, long ones exceed it
            gain = float(np.clip(0.55 + 0.45 * (length / 0.11) ** 0.7, 0.55, 1.15))
        if name in _DIPHTHONGS:
            first, second = _DIPHTHONGS[name]
            cut = start + 0.58 * length
            out += [(first, start, cut, gain), (second, cut, end, 0.85)]
        else:
            out.append((name, start, end, gain))
    return out


def _gate(
    phones: Sequence[Phone], which: frozenset[str], centres: NDArray[np.float64]
) -> NDArray[np.float64]:
    """1 in the frames where a contact of ``which`` is held, falling smoothly around; (T,)."""
    gate = np.zeros(len(centres))
    for name, start, end in phones:
        if name not in which or len(centres) == 0:
            continue
        away = np.maximum(np.maximum(start - centres, centres - end), 0.0)
        near = np.exp(-((away / _CLOSURE_S) ** 2))
        near[int(np.argmin(np.abs(centres - 0.5 * (start + end))))] = 1.0
        gate = np.maximum(gate, near)
    return gate


def _blend(phones: Sequence[Phone], frames: int) -> NDArray[np.float64]:
    """Dominance-weighted targets at the frames' centres, (T, 13)."""
    count = max(int(np.ceil(frames * _FINE_HZ / FPS)), 1)
    t = (np.arange(count) + 0.5) / _FINE_HZ
    top = np.zeros((count, len(_UNITS)))
    bottom = np.full((count, len(_UNITS)), 1e-9)
    for name, start, end, gain in _segments(phones):
        target, weight = _target(name), _dominance(name)
        target = target * gain if gain != 1.0 else target
        reach = _REACH * (1.5 if name == "SIL" else 1.0)
        low = int(max((start - 0.6) * _FINE_HZ, 0))
        high = int(min((end + 0.6) * _FINE_HZ + 1, count))
        if high <= low:
            continue
        now = t[low:high]
        inset = 0.25 * (end - start)  # the hold is the middle half
        before = np.maximum(start + inset - now, 0.0)
        after = np.maximum(now - (end - inset), 0.0)
        # Anticipation reaches a little further than carry-over.
        away = (before / 1.2 + after)[:, None] / reach[None]
        hold = weight[None] * np.exp(-away)
        top[low:high] += hold * target[None]
        bottom[low:high] += hold
    fine = gaussian_filter1d(top / bottom, 0.018 * _FINE_HZ, axis=0, mode="nearest")
    centres = (np.arange(frames) + 0.5) / FPS
    return np.stack([np.interp(centres, t, column) for column in fine.T], axis=1)


def phone_index(phones: Sequence[Phone], frames: int) -> NDArray[np.int8]:
    """Index into :data:`PHONES` of the phone at each frame's centre, (T,); silence elsewhere."""
    out = np.zeros(frames, np.int8)
    centres = (np.arange(frames) + 0.5) / FPS
    for name, start, end in phones:
        out[(centres >= start) & (centres < end)] = PHONES.index(name)
    return out


def _stress(phones: Sequence[Phone], centres: NDArray[np.float64]) -> Array:
    """0..1 per frame: long vowels stand for stressed syllables."""
    out = np.zeros(len(centres), np.float32)
    for name, start, end in phones:
        if name in VOWELS:
            inside = (centres >= start) & (centres < end)
            out[inside] = np.clip((end - start - 0.06) / 0.12, 0.0, 1.0)
    return out


def _close(units: Array, closed: NDArray[np.float64], bitten: NDArray[np.float64]) -> Array:
    """Bring the lips together in ``closed`` frames and lip to teeth in ``bitten`` ones."""
    out = units.astype(np.float64)
    index = {name: i for i, name in enumerate(ARKIT)}

    def each(name: str) -> list[int]:
        return [index[name + s] for s in ("Left", "Right")] if name in _PAIRED else [index[name]]

    for name in _OPENING:
        floor = 0.06 if name == "jawOpen" else 0.0
        for i in each(name):
            out[:, i] = np.where(
                out[:, i] > floor, floor + (out[:, i] - floor) * (1 - closed), out[:, i]
            )
    for i in each("mouthLowerDown"):
        out[:, i] *= 1 - bitten
    jaw = index["jawOpen"]
    out[:, jaw] = np.minimum(out[:, jaw], 0.12 + (out[:, jaw] - 0.12) * (1 - bitten))
    out[:, index["mouthFunnel"]] *= 1 - 0.7 * bitten
    out[:, index["mouthRollLower"]] = np.maximum(out[:, index["mouthRollLower"]], 0.48 * bitten)
    for name, least in (("mouthPress", 0.22), ("mouthRollUpper", 0.08), ("mouthRollLower", 0.1)):
        for i in each(name):
            out[:, i] = np.maximum(out[:, i], least * closed)
    # mouthClose undoes the lips' share of the jaw: equal to jawOpen, the lips touch.
    out[:, index["mouthClose"]] = out[:, jaw] * closed
    return np.clip(out, 0.0, 1.0).astype(np.float32)


def curves(
    phones: Sequence[Phone],
    emotion: str,
    strength: float,
    rng: np.random.Generator,
    frames: int,
) -> tuple[Array, Array]:
    """The face that says ``phones``, plain and with an emotion.

    Args:
        phones: in order of time, seconds; gaps count as silence.
        emotion: one of :data:`imagineid.spec.EMOTIONS`.
        strength: 0..1, how strongly it is felt.
        rng: decides the emotion's slow wander and contempt's side; content never uses it.
        frames: T, video frames at 25 a second.

    Returns:
        ``content``: (T, 52) what the sounds alone ask of the mouth; all other units 0.
        ``full``: (T, 52) the same with the emotion's face; lips still close. Both in [0, 1].
        Neither holds blinks or gaze.

    Raises:
        ValueError: a phone or the emotion is unknown.
    """
    centres = (np.arange(frames) + 0.5) / FPS
    filled = with_silence(phones, frames / FPS)
    blended = _blend(filled, frames)
    plain = np.zeros((frames, len(ARKIT)), np.float32)
    for column, name in enumerate(_UNITS):
        sides = ("Left", "Right") if name in _PAIRED else ("",)
        for side in sides:
            plain[:, ARKIT.index(name + side)] = blended[:, column]
    closed = _gate(filled, BILABIALS, centres)
    bitten = _gate(filled, LABIODENTALS, centres) * (1 - closed)
    content = _close(plain, closed, bitten)

    shape = emotions.face(emotion)
    if emotion == "contempt" and rng.random() < 0.5:
        shape = emotions.mirrored(shape)
    speaking = (phone_index(filled, frames) > 0).astype(np.float32)
    level = emotions.intensity(strength, _stress(filled, centres), speaking, rng)
    added = level[:, None] * shape[None]
    talk = plain.copy()
    talk[:, ARKIT.index("jawOpen")] *= 1 + (emotions.JAW_RATIO[emotion] - 1) * level
    for side in ("Left", "Right"):  # a smile already spreads the lips: do not spread them twice
        smile = ARKIT.index("mouthSmile" + side)
        talk[:, smile] *= 1 - 0.6 * added[:, smile]
        frown = ARKIT.index("mouthFrown" + side)
        talk[:, smile] *= 1 - 0.8 * added[:, frown]
        talk[:, ARKIT.index("mouthPress" + side)] *= 1 - 0.5 * added[:, smile]
    for name in ("mouthPucker", "mouthFunnel"):  # and rounding pulls a smile in
        rounding = talk[:, ARKIT.index(name)]
        for side in ("Left", "Right"):
            added[:, ARKIT.index("mouthSmile" + side)] *= 1 - 0.45 * rounding
            added[:, ARKIT.index("mouthStretch" + side)] *= 1 - 0.6 * rounding
    full = _close(np.clip(talk + added, 0.0, 1.0), closed, bitten)
    return content, full


def with_silence(phones: Sequence[Phone], duration_s: float) -> list[Phone]:
    """The same phones with silence in every gap, from 0 to ``duration_s`` and half a second on."""
    out: list[Phone] = []
    clock = 0.0
    for name, start, end in phones:
        if start - clock > 0.02:
            out.append(("SIL", clock, start))
        out.append((name, start, end))
        clock = max(clock, end)
    out.append(("SIL", clock, max(duration_s, clock) + 0.5))
    return [("SIL", -0.5, 0.0), *out]


_ONSETS = (
    "B P M F V TH DH T D N L S Z SH CH JH K G HH R W Y".split(),
    (18, 20, 30, 18, 12, 6, 20, 40, 25, 30, 28, 34, 8, 10, 7, 8, 24, 10, 18, 24, 20, 8),
)
_CODAS = "N T D S Z M L K R P V NG F B TH CH SH JH ZH G".split()
_NUCLEI = "AA AE AH AO AW AY EH ER EY IH IY OW OY UH UW".split()
_NUCLEI_ODDS = np.array([7, 9, 20, 6, 3, 7, 9, 6, 6, 14, 10, 7, 1, 2, 6], np.float64)


def random_phones(rng: np.random.Generator, seconds: float) -> list[Phone]:
    """Plausible babble: syllables in words in phrases, with pauses; about ``seconds`` long.

    Args:
        rng: source of every choice.
        seconds: wanted length.

    Returns:
        Phones from 0 s on, silences included, ending at ``seconds``.
    """
    onsets = np.array(_ONSETS[1], np.float64)
    out: list[Phone] = []
    clock = 0.0

    def say(name: str, length: float) -> None:
        nonlocal clock
        end = min(clock + length, seconds)
        if end - clock > 0.02 or name == "SIL":
            out.append((name, clock, end))
            clock = end

    say("SIL", float(rng.uniform(0.1, 0.4)))
    while clock < seconds - 0.03:
        rate = float(rng.uniform(0.8, 1.25))
        for _ in range(int(rng.integers(3, 12))):
            stressed = rng.random() < 0.4
            if rng.random() < 0.88:
                name = str(rng.choice(_ONSETS[0], p=onsets / onsets.sum()))
                say(name, float(rng.uniform(0.045, 0.10)) / rate)
            vowel = str(rng.choice(_NUCLEI, p=_NUCLEI_ODDS / _NUCLEI_ODDS.sum()))
            long = 1.5 if stressed else 0.85
            say(vowel, float(rng.uniform(0.06, 0.12)) * long / rate)
            if rng.random() < 0.45:
                say(str(rng.choice(_CODAS)), float(rng.uniform(0.05, 0.10)) / rate)
            if clock >= seconds - 0.03:
                break
        say("SIL", float(rng.uniform(0.15, 0.6)))
    if out and out[-1][2] < seconds:
        name, start, _ = out[-1]
        out[-1] = (name, start, seconds)
    return out
