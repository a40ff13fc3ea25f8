"""A video's frames: cut into pieces, taken from the cache or rolled out from the first frame.

Pieces are prepared ahead in a thread of their own (mesh pictures and their latents), while frames
are imagined in the caller's.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from functools import cached_property
from itertools import chain
from typing import TYPE_CHECKING

import numpy as np

from imagineid.cache import Cache, arithmetic_of, code, key_of
from imagineid.ccf.chains import Segment, batched
from imagineid.ccf.generation import Text, encode_meshes, first_frame, initial_noise
from imagineid.ccf.moving import MeshFlows
from imagineid.ccf.rollout import (
    TOGETHER,
    Chained,
    Exact,
    Rollout,
    RolloutStart,
    Sequential,
    ShownFrame,
    encode_state,
    start_rollout,
)
from imagineid.face.controls import FrameControls, RenderedMesh, mesh_flow, render_mesh
from imagineid.prefetch import Prefetch

if TYPE_CHECKING:
    from imagineid.face.flow import MeshFlow
    from imagineid.pad.conditioning import Conditioning
    from imagineid.pipeline import Pipeline
    from imagineid.request import Request

Array = np.ndarray

PIECES_AHEAD = 2
"""Seconds whose meshes may be ready before they are imagined."""


@dataclass(frozen=True)
class Piece:
    """A second of the video, or a round of chains.

    Attributes:
        key: what its frames are cached under.
        cached: its frames (n, H, W, 3), if they were; segments: else the meshes to follow.
        mouth: the mouth area of its last frame, (H, W) bool.
    """

    key: str
    cached: Array | None
    segments: tuple[Segment, ...]
    mouth: Array


@dataclass(frozen=True)
class Imagination:
    """One video to be imagined.

    Attributes:
        pipe: the loaded model.
        voice: the conditioning of all frames: identity, emotion, shape.
        request: the request of the user.
        first: a frame whose appearance is to be kept, (H, W, 3) uint8; None imagines one.
        cache: cache of the pieces.
    """

    pipe: Pipeline
    voice: Conditioning
    request: Request
    first: Array | None
    cache: Cache | None

    def frames(self, controls: Iterator[FrameControls]) -> Iterator[Array]:
        """Yield the frames, (H, W, 3) uint8, one for each of ``controls``."""
        opening = next(controls)
        pieces = self._pieces(chain([opening], controls), self.flow_from(opening))
        with Prefetch(pieces, PIECES_AHEAD) as ready:
            yield from _hold_back(self._rolled_out(ready, opening), self.rollout.overlap)

    @cached_property
    def rollout(self) -> Rollout:
        """How later frames follow from those before."""
        sampling = self.pipe.sampling(self.request)
        chains = self.request.chains or 1
        if self.request.exact:
            return Exact(sampling)
        return Chained(sampling, chains) if chains > 1 else Sequential(sampling)

    @cached_property
    def key(self) -> str:
        """The digest of everything that makes the frames, but for what each is to show."""
        pipe, voice, request, size = self.pipe, self.voice, self.request, self.pipe.size
        return key_of(
            *(code(), pipe.digest, *arithmetic_of(pipe.engine_line), pipe.model),
            *(pipe.words.tokens(pipe.whole_prompt(request.words), size), self._guidance),
            *(voice.identity, voice.emotion, voice.shape, self.first, request.seed or 0),
            *(request.exact, request.steps or (size.first_steps, size.steps), request.chains or 1),
        )

    @property
    def _guidance(self) -> float:
        guidance = self.request.guidance
        return self.pipe.size.guidance if guidance is None else guidance

    @cached_property
    def _rest(self) -> Array:
        """The vertices of the face at rest, (V, 3)."""
        return self.pipe.rest(self.voice, self.request.seed or 0, self.request.words)

    def _mesh(self, controls: FrameControls, move: MeshFlow | None = None) -> RenderedMesh:
        return render_mesh(self.pipe.face, self._rest, controls, self.pipe.size, move)

    def flow_from(self, opening: FrameControls) -> MeshFlow | None:
        """The flow from the opening frame; None where later frames don't move it."""
        if not self.pipe.size.frame_decoder:
            return None
        return mesh_flow(self.pipe.face, self._rest, opening, self.pipe.size)

    def _pieces(self, controls: Iterable[FrameControls], move: MeshFlow | None) -> Iterator[Piece]:
        """Cut the video into pieces; draw and encode the meshes of those that are not cached."""
        key = self.key
        for runs in self.rollout.cut(controls):
            features = [np.concatenate([c.units, c.pose]) for run, _ in runs for c in run]
            key = key_of(key, np.stack(features), [warm for _, warm in runs])
            cached = self.cache.get(key) if self.cache else None
            mouth = self._mesh(runs[-1][0][-1]).mouth
            segments: tuple[Segment, ...] = ()
            if cached is None:
                segments = tuple(self.segment(run, warm, move) for run, warm in runs)
            yield Piece(key, cached, segments, mouth)

    def segment(self, run: list[FrameControls], warm: int, move: MeshFlow | None) -> Segment:
        """Draw the meshes of a segment, and encode them a few at a time."""
        meshes = [self._mesh(controls, move) for controls in run]
        pictures = np.stack([mesh.picture for mesh in meshes])
        mouths = np.stack([mesh.mouth for mesh in meshes])
        found = [
            encode_meshes(self.pipe.engines, pictures[group])
            for group in batched(range(len(run)), TOGETHER)
        ]
        flows = [mesh.flow for mesh in meshes if mesh.flow]
        moving = None
        if flows:
            offset = np.stack([flow.offset for flow in flows]).astype(np.float16)
            cover = np.stack([np.uint8(flow.cover * 255 + 0.5) for flow in flows])
            moving = MeshFlows(pictures, offset, cover)
        return Segment(np.concatenate(found), mouths, warm, moving)

    def _rolled_out(
        self, pieces: Iterable[Piece], opening: FrameControls
    ) -> Iterator[Iterator[Array]]:
        """Yield the frames of each piece, to be taken before the next piece is asked for."""
        start: RolloutStart | None = None  # made when the first piece is to be imagined
        before: ShownFrame | None = None
        tail: tuple[Array, ...] = ()
        for piece in pieces:
            if piece.cached is not None:
                frames = list(piece.cached)
                yield iter(frames)
            else:
                start = start or self.start(opening)
                frames = []
                rolled = self.rollout.run(self.pipe.engines, start, piece.segments, before, tail)
                yield _recorded(rolled, frames)
                if self.cache:
                    self.cache.put(piece.key, np.stack(frames))
            before = ShownFrame(frames[-1], piece.mouth)
            tail = tuple(frames[len(frames) - self.rollout.overlap :])

    def start(self, opening: FrameControls) -> RolloutStart:
        """Imagine the first frame in diverse mode, or find it, and encode what it fixes."""
        pipe, request, engines = self.pipe, self.request, self.pipe.engines
        noise = initial_noise(pipe.size, request.seed or 0)
        text = pipe.text(self.voice, request.words)
        rendered = self._mesh(opening)
        mesh, mouth = rendered.picture, rendered.mouth
        first = self.first if self.first is not None else self._first(text, mesh, noise)
        start = start_rollout(engines, text, ShownFrame(first, mouth), noise, pipe.paint)
        if self.first is None or pipe.size.frame_decoder:  # what is moved stays as it is
            return start
        # The frame that was given wears another expression, and a neighbour should wear this one.
        segment = Segment(encode_meshes(engines, mesh[None]), mouth[None], 0)
        one = Sequential(pipe.sampling(request), 1)
        (near,) = one.run(engines, start, (segment,), None)
        return replace(start, opening=encode_state(engines, ShownFrame(near, mouth)))

    def _first(self, text: Text, mesh: Array, noise: Array) -> Array:
        """Imagine the first frame in diverse mode, or find it in the cache."""
        key = key_of(self.key, "first", mesh)
        if self.cache and (cached := self.cache.get(key)) is not None:
            first: Array = cached[0]
            return first
        pipe = self.pipe
        sampling = pipe.first_sampling(self.request)
        frame = first_frame(pipe.engines, pipe.size, text, mesh, noise, sampling, self._guidance)
        if self.cache:
            self.cache.put(key, frame[None])
        return frame


def _recorded(frames: Iterable[Array], into: list[Array]) -> Iterator[Array]:
    for frame in frames:
        into.append(frame)
        yield frame


def _hold_back(pieces: Iterable[Iterator[Array]], overlap: int) -> Iterator[Array]:
    """Yield the frames of pieces whose last ``overlap`` come again, faded, with the next piece."""
    held: deque[Array] = deque()
    for piece in pieces:
        for number, frame in enumerate(piece):
            if number == 0:
                held.clear()
            held.append(frame)
            if len(held) > overlap:
                yield held.popleft()
    yield from held
