"""Bar charts of the benchmark, drawn with Pillow, one panel per question."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from PIL import Image, ImageDraw, ImageFont

from imagineid.files import atomic_output, write_errors

if TYPE_CHECKING:
    from imagineid_bench.results import Report

WIDTH, RIGHT, TOP = 1400, 30, 60
"""Width of the picture and margins of the panels, in pixels."""

INK, PALE = (40, 40, 46), (200, 202, 208)
MARGIN, VALUE = 250, 130
"""Widths of the names left of the bars and of the numbers right of them, in pixels."""

ROW, GAP, HEAD = 26, 30, 30
"""Heights of a bar's row, of the gap between panels and of a panel's title, in pixels."""

BLUE, GREEN, SAND = (64, 110, 180), (92, 150, 110), (214, 170, 96)


@dataclass(frozen=True)
class Panel:
    """A title and its bars: names, lengths and labels."""

    title: str
    colour: tuple[int, int, int]
    bars: list[tuple[str, float, str]]


def draw(path: Path, report: Report, overwrite: bool) -> None:
    """Write the picture.

    Args:
        path: a .png.
        report: what was measured.
        overwrite: whether an existing file may be replaced.

    Raises:
        BadOutput: it can't be written, or the disk is full.
    """
    all_panels = list(panels(report))
    picture = Image.new("RGB", (WIDTH, height_of(all_panels)), "white")
    pen = ImageDraw.Draw(picture)
    machine = report.machine
    title = f"imagineid bench:  {machine['processor']}, {machine['cores']} cores"
    pen.text((RIGHT, 18), f"{title}, load {machine['load']:g}", INK, ImageFont.load_default(20))
    down = TOP
    for panel in all_panels:
        _panel(pen, down, panel)
        down += HEAD + ROW * len(panel.bars) + GAP
    with atomic_output(path, overwrite) as part, write_errors(path):
        picture.save(part, format="PNG")


def height_of(all_panels: list[Panel]) -> int:
    """Return the height of a chart of these panels, in pixels."""
    return TOP + sum(HEAD + ROW * len(panel.bars) + GAP for panel in all_panels)


def panels(report: Report) -> Iterator[Panel]:
    """Yield a panel for every measurement that was not skipped."""
    speeds = [(f"{w.engine}, defaults", w.fps, f"{w.fps:.1f}") for w in report.engines]
    if slow := report.as_written:
        speeds.insert(0, ("Algorithm 1 as written", 1 / slow.frame_s, f"{1 / slow.frame_s:.3g}"))
    yield Panel(f"frames a second, end to end, {report.seconds:g} s of sound", BLUE, speeds)
    best = report.fastest
    parts = [(name, ms, f"{ms:.1f}") for name, ms in best.stages_ms.items()]
    yield Panel(f"milliseconds of a coherent frame, {best.engine}, in parallel", SAND, parts)
    lengths = [f"{w.seconds:g}" for w in report.lengths]
    chains = [f"{w.chains}" for w in report.chains]
    for what, names, videos in (
        ("seconds of sound", lengths, report.lengths),
        ("chains in parallel", chains, report.chains),
    ):
        if not videos:
            continue
        rates = [(n, w.fps, f"{w.fps:.1f}") for n, w in zip(names, videos, strict=True)]
        yield Panel(f"frames a second against {what}, {best.engine}", BLUE, rates)
        held = [(w.peak_bytes or 0) / 1e6 for w in videos]
        memory = [(n, mb, f"{mb:.0f}") for n, mb in zip(names, held, strict=True)]
        yield Panel(f"megabytes of memory against {what}, {best.engine}", GREEN, memory)
    if roof := report.roofline:
        shares = [
            (r.network, r.bound_ms / r.took_ms, f"{r.bound_ms / r.took_ms:.0%}")
            for r in roof.networks
        ]
        yield Panel(f"share of the roofline, each network alone, {roof.where}", SAND, shares)


def _panel(pen: ImageDraw.ImageDraw, top: int, panel: Panel) -> None:
    """Draw a title and its bars, the longest over the full width."""
    pen.text((RIGHT, top), panel.title, INK, ImageFont.load_default(16))
    room = WIDTH - MARGIN - VALUE
    longest = max(length for _, length, _ in panel.bars) or 1.0
    for number, (name, length, label) in enumerate(panel.bars):
        y = top + HEAD + ROW * number
        right = MARGIN + room * length / longest
        pen.text((MARGIN - 12, y + ROW / 2), name, INK, ImageFont.load_default(14), anchor="rm")
        pen.line((MARGIN, y, MARGIN, y + ROW), fill=PALE)
        pen.rectangle((MARGIN, y + 4, max(MARGIN + 1, right), y + ROW - 4), fill=panel.colour)
        pen.text((right + 10, y + ROW / 2), label, INK, ImageFont.load_default(14), anchor="lm")
