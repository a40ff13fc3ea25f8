"""Rolling a video out from its first frame: in order, or in chains side by side."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from imagineid.ccf.chains import Stretch, batched, faded, step_by_step
from imagineid.ccf.imagine import (
    Engines,
    Scene,
    State,
    Text,
    leaning,
    next_frames,
    outlined,
    scene_of,
)

Array = np.ndarray

OPENING = 0.5
"""Share of the first frame in E(I_ad), so that what is thin, as glasses are, does not fade away
where each frame leans on one of the model's own."""


@dataclass(frozen=True)
class Stage:
    """What all frames start from: what the first one fixes, and the state right after it."""

    scene: Scene
    opening: State


@dataclass(frozen=True)
class Shown:
    """A frame that was made, (H, W, 3) uint8, and its mouth area, (H, W) bool."""

    frame: Array
    mouth: Array


def stage_of(engines: Engines, text: Text, first: Shown, start: Array) -> Stage:
    """Encode once all that the first frame decides.

    Args:
        engines: ``encoder`` and ``matte``.
        text: Y.
        first: I_1.
        start: z_T.
    """
    return Stage(scene_of(engines, text, first.frame, start), state_after(engines, first))


def state_after(engines: Engines, shown: Shown) -> State:
    """Return the state right after a frame."""
    frame, mouth = shown.frame[None], shown.mouth[None]
    return State(leaning(engines, frame, mouth), outlined(engines, frame))


def anchored(stage: Stage, state: State) -> State:
    """Hold a state's neighbours to the first frame by :data:`OPENING`."""
    own = np.float32(1 - OPENING) * state.neighbour
    return State(np.float32(OPENING) * stage.opening.neighbour + own, state.mask)


def in_turn(
    engines: Engines, stage: Stage, run: Stretch, before: Shown | None, steps: int, many: int
) -> Iterator[Array]:
    """Imagine frames in order, ``many`` together that all lean on the last of those before.

    I_ad and m are 1 to ``many`` frames old. Batches are always full, so that a frame's bits do not
    depend on where the recording ends.

    Args:
        engines: ``encoder``, ``decoder``, ``sca``, ``unet`` and ``matte``.
        stage: what they start from.
        run: their meshes, without warm ones.
        before: the frame before them; None: they are the first.
        steps: of the sampler.
        many: frames of a batch.

    Yields:
        (H, W, 3) uint8, one a mesh.
    """
    for group in batched(range(len(run.meshes)), many):
        state = stage.opening if before is None else anchored(stage, state_after(engines, before))
        meshes = run.meshes[group + group[-1:] * (many - len(group))]
        frames = next_frames(engines, stage.scene, meshes, state, steps)[: len(group)]
        yield from frames
        before = Shown(frames[-1], run.mouths[group[-1]])


def followed(
    engines: Engines, stage: Stage, runs: Sequence[Stretch], tail: Sequence[Array], steps: int
) -> Iterator[Array]:
    """Imagine stretches side by side, each frame from the one before (Algorithm 1).

    Args:
        engines: ``encoder``, ``decoder``, ``sca``, ``unet`` and ``matte``.
        stage: where each stretch starts.
        runs: neighbouring stretches of the video.
        tail: the frames before them, to fade from; see :func:`imagineid.ccf.chains.faded`.
        steps: of the sampler.

    Yields:
        (H, W, 3) uint8: ``tail`` as it looks faded, then one a mesh that is not warm. The last of
        them are the next tail.
    """

    def advance(meshes: Array, mouths: Array, state: State) -> tuple[Array, State]:
        frames = next_frames(engines, stage.scene, meshes, state, steps)
        state = State(leaning(engines, frames, mouths), outlined(engines, frames))
        return frames, anchored(stage, state)

    made = step_by_step(runs, stage.opening, advance)
    for own, run in zip(made, runs, strict=True):
        shown, tail = faded(tail, own, run.warm)
        yield from shown
    yield from tail
