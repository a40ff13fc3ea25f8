"""``--track`` and the options of the picture, in every command that takes them."""

from __future__ import annotations

import inspect
from pathlib import Path

import av
import numpy as np
import pytest

from imagineid.video import read_metadata
from imagineid_cli import options
from imagineid_cli.commands.batch import batch
from imagineid_cli.commands.generate import generate
from imagineid_cli.commands.swap import swap
from support.command import Run
from support.recordings import tone, two_tracks, write_recording


def two_tones(path: Path) -> Path:
    """Two recordings of a second in one file, of 300 and of 900 Hz."""
    return two_tracks(path, tone(1.024, hz=300.0), tone(1.024, hz=900.0))


def loudest_hz(path: Path) -> float:
    with av.open(str(path)) as video:
        frames = list(video.decode(audio=0))
    wave = np.concatenate([frame.to_ndarray() for frame in frames], axis=1)[0]
    return float(np.abs(np.fft.rfft(wave)).argmax() * frames[0].sample_rate / len(wave))


@pytest.mark.parametrize(("track_options", "hz"), [([], 300), (["--track", 2], 900)])
def test_a_video_is_of_the_track_that_was_asked_for(
    run: Run, tmp_path: Path, track_options: list[object], hz: int
) -> None:
    obs = two_tones(tmp_path / "obs.mkv")
    plain = write_recording(tmp_path / "a.wav", tone(1.0, hz=500.0))
    for typed in (
        ["generate", obs, "-o", "a.mp4"],
        ["batch", obs, "-o", "."],
        ["swap", obs, "--emotion", "happy", "-o", "c.mp4"],
        ["swap", "a.mp4", "--content-from", obs, "-o", "d.mp4"],
    ):
        result = run(*typed, *track_options)
        assert result.exit_code == 0, result.stderr
        assert loudest_hz(Path(result.stdout.strip())) == pytest.approx(hz, abs=8)
    assert (
        run("swap", "a.mp4", "--still", "-o", "e.mp4", *track_options).exit_code == 0
    )  # it has one
    assert loudest_hz(Path("e.mp4")) == pytest.approx(hz, abs=8)
    assert run("analyze", obs, *track_options).exit_code == 0
    (tmp_path / "others").mkdir()
    write_recording(tmp_path / "others" / "b.wav", tone(1.0))
    assert run("retrieve", obs, tmp_path / "others", *track_options).exit_code == 0
    assert plain.exists()


def test_a_track_that_is_not_there_is_one_line_in_every_command(run: Run, tmp_path: Path) -> None:
    obs = two_tones(tmp_path / "obs.mkv")
    write_recording(tmp_path / "b.wav", tone(1.0))
    assert run("generate", obs, "-o", "a.mp4").exit_code == 0
    for typed, code in (
        (["generate", obs], 2),
        (["generate", obs, "--preview", 2], 2),
        (["swap", obs, "--emotion", "happy"], 2),
        (["swap", "a.mp4", "--content-from", obs], 2),
        (["swap", "a.mp4", "--emotion-from", obs], 2),
        (["analyze", obs], 2),
        (["retrieve", obs, tmp_path], 2),
        (["batch", obs, "-o", "out"], 4),
        (["live", obs, "-o", "live.mp4"], 2),
        (["bench", obs], 2),
    ):
        result = run(*typed, "--track", 3)
        assert result.exit_code == code, (typed, result.stderr)
        lines = [line for line in result.stderr.splitlines() if "no sound track 3" in line]
        assert len(lines) == 1, (typed, result.stderr)
        assert "it has 2 sound tracks" in lines[0]
        assert "Traceback" not in result.stderr
        assert result.stdout == ""


def test_another_track_is_not_taken_for_finished(run: Run, tmp_path: Path) -> None:
    obs = two_tones(tmp_path / "obs.mkv")
    for track in (1, 2):
        again = [] if track == 1 else ["--overwrite"]
        typed = ["generate", obs, "-o", "a.mp4", "--track", track, "--resume", *again]
        assert run(*typed).exit_code == 0
        assert read_metadata(Path("a.mp4"))["track"] == track
    assert "already finished" in run(*typed).stderr


LOOK = ["--size", 256, "--aspect", "9:16", "--fps", 30, "--pad", 0.4, "--background", "#00ff00"]


@pytest.mark.parametrize("name", ["generate", "swap", "batch"])
def test_the_picture_is_as_it_was_asked_for(run: Run, tmp_path: Path, name: str) -> None:
    sound = write_recording(tmp_path / "a.wav", tone(1.0, 48_000), 48_000)
    words = tmp_path / "a.srt"
    words.write_text("1\n00:00:00,100 --> 00:00:00,900\nGood morning\n")
    typed = {
        "generate": ["generate", sound],
        "swap": ["swap", sound, "--emotion", "happy"],
        "batch": ["batch", sound, "-o", "."],
    }[name]
    more = ["--head", 0.5, "--blink", 2, "--mouth", 1.5, "--subtitles", words]
    result = run(*typed, *LOOK, *more)
    assert result.exit_code == 0, result.stderr
    path = Path(result.stdout.strip())
    with av.open(str(path)) as video:
        (picture,) = video.streams.video
        assert (picture.width, picture.height, picture.average_rate) == (256, 456, 30)
        frames = [frame.to_ndarray(format="rgb24") for frame in video.decode(video=0)]
        assert len(video.streams.subtitles) == 1
    assert len(frames) == 54  # 0.4 s of silence, the sound, 0.4 s
    red, green, blue = frames[0][4, 4].astype(int)
    assert green > 200 > 90 > max(red, blue)
    known = read_metadata(path)
    assert [known[name] for name in ("size_px", "fps", "aspect", "pad_s")] == [256, 30, "9:16", 0.4]
    assert [known[name] for name in ("head", "blink", "mouth")] == [0.5, 2, 1.5]
    with av.open(str(path)) as video:
        wave = np.concatenate([f.to_ndarray() for f in video.decode(audio=0)], axis=1)[0]
        rate = video.streams.audio[0].rate
    loud_s = np.flatnonzero(np.abs(wave) > 0.05)[[0, -1]] / rate
    assert loud_s == pytest.approx([0.4, 1.4], abs=0.04)


def test_a_swap_of_nothing_but_the_picture_keeps_the_face(run: Run, tmp_path: Path) -> None:
    sound = write_recording(tmp_path / "a.wav", tone(1.0))
    assert run("generate", sound, "-o", "a.mp4").exit_code == 0
    result = run("swap", "a.mp4", "--background", "transparent", "--fps", 50)
    assert (result.exit_code, result.stdout) == (0, "a-swapped.webm\n"), result.stderr
    before, after = (read_metadata(Path(name)) for name in ("a.mp4", "a-swapped.webm"))
    assert (after["seed"], after["prompt"]) == (before["seed"], before["prompt"])
    with av.open("a-swapped.webm") as video:
        assert video.streams.video[0].average_rate == 50
    refused = run("swap", "a.mp4")
    assert (refused.exit_code, "Nothing is swapped" in refused.stderr) == (2, True)


def test_a_padded_swap_can_be_swapped_again_in_step(run: Run, tmp_path: Path) -> None:
    sound = write_recording(tmp_path / "a.wav", tone(1.0))
    assert run("generate", sound, "-o", "a.mp4").exit_code == 0
    assert run("swap", "a.mp4", "--emotion", "sad", "--pad", 0.4, "-o", "b.mp4").exit_code == 0
    assert run("swap", "b.mp4", "--emotion", "happy", "-o", "c.mp4").exit_code == 0
    for name in ("b.mp4", "c.mp4"):
        with av.open(name) as video:
            assert sum(1 for _ in video.decode(video=0)) == pytest.approx(45, abs=1)


def test_without_a_seed_a_batch_gives_the_faces_that_generate_gives(
    run: Run, tmp_path: Path
) -> None:
    sound = write_recording(tmp_path / "a.wav", tone(0.5))
    assert run("generate", sound, "-o", "one.mp4").exit_code == 0
    assert run("batch", sound, "-o", "two").exit_code == 0
    assert read_metadata(Path("one.mp4"))["seed"] == read_metadata(Path("two/a.mp4"))["seed"]


def test_a_list_names_the_subtitles_of_each(run: Run, tmp_path: Path) -> None:
    write_recording(tmp_path / "a.wav", tone(1.0))
    write_recording(tmp_path / "b.wav", tone(1.0))
    (tmp_path / "a.srt").write_text("1\n00:00:00,100 --> 00:00:00,900\nGood morning\n")
    (tmp_path / "list.csv").write_text("audio,subtitles\na.wav,a.srt\nb.wav,\n")
    result = run("batch", tmp_path / "list.csv", "-o", "out")
    assert result.exit_code == 0, result.stderr
    counts = []
    for name in ("out/a.mp4", "out/b.mp4"):
        with av.open(name) as video:
            counts.append(len(video.streams.subtitles))
    assert counts == [1, 0]
    (tmp_path / "bad.csv").write_text("audio,subtitles\na.wav,none.srt\n")
    refused = run("batch", tmp_path / "bad.csv", "-o", "out2")
    assert refused.exit_code == 2
    assert "Line 2" in refused.stderr


def test_no_background_or_subtitle_is_written_over(run: Run, tmp_path: Path) -> None:
    sound = write_recording(tmp_path / "a.wav", tone(0.5))
    film = write_recording(Path("a.mp4"), tone(0.5), picture=True)
    before = film.read_bytes()
    words = ["--avatar", "a.mp4", "--overwrite"]
    assert run("batch", sound, "-o", ".", *words).exit_code == 2
    assert film.read_bytes() == before


def test_each_option_is_the_same_in_every_command() -> None:
    known = inspect.signature(options.requested, eval_str=True, locals={"Request": None}).parameters
    for command in (generate, swap, batch):
        typed = inspect.signature(command).parameters
        for name in (*options.LOOK, *options.MOTION, *options.PERSON, "track"):
            one, other = (each.annotation.__metadata__[0] for each in (typed[name], known[name]))
            assert (one.help, one.metavar) == (other.help, other.metavar)
            assert typed[name].default == known[name].default
