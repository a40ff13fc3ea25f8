"""Live audio input from pipes, growing files and microphones, as chunks of 16 kHz mono."""

from __future__ import annotations

import contextlib
import queue
import re
import sys
import threading
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import IO, Any, BinaryIO

import av
import numpy as np

from imagineid.audio.decode import check_track
from imagineid.containers import open_stream
from imagineid.errors import BackendMissing, BadInput, BadSound
from imagineid.spec import SAMPLE_RATE

Array = np.ndarray

PIECE_S = 0.01
"""Length of a chunk in seconds."""


def pcm_chunks(stream: IO[bytes], rate: int = SAMPLE_RATE, channels: int = 1) -> Iterator[Array]:
    """Read headerless PCM: 16-bit little-endian, channels interleaved.

    Args:
        stream: such as standard input; it may grow.
        rate: Hz.
        channels: how many.

    Yields:
        (n,) float32 in [-1, 1], mono at 16 kHz.

    Raises:
        BadSound: the rate or the number of channels is invalid.
    """
    if not (4_000 <= rate <= 384_000 and 1 <= channels <= 8):
        raise BadSound(
            f"Sound of {rate} Hz and {channels} channels can't be read.\n"
            "Give rate and channels:  --pcm 16000 (mono), or --pcm 48000x2 (stereo)"
        )
    resampler = _Resampler()
    size = 2 * channels
    chunk_bytes = max(1, round(PIECE_S * rate)) * size
    read = getattr(stream, "read1", stream.read)  # what is available, without waiting for more
    rest = b""
    while data := read(chunk_bytes):
        data = rest + data
        whole = len(data) // size * size
        data, rest = data[:whole], data[whole:]
        mono = np.frombuffer(data, "<i2").reshape(-1, channels).mean(axis=1) / 32768
        if rate == SAMPLE_RATE:
            yield mono.astype(np.float32)
        else:
            yield from resampler.resample(mono.astype(np.float32), rate)
    if rate != SAMPLE_RATE:
        yield from resampler.finish()


def container_chunks(stream: IO[bytes], track: int | None = None) -> Iterator[Array]:
    """Read a file that grows: wav, mp3, ogg, webm ... from its start.

    Args:
        stream: such as standard input or an open file; it need not seek.
        track: which of its sound tracks, from 1; None: the first.

    Yields:
        (n,) float32 in [-1, 1], mono at 16 kHz.

    Raises:
        BadSound: it can't be decoded.
    """
    try:
        with open_stream(_ReadOnly(stream)) as container:
            if not container.streams.audio:
                raise BadSound("There is no sound in this stream.\nGive another:  imagineid live -")
            check_track("this stream", container, track)
            resampler = av.AudioResampler(format="flt", layout="mono", rate=SAMPLE_RATE)
            for frame in container.decode(audio=(track or 1) - 1):
                frame.pts = None
                for part in resampler.resample(frame):
                    yield np.asarray(part.to_ndarray()[0], np.float32)
            for part in resampler.resample(None):
                yield np.asarray(part.to_ndarray()[0], np.float32)
    except av.FFmpegError as error:
        raise BadSound(
            "This stream can't be decoded.\n"
            "If it has no header, give its rate:  imagineid live - --pcm 16000"
        ) from error


def microphone_chunks(device: str | int | None = None) -> Iterator[Array]:
    """Record from a microphone until the caller stops.

    Args:
        device: its number or part of its name, as ``python -m sounddevice`` lists them; None is
            the system's default.

    Yields:
        (n,) float32 in [-1, 1], mono at 16 kHz.

    Raises:
        BackendMissing: the extra ``[live]`` is not installed.
        BadSound: PortAudio is missing, there is no microphone, or it can't be opened.
    """
    try:
        import sounddevice
    except ImportError as error:
        raise BackendMissing("microphone", "live") from error
    except OSError as error:
        raise BadSound(
            "The microphone needs PortAudio, which is not installed.\n"
            "Install it:  sudo apt install libportaudio2\n"
            "Or pipe sound in:  arecord -f S16_LE -r 16000 | imagineid live - --pcm 16000"
        ) from error
    pieces: queue.Queue[Array] = queue.Queue()

    def take(data: Any, _frames: int, _time: Any, _status: Any) -> None:
        pieces.put(np.array(data[:, 0]))

    try:
        with sounddevice.InputStream(
            samplerate=SAMPLE_RATE,
            channels=1,
            dtype="float32",
            blocksize=round(PIECE_S * SAMPLE_RATE),
            device=device,
            callback=take,
        ):
            while True:
                yield pieces.get()
    except (sounddevice.PortAudioError, ValueError) as error:
        raise BadSound(
            f"The microphone can't be opened: {error}.\n"
            "List devices:  python -m sounddevice\n"
            "Or pipe sound in:  arecord -f S16_LE -r 16000 | imagineid live - --pcm 16000"
        ) from error


class Backlog:
    """Reads chunks in a thread, so that the amount of waiting sound is known.

    Args:
        chunks: incoming sound, in real time.
    """

    def __init__(self, chunks: Iterable[Array]) -> None:
        self._chunks = chunks
        self._ready: queue.SimpleQueue[Array | BaseException | None] = queue.SimpleQueue()
        self._received = self._taken = 0  # samples
        threading.Thread(target=self._work, name="imagineid-sound", daemon=True).start()

    def waiting_s(self) -> float:
        """Return the seconds of sound that were received and not yet taken."""
        return (self._received - self._taken) / SAMPLE_RATE

    def __iter__(self) -> Iterator[Array]:
        while True:
            item = self._ready.get()
            if item is None:
                return
            if isinstance(item, BaseException):
                raise item
            self._taken += len(item)
            yield item

    def _work(self) -> None:
        """Read chunks until the stream ends."""
        try:
            for chunk in self._chunks:
                self._received += len(chunk)
                self._ready.put(chunk)
            self._ready.put(None)
        except BaseException as error:
            self._ready.put(error)


class _Resampler:
    """Resamples mono sound to 16 kHz, chunk by chunk."""

    def __init__(self) -> None:
        self._inner = av.AudioResampler(format="flt", layout="mono", rate=SAMPLE_RATE)

    def resample(self, mono: Array, rate: int) -> Iterator[Array]:
        frame = av.AudioFrame.from_ndarray(mono[None], format="flt", layout="mono")
        frame.sample_rate = rate
        for part in self._inner.resample(frame):
            yield np.asarray(part.to_ndarray()[0], np.float32)

    def finish(self) -> Iterator[Array]:
        for part in self._inner.resample(None):
            yield np.asarray(part.to_ndarray()[0], np.float32)


class _ReadOnly:
    """A stream without ``seek``, so that decoders do not try to seek."""

    def __init__(self, stream: IO[bytes]) -> None:
        self._read = getattr(stream, "read1", stream.read)

    def read(self, count: int) -> bytes:
        data: bytes = self._read(count)
        return data


def parse_pcm(text: str | None) -> tuple[int | None, int]:
    """Parse the description of headerless sound, such as ``48000x2``.

    Returns:
        Its rate in Hz and its channels; None for a stream with a header.

    Raises:
        BadInput: it is no such description.
    """
    if text is None:
        return None, 1
    found = re.fullmatch(r"(\d{4,6})(?:x(\d))?", text)
    if found is None:
        raise BadInput(f"--pcm {text} is no rate.\nTry:  --pcm 16000  or  --pcm 48000x2")
    return int(found[1]), int(found[2] or 1)


@contextlib.contextmanager
def open_chunks(
    source: str,
    rate: int | None,
    channels: int,
    device: str | None = None,
    track: int | None = None,
) -> Iterator[Iterator[Array]]:
    """Open sound that comes in.

    Args:
        source: ``mic``, ``-`` for standard input, or a pipe's or a file's name.
        rate: of headerless 16-bit PCM, Hz; None for a stream with a header.
        channels: of headerless PCM.
        device: name of the microphone; None for the usual one.
        track: which sound track of a stream with a header, from 1; None: the first.

    Raises:
        BadInput: it can't be opened.
    """
    if source == "mic":
        yield microphone_chunks(device)
        return
    with contextlib.ExitStack() as stack:
        stream: BinaryIO = sys.stdin.buffer
        if source != "-":
            try:
                stream = stack.enter_context(Path(source).open("rb"))
            except OSError as error:
                raise BadInput(
                    f"{source} can't be opened: {error.strerror}.\n"
                    "Give a pipe or a file, - for standard input, or mic"
                ) from error
        if rate is None:
            yield container_chunks(stream, track)
        else:
            yield pcm_chunks(stream, rate, channels)
