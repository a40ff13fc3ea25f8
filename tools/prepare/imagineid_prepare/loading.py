"""Loading what makes samples; in a module of its own, so that worker processes find it."""

from __future__ import annotations

from functools import cache, partial
from typing import Any

import numpy as np

from imagineid.errors import BadWeights
from imagineid_prepare.sample import Tools


@cache
def load_tools(size_px: int, with_phones: bool) -> Tools:
    """Load what makes samples, once a process."""
    from imagineid.face import load as load_face
    from imagineid_evaluate.landmarks import look
    from imagineid_prepare.fit import Fitter

    matte, paint = _pretrained()
    return Tools(
        look=partial(look, faces=2),
        fitter=Fitter(),
        face=load_face(),
        matte=matte,
        paint=paint,
        phones=_phones if with_phones else None,
        size_px=size_px,
    )


def _pretrained() -> tuple[Any, Any]:
    """Return MODNet and LaMa where they are on this machine: what finds and paints out a person."""
    from imagineid.backends import pretrained
    from imagineid.ccf.background import inpaint
    from imagineid.ccf.images import to_images
    from imagineid.models.adapters import locate_part

    matte, paint = None, inpaint
    remedy = "Fetch it again:  imagineid weights pull sd15"
    try:
        modnet = pretrained.modnet(locate_part({}, "matting"), remedy)
        matte = lambda frames: modnet(image=to_images(frames))["mask"][:, 0]  # noqa: E731
    except BadWeights:
        pass
    try:
        fill = pretrained.lama(locate_part({}, "inpainting"), remedy)
        paint = partial(inpaint, fill=fill, working_px=pretrained.LAMA_PX)
    except BadWeights:
        pass
    return matte, paint


def _phones(wave: np.ndarray, text: str | None) -> list[tuple[str, float, float]]:
    from imagineid_evaluate.alignment import phones

    return [(each.name, each.start, each.end) for each in phones(wave, text)]
