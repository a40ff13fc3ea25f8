"""The results of the benchmark as text tables."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from imagineid_bench.results import Report, Whole

WIDEST = 110
"""Characters per line if the width of the terminal is unknown."""


@dataclass(frozen=True)
class Table:
    """A title, column names, rows and notes."""

    title: str
    heads: Sequence[str]
    rows: list[list[str]]
    note: str = ""


def show(report: Report) -> None:
    """Print all tables to standard output."""
    import sys

    from rich import box
    from rich.console import Console
    from rich.table import Table as Grid
    from rich.text import Text

    width = None if sys.stdout.isatty() else WIDEST
    console = Console(width=width, highlight=False, markup=False, emoji=False)
    for line in machine_lines(report):
        console.print(line, soft_wrap=True)
    for table in tables(report):
        console.print(f"\n{table.title}", style="bold")
        grid = Grid(box=box.SIMPLE_HEAD, show_edge=False, pad_edge=False)
        for number, head in enumerate(table.heads):
            grid.add_column(Text(head), justify="right" if number else "left")
        for row in table.rows:
            grid.add_row(*map(Text, row))
        console.print(grid)
        if table.note:
            console.print(table.note, soft_wrap=True)
    for line in last_lines(report):
        console.print(f"\n{line}", soft_wrap=True)


def machine_lines(report: Report) -> Iterator[str]:
    """Return lines that describe the machine and the versions."""
    machine = report.machine
    card = f"; {machine['card']}" if machine["card"] else ""
    cores = f"{machine['cores']} core{'s' if machine['cores'] > 1 else ''}"
    yield f"{machine['processor']}, {cores}{card}; {machine['system']}; load {machine['load']:g}"
    yield ", ".join(f"{name} {version}" for name, version in machine["versions"].items())
    for whole in report.engines:
        yield f"{whole.engine}: {whole.line}"


def tables(report: Report) -> Iterator[Table]:
    """Yield a table for every measurement that was not skipped."""
    yield _end_to_end(report)
    yield _stages(report)
    if report.lengths:
        title = f"against length of sound, on {report.fastest.engine}"
        yield _against(title, "sound", [(f"{w.seconds:g} s", w) for w in report.lengths])
    if report.chains:
        title = f"against chains in parallel, on {report.fastest.engine}"
        yield _against(title, "chains", [(f"{w.chains}", w) for w in report.chains])
    if report.roofline:
        yield _roofline(report)


def _end_to_end(report: Report) -> Table:
    heads = ("", "frames/s", "real-time factor", "times", "first frame", "memory", "energy")
    rows, note = [], ""
    if slow := report.as_written:
        figures = slow.as_json()
        rows.append(
            [
                f"as published, {figures['frames']} frames",
                f"{figures['fps']:.3g}",
                f"{slow.frame_s * 25:.0f}",
                "1",
                f"{slow.to_first_frame_s:.1f} s",
                _memory(slow.peak_bytes),
                _energy(figures),
            ]
        )
        note = (
            f"As published: Algorithm 1, {slow.steps} steps, guidance {slow.guidance:g}, "
            f"{slow.line}; its coherent frames alone,\n"
            "without starting, hearing and writing, which the engines' rows hold."
        )
    for whole in report.engines:
        times = report.times(whole)
        figures = whole.as_json()
        rows.append(
            [
                f"{whole.engine}, defaults",
                f"{whole.fps:.1f}",
                f"{figures['real_time_factor']:.2f}",
                f"{times:.0f}" if times else "–",
                f"{whole.to_first_frame_s:.1f} s",
                _memory(whole.peak_bytes),
                _energy(figures),
            ]
        )
    return Table(f"end to end, {report.seconds:g} s of sound", heads, rows, note)


def _stages(report: Report) -> Table:
    engines = report.engines
    rows = [
        ["loading, imports included, s", *(f"{w.loading_s:.2f}" for w in engines)],
        ["opening the sound, s", *(f"{w.opening_s:.2f}" for w in engines)],
        ["then to the first frame, s", *(f"{w.first_frame_s:.2f}" for w in engines)],
        ["a later frame, ms", *(f"{w.later_frame_ms:.1f}" for w in engines)],
    ]
    for name in engines[0].stages_ms:
        rows.append([f"  {name}", *(f"{w.stages_ms[name]:.1f}" for w in engines)])
    note = "Stages run in parallel and share the CPU, so their sum is larger than a frame's time."
    return Table("stage by stage", ("", *(w.engine for w in engines)), rows, note)


def _against(title: str, what: str, videos: Sequence[tuple[str, Whole]]) -> Table:
    heads = (what, "took", "frames/s", "a later frame", "first frame", "memory", "energy")
    rows = [
        [
            name,
            f"{whole.wall_s:.1f} s",
            f"{whole.fps:.1f}",
            f"{whole.later_frame_ms:.1f} ms",
            f"{whole.to_first_frame_s:.1f} s",
            _memory(whole.peak_bytes),
            _energy(whole.as_json()),
        ]
        for name, whole in videos
    ]
    return Table(title, heads, rows)


def _roofline(report: Report) -> Table:
    roof = report.roofline
    assert roof is not None
    heads = ("network", "batch", "GFLOP", "MB", "ms", "GFLOP/s", "bound, ms", "of the roof")
    rows = [
        [
            row.network,
            f"{row.batch}",
            f"{row.gflop:.2f}",
            f"{row.mbytes:.1f}",
            f"{row.took_ms:.1f}",
            f"{row.gflop / row.took_ms * 1000:.0f}",
            f"{row.bound_ms:.2f}",
            f"{row.bound_ms / row.took_ms:.0%}",
        ]
        for row in roof.networks
    ]
    note = (
        f"Roof: {roof.gflop_s:.0f} GFLOP/s in matrix products, {roof.gbyte_s:.1f} GB/s in copies "
        f"({roof.where}), measured; each network alone, {roof.line}."
    )
    return Table("roofline", heads, rows, note)


def last_lines(report: Report) -> Iterator[str]:
    """Return lines on the agreement with many steps, and on what could not be measured."""
    if held := report.agreement:
        yield (
            f"agreement with {held.steps} steps over {held.frames} frames: "
            f"PSNR {held.mean_db:.1f} dB, worst frame {held.worst_db:.1f} dB"
        )
    for name, why in report.missing.items():
        yield f"not measured: {name}: {why}"


def _memory(peak: int | None) -> str:
    return "–" if peak is None else f"{peak / 1e6:.0f} MB"


def _energy(figures: dict[str, Any]) -> str:
    joules = figures["joules_per_frame"]
    return "–" if joules is None else f"{joules:.2f} J/frame"
