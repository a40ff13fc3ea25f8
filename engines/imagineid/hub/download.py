"""Download of one file: resumed, checked, and renamed to its final name when it is valid.

``NAME.part`` holds the bytes, and ``NAME.part.json`` the address and version they come from, so
that another process can resume the download. Only size and SHA-256 of the complete file on disk
decide whether it is valid, not what a server says.
"""

from __future__ import annotations

import errno
import hashlib
import json
import os
import shutil
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from imagineid.errors import BadOutput, DownloadFailed
from imagineid.hub.manifest import File
from imagineid.hub.transport import Response, RetryPolicy, TransferFailed, host, open_url
from imagineid.json_files import read_json


class DownloadListener(Protocol):
    """Receives messages and progress of a download."""

    def line(self, text: str) -> None:
        """Receive a message."""

    def at(self, name: str, done: int, total: int) -> None:
        """Receive the number of bytes of the item ``name`` that are done; it may decrease."""


@dataclass(frozen=True)
class Counter:
    """Reports the bytes of one file as progress of its item."""

    watch: DownloadListener
    name: str
    before: int
    total: int

    def at(self, done: int) -> None:
        """Report that ``done`` bytes of this file are downloaded."""
        self.watch.at(self.name, self.before + done, self.total)


def sha256(path: Path) -> str:
    """Return the SHA-256 of a file, in lower-case hexadecimal digits."""
    digest = hashlib.sha256()
    with path.open("rb") as file:
        while piece := file.read(1 << 20):
            digest.update(piece)
    return digest.hexdigest()


def fault(path: Path, file: File) -> str:
    """Return how ``path`` differs from ``file``, or "" if it is a valid copy."""
    try:
        size = path.stat().st_size
    except OSError:
        return "is missing"
    if size != file.bytes:
        return f"has {size} bytes instead of {file.bytes}"
    return "" if sha256(path) == file.sha256 else "has a wrong SHA-256"


def fetch(
    file: File, addresses: Sequence[str], target: Path, counter: Counter, patience: RetryPolicy
) -> None:
    """Download ``file`` to ``target`` from the first address that has it.

    Args:
        file: expected size and SHA-256.
        addresses: http or https, in the order in which they are tried.
        target: final path; another file there is replaced.
        counter: receives the progress.
        patience: timeouts and retries.

    Raises:
        DownloadFailed: no address provided a valid file.
        BadOutput: it can't be written.
    """
    if not fault(target, file):
        counter.at(file.bytes)
        return
    part, reason = _Part(target), ""
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        for i, address in enumerate(addresses):
            try:
                _from(address, file, part, counter, patience)
                return
            except TransferFailed as failed:
                reason = f"{host(address)}: {failed}"
                for following in addresses[i + 1 : i + 2]:
                    counter.watch.line(f"{file.path} from {reason}; trying {host(following)}")
    except OSError as error:
        raise cannot_write(target, error) from error
    hint = "Continue later" if part.size() else "Try again later"
    raise DownloadFailed(
        f"{file.path} could not be downloaded ({reason}); without a network, give a folder with "
        "its files (--from DIR), or --offline to check what is here.\n"
        f"{hint}:  imagineid weights pull {counter.name}"
    )


def copy(file: File, source: Path, target: Path, counter: Counter) -> None:
    """Copy ``file`` from another folder of this machine, with the same checks.

    Raises:
        DownloadFailed: it is missing or invalid.
        BadOutput: it can't be written.
    """
    if fault(target, file):
        if problem := fault(source, file):
            raise DownloadFailed(
                f"{source} {problem}.\nDownload it instead:  imagineid weights pull {counter.name}"
            )
        part = _Part(target)
        try:
            target.parent.mkdir(parents=True, exist_ok=True)
            part.drop()
            shutil.copyfile(source, part.path)
            _check(file, part)
            part.finish()
        except TransferFailed as failed:
            raise DownloadFailed(f"{source}: {failed}.\nRun it again.") from failed
        except OSError as error:
            raise cannot_write(target, error) from error
    counter.at(file.bytes)


def cannot_write(path: Path, error: OSError) -> BadOutput:
    """Return the error for a file that can't be written."""
    if error.errno in (errno.ENOSPC, errno.EDQUOT, errno.EFBIG):
        return BadOutput(
            f"No space left for {path}.\nFree some, or use another folder:  IMAGINEID_HOME=DIR"
        )
    return BadOutput(
        f"{path} can't be written: {error.strerror}.\nUse another folder:  IMAGINEID_HOME=DIR"
    )


class _Part:
    """The downloaded bytes of a file, with the address and version they come from."""

    def __init__(self, target: Path) -> None:
        self.target = target
        self.path = target.with_name(f"{target.name}.part")
        self._story = target.with_name(f"{target.name}.part.json")
        self.joined = False  # whether the bytes come from several responses

    def size(self) -> int:
        try:
            return self.path.stat().st_size
        except OSError:
            return 0

    def etag(self, address: str) -> str:
        """Return the version of the bytes, or "" if they come from another address."""
        try:
            story = read_json(self._story)
            return str(story["etag"]) if story["address"] == address else ""
        except (OSError, ValueError, KeyError, TypeError):
            return ""

    def begin(self, address: str, etag: str) -> None:
        """Start again: bytes of an earlier version must not be mixed with the new one."""
        self.path.write_bytes(b"")
        self._story.write_text(json.dumps({"address": address, "etag": etag}), encoding="utf-8")
        self.joined = False

    def drop(self) -> None:
        self.path.unlink(missing_ok=True)
        self._story.unlink(missing_ok=True)

    def finish(self) -> None:
        with self.path.open("rb+") as file:
            os.fsync(file.fileno())
        self.path.replace(self.target)
        self._story.unlink(missing_ok=True)


def _from(address: str, file: File, part: _Part, counter: Counter, patience: RetryPolicy) -> None:
    """Download from one address; retry temporary failures and raise permanent ones."""
    tries, most = 0, part.size()
    while True:
        try:
            _more(address, file, part, counter, patience)
            _check(file, part)
            part.finish()
            return
        except TransferFailed as failed:
            if failed.discard:
                part.drop()
            size = part.size()
            tries = 1 if size >= most + patience.progress else tries + 1
            most = max(most, size)
            if not failed.again or tries >= patience.tries:
                raise
            pause_s = max(patience.pause_s * 2 ** (tries - 1), min(failed.pause_s, 60.0))
            going = f"resuming at {size:,} of {file.bytes:,} bytes" if size else "starting again"
            counter.watch.line(f"{file.path} from {host(address)}: {failed}; {going}")
            time.sleep(pause_s)


def _more(address: str, file: File, part: _Part, counter: Counter, patience: RetryPolicy) -> None:
    """Request the missing bytes and append them."""
    size = part.size()
    if size > file.bytes:
        part.drop()
        size = 0
    part.joined = size > 0
    if size == file.bytes and size:
        return
    with open_url(address, patience, size, part.etag(address)) as answer:
        if answer.total is not None and answer.total != file.bytes:
            raise TransferFailed(
                f"the server has {answer.total:,} bytes instead of {file.bytes:,}", again=False
            )
        if answer.start == 0:
            if size:
                why = "the server sends no ranges, or the file has changed; starting again"
                counter.watch.line(f"{file.path} from {host(address)}: {why}")
            part.begin(address, answer.etag)
        _append(answer, file, part, counter)
    if part.size() < file.bytes:
        raise TransferFailed(f"the connection ended at {part.size():,} bytes", again=True)


def _append(answer: Response, file: File, part: _Part, counter: Counter) -> None:
    """Write the received bytes, up to the expected size."""
    size = answer.start
    with part.path.open("ab") as out:
        for piece in answer.pieces():
            size += len(piece)
            if size > file.bytes:
                raise TransferFailed(
                    "the server sends more bytes than expected", again=False, discard=True
                )
            out.write(piece)
            counter.at(size)


def _check(file: File, part: _Part) -> None:
    """Validate the complete file.

    Bytes of several responses may belong to different versions, so the download is repeated. If
    all bytes come from one response, the failure is permanent.
    """
    if problem := fault(part.path, file):
        raise TransferFailed(f"the downloaded file {problem}", again=part.joined, discard=True)
