"""Listening: a recording of any length through PAD's windows, taken apart."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING

import numpy as np

from imagineid.audio import mel_windows
from imagineid.pad.conditioning import Conditioning, express
from imagineid.pad.factors import Content, Emotion, Identity, VoiceFactors
from imagineid.pad.windows import OverlapAdd, batches, fill_batch, window_starts
from imagineid.spec import FRAME_SAMPLES, Size

if TYPE_CHECKING:
    from imagineid.audio import Sound
    from imagineid.engine import Engine

Array = np.ndarray
Engines = Mapping[str, "Engine"]
Progress = Callable[[float], None]


def encode_conditioning(
    engines: Engines, size: Size, sound: Sound, on_progress: Progress | None = None
) -> Conditioning:
    """Predict the factors of a recording and its expression: ``encode``, then ``express``."""
    return express(engines, size, encode(engines, size, sound, on_progress))


def encode(
    engines: Engines, size: Size, sound: Sound, on_progress: Progress | None = None
) -> VoiceFactors:
    """Take a voice apart: identity, one for all; content of each frame; emotion of each window.

    Args:
        engines: ``identity``, ``content`` and ``emotion``.
        size: of those networks.
        sound: the recording.
        on_progress: called with the share that is done, 0 to 1.
    """
    told = on_progress or (lambda share: None)
    starts, level = window_starts(sound.frames, size.window), levels(sound)
    who = _Mean()
    said = OverlapAdd(max(sound.frames, size.window), size.window, size.linguistic)
    thetas, shares, speech = [], [], []
    for group in batches(starts):
        mel = _mels(sound, group, size)
        found, felt = engines["identity"](mel=mel), engines["emotion"](mel=mel)
        linguistic = engines["content"](mel=mel)["linguistic"]
        for row, start in enumerate(group):
            weight = _speech(level[start : start + size.window])
            who.add(weight, found["shape"][row], found["identity"][row], found["traits"][row])
            said.add(start, linguistic[row])
            thetas.append(felt["emotion"][row])
            shares.append(_softmax(felt["emotions"][row]))
            speech.append(weight)
        told(len(speech) / len(starts))
    return VoiceFactors(
        Identity(*who.done()),
        Content(said.done(), level),
        Emotion(*(np.asarray(x, np.float32) for x in (thetas, shares, speech))),
    )


def encode_identity(engines: Engines, size: Size, sound: Sound) -> Identity:
    """Hear only who speaks, as :func:`encode` does; a third of the work.

    Args:
        engines: ``identity``.
        size: of that network.
        sound: the recording.
    """
    level, who = levels(sound), _Mean()
    for group in batches(window_starts(sound.frames, size.window)):
        found = engines["identity"](mel=_mels(sound, group, size))
        for row, start in enumerate(group):
            weight = _speech(level[start : start + size.window])
            who.add(weight, found["shape"][row], found["identity"][row], found["traits"][row])
    return Identity(*who.done())


def levels(sound: Sound) -> Array:
    """Return the loudness of each video frame, (F,) dB below full scale, at least -100."""
    out = np.empty(sound.frames, np.float32)
    block = 1000
    for start in range(0, sound.frames, block):
        count = min(block, sound.frames - start)
        wave = sound.read(start * FRAME_SAMPLES, count * FRAME_SAMPLES)
        power = np.square(wave.reshape(count, FRAME_SAMPLES)).mean(axis=1)
        out[start : start + count] = 10 * np.log10(power + 1e-10)
    return out


class _Mean:
    """A weighted mean of several arrays at once."""

    def __init__(self) -> None:
        self._sums: list[Array] = []
        self._weight = 0.0

    def add(self, weight: float, *arrays: Array) -> None:
        if not self._sums:
            self._sums = [np.zeros(a.shape) for a in arrays]
        for into, array in zip(self._sums, arrays, strict=True):
            into += weight * array
        self._weight += weight

    def done(self) -> list[Array]:
        return [(s / self._weight).astype(np.float32) for s in self._sums]


def _speech(level_db: Array) -> float:
    """Return a window's weight: its share of frames with sound; a little even in silence."""
    return 1e-3 + float((level_db > -45).mean())


def _mels(sound: Sound, starts: list[int], size: Size) -> Array:
    """Return A of each window, (BATCH, L, 1280), the last repeated."""
    mels = [mel_windows(sound, start, size.window) for start in starts]
    return np.stack([mels[i] for i in fill_batch(range(len(mels)))])


def _softmax(logits: Array) -> Array:
    raised = np.exp(logits - logits.max())
    return np.asarray(raised / raised.sum())
