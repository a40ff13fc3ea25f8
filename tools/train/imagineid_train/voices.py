"""The world's voices as training data: mel windows, curves, speakers, emotions.

Mels are computed once for a clean and a few recorded versions of each utterance and kept beside
the checkpoints; windows are cut from them.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from imagineid.audio import mel_edges_hz, mel_spectrogram
from imagineid.spec import FPS, FRAME_SAMPLES, HOP_SAMPLES, MEL_FRAMES, MELS, SAMPLE_RATE
from imagineid_train.data import VOICES, fresh, mapped
from imagineid_train.loop import ROOT
from imagineid_train.sound import coloured_noise, music, recorded
from imagineid_world.people import Traits, load_tie, shape

MELS_A_SECOND = SAMPLE_RATE // HOP_SAMPLES
PITCH, TRACT = 2, 3
"""Columns of the traits that a stretch of frequencies changes."""

WARP, WARP_MUCH = 0.03, 0.09
"""Most a window's frequencies are stretched, as a logarithm: about one speaker's difference; and
three, where it does not matter who speaks."""

DB_A_UNIT = 12.5
"""Decibels that one step of A stands for."""

BREATHE, PAUSE_FRAMES = 0.4, 5
"""Share of windows in which a pause of so many frames is not still."""

VERSIONS = 4
"""Recordings of each utterance: one clean, the others through :func:`recorded`."""


@dataclass
class Voices:
    """One split: everything along one time axis, cut at ``bounds``.

    Attributes:
        mels: (VERSIONS, T, 80) float16, four mel frames and a fifth a video frame apart.
        content, full: (F, 52) float32 curves; phone: (F,) int64.
        bounds: (U + 1,) first video frame of each utterance; mel_bounds the same in mel frames.
        speaker, emotion: (U,) int64; traits (U, 6); shapes (U, 80) float32.
    """

    mels: np.ndarray
    content: np.ndarray
    full: np.ndarray
    phone: np.ndarray
    bounds: np.ndarray
    mel_bounds: np.ndarray
    speaker: np.ndarray
    emotion: np.ndarray
    traits: np.ndarray
    shapes: np.ndarray

    @classmethod
    def open(cls, split: str) -> Voices:
        """Open ``split``, computing the mels of shards not seen before.

        Raises:
            FileNotFoundError: there is none yet.
        """
        paths = sorted((VOICES / split).glob("voices-*.npz"))
        if not paths:
            raise FileNotFoundError(
                f"No voices under {VOICES / split}. Make them: python -m imagineid_world.voices"
            )
        parts = []
        for path in paths:
            cache = ROOT / "mels" / split / path.name
            shard = mapped(path)
            if not fresh(cache, path):
                cache.parent.mkdir(parents=True, exist_ok=True)
                temporary = cache.with_suffix(".part.npz")
                np.savez(temporary, **_hear(shard, seed=hash_of(path.name)))
                temporary.replace(cache)
            parts.append(shard | mapped(cache))
        return cls._join(parts)

    @classmethod
    def _join(cls, parts: list[dict[str, np.ndarray]]) -> Voices:
        def offsets(name: str) -> np.ndarray:
            total, out = 0, [np.zeros(1, np.int64)]
            for p in parts:
                out.append(np.asarray(p[name][1:], np.int64) + total)
                total += int(p[name][-1])
            return np.concatenate(out)

        def all_of(name: str, dtype: type) -> np.ndarray:
            return np.concatenate([np.asarray(p[name]) for p in parts]).astype(dtype)

        traits = all_of("traits", np.float32)
        speaker = all_of("speaker", np.int64)
        by_speaker, tie = {}, load_tie()
        for who, what in zip(speaker, traits, strict=True):
            if who not in by_speaker:
                seeded = np.random.default_rng(int(who))
                by_speaker[who] = shape(_traits(what), seeded, tie)
        return cls(
            mels=np.concatenate([np.asarray(p["mels"]) for p in parts], axis=1),
            content=all_of("content", np.float32),
            full=all_of("full", np.float32),
            phone=all_of("phone", np.int64),
            bounds=offsets("frame_offsets"),
            mel_bounds=offsets("mel_offsets"),
            speaker=speaker,
            emotion=all_of("emotion", np.int64),
            traits=traits,
            shapes=np.stack([by_speaker[w] for w in speaker]).astype(np.float32),
        )

    def __len__(self) -> int:
        return len(self.speaker)

    def heard(self, utterance: int, first: int, version: int, frames: int) -> np.ndarray:
        """Return the mel frames under ``frames`` video frames from ``first``, (T, 80)."""
        low, high = self.mel_bounds[utterance], self.mel_bounds[utterance + 1]
        start = low + MELS_A_SECOND * first // FPS
        at = np.minimum(start + np.arange(mels_under(frames)), high - 1)
        return self.mels[version, at].astype(np.float32)


def mels_under(frames: int) -> int:
    """Return how many mel frames ``frames`` video frames hear."""
    return MELS_A_SECOND * (frames - 1) // FPS + MEL_FRAMES


def windowed(mels: np.ndarray, frames: int) -> np.ndarray:
    """Cut mel frames (B, T, 80) into A, (B, frames, 1280)."""
    at = (MELS_A_SECOND * np.arange(frames) // FPS)[:, None] + np.arange(MEL_FRAMES)
    cut = mels[:, at]  # (B, frames, 16, 80)
    return cut.transpose(0, 1, 3, 2).reshape(len(mels), frames, MELS * MEL_FRAMES)


def floored(rng: np.random.Generator, mels: np.ndarray) -> np.ndarray:
    """Lay a steady noise under half of the mel frames (B, T, 80): no real pause is empty."""
    loud = np.percentile(mels, 95, axis=(1, 2), keepdims=True)
    under = rng.uniform(15, 65, loud.shape) / DB_A_UNIT
    slope = rng.uniform(-12, 4, loud.shape) / DB_A_UNIT * np.linspace(0, 1, MELS)
    ripple = np.cumsum(rng.normal(0, 0.08, (len(mels), 1, MELS)), axis=2)
    noise = loud - under + slope + ripple + rng.normal(0, 0.3, mels.shape)
    some = rng.random(loud.shape) < 0.5
    out: np.ndarray = np.where(some, np.maximum(mels, noise), mels)
    return out


def breathed(rng: np.random.Generator, mels: np.ndarray, phone: np.ndarray) -> np.ndarray:
    """Let some speakers breathe in or smack their lips in a pause; their mouths rest all the same.

    Args:
        rng: source of what is heard.
        mels: (B, T, 80) in [-4, 4].
        phone: what is said in each video frame, (B, F); 0 is nothing.
    """
    out = mels.copy()
    loud = np.percentile(mels, 95, axis=(1, 2))
    for row in np.flatnonzero(rng.random(len(mels)) < BREATHE):
        pauses = _runs(phone[row] == 0, PAUSE_FRAMES)
        if not pauses:
            continue
        first, last = pauses[int(rng.integers(len(pauses)))]
        wide = int(rng.integers(3, min(last - first, 14) + 1)) if rng.random() < 0.7 else 1
        begin = int(rng.integers(first, last - wide + 1))
        low, high = (MELS_A_SECOND * at // FPS for at in (begin, begin + wide))
        hump = np.sin(np.pi * (np.arange(high - low) + 0.5) / (high - low))[:, None]
        level = loud[row] - rng.uniform(15, 45) / DB_A_UNIT
        slope = rng.uniform(-12, 6) / DB_A_UNIT * np.linspace(0, 1, MELS)
        ripple = np.cumsum(rng.normal(0, 0.08, MELS))
        sigh = level + slope + ripple + 15 * np.log10(hump + 1e-3) / DB_A_UNIT
        sigh = sigh + rng.normal(0, 0.35, (high - low, MELS))
        out[row, low:high] = np.maximum(out[row, low:high], sigh)
    return out


def _runs(true: np.ndarray, least: int) -> list[tuple[int, int]]:
    """Return where ``true`` (F,) holds for at least ``least`` in a row: first and one past last."""
    edges = np.flatnonzero(np.diff(np.concatenate([[0], true.astype(np.int8), [0]])))
    return [(int(a), int(b)) for a, b in edges.reshape(-1, 2) if b - a >= least]


def _traits(row: np.ndarray) -> Traits:
    return Traits(*(float(v) for v in row))


def hash_of(text: str) -> int:
    """A number of ``text`` that is the same in every run."""
    out = 0
    for letter in text.encode():
        out = (out * 131 + letter) % 2**32
    return out


def _hear(shard: dict[str, np.ndarray], seed: int) -> dict[str, np.ndarray]:
    """Mels of every utterance in every version; each covers its video frames' windows."""
    rng = np.random.default_rng(seed)
    offsets, wave = shard["offsets"], shard["wave"]
    frames = np.diff(shard["frame_offsets"])
    needed = MELS_A_SECOND * frames // FPS + MEL_FRAMES + 1
    bounds = np.concatenate([[0], np.cumsum(needed)]).astype(np.int64)
    mels = np.zeros((VERSIONS, bounds[-1], MELS), np.float16)
    for i, count in enumerate(needed):
        clean = np.asarray(wave[offsets[i] : offsets[i + 1]], np.float32) / 32768
        after = np.zeros(count * HOP_SAMPLES - len(clean) + HOP_SAMPLES, np.float32)
        padded = np.concatenate([clean, after])
        other = np.asarray(wave[offsets[i - 1] : offsets[i]], np.float32) / 32768
        for version in range(VERSIONS):
            sound = padded if version == 0 else recorded(rng, padded, other)
            mels[version, bounds[i] : bounds[i + 1]] = mel_spectrogram(sound)[:count]
    return {"mels": mels, "mel_offsets": bounds}


def without_speech(rng: np.random.Generator, frames: int) -> np.ndarray:
    """A for ``frames`` frames in which nobody speaks: silence, noise, hum or music."""
    samples = frames * FRAME_SAMPLES + MEL_FRAMES * HOP_SAMPLES
    kind = rng.integers(4)
    if kind == 0:
        wave = np.zeros(samples, np.float32)
    elif kind == 1:
        wave = coloured_noise(rng, samples)
    elif kind == 2:
        wave = music(rng, samples)
    else:
        hum = np.sin(2 * np.pi * rng.choice([50, 60, 100, 120]) * np.arange(samples) / SAMPLE_RATE)
        wave = (hum + 0.2 * coloured_noise(rng, samples)).astype(np.float32)
    heard = mel_spectrogram(wave * np.float32(10 ** (-rng.uniform(20, 80) / 20)))
    return windowed(heard[None, : mels_under(frames)], frames)[0].astype(np.float32)


@dataclass
class Batch:
    """Windows of L frames: mel (B, L, 1280), curves (B, L, 52), and whose they are.

    ``shape`` (B, 80) is the speaker's face; ``likely`` the mean of all faces with such a voice,
    which is what the reconstruction of shape would come to with endless speakers.
    """

    mel_spectrogram: Tensor
    content: Tensor
    full: Tensor
    phone: Tensor
    speaker: Tensor
    emotion: Tensor
    traits: Tensor
    shape: Tensor
    likely: Tensor


def warped(mels: np.ndarray, stretch: np.ndarray) -> np.ndarray:
    """Stretch the frequencies of mel windows: the same speech from a smaller or larger body.

    Args:
        mels: (B, T, 80) in [-4, 4].
        stretch: factor on every frequency, (B,); 1.1 is a tenth higher.

    Source:
        Jaitly and Hinton 2013, vocal tract length perturbation.
    """
    edges = mel_edges_hz()[1:-1]  # the middle of each band
    wanted = np.interp(edges[None] / stretch[:, None], edges, np.arange(MELS))  # (B, 80)
    low = np.minimum(wanted.astype(np.int64), MELS - 2)
    share = (wanted - low).astype(np.float32)[:, None]
    below = np.take_along_axis(mels, low[:, None], axis=2)
    above = np.take_along_axis(mels, low[:, None] + 1, axis=2)
    out: np.ndarray = below * (1 - share) + above * share
    return out


class Windows:
    """Draws windows; every even row and the next one share their speaker (positive pairs).

    A share ``joined`` of them are the end of an utterance and the beginning of its partner's, with
    the pause between that sentences seldom have within them.
    """

    def __init__(
        self,
        voices: Voices,
        length: int,
        seed: int,
        augment: bool = True,
        warp: float = WARP,
        joined: float = 0.0,
    ) -> None:
        self.voices, self.length, self.augment, self.warp = voices, length, augment, warp
        self.joined = joined
        self.rng, self.tie = np.random.default_rng(seed), load_tie()
        self.long = np.flatnonzero(np.diff(voices.bounds) >= length)
        self.speakers = {
            s: self.long[voices.speaker[self.long] == s]
            for s in np.unique(voices.speaker[self.long])
        }

    def __call__(self, pairs: int) -> Batch:
        """Return ``2 * pairs`` windows; pairs share their speaker."""
        return self.batch(self.choose(pairs))

    def choose(self, pairs: int, same_emotion: bool = False) -> list[int]:
        """Draw utterances, ``2 * pairs``; pairs share speaker, or emotion if ``same_emotion``."""
        v, rng = self.voices, self.rng
        chosen: list[int] = []
        who = np.array(list(self.speakers))
        for _ in range(pairs):
            if same_emotion:
                first = rng.choice(self.long)
                second = rng.choice(self.long[v.emotion[self.long] == v.emotion[first]])
            else:
                first, second = rng.choice(self.speakers[rng.choice(who)], 2)
            chosen += [int(first), int(second)]
        return chosen

    def batch(self, utterances: list[int]) -> Batch:
        """Return one window of each of ``utterances``."""
        v, rng, n = self.voices, self.rng, self.length
        first = [int(rng.integers(v.bounds[u + 1] - v.bounds[u] - n + 1)) for u in utterances]
        version = rng.integers(VERSIONS, size=len(first)) if self.augment else [0] * len(first)
        mels = np.stack(
            [v.heard(u, f, int(k), n) for u, f, k in zip(utterances, first, version, strict=True)]
        )
        rows = np.stack([v.bounds[u] + f for u, f in zip(utterances, first, strict=True)])
        rows = rows[:, None] + np.arange(n)
        for i in np.flatnonzero(rng.random(len(first)) < self.joined):
            ending, beginning = utterances[i], utterances[i ^ 1]
            frames, cut = int(v.bounds[ending + 1] - v.bounds[ending]), int(rng.integers(8, n - 8))
            rows[i, :cut] = v.bounds[ending + 1] - cut + np.arange(cut)
            rows[i, cut:] = v.bounds[beginning] + np.arange(n - cut)
            before = v.heard(ending, frames - cut, 0, cut)[: MELS_A_SECOND * cut // FPS]
            after = v.heard(beginning, 0, 0, n)
            mels[i] = np.concatenate([before, after])[: mels.shape[1]]
        traits = v.traits[utterances].copy()
        if self.augment:
            stretch = np.exp(rng.uniform(-self.warp, self.warp, len(first)))
            mels = breathed(rng, floored(rng, warped(mels, stretch)), v.phone[rows])
            mels = np.clip(mels + rng.uniform(-0.6, 0.3, (len(first), 1, 1)), -4, 4)  # level
            traits[:, PITCH] *= stretch
            traits[:, TRACT] /= stretch
        return Batch(
            mel_spectrogram=torch.from_numpy(windowed(mels, n).astype(np.float32)),
            content=torch.from_numpy(v.content[rows]),
            full=torch.from_numpy(v.full[rows]),
            phone=torch.from_numpy(v.phone[rows]),
            speaker=torch.from_numpy(v.speaker[utterances]),
            emotion=torch.from_numpy(v.emotion[utterances]),
            traits=torch.from_numpy(traits),
            shape=torch.from_numpy(v.shapes[utterances]),
            likely=torch.from_numpy(np.stack([self.tie.expected(_traits(t)) for t in traits])),
        )
