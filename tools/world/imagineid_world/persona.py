"""Give a base voice another body and another mood: analyse, change, synthesise.

WORLD splits a sentence into pitch, spectral envelope and aperiodicity every 5 ms. Pitch is moved
to the speaker's, the envelope is warped along frequency by the ratio of vocal tracts, tilt, breath
and level are set, time is stretched phone by phone, and the emotion's prosody is laid over all.

Source: Morise, Yokomori and Ozawa 2016, "WORLD: a vocoder-based high-quality speech synthesis
system for real-time applications".
"""

from __future__ import annotations

import importlib.metadata
import importlib.util
import sys
import types
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import gaussian_filter1d

from imagineid.spec import SAMPLE_RATE
from imagineid_world.articulation import VOWELS, Phone
from imagineid_world.bank import Line
from imagineid_world.emotions import PROSODY, Prosody
from imagineid_world.people import Traits

Doubles = NDArray[np.float64]

STEP_S = 0.005
_BINS = 513
_HZ = np.linspace(0.0, SAMPLE_RATE / 2, _BINS)
_OCTAVES = np.log2(np.maximum(_HZ, 500.0) / 500.0)
PLAIN = Prosody()
_PLAIN_RANGE_ST = 2.3
_PLAIN_PHONES_PER_S = 12.5
TRACT = {False: 0.87, True: 1.0}
"""Vocal tract length of the average woman (False) and man (True), over a man's."""


def _world() -> Any:
    """WORLD's bindings; they ask for pkg_resources, which newer setuptools no longer has."""
    if "pkg_resources" not in sys.modules and not importlib.util.find_spec("pkg_resources"):
        stand_in = types.ModuleType("pkg_resources")
        version = types.SimpleNamespace(version=importlib.metadata.version("pyworld"))
        stand_in.get_distribution = lambda _: version  # type: ignore[attr-defined]
        sys.modules["pkg_resources"] = stand_in
    import pyworld

    return pyworld


@dataclass(frozen=True, slots=True)
class Analysed:
    """A sentence in WORLD's terms, every 5 ms.

    Attributes:
        f0: (T,), Hz, 0 where unvoiced.
        log_power: (T, 513), natural log of the power envelope, 0 to 8 kHz.
        noise: (T, 513), aperiodicity, 0 (periodic) .. 1 (noise).
        phones: names with start and end in seconds.
        text: what is said.
    """

    f0: Doubles
    log_power: Doubles
    noise: Doubles
    phones: list[Phone]
    text: str


def analyse(line: Line) -> Analysed:
    """Split a sentence into pitch, envelope and aperiodicity."""
    world = _world()
    wave = line.wave.astype(np.float64)
    rough, times = world.dio(
        wave, SAMPLE_RATE, f0_floor=60.0, f0_ceil=480.0, frame_period=STEP_S * 1000
    )
    f0 = world.stonemask(wave, rough, times, SAMPLE_RATE)
    power = world.cheaptrick(wave, f0, times, SAMPLE_RATE, fft_size=2 * (_BINS - 1))
    noise = world.d4c(wave, f0, times, SAMPLE_RATE, fft_size=2 * (_BINS - 1))
    log_power = np.log(np.maximum(power, 1e-14))
    loud = log_power.max(axis=1)
    f0 = np.where(loud > loud.max() - 13.0, f0, 0.0)  # 56 dB down, a pitch is imagined
    return Analysed(f0, log_power, noise, line.phones, line.text)


def pitch_track(wave: NDArray[np.float32]) -> Doubles:
    """Return the fundamental frequency of a recording's voiced moments, (T,) Hz."""
    world = _world()
    wide = wave.astype(np.float64)
    rough, times = world.dio(
        wide, SAMPLE_RATE, f0_floor=60.0, f0_ceil=480.0, frame_period=STEP_S * 1000
    )
    f0 = np.asarray(world.stonemask(wide, rough, times, SAMPLE_RATE))
    return f0[f0 > 0]


@dataclass(frozen=True, slots=True)
class Source:
    """What is known of a base voice: pitch in Hz, vocal tract over a man's, tilt in dB/octave."""

    pitch_hz: float
    vtl: float
    tilt_db: float


def vowel_spectrum(spoken: Sequence[Analysed]) -> Doubles:
    """Mean log power of a voice's vowels, (513,), from the calibration sentences."""
    rows = []
    for one in spoken:
        for name, start, end in one.phones:
            if name in VOWELS:
                middle = int((start + end) / 2 / STEP_S)
                if middle < len(one.f0) and one.f0[middle] > 0:
                    row = one.log_power[middle]
                    rows.append(row - row[8:256].mean())
    return np.asarray(np.mean(rows, axis=0)) if rows else np.zeros(_BINS)


def tilt_of(spectrum: Doubles) -> float:
    """Slope of a log power spectrum between 500 and 7000 Hz, dB per octave."""
    inside = (_HZ >= 500) & (_HZ <= 7000)
    slope = np.polyfit(np.log2(_HZ[inside]), spectrum[inside], 1)[0]
    return float(slope * 10 / np.log(10))


def tract_ratio(spectrum: Doubles, reference: Doubles) -> float:
    """Vocal tract of ``spectrum``'s voice over ``reference``'s, 0.86..1.16: the best warp."""
    grid = np.geomspace(250.0, 5500.0, 300)
    weights = np.hanning(300) + 0.2

    def shape(hz: Doubles, log_power: Doubles) -> Doubles:
        row = gaussian_filter1d(np.interp(hz, _HZ, log_power), 5.0)
        row = row - np.polyval(np.polyfit(np.log(grid), row, 2), np.log(grid))
        return np.asarray(row / (row.std() + 1e-9))

    still = shape(grid, reference)
    ratios = np.exp(np.linspace(np.log(0.86), np.log(1.16), 61))
    fits = [float((weights * still * shape(grid / r, spectrum)).sum()) for r in ratios]
    penalty = weights.sum() * 0.5 * (np.log(ratios) / 0.12) ** 2 * 0.1
    return float(ratios[int(np.argmax(np.array(fits) - penalty))])


def pitch_of(spoken: Sequence[Analysed]) -> float:
    """Median pitch of a voice, Hz."""
    f0 = np.concatenate([one.f0 for one in spoken])
    voiced = f0[f0 > 0]
    return float(np.median(voiced)) if len(voiced) else 150.0


def of_age(age: float) -> Prosody:
    """How age alone sounds beside pitch and size: children drawl, old voices shake."""
    old = float(np.clip((age - 50) / 32, 0, 1))
    child = float(np.clip((14 - age) / 9, 0, 1))
    return Prosody(
        range_ratio=1 + 0.15 * child - 0.1 * old,
        rate_ratio=float(np.interp(age, [5, 14, 20, 45, 90], [0.85, 1.0, 1.07, 1.0, 0.78])),
        energy_db=-1.5 * old,
        tilt_db=float(np.interp(age, [5, 18, 45, 90], [1.5, 1.2, 0.0, -2.4])),
        breath=0.15 * child + 0.3 * old,
        jitter=0.015 * old,
        tremor_st=0.45 * old,
    )


def manner(rng: np.random.Generator) -> Prosody:
    """The neutral speaking style of a speaker: slower or faster, flatter or livelier, creaky.

    Real people differ in this far more than base voices do, which all read alike. A model trained
    only on those takes a slow, low reading for disgust, and a bright, lively one for surprise.

    Args:
        rng: source of the habits; about every other speaker has hardly any.
    """
    much = rng.random()

    def habit(spread: float) -> float:
        return float(much * np.clip(rng.normal(), -2, 2) * spread)

    return Prosody(
        range_ratio=float(np.exp(habit(0.4))),
        rate_ratio=float(np.exp(habit(0.18))),
        energy_ratio=float(np.exp(habit(0.25))),
        tilt_db=habit(1.2),
        jitter=abs(habit(0.015)),
        slope_st=habit(2.0),
        final_st=habit(2.5),
    )


def _stretched(
    phones: Sequence[Phone], rate: float, pause: float
) -> tuple[list[Phone], Doubles, Doubles]:
    """New phone times, and the map as (new edges, old edges), seconds.

    Slowing down lengthens vowels more than consonants; ``pause`` scales silences further.
    """
    out: list[Phone] = []
    new, old = [0.0], [0.0]
    clock = 0.0
    for name, start, end in phones:
        power = 1.2 if name in VOWELS else 1.0 if name == "SIL" else 0.8
        factor = rate**-power * (pause if name == "SIL" else 1.0)
        gap = max(start - old[-1], 0.0)
        begin = clock + gap
        clock = begin + (end - max(start, old[-1])) * factor
        out.append((name, begin, clock))
        for a, b in ((begin, max(start, old[-1])), (clock, end)):
            if b > old[-1]:
                new.append(a)
                old.append(b)
    return out, np.array(new), np.array(old)


def _contour(
    f0: Doubles,
    phones: Sequence[Phone],
    base_hz: float,
    target_hz: float,
    mood: Prosody,
    rng: np.random.Generator,
) -> Doubles:
    """The new pitch, (T,), Hz, 0 where unvoiced."""
    t = np.arange(len(f0)) * STEP_S
    voiced = f0 > 0
    if not voiced.any():
        return np.zeros_like(f0)
    raw = 12 * np.log2(np.where(voiced, f0, 1.0) / base_hz)
    excursion = np.interp(t, t[voiced], np.clip(raw[voiced], -9.0, 9.0))
    # A lively reading is calmed and a flat one livened, so that range expresses the emotion.
    excursion *= np.clip(_PLAIN_RANGE_ST / (excursion[voiced].std() + 0.1), 0.5, 1.7)
    shift = np.full(len(f0), mood.pitch_st)
    begins = [b for (n, _, b) in phones if n == "SIL"] or [0.0]
    ends = [a for (n, a, _) in phones if n == "SIL"][1:] + [phones[-1][2]]
    for begin, end in zip(begins, ends, strict=False):
        if end - begin > 0.3:
            inside = (t >= begin) & (t < end)
            along = (t[inside] - begin) / (end - begin)
            last = np.clip(1 - (end - t[inside]) / 0.35, 0.0, 1.0)
            shift[inside] += mood.slope_st * (along - 0.5) + mood.final_st * last**1.5
    phase = rng.uniform(0, 2 * np.pi)
    wobble = 5.5 + gaussian_filter1d(rng.standard_normal(len(f0)), 40.0) * 4
    shift += mood.tremor_st * np.sin(2 * np.pi * np.cumsum(wobble) * STEP_S + phase)
    shift += 12 / np.log(2) * mood.jitter * rng.standard_normal(len(f0))
    wander = gaussian_filter1d(rng.standard_normal(len(f0) + 400), 60.0)[200:-200]
    shift += wander * 0.35 / 0.07
    hz = target_hz * 2 ** ((excursion * mood.range_ratio + gaussian_filter1d(shift, 0.6)) / 12)
    return np.where(voiced, np.clip(hz, 55.0, 620.0), 0.0)


def combine(first: Prosody, second: Prosody) -> Prosody:
    """Both at once: shifts add, ratios multiply."""
    values = {}
    for name in Prosody.__dataclass_fields__:
        a, b = float(getattr(first, name)), float(getattr(second, name))
        values[name] = a * b if name.endswith("_ratio") else a + b
    return Prosody(**values)


def speak(
    spoken: Analysed,
    source: Source,
    traits: Traits,
    emotion: str,
    strength: float,
    rng: np.random.Generator,
    habits: Prosody = PLAIN,
) -> tuple[NDArray[np.float32], list[Phone]]:
    """A sentence in another person's voice and mood.

    Args:
        spoken: the base voice's sentence.
        source: what is known of the base voice.
        traits: the wanted speaker.
        emotion: one of :data:`imagineid.spec.EMOTIONS`.
        strength: 0..1.
        rng: source of tremor, jitter and small wanderings.
        habits: how the speaker reads anyway, see :func:`manner`.

    Returns:
        The wave, (N,), in [-1, 1] at 16 kHz, and its phones in seconds.
    """
    mood = combine(combine(PROSODY[emotion].scaled(strength), of_age(traits.age)), habits)
    sounds = [b - a for n, a, b in spoken.phones if n != "SIL"]
    even = float(np.clip(_PLAIN_PHONES_PER_S * sum(sounds) / len(sounds), 0.75, 1.3))
    rate = float(np.clip(even * mood.rate_ratio * np.exp(rng.normal(0, 0.04)), 0.5, 1.7))
    phones, new, old = _stretched(spoken.phones, rate, float(rng.uniform(0.8, 1.5)))
    frames = int(phones[-1][2] / STEP_S) + 1
    at = np.interp(np.arange(frames) * STEP_S, new, old) / STEP_S
    at = np.clip(at, 0, len(spoken.f0) - 1)
    low = at.astype(int)
    high, part = np.minimum(low + 1, len(spoken.f0) - 1), (at - low)[:, None]
    log_power = spoken.log_power[low] * (1 - part) + spoken.log_power[high] * part
    noise = spoken.noise[low] * (1 - part) + spoken.noise[high] * part
    nearest = np.where(part[:, 0] < 0.5, low, high)
    f0 = _contour(spoken.f0[nearest], phones, source.pitch_hz, traits.pitch_hz, mood, rng)

    warp = traits.vtl / source.vtl / mood.formant_ratio
    column = np.clip(np.arange(_BINS) * warp, 0, _BINS - 1)
    lower = column.astype(int)
    right, across = np.minimum(lower + 1, _BINS - 1), column - lower
    log_power = log_power[:, lower] * (1 - across) + log_power[:, right] * across
    noise = noise[:, lower] * (1 - across) + noise[:, right] * across

    loud = np.log(np.exp(log_power).sum(axis=1) + 1e-12)
    audible = loud > loud.max() - 7.0
    mean = float(loud[audible].mean())
    gain = np.clip((mood.energy_ratio - 1) * (loud - mean), -1.6, 1.6)
    gain = np.where(audible, gain, np.minimum(gain, 0))
    rough = min(mood.jitter / 0.035, 1.0) * 0.35
    gain += rough * np.where(f0 > 0, rng.standard_normal(frames), 0.0)
    breath = float(np.clip(0.8 * traits.breath + mood.breath, -1.0, 1.2))
    tilt = float(
        np.clip(
            source_correction(source) + 2.2 * traits.tilt + mood.tilt_db - 1.0 * max(breath, 0.0),
            -9.0,
            9.0,
        )
    )
    slope = tilt * np.log(10) / 10 * (_OCTAVES - 1.5)
    log_power = log_power + gaussian_filter1d(gain, 1.0)[:, None] + slope
    if breath > 0:
        airy = np.clip((_HZ - 400.0) / 2600.0, 0.0, 1.0)
        noise = noise + (1 - noise) * 0.65 * min(breath, 1.0) * airy
        log_power = (
            log_power
            + 1.2
            * breath
            * np.exp(-((_HZ / np.clip(traits.pitch_hz, 80, 350) - 1) ** 2) / 0.18)
            * (f0 > 0)[:, None]
        )
    else:
        noise = np.where(f0[:, None] > 0, noise ** (1 - 1.5 * breath), noise)
    wave = _world().synthesize(
        np.ascontiguousarray(f0),
        np.exp(np.ascontiguousarray(log_power)),
        np.clip(np.ascontiguousarray(noise), 1e-4, 1 - 1e-4),
        SAMPLE_RATE,
        STEP_S * 1000,
    )
    return _levelled(wave, -24.0 + mood.energy_db + float(rng.normal(0, 1.5))), phones


def source_correction(source: Source) -> float:
    """Return the dB per octave that bring a base voice to the common tilt of -9 dB per octave."""
    return float(np.clip(-9.0 - source.tilt_db, -4.0, 4.0))


def _levelled(wave: Doubles, level_db: float) -> NDArray[np.float32]:
    """Set the level of the speech in ``wave``, dB below full scale, and keep peaks in range."""
    blocks = wave[: len(wave) // 320 * 320].reshape(-1, 320)
    energy = (blocks**2).mean(axis=1)
    active = energy[energy > energy.max() * 1e-3]
    gain = 10 ** (level_db / 20) / np.sqrt(active.mean() + 1e-12)
    out = wave * gain
    over = np.abs(out) > 0.7  # bend peaks instead of cutting them
    bent = np.sign(out) * (0.7 + 0.28 * np.tanh((np.abs(out) - 0.7) / 0.28))
    return np.asarray(np.where(over, bent, out), np.float32)
