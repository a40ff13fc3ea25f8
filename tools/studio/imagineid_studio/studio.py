"""Actions of the page, without the page: hear, imagine faces, preview, render, save avatars."""

from __future__ import annotations

import tempfile
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from imagineid import avatars
from imagineid.audio import open_sound
from imagineid.cache import Cache
from imagineid.errors import BadInput
from imagineid.progress import SILENT, Progress
from imagineid.rendering import preview, render
from imagineid.request import Request
from imagineid.spec import EMOTIONS, FPS
from imagineid.video.framing import Framing
from imagineid.video.output import OutputOptions, check_video_output

if TYPE_CHECKING:
    from imagineid.pipeline import Pipeline

Array = np.ndarray

FACES = 6
"""Faces of one wall."""

PREVIEW_S = 2.0
"""Seconds of a preview."""

AS_HEARD = "as heard"

AGES = (AS_HEARD, "child", "young", "middle-aged", "old")
SEXES = (AS_HEARD, "woman", "man")

WORDS = {
    "hair": ("long red hair", "short black hair", "curly blonde hair", "grey hair", "bald"),
    "beard": ("beard", "stubble", "moustache", "goatee"),
    "glasses": ("round glasses", "square glasses"),
    "clothes": ("suit", "hoodie", "white shirt", "turtleneck", "blue sweater"),
    "background": ("plain grey background", "room", "landscape", "studio", "warm light"),
}
"""Words that the embedded model knows, by what they change."""


@dataclass(frozen=True)
class Voice:
    """An estimated voice: a sentence for people, and the parts that can be corrected."""

    path: Path
    seconds: float
    description: str
    sex: str
    age: int
    emotion: str


@dataclass(frozen=True)
class VideoSettings:
    """Settings of a video, as set on the page.

    Attributes:
        prompt: free words.
        sex: one of :data:`SEXES`; age: one of :data:`AGES`.
        emotion: one of the eight, or :data:`AS_HEARD`; strength: 0 to 1.
        seed: of the face that was chosen.
        avatar: of a saved avatar, or "".
        size_px, aspect, background, fps: see :class:`imagineid.video.output.OutputOptions`.
        file: the kind of file: ``mp4``, ``webm`` or ``mov``.
    """

    prompt: str = ""
    sex: str = AS_HEARD
    age: str = AS_HEARD
    emotion: str = AS_HEARD
    strength: float = 1.0
    seed: int = 0
    avatar: str = ""
    size_px: int | None = None
    aspect: str = "1:1"
    background: str = ""
    fps: int = FPS
    file: str = "mp4"

    def request(self) -> Request:
        """Return it as the library takes it; corrections become words of the prompt.

        Raises:
            BadInput: the kind of file has no transparency, which is asked for.
        """
        known = [word for word in (self.age, self.sex) if word != AS_HEARD]
        prompt = ", ".join(part for part in (" ".join(known), self.prompt.strip()) if part)
        felt = self.emotion if self.emotion != AS_HEARD else None
        framing = Framing(self.size_px, self.aspect, self.background.strip() or None)
        if framing.transparent and self.file == "mp4":
            raise BadInput("An mp4 has no transparency.\nChoose webm or mov as the file.")
        return Request(
            prompt=prompt or None,
            seed=None if self.avatar else self.seed,
            emotion=felt,
            strength=None if felt is None else self.strength,
            avatar=self.avatar or None,
            output=OutputOptions(framing, self.fps),
        )


class Studio:
    """One loaded model and what was made with it.

    Args:
        pipe: the model.
        folder: where videos go.
    """

    def __init__(self, pipe: Pipeline, folder: Path | None = None) -> None:
        self.pipe = pipe
        self.folder = folder or Path(tempfile.mkdtemp(prefix="imagineid-studio-"))
        self._cache = Cache.default()

    def hear(self, audio: Path) -> Voice:
        """Describe the speaker and the emotion.

        Raises:
            BadSound: it can't be heard.
        """
        with open_sound(audio) as sound:
            factors = next(self.pipe.encode_blocks(sound))
            seconds = sound.duration_s
        who = factors.identity
        sex = {"female": "woman", "male": "man"}[who.gender]
        return Voice(audio, seconds, factors.describe(), sex, round(who.age), factors.emotion.label)

    def faces(
        self, audio: Path, settings: VideoSettings, progress: Progress = SILENT
    ) -> list[tuple[Array, int]]:
        """Imagine several faces, each with its seed, from the seed of the settings on."""
        pictures, _ = preview(self.pipe, audio, settings.request(), FACES, progress=progress)
        return [(picture, settings.seed + number) for number, picture in enumerate(pictures)]

    def preview(self, audio: Path, settings: VideoSettings, progress: Progress = SILENT) -> Path:
        """Make a video of the first two seconds."""
        return self._video(audio, replace(settings, file="mp4"), progress, PREVIEW_S)

    def render(self, audio: Path, settings: VideoSettings, progress: Progress = SILENT) -> Path:
        """Make the whole video."""
        return self._video(audio, settings, progress, None)

    def save_avatar(self, name: str, video: Path | None) -> str:
        """Save the face of a video; return the avatar's name.

        Raises:
            BadInput: there is no video yet, or the name can't be used.
        """
        if video is None:
            raise BadInput("There is no video yet.\nRender one first.")
        avatars.save(name.strip(), avatars.of_video(self.pipe, video))
        return name.strip()

    def _video(
        self, audio: Path, settings: VideoSettings, progress: Progress, seconds: float | None
    ) -> Path:
        """Write a video under a name that is free."""
        request = settings.request()
        request.check()
        kind = "preview" if seconds is not None else audio.stem
        number = 1
        while (path := self.folder / f"{kind}-{number}.{settings.file}").exists():
            number += 1
        check_video_output(path, request.output, overwrite=False)
        source = audio if seconds is None else _beginning(audio, seconds, self.folder)
        whole = seconds is None
        render(
            self.pipe, source, path, request,
            cache=self._cache, remember=whole, progress=progress,
        )  # fmt: skip
        return path


def _beginning(audio: Path, seconds: float, folder: Path) -> Path:
    """Write the first seconds of a recording as a file of its own."""
    import soundfile

    from imagineid.spec import SAMPLE_RATE

    with open_sound(audio) as sound:
        wave = sound.read(0, min(sound.samples, round(seconds * SAMPLE_RATE)))
    path = folder / "beginning.wav"
    soundfile.write(path, wave, SAMPLE_RATE)
    return path


__all__ = [
    "AGES",
    "AS_HEARD",
    "EMOTIONS",
    "FACES",
    "SEXES",
    "WORDS",
    "Studio",
    "Voice",
    "VideoSettings",
]
