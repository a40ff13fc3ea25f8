"""When which phone is spoken in a real recording: pocketsphinx, with the text or without."""

from __future__ import annotations

import gzip
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from imagineid.spec import FPS

SILENT = frozenset(("SIL", "+SPN+", "+NSN+", "<sil>"))
"""What pocketsphinx calls a stretch without speech, breath and clicks included."""

BILABIALS = frozenset("PBM")
OPEN_VOWELS = frozenset(("AA", "AE", "AO", "AW", "AY"))
HOP_S = 0.01
"""Seconds of one pocketsphinx frame."""

_TRANSCRIPT = re.compile(r"<s>\s*(.*?)\s*</s>\s*\(([^)]+)\)")


@dataclass(frozen=True)
class Phone:
    """A phone's name and its start and end in seconds."""

    name: str
    start: float
    end: float


def phones(wave: np.ndarray, text: str | None) -> list[Phone]:
    """Find the phones of a recording.

    Args:
        wave: (samples,) in [-1, 1] at 16 kHz.
        text: what is said, for forced alignment; None recognises phones freely.

    Raises:
        ValueError: the text does not fit the recording, or holds a word without pronunciation.
    """
    from pocketsphinx import Decoder, get_model_path

    pcm = (np.clip(wave, -1, 1) * 32767).astype(np.int16).tobytes()

    def decode(decoder: Decoder) -> Decoder:
        decoder.start_utt()
        decoder.process_raw(pcm, full_utt=True)
        decoder.end_utt()
        return decoder

    if text is None:
        free = decode(
            Decoder(
                allphone=get_model_path("en-us/en-us-phone.lm.bin"),
                lm=None,
                dict=None,
                lw=2.0,
                beam=1e-20,
                pbeam=1e-20,
                loglevel="FATAL",
            )
        )
        found = [(s.word, s.start_frame * HOP_S, (s.end_frame + 1) * HOP_S) for s in free.seg()]
        return joined(found)
    # The best path through the lattice would drop short silences and break some alignments.
    decoder = Decoder(lm=None, bestpath=False, loglevel="FATAL")
    try:
        decoder.set_align_text(text)
        if decode(decoder).hyp() is None:
            raise ValueError(f"The text does not fit the sound: {text!r}")
        decoder.set_alignment()
        aligned = decode(decoder).get_alignment()
    except RuntimeError as error:
        raise ValueError(f"No alignment of {text!r}: {error}") from error
    found = [
        (p.name, p.start * HOP_S, (p.start + p.duration) * HOP_S) for word in aligned for p in word
    ]
    return joined(found)


def joined(found: Iterable[tuple[str, float, float]]) -> list[Phone]:
    """Name all silences ``SIL``, join neighbouring ones, and strip stress marks and variants."""
    out: list[Phone] = []
    for name, start, end in found:
        plain = "SIL" if name in SILENT else name.rstrip("0123456789").upper()
        if plain == "SIL" and out and out[-1].name == "SIL":
            out[-1] = Phone("SIL", out[-1].start, end)
        else:
            out.append(Phone(plain, start, end))
    return out


def frames_in(start: float, end: float, count: int) -> range:
    """Return the video frames whose middle, (f + 0.5) / 25 s, lies in [start, end) seconds.

    A phone shorter than a frame that holds no middle gets the frame nearest to its own middle.
    """
    first = max(0, int(np.ceil(start * FPS - 0.5 - 1e-9)))
    last = min(count, int(np.ceil(end * FPS - 0.5 - 1e-9)))
    if first >= last:
        first = min(count - 1, max(0, int((start + end) / 2 * FPS)))
        last = first + 1
    return range(first, last)


def transcripts(text: str) -> dict[str, str]:
    """Read sphinx transcription lines, ``<s> words </s> (name)``: words by name."""
    return {name: words for words, name in _TRANSCRIPT.findall(text)}


def prompts(path: Path) -> dict[str, str]:
    """Read Asterisk's list of prompts, ``name: what is said``, plain or gzipped.

    Stage directions in brackets are left out, and so are entries that hold nothing else.
    """
    raw = gzip.decompress(path.read_bytes()) if path.suffix == ".gz" else path.read_bytes()
    out = {}
    for line in raw.decode("utf-8", "replace").splitlines():
        name, colon, text = line.partition(":")
        words = re.sub(r"[\[(<].*?[\])>]", " ", text)
        words = " ".join(re.findall(r"[a-z']+", words.lower()))
        if colon and words and not name.startswith(";") and not re.search(r"\d", text):
            out[name.strip()] = words
    return out


def pauses(spoken: Sequence[Phone], least_s: float) -> list[Phone]:
    """Return the silences of at least ``least_s`` seconds."""
    return [p for p in spoken if p.name == "SIL" and p.end - p.start >= least_s]
