"""The renderer's GLSL: files in ``glsl/`` joined by ``#include name`` lines."""

from __future__ import annotations

from pathlib import Path

FOLDER = Path(__file__).parent / "glsl"

VERSION = "#version 400\n"


def source(name: str) -> str:
    """A shader's whole text, such as that of ``skin.frag``."""
    return VERSION + _expanded(name)


def _expanded(name: str) -> str:
    lines = []
    for line in (FOLDER / name).read_text().splitlines():
        if line.startswith("#include "):
            lines.append(_expanded(f"{line.split()[1]}.glsl"))
        else:
            lines.append(line)
    return "\n".join(lines) + "\n"
