"""The whole way on one page: speech, factors, mesh pictures, frames.

Three threads share the work: mesh pictures and their latents are made ahead in one, frames are
imagined in the caller's, and whoever writes the video runs :meth:`Pipeline.imagine` in a
:class:`~imagineid.prefetch.Prefetch` of its own. Queues between them are bounded, so memory does
not grow with the recording.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from functools import cached_property, partial
from itertools import chain
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

import numpy as np

from imagineid import backends, models
from imagineid.backends import pretrained
from imagineid.cache import Cache, key_of, key_of_files
from imagineid.ccf.background import Paint, inpaint
from imagineid.ccf.clip_tokenizer import ClipTokenizer
from imagineid.ccf.generation import Text
from imagineid.ccf.images import to_images
from imagineid.ccf.sampling import Sampling
from imagineid.ccf.vocabulary import (
    Vocabulary,
    named_age,
    named_gender,
    opposite_person,
    with_person,
)
from imagineid.errors import BadWeights, ImagineIDError
from imagineid.face import FaceModel, population
from imagineid.face.controls import FrameControls, frame_controls, render_mesh
from imagineid.face.model import load as load_face
from imagineid.face.motion import Motion, still
from imagineid.face.population import Population
from imagineid.face.retiming import Retiming
from imagineid.hub.manifest import File
from imagineid.imagine import Imagination
from imagineid.pad import average_voices, prototypes
from imagineid.pad.average_voices import Speaker
from imagineid.pad.conditioning import Conditioning, express, express_blocks
from imagineid.pad.encode import encode, encode_blocks, encode_identity
from imagineid.pad.factors import Content, Emotion, Identity, VoiceFactors
from imagineid.request import Request
from imagineid.spec import Size

if TYPE_CHECKING:
    from imagineid.audio import Sound
    from imagineid.engine import Engine

Array = np.ndarray
T = TypeVar("T")

EXACT_STEPS = 50
"""DDIM steps of each frame in the paper's Algorithm 1 as it is written."""


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

    def encode_blocks(self, sound: Sound) -> Iterator[VoiceFactors]:
        """Take a voice apart half a minute at a time, in bounded memory."""
        return encode_blocks(self.engines, self.size, sound, self.calm)

    def express_blocks(self, blocks: Iterable[VoiceFactors]) -> Iterator[Conditioning]:
        """Make the expression of each block as it is heard or mixed."""
        return express_blocks(self.engines, self.size, blocks)

    def encode(
        self, sound: Sound, on_progress: Callable[[float], None] | None = None
    ) -> VoiceFactors:
        """Take a voice apart, so that its factors can be swapped; see :class:`VoiceFactors`."""
        return encode(self.engines, self.size, sound, on_progress, self.calm)

    def encode_identity(self, sound: Sound) -> Identity:
        """Hear only who speaks."""
        return encode_identity(self.engines, self.size, sound)

    @cached_property
    def calm(self) -> Emotion | None:
        """The neutral emotion, to which a doubtful one is held; None if the model has none."""
        known = (self.folder / prototypes.FILE).exists()
        return self.emotion("neutral") if known else None

    def emotion(self, name: str) -> Emotion:
        """Return one of the eight emotions by name, as a typical voice feels it."""
        return prototypes.read(self.folder, name)

    def corrected(self, heard: VoiceFactors, speaker: Speaker) -> VoiceFactors:
        """Return what was heard with another sex or age of its speaker, and the face with them.

        Raises:
            BadWeights: the model has no average voices.
        """
        voices = average_voices.read(self.folder)
        return replace(heard, identity=voices.correct(heard.identity, speaker))

    def express(self, heard: VoiceFactors) -> Conditioning:
        """Make the expression of what was heard or mixed."""
        return express(self.engines, self.size, heard)

    def portrait(self, who: Identity, seed: int) -> Array:
        """Imagine somebody at rest who says nothing, (H, W, 3) uint8."""
        window, silence = self.size.window, np.full(1, -100, np.float32)
        silent = Content(np.zeros((window, self.size.linguistic), np.float32), silence)
        voice = self.express(VoiceFactors(who, silent, self.emotion("neutral")))
        at_rest = replace(voice, expression=np.zeros_like(voice.expression))
        (frame,) = self.imagine(at_rest, Request(seed=seed, chains=1), motion=still(1))
        return frame

    def meshes(
        self, factors: Conditioning, seed: int, motion: Motion | None = None
    ) -> Iterator[tuple[Array, Array]]:
        """Yield each frame's mesh picture I_rd (H, W, 3) uint8 and mouth area (H, W) bool."""
        rest = self.rest(factors, seed)
        for controls in frame_controls([factors], seed, motion):
            mesh = render_mesh(self.face, rest, self.placed(controls), self.size)
            yield mesh.picture, mesh.mouth

    def rest(self, factors: Conditioning, seed: int, prompt: str = "") -> Array:
        """Return the vertices at rest (V, 3) of somebody with this voice, whom the prompt allows.

        A model with a population draws one of the people who sound like it; others show the mean.
        """
        shape = factors.shape
        if self._population:
            gender, age = named_gender(prompt) or factors.gender, named_age(prompt)
            years = factors.age if age is None else age
            shape = self._population.face(shape, gender, years, seed)
        return self.face.neutral(shape)

    def placed(self, controls: FrameControls) -> FrameControls:
        """Return a frame's controls with the person where the model's pictures have it."""
        return self._population.placed(controls) if self._population else controls

    @cached_property
    def _population(self) -> Population | None:
        return population.read(self.folder)

    def text(self, factors: Conditioning, prompt: str) -> Text:
        """Join the prompt, and the one to lead away from, with the voice's pseudo-words (TIA).

        The embedded model is led away from a person of the other sex and age, others from the empty
        prompt.
        """
        identity, emotion = factors.identity[None], factors.emotion[None]

        def encode(words: str) -> np.ndarray:
            tokens = self.words.tokens(words, self.size)[None]
            made = self.engines["text"](tokens=tokens, identity=identity, emotion=emotion)
            return np.asarray(made["text"])

        age = factors.age + self.size.age_gain * max(0.0, factors.age - 30)
        person = with_person(prompt, factors.gender, age)
        negative = ""
        if self.size.text == "words":
            negative = opposite_person(prompt, factors.gender, age)
        return Text(conditional=encode(self.whole_prompt(person)), negative=encode(negative))

    def whole_prompt(self, prompt: str) -> str:
        """Return ``prompt`` behind the model's own, which asks for a good picture of a face."""
        return ", ".join(part for part in (self.prompt, prompt) if part)

    def sampling(self, request: Request) -> Sampling:
        """Return how later frames are sampled."""
        return Sampling.of(self.size, *_asked(request, self.size.steps))

    def first_sampling(self, request: Request) -> Sampling:
        """Return how the first frame is sampled."""
        return Sampling.first(self.size, *_asked(request, self.size.first_steps))

    def imagine(
        self,
        conditionings: Conditioning | Iterable[Conditioning],
        request: Request,
        first: Array | None = None,
        *,
        motion: Motion | None = None,
        retiming: Retiming | None = None,
        cache: Cache | None = None,
    ) -> Iterator[Array]:
        """Yield the video's frames, (H, W, 3) uint8, one for each of the voice's (Algorithm 1).

        Args:
            conditionings: of the whole recording, or of its parts in order, as they are heard.
            request: what is asked for beside the voice.
            first: a frame of another video, (H, W, 3) uint8, whose appearance is to be kept; None
                imagines one.
            motion: of head and eyes, as long as the recording, see ``Request.motion``; None:
                made up, the same for the same seed.
            retiming: frame rate and quiet ends; amounts are the request's. None: 25 a second.
            cache: where seconds made before are found and new ones kept.
        """
        if isinstance(conditionings, Conditioning):
            conditionings = [conditionings]
        parts = iter(conditionings)
        voice = next(parts)
        amounts = request.amounts
        heard = frame_controls(chain([voice], parts), request.seed or 0, motion, amounts.blink)
        controls = map(self.placed, replace(retiming or Retiming(), amounts=amounts)(heard))
        yield from Imagination(self, voice, request, first, cache).frames(controls)

    def matte(self, frame: Array) -> Array:
        """Find the person in a frame (H, W, 3) uint8: (h, w) in [0, 1], coarser."""
        mask: Array = self.engines["matte"](image=to_images(frame[None]))["mask"][0, 0]
        return mask


def load(model: str = "mini", engine: str = "auto", attention: str = "auto") -> Pipeline:
    """Load a model.

    Args:
        model: ``mini``, the embedded one, or another, see :func:`imagineid.models.model.find`.
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
    read: Callable[[Path], Vocabulary | ClipTokenizer] = Vocabulary.read
    if found.size.text == "clip":
        read = ClipTokenizer.read
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


def _asked(request: Request, usual: int) -> tuple[int, str | None]:
    """Return the steps and the sampler that are asked for; ``usual`` are the model's own steps."""
    if request.exact:
        return request.steps or EXACT_STEPS, "ddim"
    return request.steps or usual, None


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
