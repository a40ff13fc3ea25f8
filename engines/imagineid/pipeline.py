"""The whole way on one page: speech, factors, mesh pictures, frames.

Three threads share the work: mesh pictures and their latents are made ahead in one, frames are
imagined in the caller's, and whoever writes the video runs :meth:`Pipeline.imagine` in a
:class:`~imagineid.prefetch.Prefetch` of its own. Queues between them are bounded, so memory does
not grow with the recording.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Generator, Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from functools import cached_property, partial
from itertools import chain
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

import numpy as np

from imagineid import backends, models
from imagineid.backends import pretrained
from imagineid.cache import Cache, code, key_of, key_of_files
from imagineid.ccf.background import Paint, inpaint
from imagineid.ccf.chains import FADE, Segment, batched, segments
from imagineid.ccf.clip_tokenizer import ClipTokenizer
from imagineid.ccf.generation import Text, encode_images, first_frame, initial_noise
from imagineid.ccf.rollout import (
    RolloutStart,
    ShownFrame,
    encode_state,
    rollout_chained,
    rollout_exact,
    rollout_sequential,
    start_rollout,
)
from imagineid.ccf.sampling import Sampling
from imagineid.ccf.vocabulary import Vocabulary
from imagineid.errors import BadWeights, ImagineIDError
from imagineid.face import FaceModel
from imagineid.face.controls import FrameControls, frame_controls, render_mesh
from imagineid.face.model import load as load_face
from imagineid.face.motion import Motion, still
from imagineid.hub.manifest import File
from imagineid.pad import prototypes
from imagineid.pad.conditioning import Conditioning, express
from imagineid.pad.encode import encode, encode_identity
from imagineid.pad.factors import Content, Emotion, Identity, VoiceFactors
from imagineid.pad.streaming import StreamBlock, encode_blocks, express_blocks, join
from imagineid.prefetch import Prefetch
from imagineid.spec import FPS, Size

if TYPE_CHECKING:
    from imagineid.audio import Sound
    from imagineid.engine import Engine

Array = np.ndarray
T = TypeVar("T")

EXACT_STEPS = 50
"""DDIM steps of each frame in the paper's Algorithm 1 as it is written."""

TOGETHER = 5
"""Frames of a chain imagined together: all of them lean on the last of those before."""

PIECES_AHEAD = 2
"""Seconds whose meshes may be ready before they are imagined."""


@dataclass(frozen=True)
class Request:
    """What a person asks for beside the voice.

    Attributes:
        prompt: what the voice can't tell: hair, glasses, clothes, background ...
        seed: another seed, another person.
        steps: of the sampler, all frames alike; None leaves each mode the model's own.
        guidance: how hard the prompt pulls, 1 not at all; None for the usual.
        motion: of head and eyes; None: made up, the same for the same seed.
        chains: stretches imagined side by side, each from the first frame on; None for one.
        exact: follow Algorithm 1 as the paper writes it: :data:`EXACT_STEPS` of DDIM unless
            ``steps`` says otherwise, each frame from the one right before it, in one chain.
    """

    prompt: str = ""
    seed: int = 0
    steps: int | None = None
    guidance: float | None = None
    motion: Motion | None = None
    chains: int | None = None
    exact: bool = False


@dataclass(frozen=True)
class Piece:
    """A second of the video, or a round of chains.

    Attributes:
        key: what its frames are kept under.
        kept: its frames, if they were; runs: else what they are told to show.
        mouth: the mouth area of its last frame, (H, W) bool.
    """

    key: str
    kept: Array | None
    runs: tuple[Segment, ...]
    mouth: Array


@dataclass(frozen=True)
class Pipeline:
    """The loaded networks of one model, ready to listen and to imagine."""

    model: str
    size: Size
    engines: Mapping[str, Engine]
    engine_line: str
    words: Vocabulary | ClipTokenizer
    face: FaceModel
    folder: Path
    prompt: str = ""
    paint: Paint = inpaint
    sums: tuple[File, ...] = ()

    @property
    def size_px(self) -> int:
        """Height and width of a frame."""
        return self.size.frame_px

    def unknown_words(self, prompt: str) -> list[tuple[str, str | None]]:
        """Return words of ``prompt`` the model does not know, each with the closest it knows."""
        return self.words.unknown(prompt)

    @cached_property
    def digest(self) -> str:
        """What the weights are, by their bytes; known sums are not made again."""
        if self.sums:
            return key_of(*(file.sha256 for file in self.sums))
        return key_of_files(path for path in self.folder.iterdir() if path.is_file())

    def encode_conditioning(
        self, sound: Sound, on_progress: Callable[[float], None] | None = None
    ) -> Conditioning:
        """Take a voice apart into identity, content and emotion; see :class:`Conditioning`."""
        parts, heard = [], 0
        for part in self.express_blocks(self.encode_blocks(sound)):
            parts.append(part)
            heard += part.frames
            if on_progress:
                on_progress(heard / sound.frames)
        return join(parts)

    def encode_blocks(self, sound: Sound) -> Iterator[StreamBlock]:
        """Take a voice apart half a minute at a time, in bounded memory."""
        return encode_blocks(self.engines, self.size, sound)

    def express_blocks(self, blocks: Iterable[StreamBlock]) -> Iterator[Conditioning]:
        """Make the expression of each block as it is heard or mixed."""
        return express_blocks(self.engines, self.size, blocks)

    def encode(
        self, sound: Sound, on_progress: Callable[[float], None] | None = None
    ) -> VoiceFactors:
        """Take a voice apart, so that its factors can be swapped; see :class:`VoiceFactors`."""
        return encode(self.engines, self.size, sound, on_progress)

    def encode_identity(self, sound: Sound) -> Identity:
        """Hear only who speaks."""
        return encode_identity(self.engines, self.size, sound)

    def emotion(self, name: str) -> Emotion:
        """Return one of the eight emotions by name, as a typical voice feels it."""
        return prototypes.read(self.folder, name)

    def express(self, heard: VoiceFactors) -> Conditioning:
        """Make the expression of what was heard or mixed."""
        return express(self.engines, self.size, heard)

    def portrait(self, who: Identity, seed: int) -> Array:
        """Imagine somebody at rest who says nothing, (H, W, 3) uint8."""
        window, silence = self.size.window, np.full(1, -100, np.float32)
        said = Content(np.zeros((window, self.size.linguistic), np.float32), silence)
        factors = self.express(VoiceFactors(who, said, self.emotion("neutral")))
        at_rest = replace(factors, expression=np.zeros_like(factors.expression))
        (frame,) = self.imagine(at_rest, Request(seed=seed, motion=still(1), chains=1))
        return frame

    def meshes(
        self, factors: Conditioning, seed: int, motion: Motion | None = None
    ) -> Iterator[tuple[Array, Array]]:
        """Yield each frame's mesh picture I_rd (H, W, 3) uint8 and mouth area (H, W) bool."""
        rest = self.face.neutral(factors.shape)
        return (
            render_mesh(self.face, rest, act, self.size_px)
            for act in frame_controls([factors], seed, motion)
        )

    def text(self, factors: Conditioning, prompt: str) -> Text:
        """Join the prompt with the voice's pseudo-words (TIA) and encode both."""
        identity, emotion = factors.identity[None], factors.emotion[None]

        def encode(words: str) -> np.ndarray:
            tokens = self.words.tokens(words, self.size)[None]
            made = self.engines["text"](tokens=tokens, identity=identity, emotion=emotion)
            return np.asarray(made["text"])

        return Text(said=encode(self.whole_prompt(prompt)), unsaid=encode(""))

    def whole_prompt(self, prompt: str) -> str:
        """Return ``prompt`` behind the model's own, which asks for a good picture of a face."""
        return ", ".join(part for part in (self.prompt, prompt) if part)

    def sampling(self, request: Request, usual: int) -> Sampling:
        """Return the sampling that is asked for; ``usual`` are the model's own steps."""
        steps = request.steps or (EXACT_STEPS if request.exact else usual)
        return Sampling.of(self.size, steps, "ddim" if request.exact else None)

    def imagine(
        self,
        factors: Conditioning | Iterable[Conditioning],
        request: Request,
        first: Array | None = None,
        cache: Cache | None = None,
    ) -> Generator[Array, None, None]:
        """Yield the video's frames, (H, W, 3) uint8, one for each of the factors' (Algorithm 1).

        Args:
            factors: of the whole recording, or of its parts in order, as they are heard.
            request: what is asked for beside the voice.
            first: a frame of another video, (H, W, 3) uint8, whose appearance is to be kept; None
                imagines one.
            cache: where seconds made before are found and new ones kept.
        """
        parts = iter([factors] if isinstance(factors, Conditioning) else factors)
        voice = next(parts)
        told = frame_controls(chain([voice], parts), request.seed, request.motion)
        opening = next(told)
        sampling = self.sampling(request, self.size.steps)
        chains = 1 if request.exact else request.chains or 1
        key, late = self._key(voice, request, first), FADE if chains > 1 else 0
        pieces = self._pieces(chain([opening], told), chains, key, voice, cache)
        stage: RolloutStart | None = None  # made when the first piece is to be imagined
        before: ShownFrame | None = None
        tail: deque[Array] = deque()
        with Prefetch(pieces, PIECES_AHEAD) as ready:
            for piece in ready:
                if piece.kept is not None:
                    frames = iter(piece.kept)
                else:
                    stage = stage or self._stage(voice, request, opening, first, key, cache)
                    if chains > 1:
                        frames = rollout_chained(
                            self.engines, stage, piece.runs, tuple(tail), sampling
                        )
                    elif request.exact:
                        frames = rollout_exact(self.engines, stage, piece.runs[0], before, sampling)
                    else:
                        (run,) = piece.runs
                        frames = rollout_sequential(
                            self.engines, stage, run, before, sampling, TOGETHER
                        )
                made: list[Array] = []
                for frame in frames:
                    if not made:
                        tail.clear()  # the new piece begins with it, faded
                    made.append(frame)
                    tail.append(frame)
                    if len(tail) > late:
                        yield tail.popleft()
                before = ShownFrame(made[-1], piece.mouth)
                if cache and piece.kept is None:
                    cache.put(piece.key, np.stack(made))
            yield from tail

    def _key(self, voice: Conditioning, request: Request, first: Array | None) -> str:
        """Name everything that makes the frames, but for what each is told to show."""
        return key_of(
            *(code(), self.digest, self.engine_line, self.model),
            self.words.tokens(self.whole_prompt(request.prompt), self.size),
            *(voice.identity, voice.emotion, voice.shape, first, request.seed, request.exact),
            request.steps or (self.size.first_steps, self.size.steps),
            self.size.guidance if request.guidance is None else request.guidance,
            request.chains or 1,
        )

    def _pieces(
        self,
        told: Iterable[FrameControls],
        chains: int,
        key: str,
        voice: Conditioning,
        cache: Cache | None,
    ) -> Iterator[Piece]:
        """Cut the video into pieces; draw and encode the meshes of those that were not kept."""
        rest = self.face.neutral(voice.shape)
        rounds: Iterator[list[tuple[list[FrameControls], int]]]
        if chains > 1:
            rounds = batched(segments(told, lambda act: act.level_db), chains)
        else:
            rounds = ([(second, 0)] for second in batched(told, FPS))
        for runs in rounds:
            shown = [np.concatenate([act.units, act.pose]) for run, _ in runs for act in run]
            key = key_of(key, np.stack(shown), [warm for _, warm in runs])
            kept = cache.get(key) if cache else None
            _, mouth = render_mesh(self.face, rest, runs[-1][0][-1], self.size_px)
            yield Piece(key, kept, () if kept is not None else self._drawn(rest, runs), mouth)

    def _drawn(
        self, rest: Array, runs: list[tuple[list[FrameControls], int]]
    ) -> tuple[Segment, ...]:
        """Draw the meshes of stretches, and encode them a few at a time."""
        made = []
        for run, warm in runs:
            pictures, mouths = zip(
                *(render_mesh(self.face, rest, act, self.size_px) for act in run), strict=True
            )
            found = [
                encode_images(self.engines, np.stack(some)) for some in batched(pictures, TOGETHER)
            ]
            made.append(Segment(np.concatenate(found), np.stack(mouths), warm))
        return tuple(made)

    def _stage(
        self,
        voice: Conditioning,
        request: Request,
        opening: FrameControls,
        first: Array | None,
        key: str,
        cache: Cache | None,
    ) -> RolloutStart:
        """Imagine the first frame in diverse mode, or find it, and encode what it fixes."""
        start, text = initial_noise(self.size, request.seed), self.text(voice, request.prompt)
        rest, given = self.face.neutral(voice.shape), first is not None
        mesh, mouth = render_mesh(self.face, rest, opening, self.size_px)
        if first is None:
            key = key_of(key, "first", mesh)
            kept = cache.get(key) if cache else None
            first = kept[0] if kept is not None else None
        if first is None:
            guidance = self.size.guidance if request.guidance is None else request.guidance
            sampling = self.sampling(request, self.size.first_steps)
            first = first_frame(self.engines, self.size, text, mesh, start, sampling, guidance)
            if cache:
                cache.put(key, first[None])
        stage = start_rollout(self.engines, text, ShownFrame(first, mouth), start, self.paint)
        if given:  # it wears another expression, and a neighbour should wear this one
            run = Segment(encode_images(self.engines, mesh[None]), mouth[None], 0)
            sampling = self.sampling(request, self.size.steps)
            (near,) = rollout_sequential(self.engines, stage, run, None, sampling, 1)
            stage = replace(stage, opening=encode_state(self.engines, ShownFrame(near, mouth)))
        return stage


def load(model: str = "mini", engine: str = "auto", attention: str = "auto") -> Pipeline:
    """Load a model.

    Args:
        model: ``mini``, the embedded one, or another, see :func:`imagineid.models.find`.
        engine: see :func:`imagineid.backends.choose`.
        attention: of the torch engine, see there.

    Raises:
        BadInput: there is no such model or engine.
        BadWeights: a file is missing or broken.
        BackendMissing, NoGpu, BadEngine: the engine asked for can't run here.
    """
    found = models.find(model)
    words, face = models.vocabulary_and_face(found)
    open_network, line = backends.choose(engine, found, attention)
    engines = {name: open_network(name) for name in found.networks}
    if found.size.matting == "modnet":
        engines["matte"] = pretrained.modnet(found.part("matting"), found.remedy)
    paint: Paint = inpaint
    if found.size.inpainting == "lama":
        fill = pretrained.lama(found.part("inpainting"), found.remedy)
        paint = partial(inpaint, fill=fill, working_px=pretrained.LAMA_PX)
    read = Vocabulary.read if found.size.text == "words" else ClipTokenizer.read
    return Pipeline(
        model=found.name,
        size=found.size,
        engines=engines,
        engine_line=line,
        words=_undamaged(read, words, found.remedy),
        face=_undamaged(load_face, face, found.remedy),
        folder=found.folder,
        prompt=found.prompt,
        paint=paint,
        sums=found.sums,
    )


def _undamaged(read: Callable[[Path], T], path: Path, remedy: str) -> T:
    """Read one of a model's files.

    Raises:
        BadWeights: it is damaged.
    """
    try:
        return read(path)
    except ImagineIDError:
        raise
    except Exception as error:  # damaged JSON and zip files raise a dozen kinds
        raise BadWeights(f"{path} is damaged ({type(error).__name__}).\n{remedy}") from error
