"""Real recordings of every kind, written by PyAV."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path

import av
import numpy as np
from numpy.typing import NDArray

CODECS = {
    ".wav": "pcm_s16le",
    ".flac": "flac",
    ".mp3": "libmp3lame",
    ".ogg": "libopus",
    ".m4a": "aac",
    ".mp4": "aac",
    ".mkv": "aac",
}
LAYOUTS = {1: "mono", 2: "stereo", 6: "5.1"}


def tone(seconds: float, rate: int = 16_000, hz: float = 440.0) -> NDArray[np.float32]:
    """A sine of 0.3, (1, samples)."""
    time = np.arange(round(seconds * rate)) / rate
    return np.asarray(0.3 * np.sin(2 * np.pi * hz * time), dtype=np.float32)[None]


def write_recording(
    path: Path,
    channels: NDArray[np.float32],
    rate: int = 16_000,
    codec: str | None = None,
    picture: bool = False,
) -> Path:
    """Write (channels, samples) in [-1, 1] as the kind of file that the suffix says."""
    layout = LAYOUTS[len(channels)]
    with av.open(str(path), "w") as container:
        sound = container.add_stream(codec or CODECS[path.suffix], rate=rate, layout=layout)
        if picture:
            add_picture(container, seconds=channels.shape[1] / rate)
        to_codec = av.AudioResampler(
            format=sound.format, layout=layout, rate=rate, frame_size=sound.frame_size or 1024
        )
        frame = av.AudioFrame.from_ndarray(
            np.ascontiguousarray(channels, dtype=np.float32), format="fltp", layout=layout
        )
        frame.sample_rate, frame.pts, frame.time_base = rate, 0, Fraction(1, rate)
        for piece in [*to_codec.resample(frame), *to_codec.resample(None)]:
            container.mux(sound.encode(piece))
        container.mux(sound.encode(None))
    return path


def two_tracks(path: Path, first: NDArray[np.float32], second: NDArray[np.float32]) -> Path:
    """Write two mono tracks at 16 kHz, (1, samples) each, without a picture."""
    with av.open(str(path), "w") as out:
        streams = [out.add_stream("aac", rate=16_000, layout="mono") for _ in range(2)]
        for stream, wave in zip(streams, (first, second), strict=True):
            for i in range(0, wave.shape[1] // 1024):
                block = np.ascontiguousarray(wave[:, 1024 * i : 1024 * (i + 1)])
                frame = av.AudioFrame.from_ndarray(block, format="fltp", layout="mono")
                frame.sample_rate, frame.pts = 16_000, 1024 * i
                frame.time_base = Fraction(1, 16_000)
                out.mux(stream.encode(frame))
            out.mux(stream.encode(None))
    return path


def add_picture(container: av.container.OutputContainer, seconds: float) -> None:
    """Add a grey picture of 64 px."""
    stream = container.add_stream("libx264", rate=25)
    stream.width = stream.height = 64
    stream.pix_fmt = "yuv420p"
    for _ in range(round(seconds * 25)):
        grey = np.full((64, 64, 3), 128, dtype=np.uint8)
        container.mux(stream.encode(av.VideoFrame.from_ndarray(grey, format="rgb24")))
    container.mux(stream.encode(None))


def read_sound(path: Path) -> tuple[NDArray[np.float32], int]:
    """Decode (channels, samples) and the rate, as a player would."""
    with av.open(str(path)) as container:
        frames = list(container.decode(audio=0))
    planes = [f.to_ndarray() for f in frames]
    return np.concatenate(planes, axis=1), frames[0].sample_rate


def read_picture(path: Path) -> list[tuple[float, NDArray[np.uint8]]]:
    """Decode (time in seconds, frame), as a player would."""
    with av.open(str(path)) as container:
        return [(f.time, f.to_ndarray(format="rgb24")) for f in container.decode(video=0)]


def durations_s(path: Path) -> dict[str, float]:
    """Length of each stream as the file declares it: {"video": ..., "audio": ...}."""
    with av.open(str(path)) as container:
        return {s.type: float(s.duration * s.time_base) for s in container.streams}
