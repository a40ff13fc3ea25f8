"""Checks of the installation, with a command that fixes each problem: ``imagineid doctor``."""

from __future__ import annotations

import os
import platform
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from imagineid import __version__
from imagineid.progress import size_text

ONNXRUNTIMES = ("onnxruntime", "onnxruntime-gpu", "onnxruntime-directml")
"""Packages that have one folder: two of them overwrite each other."""

CHECK_S = 20.0
"""Seconds that ``pip check`` may take."""

ENOUGH_DISK = 200_000_000
"""Bytes of disk for a video of some minutes and its temporary files."""

ENOUGH_MEMORY = 1_000_000_000
"""Bytes of memory that the embedded model needs."""


@dataclass(frozen=True)
class Finding:
    """Result of one check.

    Attributes:
        area: python, packages, extras, engine, weights, disk, memory or test.
        level: ``good``; ``note`` if something may be missing; ``problem`` if generate won't work.
        text: what was found.
        fix: the command that fixes it, or "".
    """

    area: str
    level: str
    text: str
    fix: str = ""


def examine(debug: bool = False) -> Iterator[Finding]:
    """Run all checks, one after the other; an exception is reported as a finding.

    Args:
        debug: let exceptions pass, so that their traceback is seen.
    """
    for check in CHECKS:
        yield from _safely(check, debug)


def _safely(check: Callable[[], Iterator[Finding]], debug: bool) -> Iterator[Finding]:
    """Run a check; an exception is reported as a finding."""
    from imagineid.errors import ImagineIDError

    area = check.__name__.strip("_")
    try:
        yield from check()
    except ImagineIDError as error:
        first, *rest = str(error).splitlines()
        yield Finding(area, "problem", first, rest[-1] if rest else "")
    except Exception as error:
        if debug:
            raise
        text = f"{type(error).__name__}: {error}"
        fix = "See where:  imagineid doctor --debug"
        if isinstance(error, ImportError):
            fix = "Install again:  pip install --force-reinstall imagineid"
        level = "problem" if area in ("engine", "test") else "note"
        yield Finding(area, level, text, fix)


def _python() -> Iterator[Finding]:
    """Versions of imagineid, Python and the system."""
    where = f"{platform.system()} {platform.machine()}"
    text = f"imagineid {__version__}, Python {platform.python_version()}, {where}"
    yield Finding("python", "good", text)


def _packages() -> Iterator[Finding]:
    """The packages of the base install."""
    needs = _requirements().get("", [])
    if not needs:
        text = (
            "imagineid runs from a source folder without installation: its packages are not listed"
        )
        yield Finding("packages", "note", text, "Install it:  pip install imagineid")
        return
    have = [(name, _version(name)) for name in needs]
    if missing := [name for name, version in have if not version]:
        text = f"not installed: {', '.join(missing)}"
        yield Finding("packages", "problem", text, f"Install:  pip install {' '.join(missing)}")
    found = ", ".join(f"{name} {version}" for name, version in have if version)
    yield Finding("packages", "good", found)
    twins = [name for name in ONNXRUNTIMES if _version(name)]
    if len(twins) > 1:
        fix = f"Leave one:  pip uninstall -y {' '.join(twins)} && pip install onnxruntime"
        text = f"{' and '.join(twins)} are both installed, and overwrite each other"
        yield Finding("packages", "problem", text, fix)
    yield from _conflicts(set().union(*_requirements().values()))


def _conflicts(ours: set[str]) -> Iterator[Finding]:
    """Versions that the packages of ours do not go with, as ``pip check`` finds them."""
    words = [sys.executable, "-m", "pip", "check", "--disable-pip-version-check"]
    try:
        ended = subprocess.run(words, capture_output=True, text=True, timeout=CHECK_S, check=False)
    except (OSError, subprocess.SubprocessError):
        return
    for line in ended.stdout.splitlines():
        name = line.partition(" ")[0]
        if " has requirement " in line and name in ours:
            requirement = line.partition(" has requirement ")[2].partition(", but ")[0]
            yield Finding("packages", "note", line, f"If it fails:  pip install '{requirement}'")


def _extras() -> Iterator[Finding]:
    """The optional packages; ``generate`` needs none of them."""
    absent = []
    for extra, needs in _requirements().items():
        if extra in ("", "dev"):
            continue
        have = [(name, _version(name)) for name in needs]
        missing = [name for name, version in have if not version]
        if len(missing) == len(have):
            absent.append(extra)
        elif missing:
            fix = f"Complete it:  pip install 'imagineid[{extra}]'"
            yield Finding(
                "extras", "good", f"[{extra}] incomplete, without {', '.join(missing)}", fix
            )
        else:
            found = ", ".join(f"{name} {version}" for name, version in have)
            yield Finding("extras", "good", f"[{extra}]: {found}")
    if absent:
        fix = f"If you want one:  pip install 'imagineid[{absent[0]}]'"
        yield Finding("extras", "good", f"not installed: {', '.join(absent)}", fix)


def _engine() -> Iterator[Finding]:
    """The backend that ``--engine auto`` uses, and why others are not available."""
    from imagineid import backends
    from imagineid.errors import ImagineIDError
    from imagineid.models import Model, embedded
    from imagineid.spec import MINI

    mini = Model(MINI.name, embedded.DIRECTORY / MINI.name, MINI, "stored")
    chosen = backends.choose("auto", mini)[1]
    yield Finding("engine", "good", f"{chosen} (used by --engine auto)")
    for name in backends.ENGINES[1:]:
        try:
            line = backends.choose(name, mini)[1]
        except Exception as error:  # a driver's library may raise anything
            first, *rest = (str(error) or type(error).__name__).splitlines()
            fix = rest[-1] if rest and isinstance(error, ImagineIDError) else ""
            yield Finding("engine", "good", f"{name} can't be used: {first}", fix)
        else:
            if line != chosen:
                yield Finding("engine", "good", f"{name}: {line}")


def _weights() -> Iterator[Finding]:
    """The embedded model, and downloaded weights."""
    from imagineid.hub.store import everything, faults
    from imagineid.models import embedded_weights
    from imagineid.paths import weights_home

    mini = embedded_weights()
    text = f"mini, embedded, {size_text(mini.bytes)}, in {mini.path}"
    if wrong := faults(mini):
        fix = "Install again:  pip install --force-reinstall imagineid"
        yield Finding("weights", "problem", "; ".join(wrong), fix)
    else:
        yield Finding("weights", "good", f"{text}: all files are valid")
    absent = []
    for one in everything():
        how = one.state
        if how == "here":
            text = f"{one.name}, {size_text(one.bytes)}, in {one.path}"
            yield Finding("weights", "good", text)
        elif how == "not here":
            absent.append(one.name)
        else:
            fix = f"Complete it:  imagineid weights pull {one.name}"
            if how == "damaged" or one.what.startswith("from "):
                fix = f"Add it again:  imagineid weights remove {one.name}"
            yield Finding("weights", "note", f"{one.name}: {how}", fix)
    if absent:
        text = f"not downloaded, not needed by mini: {', '.join(absent)}; folder: {weights_home()}"
        yield Finding("weights", "good", text)


def _disk() -> Iterator[Finding]:
    """Free space where files are written."""
    from imagineid.paths import home

    places = {"this folder": Path.cwd(), "temporary files": Path(tempfile.gettempdir())}
    for what, place in places.items():
        free = shutil.disk_usage(place).free
        text = f"{size_text(free)} free for {what}, {place}"
        if not os.access(place, os.W_OK):
            level, fix = "note", "Write elsewhere:  imagineid generate SPEECH -o DIR/OUT.mp4"
            if what != "this folder":
                level, fix = "problem", "Name another place:  export TMPDIR=DIR"
            yield Finding("disk", level, f"{place} is not writable", fix)
        elif free < ENOUGH_DISK:
            yield Finding("disk", "note", text, f"Find large files:  du -sh {place}/*")
        else:
            yield Finding("disk", "good", text)
    folder = home()
    if folder.exists():
        files = [path.stat().st_size for path in folder.rglob("*") if path.is_file()]
        yield Finding("disk", "good", f"{size_text(sum(files))} kept in {folder}")


def _memory() -> Iterator[Finding]:
    """Free memory, where the system reports it."""
    try:
        meminfo = Path("/proc/meminfo").read_text(encoding="utf-8")
    except OSError:
        return
    kibibytes = {key: int(value) for key, value in re.findall(r"(\w+):\s+(\d+) kB", meminfo)}
    free, whole = kibibytes["MemAvailable"] * 1024, kibibytes["MemTotal"] * 1024
    text = f"{size_text(free)} of {size_text(whole)} free"
    if free < ENOUGH_MEMORY:
        yield Finding("memory", "note", text, "Find large processes:  ps aux --sort -rss | head")
    else:
        yield Finding("memory", "good", text)


def _test() -> Iterator[Finding]:
    """A short video of the embedded model."""
    from imagineid.selftest import run_selftest

    outcome = run_selftest()
    if outcome.wrong:
        fix = "Install again:  pip install --force-reinstall imagineid"
        yield Finding("test", "problem", f"the embedded model ran, but {outcome.wrong}", fix)
        return
    minute_s = 60 * 25 * outcome.frame_s
    speed = f"loaded in {outcome.load_s:.1f} s, {1 / outcome.frame_s:.1f} frames a second now"
    text = f"the embedded model runs: {speed}; a minute of speech takes about {minute_s:.0f} s"
    yield Finding("test", "good", text)


CHECKS = (_python, _packages, _extras, _engine, _weights, _disk, _memory, _test)
"""All checks, in the order in which they are printed."""


def _requirements() -> dict[str, list[str]]:
    """Return the packages that imagineid and each extra require; "" is the base install."""
    from importlib import metadata

    found: dict[str, list[str]] = {}
    try:
        lines = metadata.requires("imagineid") or []
    except metadata.PackageNotFoundError:
        return {}
    for line in lines:
        name = re.match(r"[\w.-]+", line)
        extra = re.search(r"extra\s*==\s*['\"]([\w-]+)['\"]", line)
        if name:
            found.setdefault(extra[1] if extra else "", []).append(name[0])
    return found


def _version(package: str) -> str:
    """Return the version of a package, or "" if it is not installed."""
    from importlib import metadata

    try:
        return metadata.version(package)
    except metadata.PackageNotFoundError:
        return ""
