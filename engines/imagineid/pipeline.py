"""The whole way on one page: speech, factors, mesh pictures, frames."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from itertools import chain
from typing import TYPE_CHECKING

import numpy as np

from imagineid import backends, weights
from imagineid.ccf.imagine import State, Text, first_frame, next_frame, noise, scene_of, to_image
from imagineid.ccf.words import Words
from imagineid.face import FaceModel, mesh_picture, mouth_mask
from imagineid.face.model import load as load_face
from imagineid.face.motion import Motion, default_motion, still
from imagineid.pad import prototypes
from imagineid.pad.express import Factors, express
from imagineid.pad.heard import Content, Emotion, Heard, Identity
from imagineid.pad.listen import hear, hear_identity
from imagineid.spec import Size
from imagineid.weights import models

if TYPE_CHECKING:
    from imagineid.audio import Sound
    from imagineid.backends import Engine

FIRST_STEPS = 24
"""Steps of the first frame, which has no neighbour to lean on."""

COHERENT_STEPS = 2
"""Steps of each later frame."""

FOLLOW = False
"""Whether I_ad is the frame before, as in Algorithm 1, or the first frame all along.

Fed its own frames, the adapter as trained so far runs away within two seconds; held to the first
frame it does not, and the head's small motion does not need a closer neighbour.
"""

GUIDANCE = 2.5
"""How hard the prompt pulls on the first frame."""


@dataclass(frozen=True)
class Request:
    """What a person asks for beside the voice.

    Attributes:
        prompt: what the voice can't tell: hair, glasses, clothes, background ...
        seed: another seed, another person.
        steps: of the sampler, all frames alike; None leaves each mode its own.
        guidance: how hard the prompt pulls, 1 not at all; None for the usual.
        motion: of head and eyes; None: made up, the same for the same seed.
    """

    prompt: str = ""
    seed: int = 0
    steps: int | None = None
    guidance: float | None = None
    motion: Motion | None = None


@dataclass(frozen=True)
class Pipeline:
    """The loaded networks of one model, ready to listen and to imagine."""

    model: str
    size: Size
    engines: Mapping[str, Engine]
    engine_line: str
    words: Words
    face: FaceModel

    @property
    def size_px(self) -> int:
        """Height and width of a frame."""
        return self.size.frame_px

    def unknown_words(self, prompt: str) -> list[tuple[str, str | None]]:
        """Return words of ``prompt`` the model does not know, each with the closest it knows."""
        return self.words.unknown(prompt)

    def listen(self, sound: Sound, on_progress: Callable[[float], None] | None = None) -> Factors:
        """Take a voice apart into identity, content and emotion; see :class:`Factors`."""
        return self.express(self.hear(sound, on_progress))

    def hear(self, sound: Sound, on_progress: Callable[[float], None] | None = None) -> Heard:
        """Take a voice apart, so that its factors can be swapped; see :class:`Heard`."""
        return hear(self.engines, self.size, sound, on_progress)

    def hear_identity(self, sound: Sound) -> Identity:
        """Hear only who speaks."""
        return hear_identity(self.engines, self.size, sound)

    def emotion(self, name: str) -> Emotion:
        """Return one of the eight emotions by name, as a typical voice feels it."""
        return prototypes.read(weights.folder(self.model), name)

    def express(self, heard: Heard) -> Factors:
        """Make the expression of what was heard or mixed."""
        return express(self.engines, self.size, heard)

    def portrait(self, who: Identity, seed: int) -> np.ndarray:
        """Imagine somebody at rest who says nothing, (H, W, 3) uint8."""
        window, silence = self.size.window, np.full(1, -100, np.float32)
        said = Content(np.zeros((window, self.size.linguistic), np.float32), silence)
        factors = self.express(Heard(who, said, self.emotion("neutral")))
        at_rest = replace(factors, expression=np.zeros_like(factors.expression))
        return next(iter(self.imagine(at_rest, Request(seed=seed, motion=still(1)))))

    def meshes(
        self, factors: Factors, seed: int, motion: Motion | None = None
    ) -> Iterator[tuple[np.ndarray, np.ndarray]]:
        """Yield each frame's mesh picture I_rd (H, W, 3) uint8 and mouth area (H, W) bool."""
        motion = motion or default_motion(factors.level_db, seed)
        rest = self.face.neutral(factors.shape)
        for beta, eyes, pose in zip(factors.expression, motion.eyes, motion.pose, strict=True):
            units = np.clip(np.maximum(beta, eyes), 0, 1)
            points = self.face.posed(self.face.express(rest, units), pose)
            yield (
                mesh_picture(points, self.face, self.size_px),
                mouth_mask(points, self.face, self.size_px),
            )

    def text(self, factors: Factors, prompt: str) -> Text:
        """Join the prompt with the voice's pseudo-words (TIA) and encode both."""
        identity, emotion = factors.identity[None], factors.emotion[None]

        def encode(words: str) -> np.ndarray:
            tokens = self.words.tokens(words, self.size)[None]
            made = self.engines["text"](tokens=tokens, identity=identity, emotion=emotion)
            return np.asarray(made["text"])

        return Text(said=encode(prompt), unsaid=encode(""))

    def imagine(
        self, factors: Factors, request: Request, first: np.ndarray | None = None
    ) -> Iterator[np.ndarray]:
        """Yield the video's frames, (H, W, 3) uint8, ``factors.frames`` of them (Algorithm 1).

        Args:
            factors: what was heard, or mixed.
            request: what is asked for beside the voice.
            first: a frame of another video, whose appearance is to be kept; None imagines one.
        """
        engines, size = self.engines, self.size
        start = noise(size, request.seed)
        text = self.text(factors, request.prompt)
        meshes = self.meshes(factors, request.seed, request.motion)
        opening = next(meshes)
        guidance = GUIDANCE if request.guidance is None else request.guidance
        steps = request.steps or FIRST_STEPS
        kept = first
        if first is None:
            first = first_frame(engines, size, text, opening[0], start, steps, guidance)
        scene = scene_of(engines, text, first, start)
        state = State(before=first, neighbour=first, mouth=opening[1])
        if kept is not None:  # it wears another expression, and a neighbour should wear this one
            latent = engines["encoder"](image=to_image(opening[0]))["latent"]
            near = next_frame(engines, scene, latent, state, request.steps or COHERENT_STEPS)
            state = State(before=near, neighbour=near, mouth=opening[1])
        for mesh, mouth in chain([opening], meshes):  # the first again: all are drawn alike
            latent = engines["encoder"](image=to_image(mesh))["latent"]
            frame = next_frame(engines, scene, latent, state, request.steps or COHERENT_STEPS)
            yield frame
            state = State(frame, frame, mouth) if FOLLOW else replace(state, before=frame)


def load(model: str = "mini", engine: str = "auto", attention: str = "auto") -> Pipeline:
    """Load a model.

    Args:
        model: ``mini``, the embedded one, or a folder that ``imagineid export`` wrote.
        engine: see :func:`imagineid.backends.choose`.
        attention: of the torch engine, see there.

    Raises:
        BadInput: there is no such model or engine.
        BadWeights: a file is missing or broken.
        BackendMissing, NoCard, BadEngine: the engine asked for can't run here.
    """
    found = models.find(model)
    words, face = models.words_and_face(found)
    open_network, line = backends.choose(engine, found, attention)
    return Pipeline(
        model=found.name,
        size=found.size,
        engines={name: open_network(name) for name in weights.NETWORKS},
        engine_line=line,
        words=Words.read(words),
        face=load_face(face),
    )
