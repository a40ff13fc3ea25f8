"""The video or recording that a swap starts from."""

from __future__ import annotations

from collections.abc import Callable, Collection
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from imagineid import swap_store
from imagineid.errors import BadInput
from imagineid.face.retiming import RATES_FPS
from imagineid.rendering import as_requested
from imagineid.request import Request, request_of
from imagineid.video import read_metadata
from imagineid.video.framing import ASPECTS, SIZES_PX, lanczos
from imagineid.video.output import OutputOptions
from imagineid.video.reading import read_first_frame

if TYPE_CHECKING:
    from imagineid.pad.factors import VoiceFactors
    from imagineid.pipeline import Pipeline
    from imagineid.progress import Progress

Picture = np.ndarray

LOOK = ("size_px", "aspect", "fps")
"""What a new video has from the source's, unless something else is asked for."""

_ALLOWED: dict[str, tuple[Any, ...]] = {
    "size_px": SIZES_PX,
    "aspect": tuple(ASPECTS),
    "fps": RATES_FPS,
}


@dataclass(frozen=True)
class SwapSource:
    """The source of a swap.

    Attributes:
        path: a video of ours, or a recording.
        is_last: whether it was not named and is the last video made.
        known: metadata of the video; {} for a recording.
        request: its request; the seed is set.
    """

    path: Path
    is_last: bool
    known: dict[str, Any]
    request: Request

    @property
    def motion(self) -> str:
        """Source of its head motion: "", "still" or the name of a reference."""
        return str(self.known.get("motion", ""))

    def look(self, options: OutputOptions, keeps: Collection[str] = LOOK) -> OutputOptions:
        """Return the output options of the new video: as requested, else as the source's.

        Args:
            options: the requested output options.
            keeps: of :data:`LOOK`, what is the source's where ``options`` has the default.
        """
        changed = options.metadata()  # options that differ from their defaults
        stored: dict[str, Any] = {
            name: own
            for name in keeps
            for own in _ALLOWED[name]
            if name not in changed and own == self.known.get(name)
        }
        fps = stored.pop("fps", options.fps)
        return replace(options, framing=replace(options.framing, **stored), fps=fps)


def find_source(path: Path | None) -> SwapSource:
    """Find the source; None is the last video made.

    Raises:
        BadInput: there is none, or its metadata were tampered with.
    """
    found = path if path is not None else swap_store.last_video()
    if found is None:
        raise BadInput(
            "There is no last video, or it has been moved.\n"
            "Name one, or a recording:  imagineid swap BASE ..."
        )
    try:
        known = read_metadata(found)
    except BadInput:
        return SwapSource(found, path is None, {}, Request().with_seed())
    request = request_of(known, found)
    seed = 0 if request.seed is None else request.seed
    return SwapSource(found, path is None, known, replace(request, seed=seed))


def read_source(
    source: SwapSource, pipe: Pipeline, encode: Callable[[Path], VoiceFactors], progress: Progress
) -> tuple[VoiceFactors, Picture | None]:
    """Return the source's factors, and its first frame; None if it has none yet.

    Args:
        source: a video of ours or a recording.
        pipe: what will imagine the new video.
        encode: hears a recording.
        progress: receives notes on differences from the source.

    Raises:
        BadInput: the video can't be swapped.
    """
    path = source.path
    if not source.known:
        return encode(path), None
    stored = swap_store.read(source.known.get("kept"))
    if stored is None and "swapped" in source.known:
        raise BadInput(
            f"{path} is itself the result of a swap, and its stored factors were deleted.\n"
            "Start again from the video or the recording it was made of:  imagineid swap BASE ..."
        )
    if stored is None:
        progress.line("its stored factors were deleted: its sound and first frame are used")
        factors, first = as_requested(pipe, encode(path), source.request), read_first_frame(path)
    else:
        factors, first = stored.factors, stored.first
    if first.shape[0] != first.shape[1]:
        raise BadInput(
            f"{path} has {first.shape[1]} x {first.shape[0]} pixels and is not square.\n"
            "Make it again:  imagineid generate AUDIO"
        )
    if len(first) != pipe.size_px:
        progress.line(f"its first frame is resized from {len(first)} to {pipe.size_px} pixels")
        first = lanczos(first, pipe.size_px)
    return factors, first
