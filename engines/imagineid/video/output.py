"""Options of the output, and the choice of a writer by file extension."""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass
from itertools import count
from pathlib import Path
from types import TracebackType
from typing import IO, Any

from imagineid.errors import BadInput
from imagineid.face.retiming import LONGEST_PAD_S, RATES_FPS, Retiming, frames_of
from imagineid.files import check_output
from imagineid.spec import FPS
from imagineid.video.formats import MOV, format_of
from imagineid.video.framing import Array, Compositor, Framing, Matte
from imagineid.video.png_folder import PngFolderWriter, check_folder
from imagineid.video.sound_track import sound_frames
from imagineid.video.subtitles import Cue, burnt_in, read_subtitles, shifted
from imagineid.video.writer import VideoWriter


@dataclass(frozen=True)
class OutputOptions:
    """Options of the output file.

    Attributes:
        framing: size, aspect ratio and background.
        fps: frame rate, one of :data:`imagineid.face.retiming.RATES_FPS`.
        pad_s: seconds of silence before and after the recording, with the mouth closed.
        subtitles: an SRT, WebVTT or ASS file, or None.
        burn_in: whether subtitles are drawn into the picture instead of a track.
    """

    framing: Framing = Framing()
    fps: int = FPS
    pad_s: float = 0.0
    subtitles: Path | None = None
    burn_in: bool = False

    def check(self) -> None:
        """Validate all values.

        Raises:
            BadInput: a value is not supported, or a file can't be read.
        """
        self.framing.check()
        if self.fps not in RATES_FPS:
            raise BadInput(
                f"The frame rate {self.fps} is not supported.\n"
                f"Use one of:  --fps {'|'.join(str(rate) for rate in RATES_FPS)}"
            )
        if not 0 <= self.pad_s <= LONGEST_PAD_S:
            raise BadInput(
                f"--pad {self.pad_s} is outside 0 to {LONGEST_PAD_S:g} seconds.\nTry:  --pad 0.5"
            )
        if self.burn_in and self.subtitles is None:
            raise BadInput("--burn-in needs subtitles.\nAdd:  --subtitles WORDS.srt")
        self.cues()

    def cues(self) -> tuple[Cue, ...]:
        """Return the subtitles, shifted to times of the video."""
        if self.subtitles is None:
            return ()
        return shifted(read_subtitles(self.subtitles), self.pad_s)

    def frames(self, samples: int) -> int:
        """Return the frames of a video of so many samples at 16 kHz, quiet ends among them."""
        return frames_of(samples, self.fps)

    def retiming(self, samples: int) -> Retiming:
        """Return what makes this rate and these quiet ends of controls at 25 a second."""
        pad_frames = round(self.pad_s * FPS)
        return Retiming(fps=self.fps, frames=self.frames(samples), pad_frames=pad_frames)

    def finisher(self, first: Array, matte: Matte | None) -> Callable[[Array], Array]:
        """Return what turns the model's frames, in order, into those that are written.

        Args:
            first: the first of them, (S, S, 3) uint8.
            matte: finds the person in a frame; None where shape and background stay.
        """
        cues, numbers = self.cues() if self.burn_in else (), count()
        compositor: Callable[[Array], Array] | None = None
        if not self.framing.plain(len(first)):
            assert matte is not None, "another shape or background needs the matte"
            compositor = Compositor(self.framing, first, matte)

        def finish(frame: Array) -> Array:
            frame = frame if compositor is None else compositor(frame)
            return burnt_in(frame, cues, next(numbers) / self.fps)

        return finish

    def finishing(self, writer: VideoWriter | PngFolderWriter, matte: Matte) -> FinishingWriter:
        """Return a writer that is given the model's frames.

        Args:
            writer: takes the frames that are written.
            matte: finds the person in a frame.
        """
        return FinishingWriter(writer, self, matte)

    def metadata(self) -> dict[str, Any]:
        """Return the entries for the metadata: values that differ from the default."""
        framing, usual = self.framing, Framing()
        metadata: dict[str, Any] = {
            name: getattr(framing, name)
            for name in ("size_px", "aspect", "background")
            if getattr(framing, name) != getattr(usual, name)
        }
        if self.fps != FPS:
            metadata["fps"] = self.fps
        if self.pad_s:
            metadata["pad_s"] = self.pad_s
        if self.subtitles is not None:
            metadata["subtitles"] = self.subtitles.name
        return metadata


class FinishingWriter:
    """Takes the model's frames, and writes them with the requested options.

    Args:
        writer: takes the finished frames.
        options: how they are finished.
        matte: finds the person in a frame.
    """

    def __init__(
        self, writer: VideoWriter | PngFolderWriter, options: OutputOptions, matte: Matte
    ) -> None:
        self._writer, self._options, self._matte = writer, options, matte
        self._finish: Callable[[Array], Array] | None = None

    @property
    def frames(self) -> int:
        """How many were written."""
        return self._writer.frames

    def __enter__(self) -> FinishingWriter:
        self._writer.__enter__()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._writer.__exit__(kind, error, trace)

    def write(self, frame: Array) -> None:
        """Finish and write a frame, (S, S, 3) uint8."""
        self._finish = self._finish or self._options.finisher(frame, self._matte)
        self._writer.write(self._finish(frame))


def is_folder(path: Path) -> bool:
    """Return whether a name means a folder of PNG frames: it has no extension."""
    return not path.suffix


def check_video_output(path: Path, options: OutputOptions, overwrite: bool) -> None:
    """Check before any work whether a video can be written.

    Args:
        path: a video file, or a folder of PNG frames.
        options: options of the output.
        overwrite: whether existing files may be replaced.

    Raises:
        BadOutput: it can't be written.
    """
    if is_folder(path):
        check_folder(path, overwrite)
        return
    form = format_of(path, options.framing.transparent)
    check_output(path, overwrite, form.suffix)


def open_writer(
    target: str | os.PathLike[str] | IO[bytes],
    model_px: int,
    sound: Path,
    metadata: dict[str, Any],
    options: OutputOptions,
    overwrite: bool = False,
    track: int | None = None,
) -> VideoWriter | PngFolderWriter:
    """Return the writer for a file name; use it in a ``with`` block.

    Args:
        target: a video file, a folder of PNG frames, or a binary stream for an mp4.
        model_px: side of the model's frames.
        sound: the recording.
        metadata: see :class:`VideoWriter`.
        options: validated options.
        overwrite: whether existing files may be replaced.
        track: which sound track of the recording, from 1; None: the one that speaks.

    Raises:
        BadOutput: it can't be written.
    """
    if isinstance(target, (str, os.PathLike)):
        target = Path(target)
    size_px, transparent = options.framing.output_px(model_px), options.framing.transparent
    metadata = metadata | options.metadata()
    if isinstance(target, Path) and is_folder(target):
        frames = sound_frames(sound, MOV.sound_rates, options.pad_s, "s16", track)
        return PngFolderWriter(
            target, size_px, frames, metadata, options.fps, transparent, overwrite
        )
    return VideoWriter(
        target,
        size_px,
        sound,
        metadata,
        options.fps,
        overwrite,
        transparent=transparent,
        pad_s=options.pad_s,
        subtitles=() if options.burn_in else options.cues(),
        track=track,
    )
