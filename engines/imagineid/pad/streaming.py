"""Listening block by block: a recording of any length, in the memory of half a minute.

Who speaks and how it feels is heard in the first block and holds for the rest; what is said is
heard in each. A block looks at nothing behind it but the windows across its end, so that a
recording that has grown begins with the very same factors.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from imagineid.pad.conditioning import Conditioning, express
from imagineid.pad.encode import encode
from imagineid.pad.factors import Identity, VoiceFactors
from imagineid.spec import FPS, Size

if TYPE_CHECKING:
    from imagineid.audio import Sound
    from imagineid.engine import Engine

BLOCK = 30 * FPS
"""Frames of a block: half a minute tells who speaks, and is heard in a second."""

MARGIN = 75
"""Frames heard on both sides of a block: two windows, for what is heard in one goes on into others
when it is expressed; and whole strides of windows."""


@dataclass(frozen=True)
class StreamBlock:
    """What was heard of a stretch of a recording.

    Attributes:
        heard: of the stretch and of :data:`MARGIN` frames on both sides, where there are so many.
        first: the stretch's first frame in it; stop: the frame after its last.
    """

    heard: VoiceFactors
    first: int
    stop: int


def encode_blocks(engines: Mapping[str, Engine], size: Size, sound: Sound) -> Iterator[StreamBlock]:
    """Yield what is heard of a recording, half a minute at a time.

    Args:
        engines: see :func:`imagineid.pad.encode.encode`.
        size: of those networks.
        sound: the recording.
    """
    who: Identity | None = None
    for start in range(0, sound.frames, BLOCK):
        stop = min(start + BLOCK, sound.frames)
        low, high = max(0, start - MARGIN), min(stop + MARGIN, sound.frames)
        found = encode(engines, size, sound.part(low, high - low))
        who = who or found.identity
        yield StreamBlock(replace(found, identity=who), start - low, stop - low)


def express_blocks(
    engines: Mapping[str, Engine], size: Size, blocks: Iterable[StreamBlock]
) -> Iterator[Conditioning]:
    """Yield the factors of blocks as they come; emotion as a whole is the first one's.

    Args:
        engines: see :func:`imagineid.pad.conditioning.express`.
        size: of that network.
        blocks: of one recording, in order.
    """
    whole: Conditioning | None = None
    for block in blocks:
        made = express(engines, size, block.heard)
        whole = whole or made
        one = replace(made, emotion=whole.emotion, emotions=whole.emotions)
        yield cut(one, block.first, block.stop)


def cut(factors: Conditioning, first: int, stop: int) -> Conditioning:
    """Return the factors of the frames ``first`` to ``stop`` alone."""
    return replace(
        factors,
        expression=factors.expression[first:stop],
        level_db=factors.level_db[first:stop],
    )


def join(parts: Sequence[Conditioning]) -> Conditioning:
    """Join the factors of one recording's parts."""
    return replace(
        parts[0],
        expression=np.concatenate([part.expression for part in parts]),
        level_db=np.concatenate([part.level_db for part in parts]),
    )
