"""A piece of a clip becomes a training sample: crop, fit, mesh pictures, masks, background."""

from __future__ import annotations

import io
import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
import soundfile
from PIL import Image

from imagineid.ccf.background import Paint
from imagineid.face import FaceModel
from imagineid.face.raster import mesh_picture, mouth_mask
from imagineid.spec import SAMPLE_RATE
from imagineid_prepare.fit import ClipFit, Fitter
from imagineid_prepare.framing import SEEN, cropped, in_square, squares
from imagineid_prepare.layouts import Clip
from imagineid_prepare.reading import BadClip

Array = np.ndarray

SHORTEST = 32
"""Frames of the shortest piece: PAD's window."""

LARGEST_ERROR_PX = 4.0
"""A fit whose median landmark error is larger, in pixels of 256, is not one."""

NAMED = {
    "angry": "angry",
    "contempt": "contemptuous",
    "disgusted": "disgusted",
    "fear": "frightened",
    "happy": "happy",
    "neutral": "calm",
    "sad": "sad",
    "surprised": "surprised",
}
"""What a caption calls an emotion."""


class Detections(Protocol):
    """Faces detected in frames; see :class:`imagineid_evaluate.landmarks.Detections`."""

    @property
    def landmarks(self) -> Any:
        """(N, 478, 2) pixels; NaN where no face was seen."""

    @property
    def person(self) -> Any:
        """(N, H, W) uint8, 255 on a person."""

    @property
    def count(self) -> Any:
        """Faces found, (N,)."""


@dataclass(frozen=True)
class Tools:
    """What makes samples.

    Attributes:
        look: finds faces and persons in pictures.
        fitter, face: the face model, fitted and drawn.
        matte: finds the person in crops, (B, H, W, 3) uint8 to (B, H, W) in [0, 1]; None takes
            what ``look`` saw.
        paint: paints the person out.
        phones: finds phones in sound; None leaves them out.
        size_px: side of the crops.
    """

    look: Callable[[Sequence[Array]], Detections]
    fitter: Fitter
    face: FaceModel
    matte: Callable[[Array], Array] | None
    paint: Paint
    phones: Callable[[Array, str | None], list[tuple[str, float, float]]] | None
    size_px: int


def make_sample(
    clip: Clip, pictures: Array, wave: Array, tools: Tools
) -> tuple[dict[str, bytes], dict[str, Any]]:
    """Return a sample's files by their endings, and its row of the report.

    ``json`` says who speaks and how, ``flac`` is the sound, ``npz`` the fit; each frame has a
    ``frame`` (jpg), ``mesh``, ``mouth`` and ``matte`` (png); ``background`` is the first frame with
    the person painted out.

    Args:
        clip: what is known of it.
        pictures: (F, H, W, 3) uint8 at 25 a second.
        wave: the sound under them, (F * 640,) at 16 kHz.
        tools: what makes samples.

    Raises:
        BadClip: no face, several faces, too short, silent, or the fit fails.
    """
    if len(pictures) < SHORTEST:
        raise BadClip(f"it is too short: {len(pictures)} frames, {SHORTEST} are the least")
    if not np.abs(wave).max() > 1e-4:
        raise BadClip("it is silent")
    faces = tools.look(list(pictures))
    if (np.asarray(faces.count) > 1).mean() >= SEEN:
        raise BadClip("several faces are seen in it")
    where = squares(faces.landmarks, tools.fitter)
    px = tools.size_px
    frames = np.stack([cropped(p, s, px) for p, s in zip(pictures, where, strict=True)])
    marks = np.stack([in_square(m, s, px) for m, s in zip(faces.landmarks, where, strict=True)])
    fit = tools.fitter.fit_clip(marks, px)
    error = float(np.nanmedian(fit.error_px))
    if error > LARGEST_ERROR_PX:
        raise BadClip(f"its face can't be fitted: {error:.1f} px of 256 off")
    masks = _mattes(frames, faces.person, where, tools)
    files = _pictures(frames, masks, fit, tools)
    description = _words(clip, len(frames), error)
    if tools.phones is not None:
        description["phones"] = _phones(wave, clip.text, tools.phones)
    files["json"] = json.dumps(description).encode()
    files["flac"] = _flac(wave)
    files["npz"] = _npz(fit, marks)
    return files, {**description, "opening": frames[0], "drawn": _mesh(fit, 0, tools)}


def _mattes(frames: Array, person: Array, where: Array, tools: Tools) -> Array:
    """Return the person's share of each pixel of the crops, (F, H, W) in [0, 1]."""
    if tools.matte is not None:
        return np.concatenate([tools.matte(frames[i : i + 8]) for i in range(0, len(frames), 8)])
    crops = [cropped(p, s, tools.size_px) for p, s in zip(person, where, strict=True)]
    return np.stack(crops).astype(np.float32) / 255


def _mesh(fit: ClipFit, frame: int, tools: Tools) -> Array:
    points = tools.face.vertices(fit.alpha, fit.beta[frame], fit.pose[frame])
    return np.asarray(mesh_picture(points, tools.face, tools.size_px))


def _pictures(frames: Array, masks: Array, fit: ClipFit, tools: Tools) -> dict[str, bytes]:
    files = {"background.jpg": _jpg(tools.paint(frames[0], masks[0]))}
    for i, (frame, mask) in enumerate(zip(frames, masks, strict=True)):
        points = tools.face.vertices(fit.alpha, fit.beta[i], fit.pose[i])
        mouth = mouth_mask(points, tools.face, tools.size_px)
        files[f"frame.{i:04d}.jpg"] = _jpg(frame)
        files[f"mesh.{i:04d}.png"] = _png(mesh_picture(points, tools.face, tools.size_px))
        files[f"mouth.{i:04d}.png"] = _png(np.uint8(mouth) * np.uint8(255))
        files[f"matte.{i:04d}.png"] = _png(np.uint8(np.clip(mask, 0, 1) * 255 + 0.5))
    return files


def _words(clip: Clip, frames: int, error_px: float) -> dict[str, Any]:
    """Return the metadata of a sample: labels, and a caption made from them."""
    feeling = NAMED.get(clip.emotion, clip.emotion)
    caption = f"a photo of a {feeling} person talking" if feeling else "a photo of a person talking"
    return {
        "speaker": clip.speaker,
        "emotion": clip.emotion,
        "text": clip.text,
        "caption": caption,
        "frames": frames,
        "error_px": round(error_px, 3),
    }


def _phones(wave: Array, text: str, find: Any) -> list[list[Any]]:
    """Return [phone, start, end] in seconds; aligned to the text where it fits, else recognised."""
    try:
        return [list(each) for each in find(wave, text or None)]
    except ValueError:  # the text is of the whole clip, or holds unknown words
        return [list(each) for each in find(wave, None)]


def _jpg(picture: Array) -> bytes:
    file = io.BytesIO()
    Image.fromarray(picture).save(file, "jpeg", quality=95, subsampling=0)
    return file.getvalue()


def _png(picture: Array) -> bytes:
    file = io.BytesIO()
    Image.fromarray(picture).save(file, "png")
    return file.getvalue()


def _flac(wave: Array) -> bytes:
    file = io.BytesIO()
    soundfile.write(file, np.clip(wave, -1, 1), SAMPLE_RATE, format="flac")
    return file.getvalue()


def _npz(fit: ClipFit, marks: Array) -> bytes:
    file = io.BytesIO()
    np.savez_compressed(
        file,
        alpha=fit.alpha,
        beta=fit.beta,
        pose=fit.pose,
        error_px=fit.error_px,
        landmarks=np.asarray(marks, np.float32),
    )
    return file.getvalue()
