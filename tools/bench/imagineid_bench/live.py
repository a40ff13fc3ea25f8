"""How late live pictures come: ``python -m imagineid_bench.live [--seconds 600]``.

Sound is played at the pace of a clock; each picture's delay is the time from the arrival of the
first sample that it shows to the moment the picture is there. The table goes to standard output.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
import time
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np

from imagineid import pipeline
from imagineid.audio import open_sound
from imagineid.audio.live_input import PIECE_S, Backlog
from imagineid.avatars import Avatar
from imagineid.live import live
from imagineid.pad.live import LOOK_AHEAD, delay_samples
from imagineid.pipeline import Pipeline
from imagineid.request import Request
from imagineid.spec import FPS, SAMPLE_RATE

Array = np.ndarray


@dataclass(frozen=True)
class LiveDelays:
    """What was measured.

    Attributes:
        seconds: of sound; frames: of video; repeated: share of pictures shown once more.
        median_s, p95_s, worst_s: delay of a picture.
        needed_s: what the look-ahead alone takes.
        slip_frames: frames of video less those of sound, at the end.
        grown_mb: memory at the end less that after a fifth of the time.
    """

    seconds: float
    frames: int
    repeated: float
    median_s: float
    p95_s: float
    worst_s: float
    needed_s: float
    slip_frames: int
    grown_mb: float


class Clocked:
    """Plays a wave again and again, at the pace of a clock.

    Args:
        wave: mono at 16 kHz.
        seconds: how long.
    """

    def __init__(self, wave: Array, seconds: float) -> None:
        self._wave, self._seconds = wave, seconds
        self.began_s = time.perf_counter()

    def __iter__(self) -> Iterator[Array]:
        count = round(PIECE_S * SAMPLE_RATE)
        self.began_s = time.perf_counter()
        for number in range(round(self._seconds / PIECE_S)):
            due_s = self.began_s + (number + 1) * PIECE_S  # a piece is there when it has ended
            time.sleep(max(0.0, due_s - time.perf_counter()))
            yield self._wave[(number * count + np.arange(count)) % len(self._wave)]


def measure(pipe: Pipeline, wave: Array, seconds: float, look_ahead: int) -> LiveDelays:
    """Let a face speak live, and time its pictures.

    Args:
        pipe: the loaded model.
        wave: speech, mono at 16 kHz; it is played again and again.
        seconds: how long to play it.
        look_ahead: frames.
    """
    avatar = _avatar(pipe, wave)
    source = Clocked(wave, seconds)
    backlog = Backlog(source)
    delays: list[float] = []
    repeated, early_mb = 0, 0.0
    pictures = live(
        pipe, backlog, avatar=avatar, look_ahead=look_ahead, waiting_s=backlog.waiting_s
    )
    for picture in pictures:
        delays.append(time.perf_counter() - source.began_s - picture.number / FPS)
        repeated += picture.repeated
        if picture.number == round(seconds * FPS / 5):
            early_mb = _resident_mb()
    late = np.sort(delays[: round(seconds * FPS) - look_ahead - FPS])  # the end is not waited for
    return LiveDelays(
        seconds=seconds,
        frames=len(delays),
        repeated=round(repeated / len(delays), 3),
        median_s=round(float(np.median(late)), 3),
        p95_s=round(float(np.percentile(late, 95)), 3),
        worst_s=round(float(late[-1]), 3),
        needed_s=delay_samples(look_ahead) / SAMPLE_RATE,
        slip_frames=len(delays) - round(seconds * FPS),
        grown_mb=round(_resident_mb() - early_mb, 1),
    )


def _avatar(pipe: Pipeline, wave: Array) -> Avatar:
    """Imagine a face for the voice."""
    from imagineid.audio.stream import StreamSound

    sound = StreamSound()
    sound.push(wave[: 4 * SAMPLE_RATE])
    who = pipe.encode_identity(sound)
    return Avatar(pipe.portrait(who, 7), who, 7, "", pipe.model, "")


def _resident_mb() -> float:
    """Return the memory this process uses now; 0 where the system does not report it."""
    try:
        pages = int(Path("/proc/self/statm").read_text().split()[1])
    except OSError:
        return 0.0
    return pages * os.sysconf("SC_PAGE_SIZE") / 1e6


def main(arguments: list[str] | None = None) -> int:
    """Measure, and print one JSON object."""
    parser = argparse.ArgumentParser(prog="imagineid_bench.live", description=__doc__)
    parser.add_argument("--seconds", type=float, default=60.0)
    parser.add_argument("--sound", type=Path, default=Path("examples/speech.flac"))
    parser.add_argument("--look-ahead", type=int, default=LOOK_AHEAD)
    parser.add_argument("--model", default="mini")
    parser.add_argument("--engine", default="auto")
    options = parser.parse_args(arguments)
    with open_sound(options.sound) as sound:
        wave = sound.read(0, sound.samples)
    pipe = pipeline.load(options.model, engine=options.engine)
    list(live(pipe, [wave[: 2 * SAMPLE_RATE]], Request()))  # so that everything is loaded
    found = measure(pipe, wave, options.seconds, options.look_ahead)
    print(json.dumps(asdict(found), indent=2))
    return 0


if __name__ == "__main__":
    sys.exit(main())
