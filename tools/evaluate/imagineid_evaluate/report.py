"""What an evaluation hands back: rows of numbers, some with a bar, as a table and as JSON."""

from __future__ import annotations

import json
import math
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

SIGNS = {"at least": ">=", "at most": "<="}


@dataclass(frozen=True)
class Row:
    """One number.

    Attributes:
        name: what was measured.
        value: the number, NaN where nothing could be measured.
        unit: of value and bar, e.g. ``dB``; empty for shares and correlations.
        bar: what was asked for; None for numbers that only stand beside.
        side: ``at least`` or ``at most``.
        note: how many samples, or what the number is to be compared with.
        published: the paper's own number; None for what it does not have.
    """

    name: str
    value: float
    unit: str = ""
    bar: float | None = None
    side: str = "at least"
    note: str = ""
    published: float | None = None

    @property
    def met(self) -> bool | None:
        """Whether the bar is met; None without one. NaN meets none."""
        if self.bar is None:
            return None
        return self.value >= self.bar if self.side == "at least" else self.value <= self.bar


def _cells(rows: Sequence[Row]) -> list[tuple[str, ...]]:
    """Return name, value, the paper's if there is one, bar, verdict and note; headings first."""
    cells: list[tuple[str, ...]] = [("", "measured", "paper", "bar", "", "")]
    for row in rows:
        value = f"{_number(row.value)} {row.unit}".rstrip()
        bar = "" if row.bar is None else f"{SIGNS[row.side]} {_number(row.bar)} {row.unit}".rstrip()
        verdict = {None: "", True: "met", False: "MISSED"}[row.met]
        published = "" if row.published is None else _number(row.published)
        cells.append((row.name, value, published, bar, verdict, row.note))
    if all(row.published is None for row in rows):
        cells = [(*line[:2], *line[3:]) for line in cells]
    return cells


def table(rows: Sequence[Row]) -> str:
    """Return rows as aligned text."""
    cells = _cells(rows)
    widths = [max(len(line[column]) for line in cells) for column in range(len(cells[0]) - 1)]
    lines = []
    for line in cells:
        padded = [text.ljust(width) for text, width in zip(line, widths, strict=False)]
        lines.append("  ".join([*padded, line[-1]]).rstrip())
    return "\n".join(lines)


def markdown(rows: Sequence[Row]) -> str:
    """Return rows as a table in Markdown."""
    heading, *lines = [[text.replace("|", "\\|") for text in line] for line in _cells(rows)]
    return "".join(
        f"| {' | '.join(line)} |\n" for line in (heading, ["---"] * len(heading), *lines)
    )


def _number(value: float) -> str:
    if math.isnan(value):
        return "-"
    if value == int(value) and abs(value) < 1e6:
        return str(int(value))
    return f"{value:.3f}" if abs(value) < 10 else f"{value:.2f}"


def write_json(path: Path, group: str, rows: Sequence[Row], about: dict[str, object]) -> None:
    """Write rows and what they were measured on; NaN becomes null."""
    listed = []
    for row in rows:
        fields = asdict(row) | {"met": row.met}
        fields["value"] = None if math.isnan(row.value) else row.value
        listed.append(fields)
    path.parent.mkdir(parents=True, exist_ok=True)
    report = {"group": group, "about": about, "rows": listed}
    path.write_text(json.dumps(report, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
