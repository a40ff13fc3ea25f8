"""Batch inputs: files, folders, patterns and lists are expanded to items with unique outputs."""

from __future__ import annotations

import csv
import glob
import io
import os
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path, PurePath
from typing import Any

from imagineid.errors import BadInput
from imagineid.files import one_line, open_regular_file
from imagineid.json_files import parse_json
from imagineid.progress import SILENT, Progress
from imagineid.request import Request
from imagineid.video import read_metadata

SOUNDS = frozenset(
    ".wav .flac .mp3 .ogg .opus .oga .m4a .m4b .aac .aiff .aif .wma .amr .g722 .caf .qta .weba "
    ".mka .w64 .au .mp4 .m4v .mov .mkv .webm .3gp .avi .ts".split()
)
"""Extensions of the files in a folder that are read as recordings."""

VIDEOS = frozenset((".mp4", ".webm", ".mov", ".mkv"))
"""What of them may be a video that was made here."""

LIST_BYTES = 100_000_000
"""A longer list is not read."""

COLUMNS = ("audio", "prompt", "seed", "voice", "subtitles", "out")
"""Columns of a list; only the first is required."""


@dataclass(frozen=True)
class Item:
    """One recording of a batch, its output file and its options."""

    audio: Path
    output: Path
    request: Request


@dataclass(frozen=True)
class LeftOut:
    """Files of folders and patterns that are not taken: videos made here, and what has no sound."""

    own: list[Path]
    others: list[Path]


def find_items(
    inputs: Sequence[str],
    folder: Path,
    request: Request,
    anywhere: bool = False,
    progress: Progress = SILENT,
) -> list[Item]:
    """Return the videos to be made, in the order of the inputs.

    Args:
        inputs: recordings, folders, patterns, and lists (.csv, .jsonl).
        folder: where videos go.
        request: the default request, which the rows of a list may override.
        anywhere: whether a list may name outputs outside the folder.
        progress: receives a line about skipped files.

    Raises:
        BadInput: there is nothing in them, a list can't be read, or two videos share a place.
    """
    skipped = LeftOut([], [])
    found = [item for name in inputs for item in _items(name, folder, request, anywhere, skipped)]
    for paths, what in ((skipped.own, "videos of imagineid"), (skipped.others, "not recordings")):
        if paths:
            progress.line(f"{len(paths)} left out: {what}, such as {one_line(paths[0])}")
    if not found:
        raise BadInput(
            f"There is no recording in {', '.join(inputs)}.\n"
            f"Name some:  imagineid batch FOLDER -o {folder}"
        )
    double = {path for path, count in Counter(item.output for item in found).items() if count > 1}
    whole = [
        replace(item, output=folder / f"{item.audio.name}{item.request.suffix}")
        if item.output in double
        else item
        for item in found
    ]
    for path, count in Counter(item.output for item in whole).items():
        if count > 1:
            names = ", ".join(str(item.audio) for item in whole if item.output == path)
            raise BadInput(
                f"{names} would all be written to {path}.\n"
                "Name the output files in a list:  audio,out  in LIST.csv"
            )
    return whole


def is_recording(path: Path) -> bool:
    """Return whether a file is a recording, by its name; macOS keeps notes in ``._`` files."""
    return (
        path.suffix.lower() in SOUNDS and not path.name.startswith((".", "._")) and path.is_file()
    )


def is_own_video(path: Path) -> bool:
    """Return whether a file is a video made by imagineid, by its metadata."""
    try:
        return path.suffix.lower() in VIDEOS and bool(read_metadata(path))
    except BadInput:
        return False


def _matching(pattern: str) -> list[Path]:
    """Return the files of a pattern; brackets in the name of an existing folder are literal."""
    place = Path(pattern)
    fixed = next(each for each in place.parents if each.exists())
    rest = place.relative_to(fixed) if str(fixed) != "." else place
    found = glob.glob(str(Path(glob.escape(str(fixed))) / rest), recursive=True)
    return sorted(Path(each) for each in found)


def _items(
    name: str, folder: Path, request: Request, anywhere: bool, skipped: LeftOut
) -> Iterator[Item]:
    """Yield the items of one input; other files are added to ``skipped``."""
    path = Path(name)
    if path.suffix.lower() in (".csv", ".jsonl"):
        for line, row in _rows(path):
            item = _item_of(row, path, line, folder, request)
            if not anywhere and not _is_inside(row.get("out", "")):
                raise BadInput(
                    f"Line {line} of {path} names {row['out']}, which is outside {folder}.\n"
                    "If it is meant:  --anywhere"
                )
            yield item
        return
    if path.is_dir():
        files = sorted(p for p in path.iterdir() if p.is_file() and not p.name.startswith("."))
        paths: list[Path] = []
        for file in files:
            (paths if is_recording(file) else skipped.others).append(file)
    elif glob.has_magic(name) and not path.exists():
        paths = [found for found in _matching(name) if found.is_file()]
    else:
        paths = [path]  # a missing file is reported with the other failures
    if paths != [path]:
        own = {found for found in paths if is_own_video(found)}
        skipped.own.extend(sorted(own))
        paths = [found for found in paths if found not in own]
    for audio in paths:
        yield Item(audio, folder / (audio.stem + request.suffix), request)


def _rows(path: Path) -> Iterator[tuple[int, dict[str, Any]]]:
    """Yield the rows of a list, each with its line number."""
    text = _text_of(path)
    if path.suffix.lower() == ".csv":
        head = text.partition("\n")[0]
        delimiter = max(",;\t", key=head.count)
        reader = csv.DictReader(io.StringIO(text, newline=""), delimiter=delimiter)
        try:
            for row in reader:
                yield reader.line_num, {k: v for k, v in row.items() if k is not None and v}
        except csv.Error as error:
            raise _bad(path, reader.line_num, f"is not CSV ({error})") from error
        return
    for number, line in enumerate(text.split("\n"), 1):
        if not line.strip():
            continue
        try:
            row = parse_json(line)
        except ValueError as error:
            raise _bad(path, number, f"is not JSON ({error})") from error
        if not isinstance(row, dict):
            raise _bad(path, number, "is not a JSON object")
        yield number, {k: v for k, v in row.items() if v is not None}


def _text_of(path: Path) -> str:
    """Read a list, as spreadsheets write it: UTF-8 or UTF-16, with or without a mark.

    Raises:
        BadInput: it can't be read.
    """
    try:
        with open_regular_file(path) as file:
            data = file.read(LIST_BYTES + 1)
        if len(data) > LIST_BYTES:
            raise ValueError(f"it is longer than {LIST_BYTES} bytes")
        wide = data.startswith((b"\xff\xfe", b"\xfe\xff"))
        return data.decode("utf-16" if wide else "utf-8-sig")
    except (OSError, ValueError) as error:
        raise BadInput(f"The list {path} can't be read: {error}.\nLook:  head {path}") from error


def _is_inside(name: object) -> bool:
    """Return whether a relative path stays below its folder."""
    place = PurePath(str(name))
    return not place.is_absolute() and ".." not in place.parts


def _item_of(row: dict[str, Any], path: Path, line: int, folder: Path, request: Request) -> Item:
    """Parse one row of a list; its paths are relative to the list."""
    if unknown := sorted(set(row) - set(COLUMNS)):
        raise _bad(path, line, f"has the column {unknown[0]!r}")
    if not isinstance(row.get("audio"), str):
        raise _bad(path, line, "names no audio")
    for name in ("audio", "subtitles", "out"):
        if not _is_name(str(row.get(name, ""))):
            raise _bad(path, line, f"has an invalid file name in {name}")
    try:
        seed = whole_number(row["seed"]) if "seed" in row else request.seed
    except ValueError as error:
        raise _bad(path, line, f"has the seed {row['seed']!r}") from error
    voice = row.get("voice") or request.voice
    own = replace(
        request,
        prompt=str(row.get("prompt", request.prompt or "")),
        seed=seed,
        voice=None if voice is None else str(voice),
    )
    if "subtitles" in row:
        words = replace(own.output, subtitles=path.parent / str(row["subtitles"]))
        own = replace(own, output=words)
    try:
        own.check()
    except BadInput as error:
        raise _bad(path, line, f"can't be used: {str(error).splitlines()[0]}") from error
    audio = path.parent / row["audio"]
    return Item(audio, folder / str(row.get("out", audio.stem + own.suffix)), own)


def whole_number(value: object) -> int:
    """Return a number that a list gives, as a number or as digits.

    Raises:
        ValueError: it is no whole number.
    """
    if isinstance(value, bool) or not isinstance(value, (int, str)):
        raise ValueError(f"{value!r} is no whole number")
    return int(value)


def _is_name(name: str) -> bool:
    """Return whether the operating system accepts ``name`` as a path, and it is one line."""
    try:
        os.fsencode(name)
    except UnicodeEncodeError:
        return False
    return not set("\0\n\r") & set(name)


def _bad(path: Path, line: int, what: str) -> BadInput:
    return BadInput(f"Line {line} of {path} {what}.\nA list has the columns  {','.join(COLUMNS)}")
