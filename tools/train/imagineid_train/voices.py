"""Made and recorded voices as training data: mel windows, curves, speakers, emotions.

Mels are computed once for a clean and a few recorded versions of each utterance and kept beside
the checkpoints; windows are cut from them.
"""

from __future__ import annotations

from dataclasses import dataclass, fields

import numpy as np
import torch
from torch import Tensor

from imagineid.audio import mel_spectrogram
from imagineid.spec import FPS, HOP_SAMPLES, MEL_FRAMES, MELS
from imagineid_train.data import RECORDINGS, VOICES, fresh, mapped, write_arrays
from imagineid_train.loop import ROOT, device
from imagineid_train.sound import recorded
from imagineid_train.spectrograms import (
    MELS_A_SECOND,
    breathed,
    floored,
    levelled,
    mels_under,
    warped,
    windowed,
)
from imagineid_world.people import Tie, Traits, load_tie, shape
from imagineid_world.recordings import FIRST_SPEAKER, KNOWN

AGE, PITCH, TRACT = 1, 2, 3
"""Columns of the traits; a stretch of frequencies changes the last two."""

ADULT = (24.0, 36.0, 48.0, 62.0)
"""Years of age that stand for a reader's whose age is not known."""

WARP, WARP_MUCH = 0.03, 0.09
"""Most a window's frequencies are stretched, as a logarithm: about one speaker's difference; and
three, where it does not matter who speaks."""

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
        known: (U, 4) bool, what is known: :data:`imagineid_world.recordings.KNOWN`.
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
    known: np.ndarray

    @classmethod
    def open(cls, split: str, recorded: bool = True) -> Voices:
        """Open ``split``, computing the mels of shards not seen before.

        Args:
            split: train, val or test.
            recorded: with the recordings beside the made voices, if there are any.

        Raises:
            FileNotFoundError: there are no made voices yet.
        """
        paths = sorted((VOICES / split).glob("voices-*.npz"))
        if not paths:
            raise FileNotFoundError(
                f"No voices under {VOICES / split}. Make them: python -m imagineid_world.voices"
            )
        if recorded:
            paths += sorted((RECORDINGS / split).glob("voices-*.npz"))
        parts = []
        for path in paths:
            cache = ROOT / "mels" / path.parent.parent.name / split / path.name
            shard = mapped(path)
            if not fresh(cache, path):
                write_arrays(cache, _hear(shard, hash_of(path.name)))
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
        everything = [np.ones((len(p["speaker"]), len(KNOWN)), bool) for p in parts]
        known = [p.get("known", whole) for p, whole in zip(parts, everything, strict=True)]
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
            known=np.concatenate(known).astype(bool),
        )

    def __len__(self) -> int:
        return len(self.speaker)

    @property
    def real(self) -> np.ndarray:
        """Which utterances were recorded, (U,) bool; the others are made."""
        return np.asarray(self.speaker >= FIRST_SPEAKER)

    def mel_of(self, utterance: int, first: int, version: int, frames: int) -> np.ndarray:
        """Return the mel frames under ``frames`` video frames from ``first``, (T, 80)."""
        low, high = self.mel_bounds[utterance], self.mel_bounds[utterance + 1]
        start = low + MELS_A_SECOND * first // FPS
        at = np.minimum(start + np.arange(mels_under(frames)), high - 1)
        return np.asarray(self.mels[version, at], np.float32)


def _traits(row: np.ndarray) -> Traits:
    return Traits(*(float(v) for v in row))


def _by(labels: np.ndarray, utterances: np.ndarray) -> dict[int, np.ndarray]:
    """Sort utterances by their label."""
    own = labels[utterances]
    return {int(label): utterances[own == label] for label in np.unique(own)}


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
            mels[version, bounds[i] : bounds[i + 1]] = mel_spectrogram(levelled(sound, len(clean)))[
                :count
            ]
    return {"mels": mels, "mel_offsets": bounds}


@dataclass
class Batch:
    """Windows of L frames: mel (B, L, 1280), curves (B, L, 52), and whose they are.

    ``shape`` (B, 80) is the speaker's face; ``likely`` the mean of all faces with such a voice,
    which is what the reconstruction of shape would come to with endless speakers. ``known`` (B, 4)
    says which of content, emotion, sex and age are; ``real`` (B,) which voices are recordings.
    """

    mel: Tensor
    content: Tensor
    full: Tensor
    phone: Tensor
    speaker: Tensor
    emotion: Tensor
    traits: Tensor
    shape: Tensor
    likely: Tensor
    known: Tensor
    real: Tensor

    def to(self, device: torch.device) -> Batch:
        """Return the same on another device."""
        return Batch(**{f.name: getattr(self, f.name).to(device) for f in fields(self)})


def expected(tie: Tie, traits: np.ndarray, known: np.ndarray) -> np.ndarray:
    """Return the mean face of speakers with these traits (6,), (80,).

    Where the age is not known, it is the mean over grown-up ages.
    """
    if known[KNOWN.index("age")]:
        return tie.expected(_traits(traits))
    faces = []
    for age in ADULT:
        traits = traits.copy()
        traits[AGE] = age
        faces.append(tie.expected(_traits(traits)))
    return np.asarray(np.mean(faces, axis=0), np.float32)


class Windows:
    """Draws windows; every even row and the next one share their speaker (positive pairs).

    A share ``joined`` of them are the end of an utterance and the beginning of its partner's, with
    the pause between that sentences seldom have within them. A share ``real`` of the pairs was
    recorded. ``knowing`` one of content, emotion, sex and age, only utterances of which it is known
    are drawn.
    """

    def __init__(
        self,
        voices: Voices,
        length: int,
        seed: int,
        augment: bool = True,
        warp: float = WARP,
        joined: float = 0.0,
        real: float = 0.5,
        knowing: str = "",
    ) -> None:
        self.voices, self.length, self.augment, self.warp = voices, length, augment, warp
        self.joined, self.real = joined, real
        self.rng, self.tie = np.random.default_rng(seed), load_tie()
        able = np.diff(voices.bounds) >= length
        if knowing:
            able &= voices.known[:, KNOWN.index(knowing)]
        self.long = np.flatnonzero(able)
        own = voices.real[self.long]
        self.halves = [half for half in (self.long[~own], self.long[own]) if len(half)]
        self.speakers = [_by(voices.speaker, half) for half in self.halves]
        self.emotions = [_by(voices.emotion, half) for half in self.halves]

    def __call__(self, pairs: int) -> Batch:
        """Return ``2 * pairs`` windows; pairs share their speaker."""
        return self.batch(self.choose(pairs)).to(device())

    def choose(self, pairs: int, same_emotion: bool = False) -> list[int]:
        """Draw utterances, ``2 * pairs``; pairs share speaker, or emotion if ``same_emotion``."""
        rng, chosen = self.rng, []
        groups = self.emotions if same_emotion else self.speakers
        for _ in range(pairs):
            recorded = len(groups) > 1 and rng.random() < self.real
            by_emotion = groups[int(recorded)]
            names = list(by_emotion)
            odds = np.ones(len(names))
            if same_emotion and recorded and 0 in by_emotion:
                odds[names.index(0)] = max(1.0, len(names) - 1)  # as many calm as all others
            some = by_emotion[names[int(rng.choice(len(names), p=odds / odds.sum()))]]
            chosen += [int(u) for u in rng.choice(some, 2)]
        return chosen

    def batch(self, utterances: list[int]) -> Batch:
        """Return one window of each of ``utterances``."""
        v, rng, n = self.voices, self.rng, self.length
        first = [int(rng.integers(v.bounds[u + 1] - v.bounds[u] - n + 1)) for u in utterances]
        version = rng.integers(VERSIONS, size=len(first)) if self.augment else [0] * len(first)
        mels = np.stack(
            [v.mel_of(u, f, int(k), n) for u, f, k in zip(utterances, first, version, strict=True)]
        )
        rows = np.stack([v.bounds[u] + f for u, f in zip(utterances, first, strict=True)])
        rows = rows[:, None] + np.arange(n)
        for i in np.flatnonzero(rng.random(len(first)) < self.joined):
            ending, beginning = utterances[i], utterances[i ^ 1]
            frames, cut = int(v.bounds[ending + 1] - v.bounds[ending]), int(rng.integers(8, n - 8))
            rows[i, :cut] = v.bounds[ending + 1] - cut + np.arange(cut)
            rows[i, cut:] = v.bounds[beginning] + np.arange(n - cut)
            before = v.mel_of(ending, frames - cut, 0, cut)[: MELS_A_SECOND * cut // FPS]
            after = v.mel_of(beginning, 0, 0, n)
            mels[i] = np.concatenate([before, after])[: mels.shape[1]]
        traits, known = v.traits[utterances].copy(), v.known[utterances]
        if self.augment:
            stretch = np.exp(rng.uniform(-self.warp, self.warp, len(first)))
            mels = breathed(rng, floored(rng, warped(mels, stretch)), v.phone[rows])
            mels = np.clip(mels + rng.uniform(-0.3, 0.3, (len(first), 1, 1)), -4, 4)  # level
            traits[:, PITCH] *= stretch
            traits[:, TRACT] /= stretch
        return Batch(
            mel=torch.from_numpy(windowed(mels, n).astype(np.float32)),
            content=torch.from_numpy(v.content[rows]),
            full=torch.from_numpy(v.full[rows]),
            phone=torch.from_numpy(v.phone[rows]),
            speaker=torch.from_numpy(v.speaker[utterances]),
            emotion=torch.from_numpy(v.emotion[utterances]),
            traits=torch.from_numpy(traits),
            shape=torch.from_numpy(v.shapes[utterances]),
            likely=torch.from_numpy(
                np.stack([expected(self.tie, *pair) for pair in zip(traits, known, strict=True)])
            ),
            known=torch.from_numpy(known.astype(np.float32)),
            real=torch.from_numpy(v.real[utterances]),
        )
