"""Rollout of a video from its first frame: sequentially, or in parallel chains."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar, Protocol

import numpy as np

from imagineid.ccf.background import Paint, inpaint
from imagineid.ccf.chains import FADE, Segment, batched, crossfade, cut_segments, run_chains
from imagineid.ccf.generation import (
    Scene,
    State,
    Text,
    encode_neighbour,
    encode_scene,
    next_frames,
    predict_matte,
)
from imagineid.ccf.sampling import Sampling
from imagineid.spec import FPS

if TYPE_CHECKING:
    from imagineid.engine import Engines
    from imagineid.face.controls import FrameControls

Array = np.ndarray

Run = tuple[list["FrameControls"], int]
"""What the frames of a segment are made of, and how many of them are warm."""

TOGETHER = 5
"""Frames imagined together: all of them see the last of those before."""

OPENING = 0.5
"""Share of the first frame in E(I_ad). Without it, thin structures such as glasses fade away over
time."""


@dataclass(frozen=True)
class ShownFrame:
    """A generated frame, (H, W, 3) uint8, and its mouth area, (H, W) bool."""

    frame: Array
    mouth: Array


@dataclass(frozen=True)
class RolloutStart:
    """What all frames start from: the first one, what it fixes, and the state right after it."""

    scene: Scene
    opening: State
    first: ShownFrame


def start_rollout(
    engines: Engines, text: Text, first: ShownFrame, start: Array, paint: Paint = inpaint
) -> RolloutStart:
    """Encode everything that depends on the first frame only.

    Args:
        engines: ``encoder`` and ``matte``.
        text: Y.
        first: I_1.
        start: z_T.
        paint: G_IA.
    """
    scene = encode_scene(engines, text, first.frame, start, paint)
    return RolloutStart(scene, encode_state(engines, first), first)


def encode_state(engines: Engines, shown: ShownFrame) -> State:
    """Return the state after a frame."""
    frame, mouth = shown.frame[None], shown.mouth[None]
    return State(encode_neighbour(engines, frame, mouth), predict_matte(engines, frame))


def anchor_to_first(start: RolloutStart, state: State) -> State:
    """Blend a state's neighbours with the first frame by :data:`OPENING`."""
    own = np.float32(1 - OPENING) * state.neighbour
    return State(np.float32(OPENING) * start.opening.neighbour + own, state.mask)


class Rollout(Protocol):
    """How a video is cut into pieces, and how one is imagined from the frames before it."""

    @property
    def overlap(self) -> int:
        """The last frames of a piece that come again, faded, at the beginning of the next."""
        ...

    def cut(self, items: Iterable[FrameControls]) -> Iterator[list[Run]]:
        """Cut what frames are made of into pieces of segments, each with its warm frames."""
        ...

    def run(
        self,
        engines: Engines,
        start: RolloutStart,
        segments: Sequence[Segment],
        before: ShownFrame | None,
        tail: Sequence[Array] = (),
    ) -> Iterator[Array]:
        """Imagine a piece.

        Args:
            engines: ``encoder``, ``decoder``, ``sca``, ``unet`` and ``matte``; ``frame_decoder``,
                where frames move the first one.
            start: what all frames start from.
            segments: the piece's meshes.
            before: the last frame before it; None: it is the first.
            tail: the last :attr:`overlap` frames before it.

        Yields:
            (H, W, 3) uint8: ``tail`` as it looks faded, then one a mesh that is not warm.
        """
        ...


class _Seconds:
    """A rollout in order, whose pieces are seconds."""

    overlap: ClassVar[int] = 0

    def cut(self, items: Iterable[FrameControls]) -> Iterator[list[Run]]:
        """Cut seconds."""
        return ([(second, 0)] for second in batched(items, FPS))


@dataclass(frozen=True)
class Exact(_Seconds):
    """Algorithm 1 as it is written: each frame from the one right before it, one at a time."""

    sampling: Sampling

    def run(
        self,
        engines: Engines,
        start: RolloutStart,
        segments: Sequence[Segment],
        before: ShownFrame | None,
        tail: Sequence[Array] = (),
    ) -> Iterator[Array]:
        """Imagine a second; the first frame of the video is the one it starts from."""
        (segment,) = segments
        begin = 0
        if before is None:
            before, begin = start.first, 1
            yield before.frame
        for number in range(begin, len(segment)):
            now, state = segment[[number]], encode_state(engines, before)
            (frame,) = next_frames(
                engines, start.scene, now.meshes, state, self.sampling, now.flows
            )
            yield frame
            before = ShownFrame(frame, now.mouths[0])


@dataclass(frozen=True)
class Sequential(_Seconds):
    """Frames in order, ``together`` at a time that all see the last of those before.

    I_ad and m are 1 to ``together`` frames old. Batches are always full, so that a frame's bits do
    not depend on where the recording ends.
    """

    sampling: Sampling
    together: int = TOGETHER

    def run(
        self,
        engines: Engines,
        start: RolloutStart,
        segments: Sequence[Segment],
        before: ShownFrame | None,
        tail: Sequence[Array] = (),
    ) -> Iterator[Array]:
        """Imagine a second."""
        (segment,) = segments
        for group in batched(range(len(segment)), self.together):
            state = start.opening
            if before is not None:
                state = anchor_to_first(start, encode_state(engines, before))
            part = segment[group + group[-1:] * (self.together - len(group))]
            frames = next_frames(
                engines, start.scene, part.meshes, state, self.sampling, part.flows
            )[: len(group)]
            yield from frames
            before = ShownFrame(frames[-1], segment.mouths[group[-1]])


@dataclass(frozen=True)
class Chained:
    """Segments side by side, each frame from the one before."""

    sampling: Sampling
    chains: int
    overlap: ClassVar[int] = FADE

    def cut(self, items: Iterable[FrameControls]) -> Iterator[list[Run]]:
        """Cut rounds of segments, in the pauses of the speech."""
        return batched(cut_segments(items, lambda controls: controls.level_db), self.chains)

    def run(
        self,
        engines: Engines,
        start: RolloutStart,
        segments: Sequence[Segment],
        before: ShownFrame | None,
        tail: Sequence[Array] = (),
    ) -> Iterator[Array]:
        """Imagine neighbouring segments, each from the first frame on."""

        def advance(now: Segment, state: State) -> tuple[Array, State]:
            frames = next_frames(engines, start.scene, now.meshes, state, self.sampling, now.flows)
            hidden = encode_neighbour(engines, frames, now.mouths)
            after = State(hidden, predict_matte(engines, frames))
            return frames, anchor_to_first(start, after)

        chains = run_chains(segments, start.opening, advance)
        for frames, segment in zip(chains, segments, strict=True):
            shown, tail = crossfade(tail, frames, segment.warm)
            yield from shown
        yield from tail
