"""Self-test: make a short video with the embedded model and check it."""

from __future__ import annotations

import tempfile
import time
import wave
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import av
import numpy as np

from imagineid import pipeline
from imagineid.audio import open_sound
from imagineid.rendering import metadata_of, write_video
from imagineid.request import Request
from imagineid.spec import SAMPLE_RATE
from imagineid.video import VideoWriter

SOUND_S = 0.24
"""Six frames of sound: enough for PAD, a first frame and coherent frames."""

STEPS = 2
"""Steps of every frame, as for coherent frames; the first frame looks rough."""


@dataclass(frozen=True)
class Outcome:
    """Result of the self-test.

    Attributes:
        wrong: the error, or "".
        load_s: time to load the model.
        frame_s: time of one coherent frame.
    """

    wrong: str
    load_s: float
    frame_s: float


def run_selftest(engine: str = "auto") -> Outcome:
    """Make a tiny video of a synthetic voice in a temporary folder, and read it again.

    Raises:
        ImagineIDError: a backend, the weights or the temporary folder can't be used.
    """
    with tempfile.TemporaryDirectory(prefix="imagineid-doctor-") as folder:
        voice, video = Path(folder) / "voice.wav", Path(folder) / "face.mp4"
        _write_voice(voice)
        began = time.monotonic()
        pipe = pipeline.load(engine=engine)
        loaded = time.monotonic()
        with open_sound(voice) as sound:
            conditioning = pipe.express(pipe.encode(sound))
        request = Request(seed=7, steps=STEPS)
        frames: list[np.ndarray] = []
        times: list[float] = []
        imagined = _watched(pipe.imagine(conditioning, request), frames, times)
        metadata = metadata_of(pipe, request)
        writer = VideoWriter(video, pipe.size_px, voice, metadata)
        write_video(imagined, writer, total=conditioning.frames)
        wrong = _wrong(frames, conditioning.frames, pipe.size_px) or _unlike(video, len(frames))
        rest_s = (times[-1] - times[0]) / max(1, len(times) - 1)
        return Outcome(wrong, loaded - began, rest_s)


def _watched(
    source: Iterator[np.ndarray], frames: list[np.ndarray], times: list[float]
) -> Iterator[np.ndarray]:
    """Yield frames, keeping each and when it came."""
    for frame in source:
        frames.append(frame)
        times.append(time.monotonic())
        yield frame


def _write_voice(path: Path) -> None:
    """Write a vowel: a pulse train of 120 Hz through two formant filters."""
    count = round(SOUND_S * SAMPLE_RATE)
    since_pulse_s = (np.arange(count) % (SAMPLE_RATE // 120)) / SAMPLE_RATE
    ring = sum(np.sin(2 * np.pi * hz * since_pulse_s) for hz in (700, 1200))
    samples = np.int16(9000 * ring * np.exp(-250 * since_pulse_s))
    with wave.open(str(path), "wb") as out:
        out.setnchannels(1)
        out.setsampwidth(2)
        out.setframerate(SAMPLE_RATE)
        out.writeframes(samples.tobytes())


def _wrong(frames: Sequence[np.ndarray], expected: int, size_px: int) -> str:
    """Return the error of the frames, or ""."""
    if len(frames) != expected:
        return f"it made {len(frames)} frames instead of {expected}"
    stack = np.asarray(frames)
    if stack.shape[1:] != (size_px, size_px, 3) or stack.dtype != np.uint8:
        return f"frames are {stack.dtype} {stack.shape[1:]}"
    if stack.std(axis=(1, 2)).max(axis=1).min() < 10:
        return "a frame has a single colour"
    step = np.abs(np.diff(stack.astype(np.int16), axis=0)).mean(axis=(1, 2, 3))
    if step.max() > 30:
        return "neighbouring frames differ too much"
    return ""


def _unlike(video: Path, frames: int) -> str:
    """Return the error of the file, or ""."""
    with av.open(str(video)) as container:
        if not container.streams.audio:
            return "the video has no sound"
        read = sum(1 for _ in container.decode(video=0))
    return "" if read == frames else f"the video has {read} frames instead of {frames}"
