"""Reading what ``imagineid_prepare`` wrote: samples in tar files, read where they lie."""

from __future__ import annotations

import io
import json
import tarfile
from dataclasses import dataclass
from functools import cached_property, lru_cache
from pathlib import Path
from typing import Any

import numpy as np
import soundfile
from PIL import Image

from imagineid.audio import mel_windows
from imagineid.ccf.images import to_images
from imagineid.errors import BadInput
from imagineid.pad.loudness import factor, frame_levels, gain_db, speech_level
from imagineid.spec import EMOTIONS, FRAME_SAMPLES
from imagineid_world.articulation import PHONES, phone_index

Array = np.ndarray

CACHED = 64
"""Samples whose sound and curves are kept in memory."""


@dataclass(frozen=True)
class Sample:
    """A piece of a clip; its pictures are read when they are asked for.

    Attributes:
        shard: the tar file; places: offset and bytes there of each of its files, by ending.
        about: what is said of it: speaker, emotion, caption, frames, phones.
    """

    shard: Path
    places: dict[str, tuple[int, int]]
    about: dict[str, Any]

    @property
    def frames(self) -> int:
        """Number of frames."""
        return int(self.about["frames"])

    @property
    def emotion(self) -> int:
        """Index into :data:`~imagineid.spec.EMOTIONS`; -1 if it is not known."""
        name = self.about.get("emotion", "")
        return EMOTIONS.index(name) if name in EMOTIONS else -1

    def read(self, ending: str) -> bytes:
        """Return one of its files."""
        return _read(self.shard, *self.places[ending])

    def picture(self, ending: str) -> Array:
        """Return one of its pictures, (H, W, 3) or (H, W) uint8."""
        with Image.open(io.BytesIO(self.read(ending))) as image:
            return np.asarray(image)


@lru_cache(CACHED)
def _sound_of(shard: Path, sound: tuple[int, int], fit: tuple[int, int]) -> tuple[Any, ...]:
    """Return wave, its factor, alpha (80,) and beta (F, 52) of a sample."""
    wave, _ = soundfile.read(io.BytesIO(_read(shard, *sound)), dtype="float32")
    whole = wave[: max(FRAME_SAMPLES, len(wave) // FRAME_SAMPLES * FRAME_SAMPLES)]
    times = factor(gain_db(speech_level(frame_levels(whole))))
    with np.load(io.BytesIO(_read(shard, *fit)), allow_pickle=False) as stored:
        return wave, times, stored["alpha"].astype(np.float32), stored["beta"].astype(np.float32)


def _read(shard: Path, offset: int, count: int) -> bytes:
    with shard.open("rb") as file:
        file.seek(offset)
        return file.read(count)


@dataclass(frozen=True)
class Shards:
    """All samples of a folder.

    Attributes:
        samples: in the order of the shards.
        window: L, frames that PAD hears at once.
    """

    samples: tuple[Sample, ...]
    window: int

    @classmethod
    def open(cls, folder: Path, window: int) -> Shards:
        """Index the shards of a folder.

        Raises:
            BadInput: there are none, or none with samples.
        """
        found: dict[tuple[Path, str], dict[str, tuple[int, int]]] = {}
        for path in sorted(folder.glob("shard-*.tar")):
            with tarfile.open(path) as tar:
                for member in tar:
                    key, _, ending = member.name.partition(".")
                    places = found.setdefault((path, key), {})
                    places[ending] = (member.offset_data, member.size)
        samples = [
            Sample(path, places, json.loads(_read(path, *places["json"])))
            for (path, _), places in found.items()
            if "json" in places
        ]
        if not (long := [sample for sample in samples if sample.frames >= window]):
            raise BadInput(
                f"There are no samples in {folder}.\n"
                f"Make them:  python -m imagineid_prepare CLIPS -o {folder}"
            )
        return cls(tuple(long), window)

    @property
    def frame_px(self) -> int:
        """Side of the frames, pixels."""
        return len(self.samples[0].picture("frame.0000.jpg"))

    @cached_property
    def speakers(self) -> tuple[str, ...]:
        """Everybody who speaks, in order."""
        return tuple(sorted({str(sample.about["speaker"]) for sample in self.samples}))

    @cached_property
    def by_speaker(self) -> list[list[Sample]]:
        """Samples of each speaker."""
        names = self.speakers
        return [[s for s in self.samples if s.about["speaker"] == name] for name in names]

    @cached_property
    def by_emotion(self) -> list[list[Sample]]:
        """Samples of each emotion there is; none where no emotion is known."""
        groups = [[s for s in self.samples if s.emotion == e] for e in range(len(EMOTIONS))]
        return [group for group in groups if group]

    @property
    def phones(self) -> bool:
        """Whether it is known which phones are spoken."""
        return all("phones" in sample.about for sample in self.samples)

    def mel_window(self, sample: Sample, first: int) -> Array:
        """Return the mel windows A of L frames from ``first``, (L, 1280)."""
        wave, times, _, _ = _sound_of(sample.shard, sample.places["flac"], sample.places["npz"])
        return mel_windows(wave, first, self.window, times)

    def voice(self, sample: Sample, rng: np.random.Generator) -> dict[str, Array]:
        """Return a window of a sample, at random.

        Returns:
            ``mel`` (L, 1280), ``alpha`` (80,), ``beta`` (L, 52), ``phone`` (L,) index into the
            phone set, ``speaker`` and ``emotion`` (int64).
        """
        first = int(rng.integers(sample.frames - self.window + 1))
        stop = first + self.window
        _, _, alpha, beta = _sound_of(sample.shard, sample.places["flac"], sample.places["npz"])
        phones = [
            (name, start, end)
            for name, start, end in sample.about.get("phones", ())
            if name in PHONES
        ]
        return {
            "mel": self.mel_window(sample, first),
            "alpha": alpha,
            "beta": np.clip(beta[first:stop], 0, 1),
            "phone": phone_index(phones, sample.frames)[first:stop].astype(np.int64),
            "speaker": np.int64(self.speakers.index(str(sample.about["speaker"]))),
            "emotion": np.int64(sample.emotion),
        }

    def pair(self, rng: np.random.Generator, groups: list[list[Sample]]) -> list[dict[str, Array]]:
        """Return windows of two samples of one group, where it has as many."""
        group = groups[int(rng.integers(len(groups)))]
        chosen = rng.choice(len(group), 2, replace=len(group) < 2)
        return [self.voice(group[int(i)], rng) for i in chosen]

    def frame(self, rng: np.random.Generator) -> dict[str, Array]:
        """Return a frame, at random, and what it is made from.

        Returns:
            ``frame``, ``mesh``, ``anchor`` (a random frame of the sample) and ``neighbour`` (the
            frame before with its mouth hidden), (3, H, W) in [-1, 1]; ``mel`` (L, 1280) around it.
        """
        sample = self.samples[int(rng.integers(len(self.samples)))]
        now = int(rng.integers(1, sample.frames))
        other = int(rng.integers(sample.frames))
        mouth = sample.picture(f"mouth.{now - 1:04d}.png") > 0
        before = _image(sample.picture(f"frame.{now - 1:04d}.jpg"))
        first = int(np.clip(now - self.window // 2, 0, sample.frames - self.window))
        return {
            "frame": _image(sample.picture(f"frame.{now:04d}.jpg")),
            "mesh": _image(sample.picture(f"mesh.{now:04d}.png")),
            "anchor": _image(sample.picture(f"frame.{other:04d}.jpg")),
            "neighbour": np.where(mouth[None], np.float32(0), before),
            "mel": self.mel_window(sample, first),
            "caption": np.array(str(sample.about["caption"])),
        }

    def layers(self, rng: np.random.Generator) -> dict[str, Array]:
        """Return a frame, its background and its matte.

        Returns:
            ``frame`` and ``background`` (3, H, W) in [-1, 1], ``matte`` (1, H, W) in [0, 1].
        """
        sample = self.samples[int(rng.integers(len(self.samples)))]
        now = int(rng.integers(sample.frames))
        return {
            "frame": _image(sample.picture(f"frame.{now:04d}.jpg")),
            "background": _image(sample.picture("background.jpg")),
            "matte": sample.picture(f"matte.{now:04d}.png")[None].astype(np.float32) / 255,
        }


def _image(picture: Array) -> Array:
    """Turn (H, W, 3) uint8 into (3, H, W) float32 in [-1, 1]."""
    return np.ascontiguousarray(to_images(picture[None])[0])
