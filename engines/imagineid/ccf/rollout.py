"""Rolling a video out from its first frame: in order, or in chains side by side."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from imagineid.ccf.background import Paint, inpaint
from imagineid.ccf.chains import Segment, batched, crossfade, run_chains
from imagineid.ccf.generation import (
    Engines,
    Scene,
    State,
    Text,
    encode_neighbour,
    encode_scene,
    next_frames,
    predict_matte,
)
from imagineid.ccf.sampling import Sampling

Array = np.ndarray

OPENING = 0.5
"""Share of the first frame in E(I_ad), so that what is thin, as glasses are, does not fade away
where each frame leans on one of the model's own."""


@dataclass(frozen=True)
class ShownFrame:
    """A frame that was made, (H, W, 3) uint8, and its mouth area, (H, W) bool."""

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
    """Encode once all that the first frame decides.

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
    """Return the state right after a frame."""
    frame, mouth = shown.frame[None], shown.mouth[None]
    return State(encode_neighbour(engines, frame, mouth), predict_matte(engines, frame))


def anchor_to_first(stage: RolloutStart, state: State) -> State:
    """Hold a state's neighbours to the first frame by :data:`OPENING`."""
    own = np.float32(1 - OPENING) * state.neighbour
    return State(np.float32(OPENING) * stage.opening.neighbour + own, state.mask)


def rollout_exact(
    engines: Engines,
    stage: RolloutStart,
    run: Segment,
    before: ShownFrame | None,
    sampling: Sampling,
) -> Iterator[Array]:
    """Imagine frames as Algorithm 1 is written: each from the one right before it, one at a time.

    Args:
        engines: ``encoder``, ``decoder``, ``sca``, ``unet`` and ``matte``.
        stage: what they start from; its first frame is the video's.
        run: their meshes, without warm ones.
        before: the frame before them; None: they begin with the first.
        sampling: how noise becomes a latent.

    Yields:
        (H, W, 3) uint8, one a mesh.
    """
    begun = 0
    if before is None:
        before, begun = stage.first, 1
        yield before.frame
    for mesh, mouth in zip(run.meshes[begun:], run.mouths[begun:], strict=True):
        state = encode_state(engines, before)
        (frame,) = next_frames(engines, stage.scene, mesh[None], state, sampling)
        yield frame
        before = ShownFrame(frame, mouth)


def rollout_sequential(
    engines: Engines,
    stage: RolloutStart,
    run: Segment,
    before: ShownFrame | None,
    sampling: Sampling,
    many: int,
) -> Iterator[Array]:
    """Imagine frames in order, ``many`` together that all lean on the last of those before.

    I_ad and m are 1 to ``many`` frames old. Batches are always full, so that a frame's bits do not
    depend on where the recording ends.

    Args:
        engines: ``encoder``, ``decoder``, ``sca``, ``unet`` and ``matte``.
        stage: what they start from.
        run: their meshes, without warm ones.
        before: the frame before them; None: they are the first.
        sampling: how noise becomes a latent.
        many: frames of a batch.

    Yields:
        (H, W, 3) uint8, one a mesh.
    """
    for group in batched(range(len(run.meshes)), many):
        state = (
            stage.opening
            if before is None
            else anchor_to_first(stage, encode_state(engines, before))
        )
        meshes = run.meshes[group + group[-1:] * (many - len(group))]
        frames = next_frames(engines, stage.scene, meshes, state, sampling)[: len(group)]
        yield from frames
        before = ShownFrame(frames[-1], run.mouths[group[-1]])


def rollout_chained(
    engines: Engines,
    stage: RolloutStart,
    runs: Sequence[Segment],
    tail: Sequence[Array],
    sampling: Sampling,
) -> Iterator[Array]:
    """Imagine stretches side by side, each frame from the one before (Algorithm 1).

    Args:
        engines: ``encoder``, ``decoder``, ``sca``, ``unet`` and ``matte``.
        stage: where each stretch starts.
        runs: neighbouring stretches of the video.
        tail: the frames before them, to fade from; see :func:`imagineid.ccf.chains.crossfade`.
        sampling: how noise becomes a latent.

    Yields:
        (H, W, 3) uint8: ``tail`` as it looks faded, then one a mesh that is not warm. The last of
        them are the next tail.
    """

    def advance(meshes: Array, mouths: Array, state: State) -> tuple[Array, State]:
        frames = next_frames(engines, stage.scene, meshes, state, sampling)
        state = State(encode_neighbour(engines, frames, mouths), predict_matte(engines, frames))
        return frames, anchor_to_first(stage, state)

    made = run_chains(runs, stage.opening, advance)
    for own, run in zip(made, runs, strict=True):
        shown, tail = crossfade(tail, own, run.warm)
        yield from shown
    yield from tail
