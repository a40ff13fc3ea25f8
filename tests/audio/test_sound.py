"""Recordings of every kind become the same sound, and sound becomes the same mel windows."""

from __future__ import annotations

import itertools
import os
import tracemalloc
from pathlib import Path

import av
import numpy as np
import pytest
import soundfile
from hypothesis import given, settings
from hypothesis import strategies as st

import imagineid.audio.sound
from imagineid.audio import mel_filters, mel_spectrogram, mel_windows, open_sound
from imagineid.audio.padding import PaddedSound
from imagineid.errors import BadSound
from imagineid.spec import SAMPLE_RATE
from support.recordings import add_picture, tone, write_recording

NOISE = np.random.default_rng(0).normal(0, 0.1, 16_000 * 6).astype(np.float32)


def loudest_hz(wave: np.ndarray) -> float:
    spectrum = np.abs(np.fft.rfft(wave * np.hanning(len(wave))))
    return float(spectrum.argmax() * 16_000 / len(wave))


# ---- mel windows


@given(cuts=st.lists(st.integers(1, 149), unique=True, max_size=4).map(sorted))
@settings(max_examples=10, deadline=None, database=None)
def test_mel_windows_are_the_same_however_they_are_cut(cuts: list[int]) -> None:
    whole = mel_windows(NOISE, 0, 150)
    pieces = [mel_windows(NOISE, a, b - a) for a, b in itertools.pairwise([0, *cuts, 150])]
    assert np.array_equal(np.concatenate(pieces), whole)


def test_mel_frames_are_those_of_a_plain_transform() -> None:
    wave = np.append(NOISE[0], NOISE[1:] - np.float32(0.97) * NOISE[:-1])
    padded = np.pad(wave, 400)
    window = np.hanning(801)[:-1]
    expected = []
    for t in range(1 + len(wave) // 200):
        bands = np.abs(np.fft.rfft(padded[200 * t : 200 * t + 800] * window)) @ mel_filters()
        decibels = 20 * np.log10(np.maximum(1e-5, bands)) - 20
        expected.append(np.clip(8 * (decibels + 100) / 100 - 4, -4, 4))
    assert np.allclose(mel_spectrogram(NOISE), expected, atol=1e-4)


def test_a_window_holds_the_sixteen_mel_frames_from_its_start() -> None:
    frames, windows = mel_spectrogram(NOISE), mel_windows(NOISE, 0, 140)
    for i in (0, 1, 7, 139):
        start = int(80 * i / 25)
        assert np.array_equal(windows[i].reshape(80, 16), frames[start : start + 16].T)


def test_silence_is_the_lowest_mel() -> None:
    assert np.all(mel_spectrogram(np.zeros(8_000, dtype=np.float32)) == -4.0)


def test_windows_past_the_end_hear_silence() -> None:
    assert np.all(mel_windows(NOISE, 6 * 25 + 1, 3) == -4.0)


def test_a_tone_is_loudest_in_its_own_band() -> None:
    bands = mel_spectrogram(tone(1.0, hz=1000.0)[0])[40]
    spectrum_bin = round(1000 / 20)
    assert bands.argmax() == mel_filters()[spectrum_bin].argmax()


def test_a_recording_and_its_array_have_the_same_windows(speech: Path) -> None:
    with open_sound(speech) as sound:
        wave = sound.read(0, sound.samples)
        assert np.array_equal(mel_windows(sound, 30, 50), mel_windows(wave, 30, 50))


# ---- every kind of recording


@pytest.mark.parametrize("suffix", [".wav", ".flac", ".mp3", ".ogg", ".m4a", ".mkv"])
@pytest.mark.parametrize("channels", [1, 2])
def test_every_kind_of_file_is_read(tmp_path: Path, suffix: str, channels: int) -> None:
    wave = np.repeat(tone(2.0, 48_000), channels, axis=0)
    path = write_recording(tmp_path / f"a{suffix}", wave, 48_000)
    with open_sound(path) as sound:
        assert sound.duration_s == pytest.approx(2.0, abs=0.05)
        assert loudest_hz(sound.read(4_000, 16_000)) == pytest.approx(440, abs=2)
        assert np.abs(sound.read(4_000, 16_000)).max() == pytest.approx(0.3, abs=0.05)


@pytest.mark.parametrize("rate", [8_000, 11_025, 22_050, 44_100, 96_000])
def test_every_rate_keeps_its_length_and_its_place(tmp_path: Path, rate: int) -> None:
    wave = np.zeros((1, rate * 2), dtype=np.float32)
    wave[0, rate : rate + rate // 100] = 0.8
    with open_sound(write_recording(tmp_path / "click.wav", wave, rate)) as sound:
        assert abs(sound.samples - 32_000) <= 1
        loud = np.flatnonzero(np.abs(sound.read(0, sound.samples)) > 0.4)
        assert loud[0] == pytest.approx(16_000, abs=16)  # within a millisecond


def test_the_sound_of_a_video_is_read(tmp_path: Path) -> None:
    path = write_recording(tmp_path / "a.mp4", tone(1.0, 44_100), 44_100, picture=True)
    with open_sound(path) as sound:
        assert loudest_hz(sound.read(0, 16_000)) == pytest.approx(440, abs=2)


def test_surround_sound_is_read(tmp_path: Path) -> None:
    wave = np.zeros((6, 48_000), dtype=np.float32)
    wave[2] = tone(1.0, 48_000)  # the centre alone
    with open_sound(write_recording(tmp_path / "a.flac", wave, 48_000)) as sound:
        assert np.abs(sound.read(0, 16_000)).max() == pytest.approx(0.3, abs=0.02)


@pytest.mark.parametrize("other", [0.0, -1.0, 1.0])
def test_a_dead_or_inverted_channel_takes_nothing_away(tmp_path: Path, other: float) -> None:
    voice = tone(1.0, 44_100)
    for order in ([voice, other * voice], [other * voice, voice]):
        path = write_recording(tmp_path / "a.wav", np.concatenate(order), 44_100)
        with open_sound(path) as sound:
            assert np.abs(sound.read(0, 16_000)).max() == pytest.approx(0.3, abs=0.02)


def test_silence_is_not_an_error(tmp_path: Path) -> None:
    path = write_recording(tmp_path / "a.wav", np.zeros((2, 16_000), dtype=np.float32))
    with open_sound(path) as sound:
        assert sound.frames == 25
        assert not sound.read(0, sound.samples).any()


def test_outside_of_a_recording_are_zeros(speech: Path) -> None:
    with open_sound(speech) as sound:
        whole = sound.read(-100, sound.samples + 200)
        assert not whole[:100].any()
        assert not whole[-100:].any()
        assert np.array_equal(whole[100:-100], sound.read(0, sound.samples))
        assert not sound.read(sound.samples + 5, 10).any()


def test_a_name_of_any_letters_is_read(tmp_path: Path, speech: Path) -> None:
    path = tmp_path / "réc: ‘голос’ 声 %03d [a].flac"
    path.write_bytes(speech.read_bytes())
    with open_sound(path) as sound:
        assert sound.duration_s == pytest.approx(8.29, abs=0.01)


@pytest.mark.parametrize(("samples", "frames"), [(16_000, 25), (16_001, 26), (3_200, 5)])
def test_frames_cover_the_sound(tmp_path: Path, samples: int, frames: int) -> None:
    wave = np.zeros((1, samples), dtype=np.float32)
    with open_sound(write_recording(tmp_path / "a.wav", wave)) as sound:
        assert (sound.samples, sound.frames) == (samples, frames)


def test_a_few_bad_bytes_at_the_end_of_an_mp3_pass(tmp_path: Path) -> None:
    path = write_recording(tmp_path / "a.mp3", tone(5.0, 44_100), 44_100)
    data = bytearray(path.read_bytes())
    data[-300:] = bytes(300)
    path.write_bytes(data)
    with open_sound(path) as sound:
        assert sound.duration_s == pytest.approx(5.0, abs=0.15)


def test_memory_does_not_grow_with_a_recording(tmp_path: Path) -> None:
    peaks = []
    for seconds in (2, 40):
        path = write_recording(tmp_path / "a.wav", tone(seconds))
        tracemalloc.start()
        with open_sound(path) as sound:
            for frame in range(0, sound.frames, 50):
                mel_windows(sound, frame, 50)
        peaks.append(tracemalloc.get_traced_memory()[1])
        tracemalloc.stop()
    assert peaks[1] < peaks[0] * 1.2


# ---- what can't be used


def bad(path: Path) -> str:
    with pytest.raises(BadSound) as excinfo:
        open_sound(path)
    what, *hints = str(excinfo.value).splitlines()
    assert str(path) in what
    assert len(hints) == 1
    return what


def test_a_missing_file_is_reported(tmp_path: Path) -> None:
    assert "does not exist" in bad(tmp_path / "a.wav")


def test_a_directory_is_reported(tmp_path: Path) -> None:
    assert "is a directory" in bad(tmp_path)


def test_a_pipe_is_reported(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "a.wav")
    assert "is not a file" in bad(tmp_path / "a.wav")


def test_an_empty_file_is_reported(tmp_path: Path) -> None:
    (tmp_path / "a.wav").touch()
    assert "is empty" in bad(tmp_path / "a.wav")


@pytest.mark.parametrize("suffix", [".wav", ".mp3", ".txt", ".m3u8"])
@pytest.mark.parametrize("text", ["Good morning.\n", "#EXTM3U\nhttps://localhost/a.ts\n"])
def test_a_text_file_is_reported(tmp_path: Path, suffix: str, text: str) -> None:
    path = tmp_path / f"a{suffix}"
    path.write_text(text * 40)
    words = ("not a recording", "no sound", "refers to other files")
    assert any(each in bad(path) for each in words)


def test_a_video_without_sound_is_reported(tmp_path: Path) -> None:
    with av.open(str(tmp_path / "a.mp4"), "w") as container:
        add_picture(container, seconds=1.0)
    assert "There is no sound" in bad(tmp_path / "a.mp4")


@pytest.mark.parametrize("suffix", [".mp3", ".flac", ".wav", ".m4a"])
@pytest.mark.parametrize("share", [0.3, 0.9])
def test_a_truncated_file_is_reported(tmp_path: Path, suffix: str, share: float) -> None:
    path = write_recording(tmp_path / f"a{suffix}", tone(8.0, 44_100), 44_100)
    data = path.read_bytes()
    path.write_bytes(data[: int(len(data) * share)])
    assert "cut off" in bad(path) or "not a recording" in bad(path)


@pytest.mark.parametrize("suffix", [".mp3", ".flac"])
def test_a_file_damaged_in_the_middle_is_reported(tmp_path: Path, suffix: str) -> None:
    path = write_recording(tmp_path / f"a{suffix}", tone(8.0, 44_100), 44_100)
    data = bytearray(path.read_bytes())
    third = len(data) // 3
    data[third : 2 * third] = np.random.default_rng(0).bytes(third)
    path.write_bytes(data)
    what = bad(path)
    assert "damaged" in what or "cut off" in what


def test_a_file_without_samples_is_reported(tmp_path: Path) -> None:
    soundfile.write(tmp_path / "a.wav", np.zeros(0), 16_000)
    assert "it has 0 samples" in bad(tmp_path / "a.wav")


@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_samples_that_are_not_numbers_are_reported(tmp_path: Path, value: float) -> None:
    wave = tone(1.0)
    wave[0, 7_000] = value
    path = write_recording(tmp_path / "a.wav", wave, codec="pcm_f32le")
    assert "not numbers" in bad(path)


def test_a_recording_that_is_too_short_is_reported(tmp_path: Path) -> None:
    path = write_recording(tmp_path / "a.wav", tone(0.19))
    assert "too short" in bad(path)


def test_an_unreadable_file_is_reported(
    tmp_path: Path, speech: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "a.flac"
    path.write_bytes(speech.read_bytes())
    path.chmod(0)
    if os.geteuid() == 0:  # root may read everything

        def refuse(*_: object) -> None:
            raise PermissionError(13, "Permission denied")

        monkeypatch.setattr(Path, "open", refuse)
    assert "may not be read" in bad(path)


def test_a_padded_recording_has_silence_at_both_ends(speech: Path) -> None:
    with open_sound(speech) as sound:
        longer = PaddedSound(sound, 0.5)
        assert longer.samples == sound.samples + SAMPLE_RATE
        assert not longer.read(0, SAMPLE_RATE // 2).any()
        assert not longer.read(longer.samples - SAMPLE_RATE // 2, SAMPLE_RATE).any()
        own = longer.read(SAMPLE_RATE // 2, sound.samples)
        np.testing.assert_array_equal(own, sound.read(0, sound.samples))


@pytest.mark.parametrize("frames", [1, 2, 7, 30])
def test_few_windows_equal_many_bit_for_bit(speech: Path, frames: int) -> None:
    with open_sound(speech) as sound:
        whole = mel_windows(sound, 0, 100)
        for first in (0, 13, 64):
            few = mel_windows(sound, first, frames)
            np.testing.assert_array_equal(few, whole[first : first + frames])


# ---- long recordings


def test_a_long_recording_is_read_again_and_gives_the_same_samples(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    stereo = np.random.default_rng(1).normal(0, 0.1, (2, 16_000 * 5)).astype(np.float32)
    path = write_recording(tmp_path / "long.flac", stereo)
    with open_sound(path) as whole:
        samples, digest = whole.read(-100, whole.samples + 200), whole.digest()
    monkeypatch.setattr(imagineid.audio.sound, "LONG_S", 1)
    monkeypatch.setattr(imagineid.audio.sound, "HELD_S", 1)
    with open_sound(path) as long:
        assert isinstance(long._store, imagineid.audio.sound.Redecoded)
        assert (long.samples, long.digest()) == (len(samples) - 200, digest)
        for first, count in ((-100, 300), (40_000, 7000), (39_000, 100), (70_000, 10_050), (5, 50)):
            np.testing.assert_array_equal(
                long.read(first, count), samples[first + 100 : first + 100 + count]
            )


def test_a_long_recording_truncated_meanwhile_is_reported(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(imagineid.audio.sound, "LONG_S", 1)
    path = write_recording(tmp_path / "long.wav", tone(5))
    with open_sound(path) as long:
        write_recording(path, tone(2))
        with pytest.raises(BadSound, match="was changed while it was read"):
            long.read(70_000, 1000)


def test_reading_reports_progress(tmp_path: Path) -> None:
    path, shares = write_recording(tmp_path / "a.wav", tone(20)), list[float]()
    open_sound(path, shares.append).close()
    assert shares == sorted(shares)
    assert shares[0] < 0.5
    assert shares[-1] == 1
