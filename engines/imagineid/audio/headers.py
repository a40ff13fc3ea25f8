"""Facts from a recording's first bytes: length, encryption, or another kind of file."""

from __future__ import annotations

import struct
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

UNFILLED_BYTES = 2_000_000_000
"""A wav that claims so much and holds less was streamed: nobody came back to fill in its length."""

MOST_INDEX_BYTES = 64_000_000
"""An index of an mp4 longer than this is not looked into."""

_KINDS = (
    (b"<!doctype", "a web page: the address was saved, not the recording"),
    (b"<html", "a web page: the address was saved, not the recording"),
    (b"%pdf", "a PDF"),
    (b"pk\x03\x04", "a zip archive: unpack it first"),
    (b"\x1f\x8b", "a gzip archive: unpack it first"),
    (b"\x89png", "a picture"),
    (b"\xff\xd8\xff", "a picture"),
    (b"gif8", "a picture"),
)


@dataclass(frozen=True)
class Header:
    """Facts read from a file before it is decoded.

    Attributes:
        expected_s: the length that its header promises; None where it promises none.
        notes: notes for the user, a line each.
    """

    expected_s: float | None = None
    notes: tuple[str, ...] = ()


def read_header(file: BinaryIO, path: Path) -> Header:
    """Read the length from an mp3's or a wav's header; leave the file at its start.

    FFmpeg believes the size of a file more than its header, and so would take a file that was cut
    off for a whole one.
    """
    head = file.read(10)
    try:
        if head[:4] == b"RIFF":
            return _wav(file, path)
        skip = 0
        if head[:3] == b"ID3":  # the tag's size: four bytes of seven bits
            skip = 10 + sum(
                (b & 0x7F) << s for b, s in zip(head[6:10], (21, 14, 7, 0), strict=True)
            )
        file.seek(skip)
        return Header(_xing_seconds(file.read(4096)))
    except (struct.error, ValueError):
        return Header()
    finally:
        file.seek(0)


def is_encrypted(file: BinaryIO) -> bool:
    """Return whether an mp4 declares encrypted sound; leave the file at its start."""
    try:
        file.seek(0)
        if file.read(8)[4:] != b"ftyp":
            return False
        file.seek(0)
        while len(box := file.read(8)) == 8:
            size, name = struct.unpack(">I4s", box)
            header = 8
            if size == 1:
                size, header = struct.unpack(">Q", file.read(8))[0], 16
            if name == b"moov":
                index = file.read(min(size - header, MOST_INDEX_BYTES))
                return b"sinf" in index and (b"enca" in index or b"drms" in index)
            if size < header:
                return False
            file.seek(size - header, 1)
        return False
    except (struct.error, ValueError, OSError):
        return False
    finally:
        file.seek(0)


def guess_kind(file: BinaryIO) -> str:
    """Describe the kind of a file that is no recording; "" if it is unknown."""
    file.seek(0)
    head = file.read(4096)
    start = head.removeprefix(b"\xef\xbb\xbf").lstrip().lower()
    for mark, what in _KINDS:
        if start.startswith(mark):
            return what
    text = sum(32 <= byte < 127 or byte in b"\t\r\n" for byte in head)
    if head and text > 0.95 * len(head):
        return "a text"
    return "sound without a header, perhaps" if len(set(head)) > 16 else ""


def _wav(file: BinaryIO, path: Path) -> Header:
    """Read data bytes over bytes a second from a wav's chunks, and what comes after them."""
    size = path.stat().st_size
    file.seek(12)
    bytes_per_second = 0
    while len(chunk := file.read(8)) == 8:
        name, length = struct.unpack("<4sI", chunk)
        if name == b"fmt ":
            bytes_per_second = struct.unpack("<8xI", file.read(12))[0]
            file.seek(length - 12, 1)
        elif name == b"data":
            here = file.tell()
            if length == 0 and here == size:
                return Header(0.0)
            if length == 0 or (length >= UNFILLED_BYTES and here + length > size):
                note = "its length was never filled in: all that is there is read"
                return Header(None, (note,))
            if here + length <= size:
                file.seek(length + length % 2, 1)
                joined = file.read(4) == b"RIFF"
                note = "it is several recordings joined: only the first is read; split it first"
                return Header(None, (note,) if joined else ())
            return Header(float(length / bytes_per_second) if bytes_per_second else None)
        else:
            file.seek(length + length % 2, 1)
    return Header()


def _xing_seconds(data: bytes) -> float | None:
    """Read frames x samples / rate from the Xing or Info header of an mp3's first frame."""
    at = next((i for i in (data.find(b"Xing"), data.find(b"Info")) if 0 < i <= 64), -1)
    if at < 0 or data[0] != 0xFF or data[1] & 0xE0 != 0xE0:
        return None
    flags, frames = struct.unpack(">II", data[at + 4 : at + 12])
    version = data[1] >> 3 & 3  # 3: MPEG 1, 2: MPEG 2, 0: MPEG 2.5
    rate_index = data[2] >> 2 & 3
    if not flags & 1 or version == 1 or rate_index == 3:
        return None
    rate = (44_100, 48_000, 32_000)[rate_index] // {3: 1, 2: 2, 0: 4}[version]
    return float(frames * (1152 if version == 3 else 576) / rate)
