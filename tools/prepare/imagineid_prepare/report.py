"""The report on all clips: a CSV, and a contact sheet of first frames beside their meshes."""

from __future__ import annotations

import csv
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from PIL import Image, ImageDraw

from imagineid_prepare.shards import THUMBNAIL_PX

COLUMNS = ("path", "key", "speaker", "emotion", "frames", "error_px", "problem")

SHEET, ACROSS = 64, 4
"""Samples of the contact sheet, and how many side by side."""

TEXT_PX = 14


def write_report(folder: Path, rows: Sequence[dict[str, Any]]) -> str:
    """Write ``report.csv`` and ``report.png`` into ``folder``; return one line that sums them up.

    Raises:
        OSError: they can't be written.
    """
    with (folder / "report.csv").open("w", newline="", encoding="utf-8") as file:
        table = csv.DictWriter(file, COLUMNS, restval="")
        table.writeheader()
        table.writerows(rows)
    good = [row for row in rows if "problem" not in row]
    if good:
        _sheet(folder, good).save(folder / "report.png")
    errors = sorted(row["error_px"] for row in good)
    middle = f", fitted within {errors[len(errors) // 2]:.2f} px of 256 (median)" if errors else ""
    seconds = sum(row["frames"] for row in good) / 25
    bad = len({row["path"] for row in rows if "problem" in row})
    return f"{len(good)} samples, {seconds:.0f} s{middle}; {bad} clips with a problem: report.csv"


def _sheet(folder: Path, good: Sequence[dict[str, Any]]) -> Image.Image:
    """Return samples spread over all of them, each with its key's end and its fit's error."""
    step = max(1, len(good) // SHEET)
    sampled = good[::step][:SHEET]
    wide, high = 2 * THUMBNAIL_PX, THUMBNAIL_PX + TEXT_PX
    across = min(ACROSS, len(sampled))
    sheet = Image.new("RGB", (across * wide, -(-len(sampled) // across) * high), "white")
    pen = ImageDraw.Draw(sheet)
    for i, row in enumerate(sampled):
        left, top = i % across * wide, i // across * high
        path = folder / "thumbnails" / f"{row['key']}.jpg"
        if path.is_file():
            with Image.open(path) as picture:
                sheet.paste(picture, (left, top + TEXT_PX))
        pen.text((left + 2, top + 1), f"{row['key'][-30:]}  {row['error_px']:.2f} px", "black")
    return sheet
