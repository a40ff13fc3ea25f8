"""Chains: splitting a video into segments that are generated in parallel.

In a chain each frame is conditioned on the previous one, so its frames can't be computed together,
but segments of the video can. The video is split at pauses, each segment starts again from the
first frame, several segments run as one batch, and none is long enough to drift. A segment begins
with a few warm-up frames; the last of them are cross-faded with the end of the previous segment,
the others are dropped.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import TypeVar

import numpy as np

from imagineid.ccf.moving import MeshFlows, joined
from imagineid.spec import FPS

Array = np.ndarray
T = TypeVar("T")

SHORTEST, LONGEST = 2 * FPS, 4 * FPS
"""Shortest and longest segment in frames; it is split at the quietest frame in between."""

WARM = 10
"""Warm-up frames of a segment."""

FADE = 5
"""The last warm-up frames, which are cross-faded with the previous segment."""


@dataclass(frozen=True)
class Segment:
    """Frames that are imagined one after the other.

    Attributes:
        meshes: E(I_rd), (n, c, h, w); mouths: mouth areas, (n, H, W) bool.
        flows: how they move the first frame; None: they don't.
        warm: how many of them the previous segment imagines, too.
    """

    meshes: Array
    mouths: Array
    warm: int
    flows: MeshFlows | None = None

    def __len__(self) -> int:
        return len(self.meshes)

    def __getitem__(self, rows: Sequence[int]) -> Segment:
        """Return some of its frames, none of them warm."""
        flows = self.flows[rows] if self.flows else None
        return Segment(self.meshes[rows], self.mouths[rows], 0, flows)


def cut_segments(
    items: Iterable[T], level_db: Callable[[T], float]
) -> Iterator[tuple[list[T], int]]:
    """Split a stream of items, one per frame, into segments, with a look-ahead of a few seconds.

    Args:
        items: one per frame.
        level_db: returns the loudness of an item.

    Yields:
        The items of a segment, warm-up frames included, and the number of warm-up frames.
    """
    source = iter(items)
    warm: list[T] = []
    ahead = list(islice(source, LONGEST))
    while ahead:
        stop = len(ahead)
        if stop == LONGEST:
            stop = SHORTEST + int(np.argmin([level_db(item) for item in ahead[SHORTEST:]]))
        yield warm + ahead[:stop], len(warm)
        warm = ahead[max(0, stop - WARM) : stop]
        ahead = ahead[stop:]
        ahead += islice(source, LONGEST - len(ahead))


def batched(source: Iterable[T], count: int) -> Iterator[list[T]]:
    """Yield lists of ``count`` items, the last one shorter."""
    items = iter(source)
    while group := list(islice(items, count)):
        yield group


def run_chains(
    chains: Sequence[Segment], state: T, advance: Callable[[Segment, T], tuple[Array, T]]
) -> list[list[Array]]:
    """Run segments in parallel, each frame conditioned on the previous one.

    Args:
        chains: B segments.
        state: state at the start of all of them.
        advance: maps one frame of each of B chains and their state to pictures (B, H, W, 3) and
            the state after them.

    Returns:
        The frames of each segment, warm-up frames included.
    """
    outputs: list[list[Array]] = [[] for _ in chains]
    for i in range(max(len(chain) for chain in chains)):
        frames, state = advance(_side_by_side([c[[min(i, len(c) - 1)]] for c in chains]), state)
        for chain, output, frame in zip(chains, outputs, frames, strict=True):
            if i < len(chain):
                output.append(frame)
    return outputs


def _side_by_side(frames: Sequence[Segment]) -> Segment:
    """Put frames of several segments into one."""
    flows = [frame.flows for frame in frames if frame.flows]
    return Segment(
        np.concatenate([frame.meshes for frame in frames]),
        np.concatenate([frame.mouths for frame in frames]),
        0,
        joined(flows) if flows else None,
    )


def crossfade(
    tail: Sequence[Array], frames: Sequence[Array], warm: int
) -> tuple[list[Array], list[Array]]:
    """Cross-fade a segment with the previous one.

    Args:
        tail: the last :data:`FADE` frames of the previous segment; none for the first.
        frames: frames of the segment, (H, W, 3) uint8, warm-up frames included.
        warm: number of warm-up frames.

    Returns:
        Frames to show, including the cross-fade, and the new tail.
    """
    own = list(frames[warm - len(tail) :])
    for i, old in enumerate(tail):
        share = (i + 1) / (len(tail) + 1)
        own[i] = np.uint8(np.round(old * (1 - share) + own[i] * share))
    keep = max(0, len(own) - FADE)
    return own[:keep], own[keep:]


def seams(segments: Iterable[tuple[Sequence[object], int]]) -> list[int]:
    """Return the frames at which segments after the first begin, from :func:`cut_segments`."""
    end, ends = 0, []
    for items, warm in segments:
        end += len(items) - warm
        ends.append(end)
    return ends[:-1]


def jump_at_seams(frames: Sequence[Array], at: Sequence[int]) -> float:
    """Return the largest jump at seams divided by the largest jump elsewhere.

    A jump is the root mean square difference between two consecutive frames; a seam consists of the
    cross-faded frames and the first frame of the new segment.

    Args:
        frames: (H, W, 3) uint8, in order.
        at: the seams, see :func:`seams`.
    """
    pairs = zip(frames, frames[1:], strict=False)
    jumps = [float(np.sqrt(np.square(b.astype(np.float32) - a).mean())) for a, b in pairs]
    around = {i for seam in at for i in range(seam - FADE - 1, seam + 1)}
    seam = max(jump for i, jump in enumerate(jumps) if i in around)
    return seam / max(max(jump for i, jump in enumerate(jumps) if i not in around), 1e-6)
