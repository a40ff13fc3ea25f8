"""Live input: pieces of sound from pipes and growing files."""

from __future__ import annotations

import io
import os
import sys
import threading
import time
from pathlib import Path

import numpy as np
import pytest

from imagineid.audio import open_sound
from imagineid.audio.live_input import (
    Backlog,
    container_chunks,
    microphone_chunks,
    pcm_chunks,
)
from imagineid.errors import BadSound
from imagineid.spec import SAMPLE_RATE
from support.recordings import tone, write_recording


def as_pcm(wave: np.ndarray) -> bytes:
    """(samples, channels) as 16-bit little-endian."""
    return (np.clip(wave, -1, 1) * 32767).astype("<i2").tobytes()


def test_raw_pcm_comes_through_as_it_is() -> None:
    wave = tone(1.013)[0]
    samples = np.concatenate(list(pcm_chunks(io.BytesIO(as_pcm(wave)))))
    assert len(samples) == len(wave)
    np.testing.assert_allclose(samples, wave, atol=1e-3)


@pytest.mark.parametrize(("rate", "channels"), [(8_000, 1), (44_100, 2), (48_000, 2)])
def test_raw_pcm_of_any_rate_keeps_its_length(rate: int, channels: int) -> None:
    wave = np.repeat(tone(2.0, rate).T, channels, axis=1)
    samples = np.concatenate(list(pcm_chunks(io.BytesIO(as_pcm(wave)), rate, channels)))
    assert len(samples) == pytest.approx(2 * SAMPLE_RATE, abs=64)
    assert np.abs(samples[8000:24_000]).max() == pytest.approx(0.3, abs=0.02)


def test_raw_pcm_arrives_as_soon_as_it_is_written() -> None:
    ends = os.pipe()
    with os.fdopen(ends[0], "rb") as reader, os.fdopen(ends[1], "wb", buffering=0) as writer:
        chunks = pcm_chunks(reader)
        writer.write(as_pcm(np.zeros(160)) + b"\x01")  # half a sample more
        assert len(next(chunks)) == 160
        writer.write(b"\x00")
        assert next(chunks)[0] == pytest.approx(1 / 32768)


@pytest.mark.parametrize("suffix", [".wav", ".mp3", ".ogg"])
def test_a_growing_file_is_read_from_its_start(tmp_path: Path, suffix: str) -> None:
    path = write_recording(tmp_path / f"a{suffix}", tone(2.0, 48_000), 48_000)
    ends = os.pipe()

    def write_slowly() -> None:
        with os.fdopen(ends[1], "wb", buffering=0) as writer:
            data = path.read_bytes()
            for start in range(0, len(data), 4096):
                writer.write(data[start : start + 4096])
                time.sleep(0.001)

    thread = threading.Thread(target=write_slowly)
    thread.start()
    with os.fdopen(ends[0], "rb") as reader:
        samples = np.concatenate(list(container_chunks(reader)))
    thread.join()
    with open_sound(path) as sound:
        assert len(samples) == pytest.approx(sound.samples, abs=1600)
    assert np.abs(samples[8000:24_000]).max() == pytest.approx(0.3, abs=0.05)


def test_a_stream_that_is_no_sound_is_refused_with_what_to_type() -> None:
    with pytest.raises(BadSound, match="--pcm 16000"):
        list(container_chunks(io.BytesIO(b"no sound at all" * 1000)))
    with pytest.raises(BadSound, match="--pcm 48000x2"):
        list(pcm_chunks(io.BytesIO(b""), 1, 1))


def test_waiting_samples_are_counted() -> None:
    go = threading.Event()

    def source():  # noqa: ANN202
        yield np.zeros(1600, np.float32)
        yield np.zeros(1600, np.float32)
        go.set()
        time.sleep(0.05)
        yield np.zeros(160, np.float32)

    backlog = Backlog(source())
    assert go.wait(5)
    assert backlog.waiting_s() == pytest.approx(0.2)
    assert [len(chunk) for chunk in backlog] == [1600, 1600, 160]
    assert backlog.waiting_s() == 0


def test_a_source_error_is_raised_in_the_consumer() -> None:
    def source():  # noqa: ANN202
        yield np.zeros(10, np.float32)
        raise BadSound("gone\nplug it in")

    chunks = iter(Backlog(source()))
    next(chunks)
    with pytest.raises(BadSound, match="gone"):
        next(chunks)


def test_a_missing_portaudio_is_named_with_its_command(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "sounddevice.py").write_text("raise OSError('PortAudio library not found')\n")
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.delitem(sys.modules, "sounddevice", raising=False)
    with pytest.raises(BadSound, match="sudo apt install libportaudio2"):
        next(microphone_chunks())
