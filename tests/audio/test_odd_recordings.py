"""Recordings as people have them: streamed, joined, with gaps, tracks, odd channels, encrypted."""

from __future__ import annotations

import struct
from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest
import soundfile

from imagineid.audio import open_sound
from imagineid.audio.decode import silence
from imagineid.audio.live_input import container_chunks
from imagineid.audio.survey import packed, samples_of
from imagineid.errors import BadSound
from imagineid.video import VideoWriter
from support.recordings import add_picture, read_sound, tone, two_tracks, write_recording


def level_db(path: Path, start_s: float, stop_s: float) -> float:
    """Return the RMS loudness of a stretch."""
    with open_sound(path) as sound:
        wave = sound.read(int(start_s * 16_000), int((stop_s - start_s) * 16_000))
    return float(20 * np.log10(max(1e-9, float(np.sqrt(np.mean(np.square(wave)))))))


def seconds(path: Path) -> float:
    with open_sound(path) as sound:
        return sound.duration_s


def notes(path: Path) -> str:
    with open_sound(path) as sound:
        return "\n".join(sound.notes)


def refusal(path: Path) -> str:
    with pytest.raises(BadSound) as excinfo:
        open_sound(path)
    return str(excinfo.value)


@pytest.mark.parametrize("length", [0, 0x7FFFFFFF, 0xFFFFFFFF, 2_000_000_000, 0x7FFFFFFF - 36])
def test_a_wav_whose_length_was_never_filled_in_is_read(tmp_path: Path, length: int) -> None:
    path = write_recording(tmp_path / "a.wav", tone(1.0))
    data = bytearray(path.read_bytes())
    at = data.index(b"data") + 4
    data[at : at + 4] = struct.pack("<I", length)
    path.write_bytes(data)
    assert seconds(path) == pytest.approx(1.0, abs=0.01)
    assert "never filled in" in notes(path)


def test_joined_wavs_are_reported(tmp_path: Path) -> None:
    path = write_recording(tmp_path / "a.wav", tone(1.0))
    path.write_bytes(path.read_bytes() * 2)
    assert seconds(path) == pytest.approx(1.0, abs=0.01)
    assert "several recordings joined" in notes(path)


def packets_of(path: Path) -> Iterator[tuple[av.AudioStream, av.Packet]]:
    with av.open(str(path)) as source:
        stream = source.streams.audio[0]
        for packet in source.demux(stream):
            if packet.size:
                yield stream, packet


@pytest.mark.parametrize(("kind", "target"), [("ogg", "mkv"), ("ogg", "webm"), ("m4a", "mp4")])
def test_lost_packets_become_silence_and_what_follows_stays_in_step(
    tmp_path: Path, kind: str, target: str
) -> None:
    whole = write_recording(tmp_path / f"a.{kind}", tone(3.0, 48_000), 48_000)
    path = tmp_path / f"gap.{target}"
    with av.open(str(path), "w") as out:
        copy = None
        for stream, packet in packets_of(whole):
            copy = copy or out.add_stream_from_template(stream)
            if not 1.0 <= float(packet.pts * packet.time_base) < 2.0:
                packet.stream = copy
                out.mux(packet)
    assert seconds(path) == pytest.approx(3.0, abs=0.08)
    assert level_db(path, 1.1, 1.9) < -60
    assert level_db(path, 0.2, 0.9) > -20
    assert level_db(path, 2.1, 2.8) > -20


def test_of_two_tracks_the_one_that_speaks_is_taken(tmp_path: Path) -> None:
    speech, nothing = tone(1.0), 0 * tone(1.0)
    late = two_tracks(tmp_path / "late.mkv", nothing, speech)
    assert level_db(late, 0.2, 0.8) > -20
    assert "track 2 is taken" in notes(late)
    early = two_tracks(tmp_path / "early.mkv", speech, nothing)
    assert level_db(early, 0.2, 0.8) > -20
    assert notes(early) == ""


def test_sound_that_starts_after_the_picture_keeps_its_lead(tmp_path: Path) -> None:
    path = tmp_path / "late.mkv"
    with av.open(str(path), "w") as out:
        sound = out.add_stream("aac", rate=16_000, layout="mono")
        add_picture(out, seconds=4.0)
        wave = tone(2.048)
        for i in range(wave.shape[1] // 1024):
            block = np.ascontiguousarray(wave[:, 1024 * i : 1024 * (i + 1)])
            frame = av.AudioFrame.from_ndarray(block, format="fltp", layout="mono")
            frame.sample_rate, frame.pts = 16_000, 32_000 + 1024 * i
            frame.time_base = Fraction(1, 16_000)
            out.mux(sound.encode(frame))
        out.mux(sound.encode(None))
    assert seconds(path) == pytest.approx(4.05, abs=0.1)
    assert level_db(path, 0.1, 1.8) < -60
    assert level_db(path, 2.3, 3.8) > -20


def test_encrypted_sound_is_reported_before_it_is_decoded(tmp_path: Path) -> None:
    whole = write_recording(tmp_path / "a.m4a", tone(1.0, 44_100), 44_100)
    path = tmp_path / "secret.m4a"
    options = {
        "encryption_scheme": "cenc-aes-ctr",
        "encryption_key": "76a6c65c5ea762046bd749a2e632ccbb",
        "encryption_kid": "a7e61c373e219033c21091fa607bf3b8",
    }
    with av.open(str(path), "w", format="mp4", options=options) as out:
        copy = None
        for stream, packet in packets_of(whole):
            copy = copy or out.add_stream_from_template(stream)
            packet.stream = copy
            out.mux(packet)
    assert "is encrypted" in refusal(path)


@pytest.mark.parametrize("scale", [20_000.0, 8_000_000.0, 2e9, 3e38])
def test_floats_of_another_scale_are_brought_to_one(tmp_path: Path, scale: float) -> None:
    path = tmp_path / "a.wav"
    soundfile.write(path, scale * tone(1.0)[0] / 0.3, 16_000, subtype="FLOAT")
    assert -12 < level_db(path, 0.2, 0.8) < 0
    assert "made smaller" in notes(path)


@pytest.mark.parametrize("channels", [3, 9, 32, 63])
def test_any_number_of_channels_is_mixed(tmp_path: Path, channels: int) -> None:
    path = tmp_path / "a.wav"
    wave = np.zeros((16_000, channels))
    wave[:, channels // 2] = tone(1.0)[0]
    soundfile.write(path, wave, 16_000, subtype="PCM_16")
    assert level_db(path, 0.2, 0.8) == pytest.approx(-13.5, abs=1.5)


def test_a_rate_without_speech_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "a.wav"
    soundfile.write(path, np.zeros(50), 1)
    assert "1 samples a second" in refusal(path)


@pytest.mark.parametrize(
    ("name", "data", "words"),
    [
        ("a.mp3", b"<!DOCTYPE html><html><body>Not found</body></html>" * 20, "a web page"),
        ("a.wav", b"Good morning.\n" * 99, "a text"),
        ("a.wav", b"PK\x03\x04" + bytes(range(256)) * 9, "zip archive"),
        ("a.bin", np.random.default_rng(0).bytes(9999), "sound without a header, perhaps"),
    ],
)
def test_what_is_no_recording_is_named(tmp_path: Path, name: str, data: bytes, words: str) -> None:
    path = tmp_path / name
    path.write_bytes(data)
    assert words in refusal(path)


def test_a_headerless_sound_error_names_the_command_that_adds_a_header(tmp_path: Path) -> None:
    path = tmp_path / "a.pcm"
    path.write_bytes(np.int16(9000 * tone(1.0)[0]).tobytes())
    assert f"ffmpeg -f s16le -ar 16000 -ac 1 -i {path} OUT.wav" in refusal(path)


def test_an_address_is_not_fetched() -> None:
    assert "curl -LO" in refusal(Path("https://localhost/a.mp3"))


def test_a_list_of_other_files_is_refused(tmp_path: Path) -> None:
    write_recording(tmp_path / "secret.mp3", tone(1.0))
    for name, text in (
        ("a.m3u8", "#EXTM3U\n#EXT-X-TARGETDURATION:9\n#EXTINF:1,\nsecret.mp3\n#EXT-X-ENDLIST\n"),
        ("b.wav", "ffconcat version 1.0\nfile secret.mp3\n"),
        ("c.wav", "\n\n#EXTM3U\n#EXTINF:1,\nsecret.mp3\n"),
    ):
        (tmp_path / name).write_text(text)
        assert "refers to other files" in refusal(tmp_path / name)


def test_a_name_that_is_not_utf8_is_read(tmp_path: Path) -> None:
    write_recording(tmp_path / "a.mp3", tone(1.0))
    odd = tmp_path / "caf\udce9.mp3"
    (tmp_path / "a.mp3").rename(odd)
    assert seconds(odd) == pytest.approx(1.0, abs=0.1)


@pytest.mark.parametrize("layout", ["7.1", "9 channels", "14 channels"])
@pytest.mark.parametrize("form", ["fltp", "s16p"])
def test_many_planes_are_read_without_touching_foreign_memory(layout: str, form: str) -> None:
    channels = av.AudioLayout(layout).nb_channels
    whole = np.arange(100 * channels).reshape(1, -1) / 4096  # interleaved
    one = av.AudioFrame.from_ndarray(whole.astype(np.float32), format="flt", layout=layout)
    one.sample_rate = 16_000
    (planar,) = av.AudioResampler(form, layout, 16_000).resample(one)
    samples = samples_of(planar)
    assert samples.shape == (channels, 100)
    expected = np.clip(whole.reshape(100, channels).T, -1, 1 - 2**-15)
    np.testing.assert_allclose(np.clip(samples, -1, 1 - 2**-15), expected, atol=1e-3)
    (quiet,) = silence(64, planar)
    assert not packed(quiet).to_ndarray().any()


def test_the_track_that_is_asked_for_is_taken_also_into_the_video(tmp_path: Path) -> None:
    path = two_tracks(tmp_path / "a.mkv", tone(1.0, hz=300.0), tone(1.0, hz=900.0))
    for track, hz in ((None, 300), (1, 300), (2, 900)):
        with open_sound(path, track=track) as sound:
            wave = sound.read(0, 16_000)
            assert (sound.track, sound.notes) == (track, ())
        assert np.abs(np.fft.rfft(wave)).argmax() == pytest.approx(hz, abs=3)
        video = tmp_path / f"{track}.mp4"
        with VideoWriter(video, 64, path, {}, track=track) as writer:
            for _ in range(25):
                writer.write(np.zeros((64, 64, 3), np.uint8))
        written, rate = read_sound(video)
        loudest = np.abs(np.fft.rfft(written[0])).argmax() * rate / written.shape[1]
        assert loudest == pytest.approx(hz, abs=6)


def test_a_silent_track_is_taken_where_it_is_asked_for(tmp_path: Path) -> None:
    path = two_tracks(tmp_path / "a.mkv", 0 * tone(1.0), tone(1.0))
    with open_sound(path, track=1) as sound:
        assert np.abs(sound.read(0, 16_000)).max() < 1e-3
        assert sound.notes == ()


@pytest.mark.parametrize("track", [0, 3, -1])
def test_a_track_that_is_not_there_is_refused(tmp_path: Path, track: int) -> None:
    path = two_tracks(tmp_path / "a.mkv", tone(1.0), tone(1.0))
    with pytest.raises(BadSound, match=rf"no sound track {track} in .*: it has 2 sound tracks"):
        open_sound(path, track=track)
    with path.open("rb") as file, pytest.raises(BadSound, match="it has 2 sound tracks"):
        list(container_chunks(file, track))


def test_live_sound_is_of_the_track_that_is_asked_for(tmp_path: Path) -> None:
    path = two_tracks(tmp_path / "a.mkv", tone(1.0, hz=300.0), tone(1.0, hz=900.0))
    for track, hz in ((None, 300), (2, 900)):
        with path.open("rb") as file:
            wave = np.concatenate(list(container_chunks(file, track)))[:16_000]
        assert np.abs(np.fft.rfft(wave)).argmax() * 16_000 / len(wave) == pytest.approx(hz, abs=5)


def test_a_long_recording_is_decoded_again_from_the_track_that_was_asked_for(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("imagineid.audio.sound.LONG_S", 1)
    path = two_tracks(tmp_path / "a.mkv", tone(3.0, hz=300.0), tone(3.0, hz=900.0))
    with open_sound(path, track=2) as sound:
        wave = sound.read(0, 32_000)
        wave = np.concatenate([wave, sound.read(0, 16_000)])
    assert np.abs(np.fft.rfft(wave[-16_000:])).argmax() == pytest.approx(900, abs=3)
