"""Decoding: the sound of any file, frame by frame, or one clear error.

What PAD hears and what the video carries both come from :func:`decode`, so that they are cut alike
and stay in step.
"""

from __future__ import annotations

import stat
import struct
from collections.abc import Callable, Generator, Iterator
from fractions import Fraction
from pathlib import Path
from typing import BinaryIO

import av
import numpy as np

from imagineid.containers import open_container
from imagineid.errors import BadSound

SHORTEST_S = 0.2
"""A recording under this many seconds is refused."""

_DECLARES = ("wav", "w64", "aiff", "caf", "flac", "mov", "mp4", "matroska", "webm", "mp3")
_OTHER = "Give another recording:  imagineid generate OTHER.wav"
_AGAIN = "Copy or download it again, then:  imagineid generate FILE"


def decode(path: Path) -> Iterator[av.AudioFrame]:
    """Decode the first sound stream of a file.

    Args:
        path: a file that PyAV reads: wav, flac, mp3, ogg, opus, m4a, a video with sound and more.

    Yields:
        The frames of the stream as they are coded: its own rate, channels and sample format.

    Raises:
        BadSound: the file is missing, a directory, empty, not readable, not a recording, damaged,
            cut off before its declared end, without sound, under 0.2 s, or holds NaN.
    """
    with open_regular(path) as file:
        expected_s = _promised_seconds(file, path)
        if expected_s == 0.0:
            _check_length(path, 0.0, None)
        try:
            container = open_container(file)
        except (av.FFmpegError, ValueError) as error:
            raise BadSound(f"{path} is not a recording that can be read.\n{_OTHER}") from error
        with container:
            if not container.streams.audio:
                raise BadSound(f"There is no sound in {path}.\n{_OTHER}")
            stream = container.streams.audio[0]
            if expected_s is None:
                expected_s = _declared_seconds(container, stream)
            decoded_s = Fraction(0)
            for frame in _whole_frames(container, stream, path):
                decoded_s += Fraction(frame.samples, frame.sample_rate)
                yield frame
    _check_length(path, float(decoded_s), expected_s)


def resample(
    path: Path, sample_format: str, target: Callable[[av.AudioFrame], tuple[str, int]]
) -> Generator[av.AudioFrame, None, None]:
    """Decode a recording and bring it to one format, layout and rate.

    Args:
        path: the recording.
        sample_format: FFmpeg's name of a sample format, as "s16" or "fltp".
        target: maps the first frame to the layout's name and the rate wanted; both stay, even
            where the recording changes its own on the way.

    Yields:
        Frames without a time: they follow one another without a gap.

    Raises:
        BadSound: as :func:`decode`.
    """
    resampler: av.AudioResampler | None = None
    heard: tuple[str, str, int] | None = None
    layout, rate = "", 0
    for frame in decode(path):
        kind = (frame.format.name, frame.layout.name, frame.sample_rate)
        frame.pts = None
        if kind != heard:
            if resampler is None:
                layout, rate = target(frame)
            else:
                yield from resampler.resample(None)
            resampler = av.AudioResampler(format=sample_format, layout=layout, rate=rate)
            heard = kind
        assert resampler is not None  # made with the first frame
        try:
            yield from resampler.resample(frame)
        except av.FFmpegError as error:
            raise BadSound(
                f"The channels of {path} can't be mixed ({kind[1]}).\n{_OTHER}"
            ) from error
    if resampler is not None:
        yield from resampler.resample(None)


def open_regular(path: Path) -> BinaryIO:
    """Open a file to read, telling in words why it can't be.

    Args:
        path: what the user named.

    Returns:
        The open file, at its start; it has at least one byte.

    Raises:
        BadSound: it is missing, a directory, a device, empty, or may not be read.
    """
    try:
        status = path.stat()
        if stat.S_ISDIR(status.st_mode):
            raise BadSound(
                f"{path} is a directory, not a recording.\nName a file in it:  ls {path}"
            )
        if not stat.S_ISREG(status.st_mode):
            raise BadSound(f"{path} is not a file.\n{_OTHER}")
        if status.st_size == 0:
            raise BadSound(f"{path} is empty.\n{_OTHER}")
        return path.open("rb")
    except (FileNotFoundError, NotADirectoryError) as error:
        raise BadSound(f"There is no file {path}.\nSee what there is:  ls {path.parent}") from error
    except PermissionError as error:
        raise BadSound(f"{path} may not be read.\nAllow it:  chmod u+r {path}") from error
    except (OSError, ValueError) as error:  # a name too long, a loop of links, a null character
        raise BadSound(f"{path} can't be opened: {error}.\n{_OTHER}") from error


def _whole_frames(
    container: av.container.InputContainer, stream: av.AudioStream, path: Path
) -> Iterator[av.AudioFrame]:
    """Decode packet by packet; a few bad packets pass, a dying stream does not."""
    packets = bad = 0
    try:
        for packet in container.demux(stream):
            packets += 1
            try:
                frames = packet.decode()
            except av.FFmpegError:
                bad += 1
                continue
            for frame in frames:
                if frame.samples:
                    _check_numbers(frame, path)
                    yield frame
    except av.FFmpegError as error:
        raise BadSound(f"{path} is damaged: reading it stops with an error.\n{_AGAIN}") from error
    if bad > max(2, packets // 100):
        raise BadSound(f"{path} is damaged: {bad} of {packets} pieces can't be read.\n{_AGAIN}")


def _check_numbers(frame: av.AudioFrame, path: Path) -> None:
    """Refuse NaN and infinity, which only float formats can hold."""
    if frame.format.name.startswith(("flt", "dbl")) and not np.isfinite(frame.to_ndarray()).all():
        raise BadSound(f"{path} holds samples that are not numbers (NaN or infinity).\n{_OTHER}")


def _check_length(path: Path, decoded_s: float, expected_s: float | None) -> None:
    """Refuse nothing, next to nothing, and clearly less than was promised."""
    if decoded_s == 0.0:
        raise BadSound(f"There is no sound in {path}: it has 0 samples.\n{_OTHER}")
    if expected_s is not None and decoded_s < expected_s - max(0.25, 0.02 * expected_s):
        raise BadSound(
            f"{path} is cut off: {decoded_s:.1f} s of {expected_s:.1f} s can be read.\n{_AGAIN}"
        )
    if decoded_s < SHORTEST_S:
        raise BadSound(
            f"{path} is too short: {decoded_s:.2f} s, and it takes {SHORTEST_S} s at least.\n"
            f"{_OTHER}"
        )


def _declared_seconds(
    container: av.container.InputContainer, stream: av.AudioStream
) -> float | None:
    """Read the length that the file itself declares; None where it is only a guess."""
    names = container.format.name.split(",")
    if not any(name in _DECLARES for name in names) or "mp3" in names:
        return None
    if stream.duration and stream.time_base:
        return float(stream.duration * stream.time_base)
    if container.duration and len(container.streams) == 1:
        return float(container.duration / av.time_base)
    return None


def _promised_seconds(file: BinaryIO, path: Path) -> float | None:
    """Read the length from an mp3's or a wav's header; leave the file at its start.

    The reader below believes the size of a file more than its header, and so would take a file
    that was cut off for a whole one.
    """
    head = file.read(10)
    try:
        if head[:4] == b"RIFF":
            return _wav_seconds(file, path.stat().st_size)
        skip = 0
        if head[:3] == b"ID3":  # the tag's size: four bytes of seven bits
            skip = 10 + sum(
                (b & 0x7F) << s for b, s in zip(head[6:10], (21, 14, 7, 0), strict=True)
            )
        file.seek(skip)
        return _xing_seconds(file.read(4096))
    except (struct.error, ValueError):
        return None
    finally:
        file.seek(0)


def _wav_seconds(file: BinaryIO, size: int) -> float | None:
    """Read data bytes over bytes a second from a wav's chunks; None where a stream left no size."""
    file.seek(12)
    bytes_per_second = 0
    while len(chunk := file.read(8)) == 8:
        name, length = struct.unpack("<4sI", chunk)
        if name == b"fmt ":
            bytes_per_second = struct.unpack("<8xI", file.read(12))[0]
            file.seek(length - 12, 1)
        elif name == b"data":
            if length == 0 and file.tell() == size:
                return 0.0
            unknown = length == 0 or length >= 0x7FF00000 or not bytes_per_second
            whole = file.tell() + length <= size
            return None if unknown or whole else float(length / bytes_per_second)
        else:
            file.seek(length + length % 2, 1)
    return None


def _xing_seconds(data: bytes) -> float | None:
    """Read frames x samples / rate from the Xing or Info header of an mp3's first frame."""
    at = next((i for i in (data.find(b"Xing"), data.find(b"Info")) if 0 < i <= 64), -1)
    if at < 0 or data[0] != 0xFF or data[1] & 0xE0 != 0xE0:
        return None
    flags, frames = struct.unpack(">II", data[at + 4 : at + 12])
    version = data[1] >> 3 & 3  # 3: MPEG 1, 2: MPEG 2, 0: MPEG 2.5
    rate_index = data[2] >> 2 & 3
    if not flags & 1 or version == 1 or rate_index == 3:
        return None
    rate = (44_100, 48_000, 32_000)[rate_index] // {3: 1, 2: 2, 0: 4}[version]
    return float(frames * (1152 if version == 3 else 576) / rate)
