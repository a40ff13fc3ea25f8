"""Live output, read back as the other end of a pipe would."""

from __future__ import annotations

import io
from pathlib import Path

import av
import numpy as np
import pytest
from PIL import Image

from imagineid.errors import BadOutput
from imagineid.live import LivePicture
from imagineid.spec import FRAME_SAMPLES
from imagineid.video.live_output import Mp4Stream, PictureStream, Window, as_jpeg, as_raw


def pictures(count: int, flash: int) -> list[LivePicture]:
    """Grey frames in silence; one is white, with a click."""
    sequence = []
    for number in range(count):
        sound = np.zeros(FRAME_SAMPLES, np.float32)
        sound[:160] = 0.8 if number == flash else 0
        frame = np.full((64, 64, 3), 255 if number == flash else 90, np.uint8)
        sequence.append(LivePicture(number, frame, sound, repeated=False))
    return sequence


class OnlyWritten(io.RawIOBase):
    """A pipe's end."""

    def __init__(self) -> None:
        self.data = bytearray()

    def writable(self) -> bool:
        return True

    def write(self, data: bytes) -> int:  # type: ignore[override]
        self.data += data
        return len(data)


def test_an_mp4_stream_has_picture_and_sound_in_step() -> None:
    out = OnlyWritten()
    sizes = []
    with Mp4Stream(out, Path("-"), 64, {"seed": 7}) as sink:
        for picture in pictures(75, 50):
            sink.write(picture)
            sizes.append(len(out.data))
    assert all(b > a for a, b in zip(sizes[5:], sizes[8:], strict=False)), "three frames at most"
    with av.open(io.BytesIO(bytes(out.data))) as container:
        assert "Synthetic" in container.metadata["description"]
        frames = [(f.time, f.to_ndarray(format="rgb24")) for f in container.decode(video=0)]
    with av.open(io.BytesIO(bytes(out.data))) as container:
        codec, rate = container.streams.audio[0].codec_context, container.streams.audio[0].rate
        sound = np.concatenate([f.to_ndarray()[0] for f in container.decode(audio=0)])
    assert len(frames) == 75
    flash_s = next(time for time, frame in frames if frame.mean() > 200)
    assert (codec.name, codec.profile, rate) == ("aac", "LC", 48_000), "what every player takes"
    click_s = np.flatnonzero(np.abs(sound) > 0.4)[0] / rate
    assert flash_s == pytest.approx(2.0, abs=0.001)
    assert click_s == pytest.approx(2.0, abs=0.01)


def test_an_interrupted_mp4_stream_is_complete() -> None:
    out = OnlyWritten()
    sink = Mp4Stream(out, Path("-"), 64, {}).__enter__()
    for picture in pictures(50, 25):
        sink.write(picture)
    sink.__exit__(KeyboardInterrupt, KeyboardInterrupt(), None)
    with av.open(io.BytesIO(bytes(out.data))) as container:
        assert len([*container.decode(video=0)]) == 50
    with av.open(io.BytesIO(bytes(out.data))) as container:
        seconds = sum(f.samples / f.sample_rate for f in container.decode(audio=0))
    assert seconds == pytest.approx(2.0, abs=0.03)


def test_jpegs_follow_one_another() -> None:
    out = OnlyWritten()
    with PictureStream(out, Path("-"), as_jpeg) as sink:
        for picture in pictures(5, 2):
            sink.write(picture)
    with av.open(io.BytesIO(bytes(out.data)), format="mjpeg") as container:
        assert len([*container.decode(video=0)]) == 5
    assert Image.open(io.BytesIO(as_jpeg(pictures(1, 0)[0].frame))).size == (64, 64)


def test_raw_frames_are_their_bytes() -> None:
    out = OnlyWritten()
    with PictureStream(out, Path("-"), as_raw) as sink:
        for picture in pictures(3, 1):
            sink.write(picture)
    frames = np.frombuffer(bytes(out.data), np.uint8).reshape(3, 64, 64, 3)
    assert frames.mean(axis=(1, 2, 3)).tolist() == [90, 255, 90]


def test_a_reader_that_goes_away_is_reported() -> None:
    class Broken(OnlyWritten):
        def write(self, data: bytes) -> int:  # type: ignore[override]
            raise BrokenPipeError

    with PictureStream(Broken(), Path("-"), as_raw) as sink:
        picture = pictures(1, 0)[0]
        with pytest.raises(BadOutput, match="Nobody reads"):
            sink.write(picture)


def test_without_a_screen_a_player_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("DISPLAY", raising=False)
    with pytest.raises(BadOutput, match="mpv"):
        Window(64).__enter__()
