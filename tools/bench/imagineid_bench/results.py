"""What was measured, as it stands in ``--json``."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from typing import Any

from imagineid.spec import FPS


@dataclass(frozen=True)
class Whole:
    """One video from a recording's file to a video's, in a process of its own.

    Attributes:
        engine: as a user names it; line: as it names itself.
        chains: stretches imagined side by side.
        frames: of the video.
        wall_s: from the start of the process until the video has its name.
        to_first_frame_s: from the start of the process to the first frame: its parts are
            ``loading_s`` (imports, too), ``opening_s`` (of the sound) and ``first_frame_s``
            (hearing the first block, 24 steps or what they are, and the first frames together).
        later_frame_ms: mean distance of the frames after the first.
        stages_ms: what of that each part takes; they work side by side, so they add up to more.
        peak_bytes: peak resident memory; None where it is unknown. joules: likewise.
    """

    engine: str
    line: str
    chains: int
    frames: int
    wall_s: float
    loading_s: float
    opening_s: float
    first_frame_s: float
    to_first_frame_s: float
    later_frame_ms: float
    stages_ms: dict[str, float]
    peak_bytes: int | None
    joules: float | None

    @property
    def seconds(self) -> float:
        """How long the video is."""
        return self.frames / FPS

    @property
    def fps(self) -> float:
        """Frames over the wall clock of everything."""
        return self.frames / self.wall_s

    def as_json(self) -> dict[str, Any]:
        """Return everything, with what follows from it."""
        return asdict(self) | {
            "seconds": self.seconds,
            "fps": self.fps,
            "real_time_factor": self.wall_s / self.seconds,
            "joules_per_frame": None if self.joules is None else self.joules / self.frames,
        }


@dataclass(frozen=True)
class AsWritten:
    """Algorithm 1 as written: how long its frames took, and nothing around them.

    Attributes:
        line: as torch names itself.
        steps, guidance: of each frame.
        to_first_frame_s: from the start of the process; first_frame_s: of the frame alone.
        frames_s: of each coherent frame.
        peak_bytes, joules: as of :class:`Whole`.
    """

    line: str
    steps: int
    guidance: float
    to_first_frame_s: float
    first_frame_s: float
    frames_s: list[float]
    peak_bytes: int | None
    joules: float | None

    @property
    def frame_s(self) -> float:
        """Mean of the coherent frames; the first one if there is no other."""
        return sum(self.frames_s) / len(self.frames_s) if self.frames_s else self.first_frame_s

    def as_json(self) -> dict[str, Any]:
        """Return everything, with what follows from it."""
        frames = 1 + len(self.frames_s)
        return asdict(self) | {
            "frames": frames,
            "frame_s": self.frame_s,
            "fps": 1 / self.frame_s,
            "joules_per_frame": None if self.joules is None else self.joules / frames,
        }


@dataclass(frozen=True)
class Agreement:
    """The default beside many steps, from the same first frame: PSNR of 8-bit frames, dB."""

    steps: int
    frames: int
    mean_db: float
    worst_db: float


@dataclass(frozen=True)
class Roof:
    """One network alone: what it takes, and what machine and arithmetic would allow.

    Attributes:
        network: its name; batch: items of a call.
        gflop: of a call; mbytes: weights, inputs and outputs.
        took_ms: the best of some calls; bound_ms: the roofline's.
    """

    network: str
    batch: int
    gflop: float
    mbytes: float
    took_ms: float
    bound_ms: float


@dataclass(frozen=True)
class Roofline:
    """The machine's limits, and each network under them."""

    where: str
    gflop_s: float
    gbyte_s: float
    line: str
    networks: list[Roof]


@dataclass
class Report:
    """All results of a run; skipped measurements are None or empty.

    Attributes:
        machine: see :func:`imagineid_bench.machine.described`.
        model: its name. seconds: of the sound that engines are compared on.
        as_written: Algorithm 1 as written.
        engines: one video each. missing: why others can't run here, by name.
        lengths: of sounds of several lengths. chains: of several stretches side by side.
        load: of the machine before and after.
    """

    machine: dict[str, Any]
    model: str
    seconds: float
    as_written: AsWritten | None = None
    engines: list[Whole] = field(default_factory=list)
    missing: dict[str, str] = field(default_factory=dict)
    lengths: list[Whole] = field(default_factory=list)
    chains: list[Whole] = field(default_factory=list)
    agreement: Agreement | None = None
    roofline: Roofline | None = None

    def times(self, whole: Whole) -> float | None:
        """Return how many times as fast as Algorithm 1 as written; None if that was left out.

        It flatters the latter: starting, hearing and writing count for ``whole`` alone.
        """
        return whole.fps * self.as_written.frame_s if self.as_written else None

    @property
    def fastest(self) -> Whole:
        """The engine that made the most frames a second."""
        return max(self.engines, key=lambda whole: whole.fps)

    def as_json(self) -> dict[str, Any]:
        """Return everything as JSON holds it."""
        as_written, agreement, roofline = self.as_written, self.agreement, self.roofline
        return {
            "machine": self.machine,
            "model": self.model,
            "seconds": self.seconds,
            "as_written": as_written.as_json() if as_written else None,
            "engines": [w.as_json() | {"times_as_written": self.times(w)} for w in self.engines],
            "missing": self.missing,
            "lengths": [whole.as_json() for whole in self.lengths],
            "chains": [whole.as_json() for whole in self.chains],
            "agreement": asdict(agreement) if agreement else None,
            "roofline": asdict(roofline) if roofline else None,
        }
