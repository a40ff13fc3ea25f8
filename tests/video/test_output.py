"""Every kind of output, written with real sound and read back as a player or editor would."""

from __future__ import annotations

import json
import wave
from dataclasses import replace
from pathlib import Path

import av
import numpy as np
import pytest
from PIL import Image

from imagineid.errors import BadInput, BadOutput
from imagineid.video import read_metadata
from imagineid.video.framing import Framing
from imagineid.video.output import OutputOptions, check_video_output, open_writer
from support.recordings import durations_s, read_picture, read_sound, tone, write_recording

CLEAR = OutputOptions(Framing(background="transparent"))
SRT = "1\n00:00:00,400 --> 00:00:00,800\nHello\n"


def click(path: Path, at_s: float = 1.0, seconds: float = 2.0) -> Path:
    """A recording with one click."""
    sound = np.zeros((1, round(seconds * 16_000)), np.float32)
    start = round(at_s * 16_000)
    sound[0, start : start + 320] = 0.8
    return write_recording(path, sound)


def flash(frames: int, at: int, alpha: int | None = None) -> list[np.ndarray]:
    """Grey frames, one of them white; the left half is seen through if ``alpha`` says so."""
    pictures = []
    for i in range(frames):
        frame = np.full((64, 64, 3), 255 if i == at else 90, np.uint8)
        if alpha is not None:
            mask = np.full((64, 64, 1), 255, np.uint8)
            mask[:, :32] = alpha
            frame = np.concatenate([frame, mask], axis=2)
        pictures.append(frame)
    return pictures


def write(
    path: Path, sound: Path, frames: list[np.ndarray], options: OutputOptions, **metadata: object
) -> Path:
    with open_writer(path, 64, sound, metadata, options) as video:
        for frame in frames:
            video.write(frame)
    return path


def decoded_alpha(path: Path) -> np.ndarray:
    """The alpha of the sixth frame; WebM's is read by libvpx, as browsers do."""
    with av.open(str(path)) as container:
        stream = container.streams.video[0]
        if stream.codec_context.name != "vp9":
            frames = list(container.decode(stream))
        else:
            coder = av.CodecContext.create("libvpx-vp9", "r")
            frames = [frame for packet in container.demux(stream) for frame in coder.decode(packet)]
    assert len(frames) == 50
    return frames[5].to_ndarray(format="rgba")[..., 3]


@pytest.mark.parametrize("suffix", [".webm", ".mov"])
def test_transparency_is_read_back(tmp_path: Path, suffix: str) -> None:
    sound = click(tmp_path / "a.wav")
    path = write(tmp_path / f"clear{suffix}", sound, flash(50, 25, alpha=0), CLEAR)
    alpha = decoded_alpha(path)
    assert alpha[:, :24].max() <= 8
    assert alpha[:, 40:].min() >= 247


def test_a_webm_says_that_it_is_transparent(tmp_path: Path) -> None:
    sound = click(tmp_path / "a.wav")
    path = write(tmp_path / "clear.webm", sound, flash(10, 5, alpha=0), CLEAR)
    with av.open(str(path)) as container:
        assert container.streams.video[0].metadata["ALPHA_MODE"] == "1"
        assert container.streams.audio[0].codec.name in ("opus", "libopus")


@pytest.mark.parametrize("suffix", [".mp4", ".webm", ".mov"])
@pytest.mark.parametrize("fps", [24, 25, 30, 60])
def test_sound_and_picture_stay_in_step_in_every_format(
    tmp_path: Path, suffix: str, fps: int
) -> None:
    sound = click(tmp_path / "a.wav")
    options = OutputOptions(fps=fps, pad_s=1.0)
    frames = flash(4 * fps, 2 * fps)
    path = write(tmp_path / f"out{suffix}", sound, frames, options)
    flash_s = next(time for time, frame in read_picture(path) if frame.mean() > 200)
    samples, rate = read_sound(path)
    click_s = np.flatnonzero(np.abs(samples[0]) / np.abs(samples[0]).max() > 0.5)[0] / rate
    assert flash_s == pytest.approx(2.0, abs=0.002)
    assert click_s == pytest.approx(2.0, abs=0.01)


@pytest.mark.parametrize("suffix", [".mp4", ".mov"])
def test_a_padded_video_is_longer_by_both_ends(tmp_path: Path, suffix: str) -> None:
    sound = click(tmp_path / "a.wav")
    path = write(tmp_path / f"out{suffix}", sound, flash(75, 0), OutputOptions(pad_s=0.5))
    assert durations_s(path) == pytest.approx({"video": 3.0, "audio": 3.0}, abs=0.001)


@pytest.mark.parametrize("suffix", [".mp4", ".webm", ".mov"])
def test_every_format_says_how_it_was_made(tmp_path: Path, suffix: str) -> None:
    sound = click(tmp_path / "a.wav")
    options = OutputOptions(Framing(256, "9:16"), fps=30)
    frames = [np.zeros((456, 256, 3), np.uint8)] * 5
    path = write(tmp_path / f"out{suffix}", sound, frames, options, prompt="rotes Haar, 红", seed=7)
    known = read_metadata(path)
    assert known["synthetic"] is True
    assert (known["prompt"], known["seed"]) == ("rotes Haar, 红", 7)
    assert (known["size_px"], known["aspect"], known["fps"]) == (256, "9:16", 30)


@pytest.mark.parametrize("suffix", [".mp4", ".webm", ".mov"])
def test_subtitles_are_a_track_that_players_find(tmp_path: Path, suffix: str) -> None:
    sound, words = click(tmp_path / "a.wav"), tmp_path / "words.srt"
    words.write_text(SRT)
    options = OutputOptions(subtitles=words, pad_s=0.5)
    path = write(tmp_path / f"out{suffix}", sound, flash(75, 0), options)
    with av.open(str(path)) as container:
        packets = [p for p in container.demux(subtitles=0) if p.size and b"Hello" in bytes(p)]
    (packet,) = packets
    assert float(packet.pts * packet.time_base) == pytest.approx(0.9, abs=0.002)
    assert float(packet.duration * packet.time_base) == pytest.approx(0.4, abs=0.002)


def test_a_folder_holds_frames_sound_and_metadata(tmp_path: Path) -> None:
    sound = click(tmp_path / "a.wav")
    folder = write(tmp_path / "frames", sound, flash(50, 25, alpha=40), CLEAR, seed=3)
    names = sorted(path.name for path in folder.iterdir())
    assert names == [*(f"frame-{i:05}.png" for i in range(1, 51)), "metadata.json", "sound.wav"]
    with Image.open(folder / "frame-00026.png") as picture:
        assert "Synthetic" in picture.info["Comment"]
        pixels = np.asarray(picture)
    assert pixels.shape == (64, 64, 4)
    assert pixels[0, 0].tolist() == [255, 255, 255, 40]
    with wave.open(str(folder / "sound.wav")) as recording:
        assert recording.getnframes() == 2 * recording.getframerate()
    known = json.loads((folder / "metadata.json").read_text())
    assert known.items() >= {"seed": 3, "fps": 25, "synthetic": True}.items()


def test_a_folder_of_frames_is_replaced_only_when_asked(tmp_path: Path) -> None:
    sound = click(tmp_path / "a.wav")
    folder = write(tmp_path / "frames", sound, flash(20, 5, alpha=0), CLEAR)
    with pytest.raises(BadOutput, match="--overwrite"):
        write(folder, sound, flash(5, 2, alpha=0), CLEAR)
    with open_writer(folder, 64, sound, {}, CLEAR, overwrite=True) as video:
        for frame in flash(5, 2, alpha=0):
            video.write(frame)
    assert len(list(folder.glob("*.png"))) == 5
    (folder / "notes.txt").write_text("mine")
    with pytest.raises(BadOutput, match="other files"):
        check_video_output(folder, CLEAR, overwrite=True)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a.wav", "frames"]


def test_nothing_is_left_of_a_folder_that_failed(tmp_path: Path) -> None:
    sound = click(tmp_path / "a.wav")
    wrong = [*flash(1, 0, alpha=0), np.zeros((3, 3, 4), np.uint8)]
    with pytest.raises(ValueError, match="a frame is"):
        write(tmp_path / "frames", sound, wrong, CLEAR)
    assert [path.name for path in tmp_path.iterdir()] == ["a.wav"]


def test_an_mp4_is_not_asked_for_transparency(tmp_path: Path) -> None:
    with pytest.raises(BadOutput, match=r"-o .*clear\.webm"):
        check_video_output(tmp_path / "clear.mp4", CLEAR, overwrite=False)
    with pytest.raises(BadOutput, match=r"\.mp4, \.webm, \.mov"):
        check_video_output(tmp_path / "clear.avi", CLEAR, overwrite=False)


@pytest.mark.parametrize(
    ("options", "word"),
    [
        (OutputOptions(fps=29), "--fps 24|25|30|50|60"),
        (OutputOptions(pad_s=-1), "--pad 0.5"),
        (OutputOptions(pad_s=float("nan")), "--pad 0.5"),
        (OutputOptions(burn_in=True), "--subtitles WORDS.srt"),
        (OutputOptions(subtitles=Path("none.srt")), "does not exist"),
    ],
)
def test_options_that_can_not_be_met_are_refused(options: OutputOptions, word: str) -> None:
    with pytest.raises(BadInput) as excinfo:
        options.check()
    assert word in str(excinfo.value)


def test_only_what_is_not_as_usual_is_written_down() -> None:
    assert OutputOptions().metadata() == {}
    assert replace(CLEAR, pad_s=0.5).metadata() == {"background": "transparent", "pad_s": 0.5}


def test_a_short_recording_fits_every_rate(tmp_path: Path) -> None:
    sound = write_recording(tmp_path / "a.wav", tone(0.2))
    path = write(tmp_path / "out.webm", sound, flash(12, 3), OutputOptions(fps=60))
    assert len(read_picture(path)) == 12
