"""Live: frames of a talking face while the sound still comes in.

Who speaks is settled on the first seconds of speech, or taken from an avatar. From then on there is
one frame every 40 ms of sound. Where the machine is too slow, the last picture is shown again, so
that picture and sound never come apart.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from imagineid.audio.stream import KEPT_S, StreamSound
from imagineid.ccf.generation import State, next_frames
from imagineid.ccf.rollout import (
    TOGETHER,
    RolloutStart,
    ShownFrame,
    anchor_to_first,
    encode_state,
)
from imagineid.face.controls import FrameControls, frame_controls
from imagineid.face.retiming import Retiming
from imagineid.imagine import Imagination
from imagineid.pad.conditioning import Conditioning
from imagineid.pad.factors import Emotion, Identity
from imagineid.pad.live import LOOK_AHEAD, SPEECH_DB, LiveEncoder, LiveFrame
from imagineid.request import Request
from imagineid.spec import ARKIT, FPS, FRAME_SAMPLES

if TYPE_CHECKING:
    from imagineid.avatars import Avatar
    from imagineid.face.flow import MeshFlow
    from imagineid.pipeline import Pipeline

Array = np.ndarray

SETTLE_S = 2.0
"""Seconds of speech from which it is told who speaks."""

MOST_WAITING_S = 0.02
"""Seconds of sound that may wait to be heard; where more waits, no new picture is imagined."""


@dataclass(frozen=True)
class LivePicture:
    """One frame of a live video.

    Attributes:
        number: of the frame, from 0; it is shown from ``number / 25`` seconds on.
        frame: (H, W, 3) uint8.
        sound: what is heard while it is shown, (640,) at 16 kHz, in [-1, 1].
        repeated: whether it is the picture before once more.
    """

    number: int
    frame: Array
    sound: Array
    repeated: bool


def live(
    pipe: Pipeline,
    chunks: Iterable[Array],
    request: Request | None = None,
    avatar: Avatar | None = None,
    *,
    emotion: Emotion | None = None,
    look_ahead: int = LOOK_AHEAD,
    waiting_s: Callable[[], float] | None = None,
) -> Iterator[LivePicture]:
    """Imagine a talking face for incoming sound.

    Args:
        pipe: the loaded model.
        chunks: the sound, mono at 16 kHz in pieces of any length, (n,), in [-1, 1]; 20 ms is good.
        request: what is asked for beside the voice; a reference's motion and another frame rate
            can't be met.
        avatar: the avatar to show; None: a face is imagined once the speaker is known.
        emotion: the emotion throughout; None: as estimated.
        look_ahead: frames that are heard ahead; see :mod:`imagineid.pad.live`.
        waiting_s: tells how many seconds of sound have come in and were not taken yet; None: the
            sound comes from a file, and every frame is imagined.

    Yields:
        25 frames a second of sound. The first :data:`SETTLE_S` seconds of speech come late without
        an avatar, as does what came in while the first frame was imagined.
    """
    request = request or Request(seed=avatar.seed if avatar else 0)
    source = iter(chunks)
    buffered: list[Array] = []
    if avatar is None:
        buffered, settled = _settling(source)
        identity = pipe.encode_identity(settled)
    else:
        identity = avatar.identity
    first = None if avatar is None else avatar.first_at(pipe.size_px)
    face = _LiveFace(pipe, request, identity, emotion or pipe.emotion("neutral"), first)
    encoder = LiveEncoder(
        pipe.engines, pipe.size, identity, face.emotion, emotion is None, look_ahead
    )
    sound: deque[Array] = deque([np.zeros(0, np.float32)])

    def pictures(frames: Iterable[LiveFrame], late: bool) -> Iterator[LivePicture]:
        for live_frame in frames:
            frame, repeated = face.show(live_frame, late)
            yield LivePicture(live_frame.number, frame, _taken(sound), repeated)
            face.settle()

    for chunk in _all_of(buffered, source):
        sound.append(np.asarray(chunk, np.float32))
        late = waiting_s is not None and waiting_s() > MOST_WAITING_S
        yield from pictures(encoder.push(chunk, late), late)
    yield from pictures(encoder.finish(), False)


def _settling(source: Iterator[Array]) -> tuple[list[Array], StreamSound]:
    """Take sound until there is enough speech in it, or as much as is remembered, or its end.

    Returns:
        The chunks taken, and the part that identifies the speaker, in whole frames wherever cut.
    """
    buffered: list[Array] = []
    sound = StreamSound()
    waiting: deque[Array] = deque()
    count = spoken = 0
    most = (KEPT_S - 1) * FPS
    for chunk in source:
        buffered.append(chunk)
        waiting.append(np.asarray(chunk, np.float32))
        count += len(chunk)
        while count >= FRAME_SAMPLES:
            frame = _taken(waiting)
            count -= FRAME_SAMPLES
            sound.push(frame)
            spoken += bool(10 * np.log10(np.square(frame).mean() + 1e-10) > SPEECH_DB)
            if spoken >= SETTLE_S * FPS or sound.frames >= most:
                return buffered, sound
    sound.push(_taken(waiting))
    return buffered, sound


def _all_of(buffered: list[Array], source: Iterator[Array]) -> Iterator[Array]:
    """Yield the chunks taken already, then the rest; the taken ones are released."""
    while buffered:
        yield buffered.pop(0)
    yield from source


def _taken(sound: deque[Array]) -> Array:
    """Take one frame's samples off the front; zeros where the sound has ended."""
    out, filled = np.zeros(FRAME_SAMPLES, np.float32), 0
    while sound and filled < FRAME_SAMPLES:
        piece = sound.popleft()
        use = min(len(piece), FRAME_SAMPLES - filled)
        out[filled : filled + use] = piece[:use]
        filled += use
        if use < len(piece):
            sound.appendleft(piece[use:])
    return out


class _LiveFace:
    """Imagines frames one by one; :data:`TOGETHER` in a row depend on the same previous frame."""

    def __init__(
        self,
        pipe: Pipeline,
        request: Request,
        identity: Identity,
        emotion: Emotion,
        first: Array | None,
    ) -> None:
        self.emotion = emotion.whole()
        self._pipe = pipe
        self._voice = Conditioning(
            shape=identity.shape,
            identity=identity.theta,
            emotion=self.emotion.theta[0],
            expression=np.zeros((1, len(ARKIT)), np.float32),
            level_db=np.full(1, -100, np.float32),
            gender=identity.gender,
            age=identity.age,
            emotions=self.emotion.shares[0],
        )
        self._imagination = Imagination(pipe, self._voice, request, first, None)
        self._move: MeshFlow | None = None
        self._live_frames: deque[LiveFrame] = deque()
        amounts = request.amounts
        controls = frame_controls(self._voices(), request.seed or 0, None, amounts.blink)
        self._controls = map(pipe.placed, Retiming(amounts)(controls))
        self._start: RolloutStart | None = None
        self._state: State | None = None
        self._sampling = pipe.sampling(request)
        self._imagined = 0
        self._last: Array | None = None
        self._unsettled: ShownFrame | None = None
        if first is not None:  # encoded before there is any sound
            quiet = FrameControls(np.zeros(len(ARKIT), np.float32), np.zeros(6, np.float32), -100)
            self._begin(pipe.placed(quiet))

    def show(self, live_frame: LiveFrame, late: bool) -> tuple[Array, bool]:
        """Return the picture of a moment, and whether it is the last one once more."""
        self._live_frames.append(live_frame)
        control = next(self._controls)
        if late and self._last is not None:
            return self._last, True
        if self._start is None:
            self._begin(control)
        assert self._start is not None
        assert self._state is not None
        segment = self._imagination.segment([control], 0, self._move)
        scene = self._start.scene
        (frame,) = next_frames(
            self._pipe.engines, scene, segment.meshes, self._state, self._sampling, segment.flows
        )
        self._imagined += 1
        if self._imagined % TOGETHER == 0:
            self._unsettled = ShownFrame(frame, segment.mouths[0])
        self._last = frame
        return frame, False

    def settle(self) -> None:
        """Do what later frames need of the last one, when that has been shown."""
        if self._unsettled is not None and self._start is not None:
            state = encode_state(self._pipe.engines, self._unsettled)
            self._state = anchor_to_first(self._start, state)
            self._unsettled = None

    def _begin(self, control: FrameControls) -> None:
        """Imagine the first frame, or start from the avatar's."""
        self._start = self._imagination.start(control)
        self._move = self._imagination.flow_from(control)
        self._state = self._start.opening

    def _voices(self) -> Iterator[Conditioning]:
        """Yield the conditioning of the incoming sound, a frame at a time."""
        while True:
            live_frame = self._live_frames.popleft()
            yield replace(
                self._voice,
                expression=live_frame.expression[None],
                level_db=np.array([live_frame.level_db], np.float32),
            )
