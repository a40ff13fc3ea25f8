"""Folders of recordings with an index become training shards."""

from __future__ import annotations

from importlib.util import find_spec
from pathlib import Path

import numpy as np
import pytest
import soundfile

from imagineid.spec import EMOTIONS, SAMPLE_RATE
from imagineid_world.recordings import AGREE, FIRST_SPEAKER, KNOWN, read, rows, shards, write

SPEECH = Path(__file__).parents[2] / "examples" / "speech.flac"
TEXT = "he was not an ill disposed young man unless to be rather cold hearted"
HEAD = "path,corpus,speaker,sex,age,language,emotion,text,split\n"


needs_pitch = pytest.mark.skipif(
    find_spec("pyworld") is None, reason="runs where pyworld is: pip install -e '.[world]'"
)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    wave, rate = soundfile.read(SPEECH, dtype="float32")
    soundfile.write(tmp_path / "a.flac", wave[: 2 * rate], rate)
    (tmp_path / "voices.csv").write_text(
        HEAD + "a.flac,x,anna,f,31,en,anger,,train\n" + "a.flac,x,,,,xx,boredom,hello,val\n"
    )
    return tmp_path


@needs_pitch
def test_only_traits_given_in_the_index_are_known(folder: Path) -> None:
    acted, unknown = (read(folder, row) for row in rows(folder / "voices.csv"))
    assert dict(zip(KNOWN, acted.known.tolist(), strict=True)) == {
        "content": False,
        "emotion": True,
        "sex": True,
        "age": True,
    }
    assert EMOTIONS[acted.emotion] == "angry"
    assert (acted.traits.gender, acted.traits.age) == (0.0, 31.0)
    assert 60 < acted.traits.pitch_hz < 400
    assert acted.speaker >= FIRST_SPEAKER
    assert not unknown.known.any()
    assert unknown.speaker != acted.speaker


@needs_pitch
def test_a_shard_holds_all_that_training_reads(folder: Path, tmp_path: Path) -> None:
    some = [read(folder, row) for row in rows(folder / "voices.csv")]
    assert write(tmp_path / "out" / "voices-00000.npz", some) == pytest.approx(4.0)
    with np.load(tmp_path / "out" / "voices-00000.npz") as shard:
        assert shard["known"].shape == (2, 4)
        assert shard["offsets"].tolist() == [0, 2 * SAMPLE_RATE, 4 * SAMPLE_RATE]
        assert shard["content"].shape == (100, 52)
        assert shard["full"][50:].max() == 0  # nothing known, nothing shown


def test_splits_are_kept_apart(folder: Path) -> None:
    names = {
        name: [row["split"] for row in some] for name, some in shards(rows(folder / "voices.csv"))
    }
    assert names == {"train/voices-00000.npz": ["train"], "val/voices-00000.npz": ["val"]}


def test_an_index_without_a_split_is_refused(tmp_path: Path) -> None:
    index = tmp_path / "voices.csv"
    index.write_text(HEAD + "a.flac,x,anna,f,31,en,anger,,\n")
    with pytest.raises(ValueError, match="line 2: split"):
        rows(index)


def test_a_text_is_aligned_and_a_wrong_one_is_noticed() -> None:
    pytest.importorskip(
        "pocketsphinx", reason="runs where pocketsphinx is: pip install pocketsphinx"
    )
    pytest.importorskip("phonemizer", reason="runs where phonemizer is: pip install -e '.[world]'")
    from imagineid_evaluate.sounds import wave_of
    from imagineid_world.alignment import agreement, aligned, recognised

    wave = wave_of(SPEECH)
    recognised_words = recognised(wave)
    assert agreement(recognised_words, recognised_words) == 1.0
    found = aligned(wave[: 4 * SAMPLE_RATE], "mister dashwoods disposition", "en")
    assert found[-1][2] <= 4.05
    assert agreement(found, recognised_words) < AGREE
    with pytest.raises(ValueError, match="There is no text"):
        aligned(wave, " ... ", "en")
    with pytest.raises(ValueError, match="no pronunciations for 'xx'"):
        aligned(wave, "hello", "xx")
