"""The base voices, their splits, and a cache of all their sentences.

    python -m imagineid_world.bank --out .train/world/voices

speaks every sentence once (about 45 minutes of sound) and is safe to stop and start again.
A voice belongs to one split only, blends included, so that held-out voices are truly unheard.
"""

from __future__ import annotations

import argparse
import zlib
from dataclasses import dataclass
from fractions import Fraction
from functools import cache
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from scipy.signal import resample_poly

from imagineid.spec import SAMPLE_RATE
from imagineid_world.articulation import PHONES, Phone
from imagineid_world.people import WORLD
from imagineid_world.synthesis import Espeak, Kokoro, Speak, Spoken, flite, tidy
from imagineid_world.texts import sentences


@dataclass(frozen=True, slots=True)
class Voice:
    """A base voice: its engine, its name there, its gender, its split, how much it says.

    ``cast`` tells which train shards it speaks in: see :data:`SECOND_CAST`.
    """

    engine: str
    name: str
    male: bool
    split: str
    sentences: int
    cast: int = 1

    @property
    def key(self) -> str:
        """A name fit for a file."""
        return f"{self.engine}-{self.name}"


def _voices(
    engine: str, split: str, count: int, women: str, men: str, cast: int = 1
) -> list[Voice]:
    named = [(name, False) for name in women.split()] + [(name, True) for name in men.split()]
    return [Voice(engine, name, male, split, count, cast) for name, male in named]


VOICES: tuple[Voice, ...] = (
    *_voices(
        "kokoro",
        "train",
        14,
        "af_heart af_bella af_nicole af_sarah af_alloy af_aoede af_jessica af_river "
        "bf_emma bf_isabella",
        "am_michael am_fenrir am_puck am_adam am_onyx am_eric bm_george bm_daniel",
    ),
    *_voices(
        "kokoro",
        "train",
        9,  # speakers of other languages, with an accent
        "ff_siwis if_sara hf_alpha jf_alpha ef_dora zf_xiaoyi",
        "im_nicola em_alex pm_santa hm_omega jm_kumo zm_yunxi",
    ),
    *_voices(
        "kokoro",
        "train",
        8,
        "af_bella+bf_emma af_nicole+af_river af_sarah+if_sara bf_isabella+jf_alpha",
        "am_michael+bm_george am_fenrir+im_nicola am_puck+bm_daniel am_onyx+hm_omega",
    ),
    *_voices("flite", "train", 30, "slt", "awb kal16"),
    *_voices("espeak", "train", 10, "en-us+f2 en+f4", "en-us+m3 en-gb-scotland+m7"),
    *_voices("kokoro", "val", 10, "af_nova bf_alice", "am_echo bm_lewis"),
    *_voices("kokoro", "test", 10, "af_sky af_kore bf_lily", "am_liam am_santa bm_fable"),
    *_voices("espeak", "val", 10, "en-us+f5", ""),
    *_voices("flite", "test", 14, "", "rms"),
    *_voices(
        "kokoro",
        "train",
        12,
        "hf_beta jf_gongitsune jf_nezumi jf_tebukuro pf_dora zf_xiaobei zf_xiaoni zf_xiaoxiao "
        "af_heart+af_alloy af_heart+ff_siwis af_bella+af_jessica af_bella+hf_alpha "
        "af_nicole+zf_xiaoyi af_sarah+af_aoede af_sarah+jf_alpha af_alloy+bf_emma "
        "af_aoede+ef_dora af_jessica+bf_isabella af_river+if_sara bf_emma+hf_alpha "
        "bf_isabella+ff_siwis bf_emma+zf_xiaoyi",
        "hm_psi pm_alex zm_yunjian zm_yunxia zm_yunyang "
        "am_michael+am_onyx am_michael+em_alex am_fenrir+am_eric am_fenrir+bm_daniel "
        "am_puck+am_adam am_puck+hm_omega am_adam+im_nicola am_adam+zm_yunxi am_onyx+bm_george "
        "am_onyx+jm_kumo am_eric+em_alex am_eric+bm_daniel bm_george+im_nicola "
        "bm_george+zm_yunxi bm_daniel+hm_omega am_michael+jm_kumo am_puck+em_alex",
        cast=2,
    ),
)
"""Every base voice; the split is fixed here and written out as ``split.json``."""

SECOND_CAST = 76
"""The first train shard of the second cast: from there on, other people speak other sentences."""

ONSET_S = {"kokoro": 0.055, "flite": 0.004, "espeak": 0.014}
"""How late each engine reports its phones, seconds: medians against forced alignment."""


@dataclass(frozen=True, slots=True)
class Line:
    """One sentence by one base voice: (N,) in [-1, 1] at 16 kHz, its phones and its text."""

    wave: NDArray[np.float32]
    phones: list[Phone]
    text: str


def at_16k(spoken: Spoken) -> NDArray[np.float32]:
    """An utterance's samples at 16 kHz."""
    ratio = Fraction(SAMPLE_RATE, spoken.rate)
    wave = resample_poly(spoken.wave.astype(np.float64), ratio.numerator, ratio.denominator)
    return np.asarray(wave, np.float32)


class Bank:
    """Sentences spoken by base voices, synthesised on first use and cached on disk.

    Args:
        folder: the cache.
        kokoro: folder of the joined Kokoro model.
        archive: npm package with Kokoro's voices, needed once.
    """

    def __init__(self, folder: Path, kokoro: Path, archive: Path) -> None:
        self._folder, self._kokoro, self._archive = folder, kokoro, archive
        self._engines: dict[str, Kokoro | Espeak] = {}
        folder.mkdir(parents=True, exist_ok=True)

    def _speaker(self, voice: Voice) -> Speak:
        if voice.engine == "flite":
            return flite(voice.name)
        if voice.engine not in self._engines:
            engine = Espeak() if voice.engine == "espeak" else Kokoro(self._kokoro, self._archive)
            self._engines[voice.engine] = engine
        return self._engines[voice.engine].voice(voice.name)

    def line(self, voice: Voice, number: int) -> Line:
        """Sentence ``number`` (0 .. voice.sentences - 1) by ``voice``, from disk or spoken now."""
        path = self._folder / f"{voice.key}-{number:03d}.npz"
        if not path.exists():
            text = script(voice)[number]
            spoken = self._speaker(voice)(text)
            temporary = path.with_suffix(".part")
            with temporary.open("wb") as file:
                np.savez(
                    file,
                    wave=np.round(np.clip(at_16k(spoken), -1, 1) * 32767).astype(np.int16),
                    phone=np.array([PHONES.index(p) for p, _, _ in spoken.phones], np.int8),
                    times=np.array([(a, b) for _, a, b in spoken.phones], np.float32),
                    text=np.array(text),
                )
            temporary.replace(path)
        with np.load(path) as cached:
            wave = cached["wave"].astype(np.float32) / 32767
            late = ONSET_S[voice.engine]
            names = [PHONES[i] for i in cached["phone"]]
            phones = [
                (name, float(a) - late, float(b) - late)
                for name, (a, b) in zip(names, cached["times"], strict=True)
            ]
            return Line(wave, tidy(phones, len(wave) / SAMPLE_RATE), str(cached["text"]))


@cache
def script(voice: Voice) -> list[str]:
    """The sentences of a voice: the calibration sentences first, the rest its own."""
    return sentences(voice.sentences, np.random.default_rng(zlib.crc32(voice.key.encode())))


def voices_of_splits() -> dict[str, list[str]]:
    """Return the keys of the base voices that each split may use."""
    return {s: [v.key for v in VOICES if v.split == s] for s in ("train", "val", "test")}


def bank_at(out: Path, archive: Path) -> Bank:
    """The bank beside the voices in ``out``."""
    return Bank(out / "base", out.parent / "kokoro", archive)


def main() -> None:
    """Speak everything, sentence by sentence through all voices."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--out", type=Path, default=WORLD / "voices")
    parser.add_argument(
        "--kokoro-voices",
        type=Path,
        default=WORLD / "kokoro-js.tgz",
        help="npm package kokoro-js as .tgz",
    )
    options = parser.parse_args()
    bank = bank_at(options.out, options.kokoro_voices)
    seconds = 0.0
    for number in range(max(v.sentences for v in VOICES)):
        for voice in VOICES:
            if number < voice.sentences:
                seconds += len(bank.line(voice, number).wave) / SAMPLE_RATE
        print(f"sentence {number}: {seconds / 60:.1f} minutes of sound so far", flush=True)


if __name__ == "__main__":
    main()
