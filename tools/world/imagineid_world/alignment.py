"""When each phone of a recording is spoken: pocketsphinx, with the text or without it.

Words that pocketsphinx has no pronunciation for, numerals and other languages among them, are spelt
in English phones by eSpeak NG. The acoustic model is English; a German p, b or m is found by it as
well. :func:`agreement` compares an alignment with a recognition that does not know the text, so
that wrong transcripts can be left out.

phonemizer and eSpeak NG are GPL: they make training data and are not imported at run time.
"""

from __future__ import annotations

import re
import string
from collections.abc import Iterable, Sequence
from functools import cache
from typing import TYPE_CHECKING

import numpy as np

from imagineid_world.articulation import PHONES, VOWELS, Phone
from imagineid_world.synthesis import ipa_phones

if TYPE_CHECKING:
    from phonemizer.backend import EspeakBackend
    from pocketsphinx import Decoder

HOP_S = 0.01
"""Seconds of one pocketsphinx frame."""

SILENT = frozenset(("SIL", "+SPN+", "+NSN+", "<sil>"))
"""What pocketsphinx calls a stretch without speech, breaths and clicks included."""

SPEECH = {"en": "en-us", "de": "de", "nl": "nl", "fr": "fr-fr"}
"""Languages of a text, and what eSpeak NG calls them."""

_FOREIGN = {
    "y": "u",
    "ø": "ɜ",
    "œ": "ɜ",
    "ç": "ʃ",
    "ʁ": "ɡ",
    "ɣ": "ɡ",
    "ɥ": "w",
    "ɲ": "n",
    "ʏ": "ʊ",
}
"""Sounds that English lacks, and those whose lips look most alike."""

_CLASSES = (VOWELS, frozenset("PBM"), frozenset("FV"), frozenset(("SIL",)))


def aligned(wave: np.ndarray, text: str, language: str = "en") -> list[Phone]:
    """Find when the phones of a known text are spoken.

    Args:
        wave: (samples,) in [-1, 1] at 16 kHz.
        text: what is said, in any spelling.
        language: of the text, a key of :data:`SPEECH`.

    Returns:
        Phones of :data:`imagineid_world.articulation.PHONES` with start and end in seconds.

    Raises:
        ValueError: the text does not fit the recording, or there is none, or its language is
            unknown.
    """
    if language not in SPEECH:
        raise ValueError(f"no pronunciations for {language!r}; known: {', '.join(SPEECH)}")
    from pocketsphinx import Decoder

    # The best path through the lattice would drop short silences and break some alignments.
    decoder = Decoder(lm=None, bestpath=False, loglevel="FATAL")
    spelt = _spelt(decoder, text, language)
    try:
        decoder.set_align_text(spelt)
        if _decoded(decoder, wave).hyp() is None:
            raise ValueError(f"The text does not fit the sound: {text!r}")
        decoder.set_alignment()
        found = _decoded(decoder, wave).get_alignment()
        if found is None:
            raise ValueError(f"The text does not fit the sound: {text!r}")
    except RuntimeError as error:
        raise ValueError(f"No alignment of {text!r}: {error}") from error
    return joined(
        (p.name, p.start * HOP_S, (p.start + p.duration) * HOP_S) for word in found for p in word
    )


def recognised(wave: np.ndarray) -> list[Phone]:
    """Recognise the phones of a recording, (samples,) at 16 kHz, without knowing its text."""
    from pocketsphinx import Decoder, get_model_path

    decoder = Decoder(
        allphone=get_model_path("en-us/en-us-phone.lm.bin"),
        lm=None,
        dict=None,
        lw=2.0,
        beam=1e-20,
        pbeam=1e-20,
        loglevel="FATAL",
    )
    found = _decoded(decoder, wave).seg()
    return joined((s.word, s.start_frame * HOP_S, (s.end_frame + 1) * HOP_S) for s in found)


def agreement(one: Sequence[Phone], other: Sequence[Phone]) -> float:
    """Return the share of time in which two readings agree: vowel, p b m, f v, silence or other."""
    last = min(one[-1][2], other[-1][2]) if one and other else 0.0
    if last < HOP_S:
        return 0.0
    return float((_classes(one, last) == _classes(other, last)).mean())


def joined(found: Iterable[tuple[str, float, float]]) -> list[Phone]:
    """Name all silences ``SIL``, join neighbouring ones, and strip stress marks."""
    out: list[Phone] = []
    for name, start, end in found:
        plain = "SIL" if name in SILENT else name.rstrip(string.digits).upper()
        if plain not in PHONES:
            plain = "SIL"
        if plain == "SIL" and out and out[-1][0] == "SIL":
            out[-1] = ("SIL", out[-1][1], end)
        else:
            out.append((plain, start, end))
    return out


def _classes(phones: Sequence[Phone], duration_s: float) -> np.ndarray:
    """Return the class of sound in each hundredth of a second."""
    out = np.full(int(duration_s / HOP_S), len(_CLASSES) - 1)
    for name, start, end in phones:
        kind = next((i for i, names in enumerate(_CLASSES) if name in names), len(_CLASSES))
        out[int(start / HOP_S + 0.5) : int(end / HOP_S + 0.5)] = kind
    return out


def _decoded(decoder: Decoder, wave: np.ndarray) -> Decoder:
    decoder.start_utt()
    pcm = (np.clip(wave, -1, 1) * 32767).astype(np.int16).tobytes()
    decoder.process_raw(pcm, full_utt=True)
    decoder.end_utt()
    return decoder


def _spelt(decoder: Decoder, text: str, language: str) -> str:
    """Give the decoder a pronunciation of every word it lacks; return the words it knows."""
    words = [w.strip("'") for w in re.findall(r"[^\W_]+(?:'[^\W_]+)*", text.lower())]
    words = [w for w in words if w]
    if not words:
        raise ValueError("There is no text.")
    foreign = language != "en"
    lacking = {w for w in words if foreign or decoder.lookup_word(w) is None}
    names = {w: f"spelt{i}" for i, w in enumerate(sorted(lacking))}
    for word, name in names.items():
        sounds = _pronounced(word, language)
        if not sounds:
            raise ValueError(f"No pronunciation of {word!r}.")
        decoder.add_word(name, " ".join(sounds), update=True)
    return " ".join(names.get(w, w) for w in words)


@cache
def _pronounced(word: str, language: str) -> tuple[str, ...]:
    ipa = _speller(language).phonemize([word], strip=True)[0]
    ipa = "".join(_FOREIGN.get(sign, sign) for sign in ipa)
    return tuple(n for sounds, _, _ in ipa_phones(ipa) for n in sounds if n != "SIL")


@cache
def _speller(language: str) -> EspeakBackend:
    import espeakng_loader
    from phonemizer.backend import EspeakBackend
    from phonemizer.backend.espeak.wrapper import EspeakWrapper

    EspeakWrapper.set_library(espeakng_loader.get_library_path())
    EspeakWrapper.set_data_path(espeakng_loader.get_data_path())
    return EspeakBackend(SPEECH[language], language_switch="remove-flags")
