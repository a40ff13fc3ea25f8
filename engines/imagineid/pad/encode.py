"""Encoding: a recording of any length, through PAD's windows, into factors (eq. 1, 2, 4, 6).

Who speaks is settled on the first ``SETTLING_WINDOWS``, 31 s, and holds for the rest; what is
said and how it feels is heard in every window. Windows lie at fixed places, so a recording that has
grown begins with the very same factors, and :func:`encode_blocks`, which needs the memory of one
block, gives the same numbers as :func:`encode`, which joins the blocks.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING

import numpy as np

from imagineid.audio import mel_windows
from imagineid.pad.factors import SETTLING_WINDOWS, Content, Emotion, Identity, VoiceFactors
from imagineid.pad.loudness import Level, factor, frame_levels, gain_db, speech_level
from imagineid.pad.windows import OverlapAdd, batches, fill_batch, window_starts
from imagineid.spec import FRAME_SAMPLES, Size

if TYPE_CHECKING:
    from imagineid.audio import Sound
    from imagineid.engine import Engines

Array = np.ndarray
Progress = Callable[[float], None]


def encode(
    engines: Engines,
    size: Size,
    sound: Sound,
    on_progress: Progress | None = None,
    calm: Emotion | None = None,
) -> VoiceFactors:
    """Encode a whole recording into factors; see :func:`encode_blocks`.

    Args:
        engines: ``identity``, ``content`` and ``emotion``.
        size: of those networks.
        sound: the recording.
        on_progress: called with the share that is done, 0 to 1.
        calm: neutral, towards which a doubtful emotion is pulled; None keeps the estimates.
    """
    blocks, frames = [], 0
    for block in encode_blocks(engines, size, sound, calm):
        blocks.append(block)
        frames += block.frames
        if on_progress:
            on_progress(frames / sound.frames)
    return VoiceFactors.join(blocks)


def encode_blocks(
    engines: Engines, size: Size, sound: Sound, calm: Emotion | None = None
) -> Iterator[VoiceFactors]:
    """Yield the factors of a recording half a minute at a time, in bounded memory.

    Args:
        engines: ``identity``, ``content`` and ``emotion``.
        size: of those networks.
        sound: the recording.
        calm: see :meth:`imagineid.pad.factors.Emotion.settle`; None keeps the estimated emotion.

    Yields:
        Neighbouring parts: the frames that no later window touches, and the windows that start in
        them. The identity is that of the first part.
    """
    starts = window_starts(sound.frames, size.window)
    linguistic = OverlapAdd(size.window, size.linguistic)
    whole, first = max(sound.frames, size.window), 0
    identity: Identity | None = None
    before: Emotion | None = None
    loudness = Level()
    for own in batches(starts, SETTLING_WINDOWS):
        gain = gain_db(loudness.next(levels(sound, own[0], own[-1] + size.window)))
        people = _Mean()
        thetas, shares, speech = [], [], []
        for group in batches(own):
            mel = _mels(sound, group, size, factor(gain))
            found, contents = engines["emotion"](mel=mel), engines["content"](mel=mel)
            persons = engines["identity"](mel=mel) if identity is None else None
            for row, start in enumerate(group):
                weight = speech_share(levels(sound, start, start + size.window) + gain)
                if persons is not None:
                    people.add(weight, *(persons[n][row] for n in ("shape", "identity", "traits")))
                linguistic.add(start, contents["linguistic"][row])
                thetas.append(found["emotion"][row])
                shares.append(_softmax(found["emotions"][row]))
                speech.append(weight)
        identity = identity or Identity(*people.result())
        last = own[-1] == starts[-1]
        stop = whole if last else starts[starts.index(own[-1]) + 1]
        content = Content(linguistic.take(stop), levels(sound, first, stop))
        emotion = Emotion(*(np.asarray(x, np.float32) for x in (thetas, shares, speech)))
        settled = emotion.settle(calm, before) if calm else emotion
        yield VoiceFactors(identity, content, settled)
        before, first = emotion, stop


def encode_identity(engines: Engines, size: Size, sound: Sound) -> Identity:
    """Encode the speaker only: the identity of :func:`encode`, for a third of the work.

    Args:
        engines: ``identity``.
        size: of that network.
        sound: the recording.
    """
    mean = _Mean()
    starts = window_starts(sound.frames, size.window)[:SETTLING_WINDOWS]
    gain = gain_db(speech_level(levels(sound, 0, starts[-1] + size.window)))
    for group in batches(starts):
        found = engines["identity"](mel=_mels(sound, group, size, factor(gain)))
        for row, start in enumerate(group):
            weight = speech_share(levels(sound, start, start + size.window) + gain)
            mean.add(weight, *(found[name][row] for name in ("shape", "identity", "traits")))
    return Identity(*mean.result())


def levels(sound: Sound, first: int, stop: int) -> Array:
    """Return the loudness of the frames ``first`` to ``stop`` that there are.

    Returns:
        (frames,) dB below full scale, at least -100.
    """
    out = np.empty(max(0, min(stop, sound.frames) - first), np.float32)
    block = 1000
    for start in range(0, len(out), block):
        count = min(block, len(out) - start)
        wave = sound.read((first + start) * FRAME_SAMPLES, count * FRAME_SAMPLES)
        out[start : start + count] = frame_levels(wave)
    return out


def speech_share(level_db: Array) -> float:
    """Return a window's weight: its share of frames with sound, and a little even in silence."""
    return 1e-3 + float((level_db > -45).mean())


class _Mean:
    """Weighted means of several arrays."""

    def __init__(self) -> None:
        self._sums: list[Array] = []
        self._weight = 0.0

    def add(self, weight: float, *arrays: Array) -> None:
        if not self._sums:
            self._sums = [np.zeros(a.shape) for a in arrays]
        for into, array in zip(self._sums, arrays, strict=True):
            into += weight * array
        self._weight += weight

    def result(self) -> list[Array]:
        return [(s / self._weight).astype(np.float32) for s in self._sums]


def _mels(sound: Sound, starts: list[int], size: Size, factor: float) -> Array:
    """Return A of each window, (BATCH, L, 1280), the last repeated."""
    mels = [mel_windows(sound, start, size.window, factor) for start in starts]
    return np.stack([mels[i] for i in fill_batch(range(len(mels)))])


def _softmax(logits: Array) -> Array:
    raised = np.exp(logits - logits.max())
    return np.asarray(raised / raised.sum())
