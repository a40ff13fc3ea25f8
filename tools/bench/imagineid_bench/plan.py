"""The whole bench: what is measured, in which order, on what sound."""

from __future__ import annotations

import tempfile
from contextlib import AbstractContextManager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Protocol

import numpy as np

from imagineid.backends import ENGINES
from imagineid.errors import BackendMissing, BadEngine, BadWeights, ImagineIDError, NoGpu
from imagineid.spec import FPS, SAMPLE_RATE
from imagineid_bench import workloads
from imagineid_bench.machine import described
from imagineid_bench.ranges import LONGEST_S, MOST_FRAMES, SHORTEST_S, within
from imagineid_bench.results import Report, Whole
from imagineid_bench.subprocess_runner import OnProgress, Setting, run_in_subprocess

EVERY = tuple(name for name in ENGINES if name != "auto")
"""The engines, the one that always runs first."""


class Shows(Protocol):
    """Where progress goes."""

    def line(self, text: str) -> None:
        """Show a line about a result."""

    def stage(self, name: str, total: float, unit: str) -> AbstractContextManager[OnProgress]:
        """Show a stage: its name, how much there is to do, and of what."""


@dataclass(frozen=True)
class Plan:
    """What to measure; values of 0 or empty ones skip their measurement.

    Attributes:
        audio: the recording, repeated or cut to each length.
        model: as it is typed.
        engines: which to compare; None: all that can run here.
        seconds: of the sound they are compared on.
        reference_frames: of Algorithm 1 as written; reference_steps: of each.
        lengths: seconds of other sounds.
        chains: numbers of stretches imagined side by side.
        agreement_s: seconds over which the default is held against many steps.
        roofline: whether networks are held against the machine's limits.
        track: which sound track of the recording, from 1; None: the one that speaks.
    """

    audio: Path
    model: str = "mini"
    engines: tuple[str, ...] | None = None
    seconds: float = 10.0
    reference_frames: int = 6
    reference_steps: int = 50
    lengths: tuple[float, ...] = (10.0, 60.0)
    chains: tuple[int, ...] = (1, 2, 5, 10)
    agreement_s: float = 2.0
    roofline: bool = True
    track: int | None = None

    def check(self) -> None:
        """Validate the numbers.

        Raises:
            BadInput: one is out of range.
        """
        within("--seconds", self.seconds, SHORTEST_S, LONGEST_S)
        within("--reference-frames", self.reference_frames, 0, MOST_FRAMES)
        within("--agreement", self.agreement_s, SHORTEST_S if self.agreement_s else 0, LONGEST_S)


def measured(plan: Plan, show: Shows) -> Report:
    """Measure all of a plan, one thing after another, each in a process of its own.

    Raises:
        BadSound: the recording can't be heard.
        BadInput, BadWeights: there is no such model, or it is damaged.
        BackendMissing, NoGpu, BadEngine: an engine that was asked for by name can't run here.
    """
    report = Report(described(), plan.model, plan.seconds)
    with tempfile.TemporaryDirectory(prefix="imagineid-bench-") as name:
        sounds = Sounds(plan, Path(name))
        engines(plan, sounds, show, report)
        if plan.reference_frames:
            as_written(plan, sounds, show, report)
        best = replace(sounds.setting(plan.seconds), engine=report.fastest.engine)
        measured_videos = [*report.engines]
        for seconds in plan.lengths:
            setting = replace(best, audio=sounds.of(seconds))
            report.lengths.append(_once(setting, seconds, f"{seconds:g} s", show, measured_videos))
        for count in plan.chains:
            setting = replace(best, chains=count)
            report.chains.append(
                _once(
                    setting,
                    plan.seconds,
                    f"{count} chain{'s' if count > 1 else ''}",
                    show,
                    measured_videos,
                )
            )
        if plan.agreement_s:
            setting = replace(best, audio=sounds.of(plan.agreement_s), steps=plan.reference_steps)
            with show.stage("agreement", round(plan.agreement_s * FPS), "frames") as tell:
                report.agreement = run_in_subprocess(workloads.agreement, setting, tell)
        if plan.roofline:
            with show.stage("roofline", len(workloads.PICTURE), "networks") as tell:
                report.roofline = run_in_subprocess(workloads.roofline, best, tell)
    return report


class Sounds:
    """The recording at several lengths, in a folder of its own."""

    def __init__(self, plan: Plan, folder: Path) -> None:
        from imagineid.audio import open_sound

        self._plan, self._folder = plan, folder
        longest = max(plan.seconds, plan.agreement_s, *plan.lengths, 0)
        with open_sound(plan.audio, track=plan.track) as sound:
            self._wave = sound.read(0, min(sound.samples, round(longest * SAMPLE_RATE)))

    def of(self, seconds: float) -> Path:
        """Return the recording, again and again, cut at ``seconds``."""
        import soundfile

        path = self._folder / f"{seconds:g}.flac"
        if not path.exists():
            wave = np.resize(self._wave, round(seconds * SAMPLE_RATE))
            soundfile.write(path, np.clip(wave, -1, 1), SAMPLE_RATE, subtype="PCM_16")
        return path

    def setting(self, seconds: float) -> Setting:
        """Return what all that is measured on a length shares."""
        return Setting(self.of(seconds), self._folder / "video.mp4", self._plan.model)


def engines(plan: Plan, sounds: Sounds, show: Shows, report: Report) -> None:
    """Make the same video with each engine; say of each that can't run here why not."""
    for engine in plan.engines or EVERY:
        setting = replace(sounds.setting(plan.seconds), engine=engine)
        try:
            report.engines.append(_video(setting, plan.seconds, engine, show))
        except (BackendMissing, NoGpu, BadEngine, BadWeights) as error:
            if plan.engines or engine == EVERY[0]:
                raise
            _leave_out(report, engine, error, show)


def as_written(plan: Plan, sounds: Sounds, show: Shows, report: Report) -> None:
    """Run Algorithm 1 as written if torch is installed; report what is missing if not."""
    frames = min(plan.reference_frames, round(plan.seconds * FPS))
    setting = replace(sounds.setting(plan.seconds), frames=frames, steps=plan.reference_steps)
    try:
        with show.stage("as written", frames, "frames") as tell:
            report.as_written = run_in_subprocess(workloads.as_written, setting, tell)
    except (BackendMissing, BadWeights) as error:
        _leave_out(report, "as written", error, show)


def _leave_out(report: Report, name: str, error: ImagineIDError, show: Shows) -> None:
    """Report why something can't be measured here, and continue."""
    report.missing[name] = " ".join(str(error).split("\n"))
    show.line(f"{name} is left out: {report.missing[name]}")


def _video(setting: Setting, seconds: float, name: str, show: Shows) -> Whole:
    """Make one video in a process of its own."""
    with show.stage(name, round(seconds * FPS), "frames") as tell:
        result = run_in_subprocess(workloads.whole, setting, tell)
    setting.video.unlink(missing_ok=True)
    return result


def _once(
    setting: Setting, seconds: float, name: str, show: Shows, measured_videos: list[Whole]
) -> Whole:
    """Make one video, or take the numbers of the same one made before."""
    for known in measured_videos:
        same = known.engine, known.chains, known.frames
        if same == (setting.engine, setting.chains or 1, round(seconds * FPS)):
            return known
    measured_videos.append(_video(setting, seconds, name, show))
    return measured_videos[-1]
