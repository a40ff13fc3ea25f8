"""The video or recording that ``swap`` starts from."""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import av
import numpy as np
from av.video.reformatter import Colorspace

from imagineid.containers import open_media
from imagineid.errors import BadInput
from imagineid.video import read_metadata
from imagineid_cli import swap_store
from imagineid_cli.progress import Progress
from imagineid_cli.request import Wish, wish_of

if TYPE_CHECKING:
    from imagineid.pad.factors import VoiceFactors
    from imagineid.pipeline import Pipeline


@dataclass(frozen=True)
class SwapSource:
    """What is there before anything is swapped.

    Attributes:
        path: a video of ours, or a recording.
        last: whether it was not named and is the last video made.
        known: metadata of the video; {} for a recording.
        wish: what it was asked for; the seed is chosen.
    """

    path: Path
    last: bool
    known: dict[str, Any]
    wish: Wish

    @property
    def motion(self) -> str:
        """Where head and eyes moved from: "", "still" or the name of a reference."""
        return str(self.known.get("motion", ""))


def find_source(path: Path | None) -> SwapSource:
    """Find the base; None is the last video made.

    Raises:
        BadInput: there is none, or its metadata were tampered with.
    """
    named = path
    if path is None:
        path = swap_store.last_video()
        if path is None:
            raise BadInput(
                "There is no video made before, or it has been moved.\n"
                "Name one, or a recording:  imagineid swap BASE ..."
            )
    try:
        known = read_metadata(path)
    except BadInput:
        seed = random.SystemRandom().randrange(1_000_000)
        return SwapSource(path, last=named is None, known={}, wish=Wish(seed=seed))
    wish, known = wish_of(path)
    if wish.seed is None:
        wish = replace(wish, seed=0)
    return SwapSource(path, last=named is None, known=known, wish=wish)


def source_factors(
    base: SwapSource, pipe: Pipeline, hear: Callable[[Path], VoiceFactors], show: Progress
) -> tuple[VoiceFactors, swap_store.Picture | None]:
    """Return what was heard of the base, and its first frame; None if it has none yet.

    Args:
        base: a video of ours or a recording.
        pipe: what will imagine the new video.
        hear: hears a recording.
        show: where it is told what is not as it was.

    Raises:
        BadInput: the video can't be gone on from.
    """
    if not base.known:
        return hear(base.path), None
    was = swap_store.read(base.known.get("kept"))
    if was is None and "swapped" in base.known:
        raise BadInput(
            f"{base.path} was swapped itself, and what was kept of it is gone.\n"
            "Start again from the video or the recording it was made of:  imagineid swap BASE ..."
        )
    if was is None:
        show.line("what was kept of it is gone: its own sound and picture are used")
        heard, first = hear(base.path), _first_frame(base.path)
        if base.wish.emotion is not None:
            strength = 1.0 if base.wish.strength is None else base.wish.strength
            heard = heard.with_emotion(pipe.emotion(base.wish.emotion), strength)
    else:
        heard, first = was.heard, was.first
    if first.shape != (pipe.size_px, pipe.size_px, 3):
        raise BadInput(
            f"{base.path} has {first.shape[1]} x {first.shape[0]} pixels, and the model makes "
            f"{pipe.size_px}.\nMake it again with this model:  imagineid generate AUDIO"
        )
    return heard, first


def _first_frame(path: Path) -> swap_store.Picture:
    """Decode the first picture of a video of ours, (H, W, 3) uint8."""
    try:
        with open_media(path) as container:
            frame = next(container.decode(video=0))
            plain = frame.reformat(format="rgb24", src_colorspace=Colorspace.ITU709)
            return np.asarray(plain.to_ndarray())
    except (av.FFmpegError, OSError, ValueError, StopIteration, IndexError) as error:
        raise BadInput(
            f"The picture of {path} can't be read.\nName another:  imagineid swap BASE ..."
        ) from error
