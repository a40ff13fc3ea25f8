"""Functions of the page, without a browser."""

from __future__ import annotations

import time
from pathlib import Path

import pytest

from imagineid.errors import BadInput
from imagineid.progress import Progress
from imagineid_studio.job import Cancelled, Job, Watched
from imagineid_studio.server import address, free_port, new_token
from imagineid_studio.studio import WORDS, Studio, VideoSettings
from support import plain_pipeline


@pytest.fixture(scope="module")
def studio(tmp_path_factory: pytest.TempPathFactory) -> Studio:
    return Studio(plain_pipeline.load(), tmp_path_factory.mktemp("studio"))


def test_corrections_become_words_of_the_prompt() -> None:
    wanted_video = VideoSettings(
        "red hair", sex="woman", age="old", emotion="sad", strength=0.5, seed=3
    )
    request = wanted_video.request()
    assert request.words == "old woman, red hair"
    assert (request.emotion, request.strength, request.seed) == ("sad", 0.5, 3)
    assert VideoSettings().request().words == ""


def test_every_word_that_is_offered_is_known_to_the_model() -> None:
    from imagineid import pipeline

    words = pipeline.load().words
    for group in WORDS.values():
        for word in group:
            assert words.unknown(word) == [], word


def test_a_voice_is_heard_in_words(studio: Studio, speech: Path) -> None:
    voice = studio.hear(speech)
    assert voice.description.startswith("female")
    assert "about 34" in voice.description
    assert (voice.sex, voice.age) == ("woman", 34)
    assert voice.seconds == pytest.approx(8.29, abs=0.01)


def test_without_a_video_there_is_no_avatar(studio: Studio) -> None:
    with pytest.raises(BadInput, match="no video yet"):
        studio.save_avatar("anna", None)


def test_a_job_is_watched_and_its_result_is_returned() -> None:
    def work(progress: Progress) -> int:
        with progress.stage("counting", 10, "things") as advance:
            for done in range(10):
                time.sleep(0.05)
                advance(done + 1)
        return 42

    job = Job(work)
    updates = list(job.watched())
    assert any("counting" in text and "of 10 things" in text for text in updates)
    assert job.result() == 42


def test_a_job_can_be_stopped() -> None:
    def work(progress: Watched) -> int:
        with progress.stage("counting", 1000, "things") as advance:
            for done in range(1000):
                time.sleep(0.01)
                advance(done)
        return 1

    job = Job(work)
    job.progress.cancel()
    with pytest.raises(Cancelled):
        job.result()


def test_an_error_of_a_job_is_raised_where_its_result_is_asked_for() -> None:
    def work(progress: Watched) -> int:
        raise BadInput("no\nuse another")

    with pytest.raises(BadInput, match="use another"):
        Job(work).result()


def test_the_address_is_local_and_its_token_is_long() -> None:
    token = new_token()
    assert len(token) >= 24
    assert address(7860, token) == f"http://127.0.0.1:7860/?token={token}"
    assert new_token() != token


def test_a_port_that_is_taken_is_refused() -> None:
    import socket

    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        with pytest.raises(BadInput, match="imagineid studio --port"):
            free_port(port)
        assert free_port(None) != port
