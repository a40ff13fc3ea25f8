"""Reading: the picture of a video of ours."""

from __future__ import annotations

from pathlib import Path

import av
import numpy as np
from av.video.reformatter import Colorspace

from imagineid.containers import open_media
from imagineid.errors import BadInput


def read_first_frame(path: Path) -> np.ndarray:
    """Decode the first picture of a video of ours, (H, W, 3) uint8.

    Raises:
        BadInput: it can't be read.
    """
    try:
        with open_media(path) as container:
            frame = next(container.decode(video=0))
            plain = frame.reformat(format="rgb24", src_colorspace=Colorspace.ITU709)
            return np.asarray(plain.to_ndarray())
    except (av.FFmpegError, OSError, ValueError, StopIteration, IndexError) as error:
        raise BadInput(
            f"The first frame of {path} can't be read.\nName another:  imagineid swap BASE ..."
        ) from error
