"""One file, fetched whole or not at all: resumed, checked, and only then given its name.

Beside the file grow ``NAME.part`` and ``NAME.part.json``, which says which version at which
address the part is of. They outlive the process, so that another one goes on. Whatever a server
says, it is size and sha256 of the whole part on disk that decide.
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
    """Who is told how it goes."""

    def line(self, text: str) -> None:
        """Take one line about something unusual."""

    def at(self, name: str, done: int, total: int) -> None:
        """Take how many of ``total`` bytes of the item ``name`` are here; it may fall back."""


@dataclass(frozen=True)
class Counter:
    """Tells a watch the bytes of one file as a share of its item."""

    watch: DownloadListener
    name: str
    before: int
    total: int

    def at(self, done: int) -> None:
        """``done`` bytes of this file are here."""
        self.watch.at(self.name, self.before + done, self.total)


def sha256(path: Path) -> str:
    """Return the sum of a file, lower-case hex."""
    digest = hashlib.sha256()
    with path.open("rb") as file:
        while piece := file.read(1 << 20):
            digest.update(piece)
    return digest.hexdigest()


def fault(path: Path, file: File) -> str:
    """Return what is wrong with ``path`` as a copy of ``file``, "" if nothing is."""
    try:
        size = path.stat().st_size
    except OSError:
        return "is missing"
    if size != file.bytes:
        return f"has {size} bytes and not {file.bytes}"
    return "" if sha256(path) == file.sha256 else "has another sha256 than it must have"


def fetch(
    file: File, addresses: Sequence[str], target: Path, counter: Counter, patience: RetryPolicy
) -> None:
    """Fetch ``file`` to ``target`` from the first address that has it.

    Args:
        file: what must come.
        addresses: http or https, in the order they are tried.
        target: the final path; a file there that is not ``file`` is replaced.
        counter: told how many bytes are here.
        patience: how long each server is waited for.

    Raises:
        DownloadFailed: no address gave the right bytes.
        BadOutput: they can't be written.
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
    kept = "What came is kept. Go on later" if part.size() else "Try again later"
    raise DownloadFailed(
        f"{file.path} could not be fetched ({reason}).\n"
        f"{kept}:  imagineid weights pull {counter.name}"
    )


def copy(file: File, source: Path, target: Path, counter: Counter) -> None:
    """Take ``file`` from another place on this machine, with the same checks.

    Raises:
        DownloadFailed: it is not there, or not what it must be.
        BadOutput: it can't be written.
    """
    if fault(target, file):
        if problem := fault(source, file):
            raise DownloadFailed(
                f"{source} {problem}.\nFetch it instead:  imagineid weights pull {counter.name}"
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
    """Say why a file can't be written, and what helps."""
    if error.errno in (errno.ENOSPC, errno.EDQUOT, errno.EFBIG):
        return BadOutput(f"No room for {path}.\nFree some, or elsewhere:  IMAGINEID_HOME=DIR")
    return BadOutput(
        f"{path} can't be written: {error.strerror}.\nName another place:  IMAGINEID_HOME=DIR"
    )


class _Part:
    """The bytes of a file that are here, and which version at which address they are of."""

    def __init__(self, target: Path) -> None:
        self.target = target
        self.path = target.with_name(f"{target.name}.part")
        self._story = target.with_name(f"{target.name}.part.json")
        self.joined = False  # whether the bytes came in more than one answer

    def size(self) -> int:
        try:
            return self.path.stat().st_size
        except OSError:
            return 0

    def etag(self, address: str) -> str:
        """Return the version of the bytes, "" if they are of another address."""
        try:
            story = read_json(self._story)
            return str(story["etag"]) if story["address"] == address else ""
        except (OSError, ValueError, KeyError, TypeError):
            return ""

    def begin(self, address: str, etag: str) -> None:
        """Start anew: no byte of an earlier version may stay under the new one's name."""
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
    """Fetch from one address, going on after what can pass; raise what can't."""
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
            going = f"going on at {size:,} of {file.bytes:,} bytes" if size else "starting again"
            counter.watch.line(f"{file.path} from {host(address)}: {failed}; {going}")
            time.sleep(pause_s)


def _more(address: str, file: File, part: _Part, counter: Counter, patience: RetryPolicy) -> None:
    """Ask for what is missing and append it."""
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
                f"the server has {answer.total:,} bytes, it must be {file.bytes:,}", again=False
            )
        if answer.start == 0:
            if size:
                why = "no part of it is sent, or it has changed; starting again"
                counter.watch.line(f"{file.path} from {host(address)}: {why}")
            part.begin(address, answer.etag)
        _append(answer, file, part, counter)
    if part.size() < file.bytes:
        raise TransferFailed(f"the connection ended at {part.size():,} bytes", again=True)


def _append(answer: Response, file: File, part: _Part, counter: Counter) -> None:
    """Write what comes, no more than there must be."""
    size = answer.start
    with part.path.open("ab") as out:
        for piece in answer.pieces():
            size += len(piece)
            if size > file.bytes:
                raise TransferFailed(
                    "the server sends more than there must be", again=False, discard=True
                )
            out.write(piece)
            counter.at(size)


def _check(file: File, part: _Part) -> None:
    """Let only the right bytes pass.

    Bytes of several answers may be of several versions: then the whole is worth another try. Bytes
    of one answer that are wrong stay wrong.
    """
    if problem := fault(part.path, file):
        raise TransferFailed(f"what came {problem}", again=part.joined, discard=True)
