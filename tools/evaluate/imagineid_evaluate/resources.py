"""Memory and speed of the real command, measured in child processes.

  memory       VmHWM, the most the kernel ever saw resident, of ``imagineid generate`` for short and
               for long audio (10 s and 300 s of AUDIO again and again), and how far they differ
  end to end   frames of the video over the wall clock of the whole command, for 30 s of audio
  stages       in one process, once each: importing and loading, opening the sound, listening, the
               first frame, and the mean of the later ones; shares of their time by network,
               which add up to more than all where threads work side by side
  first frame  from the first import to the first frame: what a user waits, but for python's start
  help         ``imagineid --help``, the best of five

Processors: those this process may use (``taskset -c 0,1`` for the two the bars speak of). Numbers
mean something only on a machine that does nothing else; ratios are of one run.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import soundfile

from imagineid import weights
from imagineid.backends import Engine
from imagineid.errors import ImagineIDError
from imagineid.spec import FPS, SAMPLE_RATE
from imagineid_evaluate.report import Row
from imagineid_evaluate.sounds import repeated, wave_of

POLL_S = 0.02
GB = 1e9
_MAIN = "from imagineid_cli.main import run; run()"


@dataclass(frozen=True)
class Done:
    """A command that ended: its wall clock in seconds, peak memory in bytes, and output."""

    wall_s: float
    peak_bytes: int
    output: str


def arguments(parser: argparse.ArgumentParser) -> None:
    """Add the options of this group."""
    parser.add_argument("audio", type=Path, nargs="?", default=Path("examples/speech.flac"))
    parser.add_argument("--short", type=float, default=10.0, help="seconds, for memory")
    parser.add_argument("--long", type=float, default=300.0, help="seconds; 0 leaves it out")
    parser.add_argument("--timed", type=float, default=30.0, help="seconds, for speed")


def run(options: argparse.Namespace) -> tuple[list[Row], dict[str, object]]:
    """Measure; see the module."""
    wave = wave_of(options.audio)
    with tempfile.TemporaryDirectory(prefix="imagineid-evaluate-") as name:
        folder = Path(name)
        helped = [command(["--help"]).wall_s for _ in range(5)]
        short = generate(wave, options.short, folder)
        timed = generate(wave, options.timed, folder)
        found = [
            *memory(options, short, generate(wave, options.long, folder) if options.long else None),
            *speed(options, timed, min(helped)),
            *stages(wave, options.short, folder),
        ]
    cores = sorted(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else []
    return found, {"processors": len(cores) or os.cpu_count(), "load": os.getloadavg()[0]}


def memory(options: argparse.Namespace, short: Done, long: Done | None) -> list[Row]:
    """Return peak memory, and how it grows."""
    rows = [
        Row(f"memory, {options.short:g} s", short.peak_bytes / GB, "GB", 1.5, "at most"),
    ]
    if long is not None:
        change = long.peak_bytes / short.peak_bytes - 1
        rows += [
            Row(f"memory, {options.long:g} s", long.peak_bytes / GB, "GB", 1.5, "at most"),
            Row("memory, difference", abs(change) * 100, "%", 5.0, "at most", f"{change:+.1%}"),
        ]
    return rows


def speed(options: argparse.Namespace, timed: Done, help_s: float) -> list[Row]:
    """Return speed end to end."""
    frames = json.loads(timed.output)["frames"]
    fps = frames / timed.wall_s
    note = f"{frames} frames in {timed.wall_s:.1f} s, {FPS / fps:.1f} times the sound"
    return [
        Row(f"end to end, {options.timed:g} s", fps, "fps", 5.0, note=note),
        Row("imagineid --help", help_s, "s"),
    ]


def generate(wave: np.ndarray, seconds: float, folder: Path) -> Done:
    """Run ``imagineid generate`` on ``wave`` repeated to so many seconds."""
    sound, video = folder / "sound.wav", folder / "video.mp4"
    soundfile.write(sound, repeated(wave, seconds), SAMPLE_RATE, subtype="PCM_16")
    words = ["generate", str(sound), "-o", str(video), "--seed", "0", "--overwrite"]
    return command([*words, "--quiet", "--json"])


def command(words: list[str]) -> Done:
    """Run the program in a child process and watch its memory.

    Raises:
        ImagineIDError: it failed; the message holds what it said.
    """
    start = time.monotonic()
    child = subprocess.Popen(
        [sys.executable, "-c", _elsewhere() + _MAIN, *words],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    peak = 0
    while child.poll() is None:
        peak = max(peak, high_water(child.pid))
        time.sleep(POLL_S)
    wall = time.monotonic() - start
    output, said = child.communicate()
    if child.returncode:
        raise ImagineIDError(f"imagineid {' '.join(words)} failed:\n{said.strip()}")
    return Done(wall, peak, output)


def _elsewhere() -> str:
    """Return code that tells a child where the model lies, if not in the package (--weights)."""
    if weights.DIRECTORY == Path(weights.__file__).parent:
        return ""
    place = f"Path({str(weights.DIRECTORY)!r})"
    return f"import imagineid.weights as w; from pathlib import Path; w.DIRECTORY = {place}; "


def high_water(pid: int) -> int:
    """Return VmHWM of a process in bytes; 0 if it is gone."""
    with contextlib.suppress(OSError):
        for line in Path(f"/proc/{pid}/status").read_text().splitlines():
            if line.startswith("VmHWM:"):
                return int(line.split()[1]) * 1024
    return 0


def stages(wave: np.ndarray, seconds: float, folder: Path) -> list[Row]:
    """Run the stages in a child of their own, and return their rows."""
    sound = folder / "stages.wav"
    soundfile.write(sound, repeated(wave, seconds), SAMPLE_RATE, subtype="PCM_16")
    done = subprocess.run(
        [sys.executable, "-m", __name__, str(sound), str(weights.DIRECTORY)],
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode:
        raise ImagineIDError(f"The stages failed:\n{done.stderr.strip()}")
    return [Row(**row) for row in json.loads(done.stdout)]


class Clock:
    """Wraps engines so that their time is counted by name."""

    def __init__(self) -> None:
        self.spent: dict[str, float] = {}

    def around(self, name: str, engine: Engine) -> Engine:
        """Return an engine that does the same and is timed."""

        def timed(**inputs: Any) -> dict[str, Any]:
            start = time.perf_counter()
            made = engine(**inputs)
            self.spent[name] = self.spent.get(name, 0.0) + time.perf_counter() - start
            return made

        return timed

    def shares(self, whole_s: float) -> Iterator[Row]:
        """Yield each network's share of ``whole_s``, largest first, and what is left."""
        for name, spent in sorted(self.spent.items(), key=lambda item: -item[1]):
            yield Row(f"  {name}", spent / whole_s, note="of a later frame")
        yield Row("  all else", 1 - sum(self.spent.values()) / whole_s, note="of a later frame")


def timed_stages(sound_path: Path, directory: Path) -> list[Row]:
    """Time every stage once in this process, which has imported little so far."""
    begun = time.perf_counter()
    from dataclasses import replace

    from imagineid.audio import open_sound
    from imagineid.pipeline import Request, load
    from imagineid.video import VideoWriter

    weights.DIRECTORY = directory
    clock = Clock()
    pipe = load()
    opened: Mapping[str, Engine] = {k: clock.around(k, e) for k, e in pipe.engines.items()}
    pipe = replace(pipe, engines=opened)
    loaded = time.perf_counter()
    with open_sound(sound_path) as sound:
        ready = time.perf_counter()
        factors = pipe.listen(sound)
    heard = time.perf_counter()
    drawing = pipe.imagine(factors, Request(seed=0))
    shown = [next(drawing)]
    first = time.perf_counter()
    clock.spent.clear()
    shown += drawing
    last = time.perf_counter()
    with VideoWriter(sound_path.with_suffix(".mp4"), pipe.size_px, sound_path, {}) as video:
        for frame in shown:
            video.write(frame)
    written = time.perf_counter() - last
    frames = len(shown)
    later = (last - first) / (frames - 1)
    return [
        Row("loading", loaded - begun, "s", note="imports included"),
        Row("opening the sound", ready - loaded, "s"),
        Row("listening", (heard - ready) / frames * 1000, "ms/frame", note=f"{frames} frames"),
        Row("the first frame alone", first - heard, "s"),
        Row("time to the first frame", first - begun, "s", note=f"{frames / FPS:.0f} s of sound"),
        Row("a later frame, mean", later * 1000, "ms", note=f"{1 / later:.1f} fps"),
        *clock.shares(last - first),
        Row("writing the video", written / frames * 1000, "ms/frame"),
    ]


if __name__ == "__main__":
    measured = timed_stages(Path(sys.argv[1]), Path(sys.argv[2]))
    fields = ("name", "value", "unit", "bar", "side", "note")
    print(json.dumps([{f: getattr(row, f) for f in fields} for row in measured]))
