"""Retrieval: the recordings most similar to a voice (the paper's Fig. 6)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from imagineid.audio import open_sound
from imagineid.batch_inputs import SOUNDS, is_recording
from imagineid.errors import BadInput, ImagineIDError
from imagineid.pad.factors import Identity
from imagineid.progress import SILENT, Progress
from imagineid.rendering import opened

if TYPE_CHECKING:
    from imagineid.pipeline import Pipeline


@dataclass(frozen=True)
class Match:
    """A recording, its voice, and the cosine to the query voice, -1 to 1."""

    path: Path
    identity: Identity
    likeness: float

    def as_json(self) -> dict[str, Any]:
        """Return all of it as JSON holds it."""
        likeness = round(self.likeness, 4)
        return {"path": str(self.path), "likeness": likeness} | identity_as_json(self.identity)


@dataclass(frozen=True)
class Matches:
    """The query voice, the encoded recordings, the most similar first, and the unreadable ones.

    Attributes:
        query: the query voice, of likeness 1.
        found: the readable recordings, the most similar first.
        unread: the unreadable recordings.
    """

    query: Match
    found: tuple[Match, ...]
    unread: tuple[Path, ...]


def recordings_in(folder: Path, leave_out: Path) -> list[Path]:
    """Return the recordings in a folder and the folders in it, but for one.

    Raises:
        BadInput: there is no such folder, it can't be read, or there are no others in it.
    """
    if not folder.is_dir():
        raise BadInput(f"The folder {folder} does not exist.\nList:  ls {folder.parent}")
    try:
        paths = [path for path in sorted(folder.rglob("*")) if is_recording(path)]
    except OSError as error:
        raise BadInput(f"{folder} can't be read: {error.strerror}.\nLook:  ls {folder}") from error
    paths = [p for p in paths if not (leave_out.exists() and p.samefile(leave_out))]
    if not paths:
        raise BadInput(
            f"There are no other recordings in {folder}.\n"
            f"Known extensions:  {' '.join(sorted(SOUNDS))}"
        )
    return paths


def retrieve(
    pipe: Pipeline,
    speech: Path,
    paths: Sequence[Path],
    progress: Progress = SILENT,
    track: int | None = None,
) -> Matches:
    """Rank recordings by how much their voices are like one voice.

    Args:
        pipe: a loaded model.
        speech: a recording of the voice to look for.
        paths: the recordings.
        progress: receives progress, and the names of unreadable files.
        track: which sound track of the speech, from 1; None, as of the others: the one that speaks.

    Raises:
        BadSound: the speech can't be heard.
        BadInput: none of the recordings can be read.
    """
    with opened(speech, progress, track) as sound:
        identity = pipe.encode_identity(sound)
    found, unread = [], []
    with progress.stage("listening", len(paths), "recordings") as advance:
        for number, path in enumerate(paths, 1):
            try:
                with open_sound(path) as sound:
                    other = pipe.encode_identity(sound)
                found.append(Match(path, other, likeness(identity.theta, other.theta)))
            except (ImagineIDError, MemoryError) as error:  # of this recording: continue
                unread.append(path)
                progress.warn((str(error) or f"{path} is too large").splitlines()[0])
            except Exception as error:
                unread.append(path)
                progress.warn(f"{path} can't be heard ({type(error).__name__}: {error})")
            advance(number)
    if not found:
        raise BadInput(
            "None of the recordings can be read.\nName another folder:  retrieve A.wav DIR"
        )
    ranked = sorted(found, key=lambda match: -match.likeness)
    return Matches(Match(speech, identity, 1.0), tuple(ranked), tuple(unread))


def portraits(
    pipe: Pipeline, matches: Sequence[Match], seed: int, progress: Progress = SILENT
) -> list[np.ndarray]:
    """Imagine a neutral portrait of each voice, all of one seed, (H, W, 3) uint8."""
    faces = []
    with progress.stage("imagining", len(matches), "faces") as advance:
        for match in matches:
            faces.append(pipe.portrait(match.identity, seed))
            advance(len(faces))
    return faces


def likeness(a: np.ndarray, b: np.ndarray) -> float:
    """Return the cosine similarity of two identities (512,)."""
    return float(a @ b / max(float(np.linalg.norm(a) * np.linalg.norm(b)), 1e-12))


def identity_as_json(identity: Identity) -> dict[str, Any]:
    """Return what an identity says in words."""
    return {"gender": identity.gender, "age": round(identity.age)}
