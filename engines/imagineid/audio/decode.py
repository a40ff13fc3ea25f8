"""Decoding: the sound of any file, frame by frame, or one clear error.

What PAD hears and what the video carries both come from :func:`decode`, so that they are cut alike
and stay in step.
"""

from __future__ import annotations

import re
import stat
from collections.abc import Callable, Generator, Iterator
from fractions import Fraction
from pathlib import Path
from typing import BinaryIO

import av
import numpy as np

from imagineid.audio.headers import guess_kind, is_encrypted, read_header
from imagineid.audio.survey import LOUDEST, PLANES, Survey, packed, samples_of, survey
from imagineid.containers import open_container
from imagineid.errors import BadSound

GAP_S = Fraction(1, 25)
"""A gap longer than a video frame becomes silence."""

MOST_SILENCE_S = 3600
"""Longer gaps are no gaps but broken times, and no more silence than that is added."""

SILENCE_SAMPLES = 4096
"""Samples of one frame of silence."""

LOWEST_RATE = 1000
"""Samples a second below which there is no speech."""

SHORTEST_S = 0.2
"""A recording under this many seconds is refused."""

_DECLARES = ("wav", "w64", "aiff", "caf", "flac", "mov", "mp4", "matroska", "webm", "mp3")
_MUXED = frozenset("ogg matroska webm mov mp4 mpegts mpeg flv avi asf nut 3gp".split())
"""Formats in which packets have times; a gap in any other is damage."""

_OTHER = "Give another recording:  imagineid generate OTHER.wav"
_AGAIN = "Copy or download it again, then:  imagineid generate FILE"


def decode(
    path: Path,
    notes: list[str] | None = None,
    on_progress: Callable[[float], None] | None = None,
    track: int | None = None,
) -> Iterator[av.AudioFrame]:
    """Decode the sound of a file: the first track, the one with speech, or the requested one.

    Gaps in it become silence, so that it stays in step with a picture beside it.

    Args:
        path: a file that PyAV reads: wav, flac, mp3, ogg, opus, m4a, a video with sound and more.
        notes: where lines are put that the user should know.
        on_progress: called with the share of the file that is read, 0 to 1.
        track: which of its sound tracks, from 1; None: the first, unless only another one speaks.

    Yields:
        The frames of the stream as they are coded: its own rate, channels and sample format.
        Channels that are too many for a layout come mixed.

    Raises:
        BadSound: the file is missing, a directory, empty, not readable, not a recording, damaged,
            encrypted, cut off before its declared end, without sound or that track, under 0.2 s, or
            holds NaN.
    """
    with open_regular(path) as file:
        header = read_header(file, path)
        expected_s = header.expected_s
        if expected_s == 0.0:
            _check_length(path, 0.0, None)
        if is_encrypted(file):
            raise BadSound(f"The sound of {path} is encrypted: it can't be decoded.\n{_OTHER}")
        try:
            container = open_container(file)
        except (av.FFmpegError, ValueError) as error:
            raise _unreadable(path, file) from error
        with container:
            if not container.streams.audio:
                raise BadSound(f"There is no sound in {path}.\n{_OTHER}")
            check_track(path, container, track)
            found = survey(path, track)
            stream = container.streams.audio[found.track]
            if expected_s is None:
                expected_s = _declared_seconds(container, stream)
            if notes is not None:
                notes.extend(f"{path}: {note}" for note in header.notes + found.notes)
            decoded_s, size = Fraction(0), path.stat().st_size
            frames = _whole_frames(container, stream, path)
            if not _MUXED.isdisjoint(container.format.name.split(",")):
                frames = _in_step(frames, _picture_starts(container))
            for frame in frames:
                decoded_s += Fraction(frame.samples, frame.sample_rate)
                yield _adjusted(frame, found)
                if on_progress is not None:
                    on_progress(min(1.0, file.tell() / max(size, 1)))
    _check_length(path, float(decoded_s), expected_s)


def resample(
    path: Path,
    sample_format: str,
    target: Callable[[av.AudioFrame], tuple[str, int]],
    notes: list[str] | None = None,
    on_progress: Callable[[float], None] | None = None,
    track: int | None = None,
) -> Generator[av.AudioFrame, None, None]:
    """Decode a recording and convert it to one format, layout and rate.

    Args:
        path: the recording.
        sample_format: FFmpeg's name of a sample format, as "s16" or "fltp".
        target: maps the first frame to the layout's name and the rate wanted; both stay, even
            where the recording changes its own on the way.
        notes: where lines are put that the user should know.
        on_progress: called with the share of the file that is read, 0 to 1.
        track: as for :func:`decode`.

    Yields:
        Frames without timestamps, without gaps.

    Raises:
        BadSound: as :func:`decode`.
    """
    resampler: av.AudioResampler | None = None
    current: tuple[str, str, int] | None = None
    layout, rate = "", 0
    for frame in decode(path, notes, on_progress, track):
        kind = (frame.format.name, frame.layout.name, frame.sample_rate)
        frame.pts = None
        if kind != current:
            if resampler is None:
                layout, rate = target(frame)
            else:
                yield from resampler.resample(None)
            resampler = av.AudioResampler(format=sample_format, layout=layout, rate=rate)
            current = kind
        assert resampler is not None  # made with the first frame
        try:
            yield from resampler.resample(frame)
        except (av.FFmpegError, ValueError) as error:
            raise BadSound(
                f"The channels of {path} can't be mixed ({kind[1]}).\n{_OTHER}"
            ) from error
    if resampler is not None:
        yield from resampler.resample(None)


def check_track(
    name: Path | str, container: av.container.InputContainer, track: int | None
) -> None:
    """Check that a recording has the requested sound track, counted from 1.

    Raises:
        BadSound: it has not.
    """
    count = len(container.streams.audio)
    if track is not None and not 1 <= track <= count:
        available = "one sound track" if count == 1 else f"{count} sound tracks"
        raise BadSound(
            f"There is no sound track {track} in {name}: it has {available}.\n"
            f"Leave it out, or try:  --track {count}"
        )


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
        if re.match(r"(https?|ftp):/", str(path)):
            raise BadSound(
                f"{path} is an address, and nothing is fetched.\n"
                "Fetch it yourself:  curl -LO ADDRESS"
            ) from error
        raise BadSound(f"The file {path} does not exist.\nList:  ls {path.parent}") from error
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
                    _check_rate(frame, path)
                    _check_numbers(frame, path)
                    yield frame
    except av.FFmpegError as error:
        raise BadSound(f"{path} is damaged: reading it stops with an error.\n{_AGAIN}") from error
    if bad > max(2, packets // 100):
        raise BadSound(f"{path} is damaged: {bad} of {packets} pieces can't be read.\n{_AGAIN}")


def _picture_starts(container: av.container.InputContainer) -> Fraction | None:
    """Return when the picture beside the sound begins; None where there is none."""
    for stream in container.streams.video:
        cover = stream.disposition & av.stream.Disposition.attached_pic
        if not cover and stream.start_time is not None and stream.time_base is not None:
            return Fraction(stream.start_time * stream.time_base)
    return None


def _in_step(frames: Iterator[av.AudioFrame], starts: Fraction | None) -> Iterator[av.AudioFrame]:
    """Put silence where packets are missing, or where sound begins after the picture.

    Args:
        frames: with their times.
        starts: when the picture begins, seconds; None: the sound's own beginning counts.
    """
    due, left_s = starts, Fraction(MOST_SILENCE_S)
    for frame in frames:
        if frame.pts is not None and frame.time_base is not None:
            time = Fraction(frame.pts) * frame.time_base
            gap = time - due if due is not None else Fraction(0)
            if GAP_S < gap < left_s:
                samples = int(gap * frame.sample_rate)
                yield from silence(samples, frame)
                left_s -= gap
            if gap > GAP_S or gap < -1 or due is None:
                due = time
        yield frame
        due = (due or Fraction(0)) + Fraction(frame.samples, frame.sample_rate)


def silence(samples: int, like: av.AudioFrame) -> Iterator[av.AudioFrame]:
    """Yield silence in the format of another frame."""
    nothing = b"\x80" if like.format.name.startswith("u8") else b"\0"
    form = like.format
    if form.is_planar and like.layout.nb_channels >= PLANES:
        form = form.packed
    for start in range(0, samples, SILENCE_SAMPLES):
        count = min(SILENCE_SAMPLES, samples - start)
        frame = av.AudioFrame(format=form.name, layout=like.layout.name, samples=count)
        for plane in frame.planes:
            plane.update(nothing * plane.buffer_size)
        frame.sample_rate = like.sample_rate
        yield frame


def _adjusted(frame: av.AudioFrame, found: Survey) -> av.AudioFrame:
    """Scale a frame to [-1, 1], and mix channels of unknown layout to one."""
    if found.gain == 1.0 and found.weights is None:
        return frame
    block = samples_of(frame) * np.float32(found.gain)
    layout = frame.layout.name
    if found.weights is not None and len(found.weights) == len(block):
        block = np.asarray(found.weights, np.float32)[None] @ block
        layout = "mono"
    block = np.ascontiguousarray(np.clip(block, -LOUDEST, LOUDEST))
    block_frame = av.AudioFrame.from_ndarray(block, format="fltp", layout=layout)
    block_frame.sample_rate = frame.sample_rate
    return block_frame


def _unreadable(path: Path, file: BinaryIO) -> BadSound:
    """Return the error message for a file that is no recording."""
    what = guess_kind(file)
    seems = f": it seems to be {what}" if what else ""
    remedy = _OTHER
    if what.startswith("sound without"):
        remedy = f"If so, say what it is:  ffmpeg -f s16le -ar 16000 -ac 1 -i {path} OUT.wav"
    return BadSound(f"{path} is not a recording that can be read{seems}.\n{remedy}")


def _check_rate(frame: av.AudioFrame, path: Path) -> None:
    """Refuse rates at which nothing can be heard."""
    if frame.sample_rate < LOWEST_RATE:
        raise BadSound(
            f"{path} has {frame.sample_rate} samples a second: no speech can be in it.\n{_OTHER}"
        )


def _check_numbers(frame: av.AudioFrame, path: Path) -> None:
    """Refuse NaN and infinity, which only float formats can hold."""
    if not frame.format.name.startswith(("flt", "dbl")):
        return
    if not np.isfinite(packed(frame).to_ndarray()).all():
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
