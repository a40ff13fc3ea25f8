"""Avatars: a face for several videos, in one file that can be shared.

An avatar is a zip file with ``avatar.json`` (how it was made, and that it is synthetic),
``first.png`` (the frame that determines its appearance) and one ``.npy`` for each array of its
identity. It contains no pickles.
"""

from __future__ import annotations

import io
import json
import re
import zipfile
from dataclasses import dataclass, field, fields
from datetime import datetime, timezone
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from PIL import Image

from imagineid import __version__, swap_store
from imagineid.array_files import parse_array
from imagineid.audio import open_sound
from imagineid.errors import BadInput
from imagineid.files import atomic_output, write_errors
from imagineid.json_files import parse_json
from imagineid.pad.factors import Identity
from imagineid.paths import home
from imagineid.progress import SILENT, Progress
from imagineid.request import Request, request_of
from imagineid.video.framing import lanczos
from imagineid.video.metadata import SYNTHETIC, read_metadata
from imagineid.video.reading import read_first_frame

if TYPE_CHECKING:
    from imagineid.pipeline import Pipeline

Array = np.ndarray

SUFFIX = ".avatar"
FORMAT = 1
"""Version of the file's layout."""

LICENCE = "Made with imagineid (Apache-2.0). The face is nobody's; use it as you like."

MOST_BYTES = 20_000_000
"""Most bytes of a part of an avatar."""

_NAME = re.compile(r"\w[\w-]{0,63}")
_INFO, _FIRST = "avatar.json", "first.png"
_EPOCH = (1980, 1, 1, 0, 0, 0)


@dataclass(frozen=True)
class Avatar:
    """A reusable face.

    Attributes:
        first: the frame that determines its appearance, (H, W, 3) uint8.
        identity: its identity, used for any voice.
        seed: seed of motion.
        prompt: the prompt it was made with.
        model: name of the model.
        model_digest: hash of the model's weights.
        made: date in ISO 8601 format.
        version: version of imagineid.
        licence: a note for recipients.
    """

    first: Array
    identity: Identity
    seed: int
    prompt: str
    model: str
    model_digest: str
    made: str = field(default_factory=lambda: _now())
    version: str = __version__
    licence: str = LICENCE

    def info(self) -> dict[str, Any]:
        """Return everything but the arrays, as JSON values."""
        known = {name: getattr(self, name) for name in _INFO_FIELDS}
        size_px = len(self.first)
        return known | {
            "format": FORMAT,
            "size_px": size_px,
            "gender": self.identity.gender,
            "age": round(self.identity.age),
            "synthetic": True,
            "statement": SYNTHETIC,
        }

    def first_at(self, size_px: int) -> Array:
        """Return the first frame at the size of a model."""
        return lanczos(self.first, size_px)


_INFO_FIELDS = ("seed", "prompt", "model", "model_digest", "made", "version", "licence")


def folder() -> Path:
    """Return the folder of saved avatars; it need not exist."""
    return home() / "avatars"


def check_name(name: str) -> None:
    """Validate a name.

    Raises:
        BadInput: it has characters other than letters, digits, ``-`` and ``_``.
    """
    if not _NAME.fullmatch(name):
        raise BadInput(
            f"{name!r} is not a valid name for an avatar: use letters, digits, - and _.\n"
            "Try:  imagineid avatar save anna VIDEO"
        )


def save(name: str, avatar: Avatar, overwrite: bool = False) -> Path:
    """Save an avatar under a name.

    Args:
        name: its name.
        avatar: the avatar.
        overwrite: whether an existing one may be replaced.

    Returns:
        Its file.

    Raises:
        BadInput: the name is invalid, or exists.
        BadOutput: the file can't be written.
    """
    check_name(name)
    path = folder() / f"{name}{SUFFIX}"
    if path.exists() and not overwrite:
        raise BadInput(
            f"The avatar {name} exists already.\n"
            f"Replace it with --overwrite, or remove it:  imagineid avatar remove {name}"
        )
    with write_errors(path):
        path.parent.mkdir(parents=True, exist_ok=True)
    write(path, avatar, overwrite)
    return path


def write(path: Path, avatar: Avatar, overwrite: bool = False) -> None:
    """Write an avatar to a file; the same avatar gives the same bytes.

    Raises:
        BadOutput: it can't be written.
    """
    picture = io.BytesIO()
    Image.fromarray(avatar.first).save(picture, "PNG", optimize=True)
    text = json.dumps(avatar.info(), ensure_ascii=False, indent=2, sort_keys=True) + "\n"
    parts = {_INFO: text.encode(), _FIRST: picture.getvalue()}
    for part in fields(Identity):
        array = io.BytesIO()
        np.save(array, getattr(avatar.identity, part.name), allow_pickle=False)
        parts[f"{part.name}.npy"] = array.getvalue()
    with (
        atomic_output(path, overwrite) as temporary,
        write_errors(path),
        zipfile.ZipFile(temporary, "w", zipfile.ZIP_DEFLATED) as file,
    ):
        for name, data in parts.items():
            entry = zipfile.ZipInfo(name, _EPOCH)
            entry.compress_type = zipfile.ZIP_DEFLATED
            file.writestr(entry, data)


def find(name: str) -> Path:
    """Return the file of an avatar.

    Args:
        name: name of a saved avatar, or path of a file.

    Raises:
        BadInput: there is none.
    """
    if name.endswith(SUFFIX) and Path(name).is_file():
        return Path(name)
    path = folder() / f"{name}{SUFFIX}"
    if _NAME.fullmatch(name) and path.is_file():
        return path
    raise BadInput(f"There is no avatar {name}.\nList avatars:  imagineid avatar list")


def load(name: str) -> Avatar:
    """Read an avatar.

    Args:
        name: name of a saved avatar, or path of a file.

    Raises:
        BadInput: there is none, or it is damaged.
    """
    path = find(name)
    try:
        with zipfile.ZipFile(path) as file:
            info = parse_json(_part(file, _INFO))
            if info["format"] != FORMAT:
                raise BadInput(
                    f"{path} was made by a newer imagineid.\n"
                    "Update:  pip install --upgrade imagineid"
                )
            with Image.open(io.BytesIO(_part(file, _FIRST)), formats=["PNG"]) as picture:
                first = np.asarray(picture.convert("RGB"))
            arrays = {
                part.name: parse_array(_part(file, f"{part.name}.npy")) for part in fields(Identity)
            }
        avatar = Avatar(first, _identity(arrays), **_checked(info))
    except BadInput:
        raise
    except Exception as error:  # damaged zips, JSON, PNG and arrays raise many types
        raise BadInput(
            f"{path} is not an avatar, or is damaged ({type(error).__name__}).\n"
            "Save it again:  imagineid avatar save NAME VIDEO"
        ) from error
    return avatar


def with_avatar(
    pipe: Pipeline, request: Request, progress: Progress = SILENT
) -> tuple[Request, Avatar | None]:
    """Find the face that a request asks for, if it asks for one.

    Args:
        pipe: the model that will continue from it.
        request: its ``avatar`` is a saved one's name, an .avatar file, or a video of ours.
        progress: receives notes on possible differences.

    Returns:
        The request, with the avatar's prompt and seed where it names none, and the avatar.

    Raises:
        BadInput: there is none, or it is damaged.
    """
    name = request.avatar
    if name is None:
        return request, None
    path = Path(name)
    avatar = of_video(pipe, path) if path.suffix and path.suffix != SUFFIX else load(name)
    if avatar.model_digest != pipe.digest:
        progress.warn(f"the avatar was made by another {avatar.model}: the face may differ")
    return request.over(Request(prompt=avatar.prompt, seed=avatar.seed)), avatar


def of_video(pipe: Pipeline, video: Path) -> Avatar:
    """Take the face of a video.

    Args:
        pipe: the loaded model, which hears the video where what was heard is not kept.
        video: a video of ours.

    Raises:
        BadInput: it is none, or its sound or picture can't be read.
    """
    known = read_metadata(video)
    request = request_of(known, video)
    stored = swap_store.read(known.get("kept"))
    if stored is not None:
        identity, first = stored.factors.identity, stored.first
    else:
        first = read_first_frame(video)
        with open_sound(video) as sound:
            identity = next(pipe.encode_blocks(sound)).identity
        if first.shape[0] != first.shape[1]:
            raise BadInput(
                f"{video} is not square, and what was kept of it is gone.\n"
                "Save the avatar of a square video:  imagineid avatar save NAME VIDEO"
            )
    model, seed = str(known.get("model", pipe.model)), request.seed or 0
    return Avatar(first, identity, seed, request.words, model, pipe.digest)


def saved() -> dict[str, Path]:
    """Return the saved avatars by name, in alphabetical order."""
    return {path.stem: path for path in sorted(folder().glob(f"*{SUFFIX}"))}


def remove(name: str) -> Path:
    """Remove a saved avatar; return its file.

    Raises:
        BadInput: there is none of that name.
    """
    path = saved().get(name)
    if path is None:
        raise BadInput(f"There is no avatar {name}.\nList avatars:  imagineid avatar list")
    with write_errors(path):
        path.unlink()
    return path


def _part(file: zipfile.ZipFile, name: str) -> bytes:
    """Read one part; its size is limited."""
    if file.getinfo(name).file_size > MOST_BYTES:
        raise ValueError(f"{name} is too large")
    return file.read(name)


def _identity(arrays: dict[str, Array]) -> Identity:
    """Validate untrusted arrays."""
    identity = Identity(**{name: np.asarray(array, np.float32) for name, array in arrays.items()})
    if identity.shape.ndim != 1 or identity.theta.ndim != 1 or identity.traits.shape != (2,):
        raise ValueError("these arrays are not an identity")
    if not all(
        np.isfinite(array).all() for array in (identity.shape, identity.theta, identity.traits)
    ):
        raise ValueError("a number is not finite")
    return identity


def _checked(info: dict[str, Any]) -> dict[str, Any]:
    """Validate the fields of :class:`Avatar` from untrusted JSON."""
    known = {name: info[name] for name in _INFO_FIELDS}
    if isinstance(known["seed"], bool) or not isinstance(known["seed"], int):
        raise TypeError("the seed is not an integer")
    if not all(isinstance(known[name], str) for name in _INFO_FIELDS if name != "seed"):
        raise TypeError("a text is not a string")
    return known


def _now() -> str:
    return datetime.now(timezone.utc).isoformat(timespec="seconds")
