"""Networks of others that judge pictures and sound: ONNX files in a folder of the user.

No weights of these networks can be shipped here. Whoever has them exports them to ONNX under these
names; a missing one leaves its rows of the tables empty.

  inception.onnx   picture -> features, as for the FID (Inception v3, pool 3)
  shape.onnx       picture -> shape coefficients of a face (D3DFR)
  age.onnx         picture -> features or shares of ages (FairFace)
  gender.onnx      picture -> features or shares of the sexes (FairFace)
  emotion.onnx     picture -> features or shares of emotions (FAN)
  syncnet.onnx     ``frames`` (B, 3, 5, H, W) and ``wave`` (B, 3200) -> ``video`` and ``audio``,
                   (B, D) each: five frames of the lower half of the face, and their 0.2 s of
                   sound at 16 kHz in [-1, 1] (SyncNet)

A picture is RGB in [0, 1], (B, 3, H, W), of any fixed side; normalising is part of the graph. The
batch is a free axis.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import cv2
import numpy as np

from imagineid.errors import BadInput
from imagineid.spec import FRAME_SAMPLES

Array = np.ndarray

TOGETHER = 16
"""Pictures of one call."""
SIDE = 224
"""Side of pictures where a graph leaves it free, pixels."""
SYNC_FRAMES = 5
"""Frames that SyncNet sees at once."""
SYNC_REACH = 15
"""Farthest offset between sound and picture that SyncNet tries, frames."""


PICTURES = ("inception", "shape", "age", "gender", "emotion")
"""Judges of pictures."""


@dataclass(frozen=True)
class Judges:
    """The judges of a folder, all opened and checked before anything is judged."""

    pictures: Mapping[str, PictureJudge]
    sync: SyncJudge | None


def open_judges(folder: Path | None) -> Judges:
    """Open the judges of a folder; those that are not there are left out.

    Raises:
        BadInput: there is no such folder, or one of them can't be used.
    """
    if folder is None:
        return Judges({}, None)
    if not folder.is_dir():
        raise BadInput(f"The folder {folder} does not exist.\nList:  ls {folder.parent}")
    paths = {name: folder / f"{name}.onnx" for name in PICTURES}
    sync = folder / "syncnet.onnx"
    return Judges(
        {name: PictureJudge(path) for name, path in paths.items() if path.exists()},
        SyncJudge(sync) if sync.exists() else None,
    )


class _Graph:
    """An ONNX file run by onnxruntime on the processor.

    Raises:
        BadInput: the file can't be loaded.
    """

    def __init__(self, path: Path) -> None:
        import onnxruntime

        self.path = path
        try:
            self.session: Any = onnxruntime.InferenceSession(
                str(path), providers=["CPUExecutionProvider"]
            )
        except Exception as error:  # onnxruntime's errors have no common base class
            reason = (str(error).splitlines() or [type(error).__name__])[0]
            raise BadInput(f"{path} can't be loaded: {reason}\nExport it again.") from error
        self.inputs = {each.name: list(each.shape) for each in self.session.get_inputs()}

    def run(self, feed: dict[str, Array]) -> dict[str, Array]:
        """Return the outputs by name.

        Raises:
            BadInput: it does not take these inputs.
        """
        names = [output.name for output in self.session.get_outputs()]
        try:
            return dict(zip(names, self.session.run(None, feed), strict=True))
        except Exception as error:  # see above
            shapes = ", ".join(f"{name} {array.shape} float32" for name, array in feed.items())
            raise self.refuse(shapes) from error

    def refuse(self, expected: str) -> BadInput:
        """Return the error for a graph with other inputs."""
        shapes = ", ".join(f"{name} {shape}" for name, shape in self.inputs.items())
        return BadInput(
            f"{self.path} takes {shapes}; {expected} is expected.\n"
            "Look:  python -m imagineid_evaluate tables --help"
        )


class PictureJudge(_Graph):
    """A network that turns pictures into numbers.

    Raises:
        BadInput: the file is no such network.
    """

    def __init__(self, path: Path) -> None:
        super().__init__(path)
        shapes = list(self.inputs.values())
        if len(shapes) != 1 or len(shapes[0]) != 4 or shapes[0][1] not in (3, "3"):
            raise self.refuse("one picture (B, 3, H, W)")
        (self._name,), (shape,) = self.inputs, shapes
        self.side = shape[2] if isinstance(shape[2], int) else SIDE
        for count in (1, 2):  # the batch is free, and the side is that of a square
            self([np.zeros((self.side, self.side, 3), np.uint8)] * count)

    def __call__(self, pictures: Sequence[Array]) -> Array:
        """Return the first output for pictures (H, W, 3) uint8, (N, D)."""
        rows = []
        for start in range(0, len(pictures), TOGETHER):
            batch = np.stack([resized(each, self.side) for each in pictures[start:][:TOGETHER]])
            images = np.ascontiguousarray(batch.transpose(0, 3, 1, 2), np.float32) / 255
            first = next(iter(self.run({self._name: images}).values()))
            if len(first) != len(batch):
                raise self.refuse("a free batch, with a row of numbers a picture,")
            rows.append(first.reshape(len(batch), -1))
        return np.concatenate(rows)


class SyncJudge(_Graph):
    """SyncNet: how well sound and mouth belong together.

    Raises:
        BadInput: the file is no such network.
    """

    def __init__(self, path: Path) -> None:
        super().__init__(path)
        shape = self.inputs.get("frames", [])
        if set(self.inputs) != {"frames", "wave"} or len(shape) != 5:
            raise self.refuse("frames (B, 3, 5, H, W) and wave (B, 3200)")
        self.side = shape[3] if isinstance(shape[3], int) else SIDE
        self._embed(
            np.zeros((1, 3, SYNC_FRAMES, self.side, self.side), np.float32),
            np.zeros((1, SYNC_FRAMES * FRAME_SAMPLES), np.float32),
        )

    def _embed(self, frames: Array, wave: Array) -> tuple[Array, Array]:
        """Return the embeddings of one window of pictures and of sound, (D,) each."""
        found = self.run({"frames": frames, "wave": wave})
        if set(found) != {"video", "audio"} or found["video"].shape != found["audio"].shape:
            raise self.refuse("and outputs video and audio of one shape")
        return found["video"][0], found["audio"][0]

    def confidence(self, pictures: Sequence[Array], wave: Array) -> float:
        """Return SyncNet's confidence: the median distance over offsets less the smallest one.

        Args:
            pictures: faces, (H, W, 3) uint8, 25 a second; at least 5.
            wave: their sound, (samples,) in [-1, 1], 16 kHz.

        Source:
            Chung and Zisserman 2016, section 4.1.
        """
        count = min(len(pictures), len(wave) // FRAME_SAMPLES) - SYNC_FRAMES + 1
        lower = [resized(each[len(each) // 2 :], self.side) for each in pictures]
        images = np.stack(lower).transpose(3, 0, 1, 2).astype(np.float32) / 255
        seen, heard = [], []
        for first in range(count):
            frames = images[None, :, first : first + SYNC_FRAMES]
            sound = wave[None, first * FRAME_SAMPLES :][:, : SYNC_FRAMES * FRAME_SAMPLES]
            video, audio = self._embed(frames, sound)
            seen.append(video)
            heard.append(audio)
        return confidence(np.stack(seen), np.stack(heard))


def confidence(seen: Array, heard: Array) -> float:
    """Return SyncNet's confidence of embeddings of pictures and of sound, (N, D) each."""
    distances = []
    for offset in range(-SYNC_REACH, SYNC_REACH + 1):
        at = np.arange(max(0, -offset), min(len(seen), len(seen) - offset))
        if len(at):
            distances.append(np.linalg.norm(seen[at] - heard[at + offset], axis=1).mean())
    return float(np.median(distances) - np.min(distances))


def resized(picture: Array, side: int) -> Array:
    """Scale a picture (H, W, 3) uint8 to a square."""
    how = cv2.INTER_AREA if side < min(picture.shape[:2]) else cv2.INTER_CUBIC
    return np.asarray(cv2.resize(picture, (side, side), interpolation=how))
