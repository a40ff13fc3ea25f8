"""Voices get the requested traits and emotion, and shards hold waves and phones."""

from __future__ import annotations

from dataclasses import replace
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import pytest

from imagineid.spec import EMOTIONS, SAMPLE_RATE

if find_spec("pyworld") is None:
    pytest.skip("runs where pyworld is: pip install -e '.[world]'", allow_module_level=True)

from imagineid_world import persona, voices
from imagineid_world.articulation import PHONES
from imagineid_world.bank import VOICES, Line
from imagineid_world.emotions import PROSODY, Prosody
from imagineid_world.people import Traits
from imagineid_world.synthesis import ipa_phones, tidy
from imagineid_world.texts import sentences

MAN = Traits(gender=1.0, age=40.0, pitch_hz=115.0, vtl=1.0, breath=0.0, tilt=0.0)
SOURCE = persona.Source(pitch_hz=140.0, vtl=1.0, tilt_db=-9.0)


def buzz(seconds: float = 2.0) -> Line:
    """A vowel of 140 Hz between silences: harmonics under formants at 700, 1200 and 2500 Hz."""
    t = np.arange(int(seconds * SAMPLE_RATE)) / SAMPLE_RATE
    wave = np.zeros_like(t)
    for k in range(1, 55):
        hz = 140.0 * k
        loud = sum(1 / (1 + ((hz - f) / 90) ** 2) for f in (700, 1200, 2500)) + 0.002
        wave += loud * np.sin(2 * np.pi * hz * t) / k
    inside = (t > 0.3) & (t < seconds - 0.3)
    wave = np.where(inside, wave, 0.0) / np.abs(wave).max() * 0.5
    wave += 1e-5 * np.random.default_rng(0).standard_normal(len(wave))
    phones = [("SIL", 0.0, 0.3), ("AA", 0.3, seconds - 0.3), ("SIL", seconds - 0.3, seconds)]
    return Line(wave.astype(np.float32), phones, "ah")


@pytest.fixture(scope="module")
def spoken() -> persona.Analysed:
    return persona.analyse(buzz())


def synthesise(
    spoken: persona.Analysed, traits: Traits, emotion: str = "neutral", strength: float = 1.0
) -> persona.Analysed:
    wave, phones = persona.speak(
        spoken, SOURCE, traits, emotion, strength, np.random.default_rng(1)
    )
    assert np.abs(wave).max() <= 1.0
    return persona.analyse(Line(wave, phones, spoken.text))


def test_pitch_becomes_the_speakers(spoken: persona.Analysed) -> None:
    for hz in (90.0, 115.0, 240.0):
        pitch_hz = persona.pitch_of([synthesise(spoken, replace(MAN, pitch_hz=hz))])
        assert pitch_hz == pytest.approx(hz, rel=0.06)


def test_a_shorter_vocal_tract_raises_the_formants(spoken: persona.Analysed) -> None:
    def first_formant(traits: Traits) -> float:
        row = persona.vowel_spectrum([synthesise(spoken, traits)])
        band = slice(19, 58)  # 300 to 900 Hz: the lowest peak
        return float(persona._HZ[band][np.argmax(row[band])])

    long = first_formant(replace(MAN, vtl=1.0, pitch_hz=100))
    short = first_formant(replace(MAN, vtl=0.87, pitch_hz=100))
    assert short / long == pytest.approx(1 / 0.87, rel=0.06)


def test_phones_stay_on_their_sounds_when_time_is_stretched(spoken: persona.Analysed) -> None:
    sad = synthesise(spoken, MAN, "sad")
    glad = synthesise(spoken, MAN, "happy")
    assert sad.phones[-1][2] > 1.2 * glad.phones[-1][2]
    for one in (sad, glad):
        _, start, end = one.phones[1]
        voiced = np.flatnonzero(one.f0 > 0) * persona.STEP_S
        assert voiced.min() == pytest.approx(start, abs=0.05)
        assert voiced.max() == pytest.approx(end, abs=0.05)


def test_emotions_move_pitch_and_level_as_their_prosody_says(spoken: persona.Analysed) -> None:
    neutral = persona.pitch_of([synthesise(spoken, MAN)])
    assert persona.pitch_of([synthesise(spoken, MAN, "fear")]) > neutral * 1.2
    assert persona.pitch_of([synthesise(spoken, MAN, "sad")]) < neutral * 0.95


def test_prosody_of_strength_zero_is_neutral() -> None:
    assert set(PROSODY) == set(EMOTIONS)
    for mood in PROSODY.values():
        assert mood.scaled(0.0) == Prosody()


def test_base_voices_are_in_one_split_only_blends_included() -> None:
    owner: dict[str, str] = {}
    for voice in VOICES:
        parts = voice.name.split("+") if voice.engine == "kokoro" else [voice.name]
        for part in parts:
            assert owner.setdefault(f"{voice.engine}-{part}", voice.split) == voice.split
    test = [v for v in VOICES if v.split == "test" and v.engine == "kokoro"]
    assert sum(v.male for v in test) >= 2
    assert sum(not v.male for v in test) >= 2
    assert any(v.split == "test" and v.engine != "kokoro" for v in VOICES)


def test_manners_are_habits_that_a_mood_comes_on_top_of(spoken: persona.Analysed) -> None:
    manners = [persona.manner(np.random.default_rng(i)) for i in range(200)]
    pace = np.log([m.rate_ratio for m in manners])
    assert abs(pace.mean()) < 0.03
    assert 0.05 < pace.std() < 0.2
    drawl = replace(persona.PLAIN, rate_ratio=0.8)

    def lasts(emotion: str, habits: Prosody) -> float:
        rng = np.random.default_rng(1)
        return persona.speak(spoken, SOURCE, MAN, emotion, 1.0, rng, habits)[1][-1][2]

    for emotion in ("neutral", "happy"):
        assert lasts(emotion, drawl) > 1.15 * lasts(emotion, persona.PLAIN)


def test_ipa_is_read_whole() -> None:
    text = "ðə bˈɔɪ tʃˈuːz, ɡˌoʊɪŋ!"
    read = ipa_phones(text)
    names = [name for sounds, _, _ in read for name in sounds]
    assert names == "DH AH B OY CH UW Z SIL G OW IH NG SIL".split()
    assert [first for _, first, _ in read][1:] == [last for _, _, last in read][:-1]


def test_tidy_clips_and_joins_silences() -> None:
    phones = [("SIL", -1.0, 0.1), ("SIL", 0.1, 0.2), ("AA", 0.2, 0.9), ("B", 0.9, 1.5)]
    assert tidy(phones, 1.0) == [("SIL", 0.0, 0.2), ("AA", 0.2, 0.9), ("B", 0.9, 1.0)]


def test_sentences_differ_and_hold_every_letter_of_lips_and_teeth() -> None:
    said_all = sentences(40, np.random.default_rng(0))
    assert len(set(said_all)) == 40
    assert all(letter in " ".join(said_all) for letter in "bpmfvw?!,")


def test_a_shard_holds_waves_and_phones(spoken: persona.Analysed, tmp_path: Path) -> None:
    class Booth:
        """A studio with one base voice that says one vowel."""

        def analysed(self, voice: object, number: int) -> persona.Analysed:
            return spoken

        def source(self, voice: object) -> persona.Source:
            return SOURCE

    booth: voices.Studio = Booth()  # type: ignore[assignment]
    spoke = [
        voices.utter(booth, VOICES[0], 0, MAN, mood, 0.8, 7, np.random.default_rng(mood))
        for mood in range(3)
    ]
    path = tmp_path / "train" / "voices-00000.npz"
    seconds = voices.write(path, spoke)
    assert not list(path.parent.glob("*.part"))
    with np.load(path) as stored:
        assert stored["wave"].dtype == np.int16
        assert len(stored["wave"]) == stored["offsets"][-1] == round(seconds * SAMPLE_RATE)
        frames = np.diff(stored["frame_offsets"])
        np.testing.assert_array_equal(frames, -(-np.diff(stored["offsets"]) // 640))
        assert stored["content"].shape == stored["full"].shape == (frames.sum(), 52)
        assert stored["phone"].shape == (frames.sum(),)
        assert stored["traits"].shape == (3, 6)
        assert stored["traits"][0] == pytest.approx(MAN.array())
        assert set(stored["phone"].tolist()) == {0, PHONES.index("AA")}
        # What is loud is where the vowel is.
        wave = stored["wave"][: stored["offsets"][1]].astype(np.float64)
        loud = np.array([np.abs(wave[i * 640 : i * 640 + 640]).max() for i in range(frames[0])])
        agree = (loud > 0.1 * loud.max()) == (stored["phone"][: frames[0]] > 0)
        assert agree.mean() > 0.9


def test_held_out_shards_come_early() -> None:
    order = voices.schedule(3.0)
    assert len(order) == 18
    assert order[:4] == [("train", 0), ("val", 0), ("train", 1), ("test", 0)]
    assert len(set(order)) == len(order)
