"""Options of a video beside the voice, with the range of every number."""

from __future__ import annotations

import hashlib
import random
from collections.abc import Mapping
from dataclasses import dataclass, fields, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from imagineid.errors import BadInput
from imagineid.face.retiming import Amounts
from imagineid.pad.average_voices import parse
from imagineid.spec import EMOTIONS, SAMPLE_RATE
from imagineid.video.output import OutputOptions

if TYPE_CHECKING:
    from imagineid.audio import Sound
    from imagineid.face.motion import Motion

SEEDS = 2**32
"""Seeds are 0 to SEEDS - 1."""

RANDOM_SEEDS = 1_000_000
"""A seed that nobody chose is below this, so that it is quickly typed."""

SEED_S = 10
"""Seconds of a voice that decide the seed that nobody chose: one that grows keeps its face."""

STEPS = 200
"""Most denoising steps per frame."""

GUIDANCE = 30.0
"""Largest guidance."""

PROMPT_CHARACTERS = 500
"""Most characters of a prompt."""

TRACKS = 1000
"""The highest number of a sound track."""

CHAINS = 16
"""Most segments of a video that are generated in parallel."""


@dataclass(frozen=True)
class Request:
    """What decides the picture beside the voice; None leaves it to the model.

    Attributes:
        prompt: attributes a voice does not determine: hair, glasses, clothes, background ...
        seed: decides all that chance decides: another seed, another person. None: chosen at random.
        steps: denoising steps of each frame.
        guidance: how hard the prompt pulls on the first frame; 1 is not at all.
        emotion: replaces the estimated one; one of :data:`imagineid.spec.EMOTIONS`.
        strength: how much of what is blended, 0 to 1; None is all.
        voice: sex and age of the speaker, such as "woman, 25", where they were heard wrongly.
        pose_from: a video of a face, or a .csv, whose motion of head and lids is taken.
        still: whether the head is kept still; the eyes still blink.
        chains: segments of the video that are generated in parallel, each from the first frame on.
        exact: whether Algorithm 1 is followed as the paper writes it: 50 steps of DDIM unless
            ``steps`` says otherwise, each frame from the one right before it, in one chain.
        head, blink, mouth: how much of each motion, 0 to 2; None is 1, which is normal.
        avatar: the face for any voice: a saved avatar's name, an .avatar file, or a video
            of ours.
        track: which sound track of the recording, from 1; None: the first, unless only another one
            speaks.
        output: size, shape, background, frame rate, quiet ends and subtitles of the video.
    """

    prompt: str | None = None
    seed: int | None = None
    steps: int | None = None
    guidance: float | None = None
    emotion: str | None = None
    strength: float | None = None
    pose_from: Path | None = None
    still: bool = False
    chains: int | None = None
    exact: bool | None = None
    voice: str | None = None
    head: float | None = None
    blink: float | None = None
    mouth: float | None = None
    avatar: str | None = None
    track: int | None = None
    output: OutputOptions = OutputOptions()

    @property
    def amounts(self) -> Amounts:
        """How much of each motion there is."""
        head = 0.0 if self.still else self.head
        amounts = {"head": head, "blink": self.blink, "mouth": self.mouth}
        return Amounts(**{name: value for name, value in amounts.items() if value is not None})

    @property
    def words(self) -> str:
        """The prompt, "" if there is none."""
        return self.prompt or ""

    @property
    def motion_label(self) -> str | None:
        """Where head and eyes move from: "still", a reference's name, or None if made up."""
        if self.still:
            return "still"
        return None if self.pose_from is None else self.pose_from.name

    @property
    def suffix(self) -> str:
        """The usual extension of its video."""
        return ".webm" if self.output.framing.transparent else ".mp4"

    def files(self) -> list[Path]:
        """Return the files that it may name, which no output may replace."""
        output = self.output
        named = (self.pose_from, self.avatar, output.framing.background, output.subtitles)
        return [Path(name) for name in named if name is not None]

    def default_output(self, audio: Path, taken: bool = False) -> Path:
        """Return the recording's name as a video, with what was changed in it.

        Args:
            audio: the recording.
            taken: whether a name that is taken will do; else it gets a number.
        """
        stem = "-".join([audio.stem, *([self.emotion] if self.emotion else [])])
        suffix = self.suffix
        path, number = Path(stem + suffix), 2
        while path.exists() and not taken:
            path, number = Path(f"{stem}-{number}{suffix}"), number + 1
        return path

    def check(self, blends: bool = False) -> None:
        """Check all that can be checked before anything is loaded.

        Args:
            blends: whether something else than :attr:`emotion` is blended by :attr:`strength`.

        Raises:
            BadInput: a value is outside what a model takes, or two exclude each other.
            BackendMissing: the reference is a video and the extra ``[motion]`` is not installed.
        """
        _within("--seed", self.seed, 0, SEEDS - 1)
        _within("--steps", self.steps, 1, STEPS)
        _within("--guidance", self.guidance, 0, GUIDANCE)
        _within("--strength", self.strength, 0, 1)
        _within("--chains", self.chains, 1, CHAINS)
        _within("--track", self.track, 1, TRACKS)
        if self.emotion is not None and self.emotion not in EMOTIONS:
            raise BadInput(f"Unknown emotion {self.emotion!r}.\nUse one of:  {', '.join(EMOTIONS)}")
        if self.strength is not None and self.emotion is None and not blends:
            raise BadInput("--strength needs an emotion.\nAdd:  --emotion happy")
        _check_prompt(self.words)
        if self.voice is not None:
            parse(self.voice)
        self.amounts.check()
        self.output.check()
        if self.still and self.pose_from is not None:
            raise BadInput("--still and --pose-from exclude each other.\nRemove one of them.")
        if self.pose_from is not None:
            from imagineid.face.reference import check

            check(self.pose_from)

    def over(self, other: Request) -> Request:
        """Return this request; options that are not set come from ``other``."""
        own = {field.name: getattr(self, field.name) for field in fields(self)}
        return replace(other, **{name: value for name, value in own.items() if value is not None})

    def with_seed(self, sound: Sound | None = None) -> Request:
        """Return the same with a seed.

        Args:
            sound: where there is no seed, the same voice and words get the same one; None: one is
                chosen at random.
        """
        if self.seed is not None:
            return self
        if sound is None:
            return replace(self, seed=random.SystemRandom().randrange(RANDOM_SEEDS))
        beginning = sound.read(0, min(sound.samples, SEED_S * SAMPLE_RATE))
        digest = hashlib.blake2b(beginning.tobytes() + self.words.encode(), digest_size=8)
        return replace(self, seed=int.from_bytes(digest.digest(), "big") % RANDOM_SEEDS)

    def motion(self, frames: int) -> Motion | None:
        """Return the motion for a video of ``frames``; None for random motion.

        Raises:
            BadInput: the reference can't be used.
            BackendMissing: it is a video and the extra ``[motion]`` is not installed.
        """
        from imagineid.face.reference import motion_of

        return None if self.pose_from is None else motion_of(self.pose_from, frames)

    def metadata(self) -> dict[str, Any]:
        """Return it as a video's metadata; :func:`request_of` reads it."""
        optional = {
            "emotion": self.emotion,
            "strength": self.strength,
            "exact": self.exact or None,
            "voice": self.voice,
            "chains": self.chains,
            "motion": self.motion_label,
            "head": self.head,
            "blink": self.blink,
            "mouth": self.mouth,
            "avatar": None if self.avatar is None else Path(self.avatar).name,
            "track": self.track,
        }
        return {
            "prompt": self.words,
            "seed": self.seed,
            "steps": self.steps,
            "guidance": self.guidance,
            **{name: value for name, value in optional.items() if value is not None},
            **self.output.metadata(),
        }


def joined_prompt(before: str, more: str) -> str:
    """Add to a prompt: "red hair, glasses" and "long black hair" are "glasses, long black hair".

    Args:
        before: phrases with commas between.
        more: phrases; one replaces those before that end with the same word.
    """
    added = [phrase.strip() for phrase in more.split(",") if phrase.strip()]
    things = {phrase.split()[-1].lower() for phrase in added}
    phrases = [phrase.strip() for phrase in before.split(",") if phrase.strip()]
    phrases = [phrase for phrase in phrases if phrase.split()[-1].lower() not in things]
    joined = ", ".join([*phrases, *added])
    return joined if len(joined) <= PROMPT_CHARACTERS else more


def request_of(metadata: Mapping[str, Any], path: Path) -> Request:
    """Read the request from a video's metadata; motion is not repeated.

    Args:
        metadata: see :func:`imagineid.video.metadata.read_metadata`.
        path: the video, for the message.

    Raises:
        BadInput: they were tampered with.
    """
    number = (int, float)
    kinds: dict[str, type | tuple[type, ...]] = {
        "prompt": str,
        "seed": int,
        "steps": int,
        "guidance": number,
        "emotion": str,
        "strength": number,
        "exact": bool,
        "voice": str,
        "chains": int,
        "head": number,
        "blink": number,
        "mouth": number,
    }
    for name, kind in kinds.items():
        value = metadata.get(name)
        wrong = isinstance(value, bool) and kind is not bool
        if value is not None and (wrong or not isinstance(value, kind)):
            raise BadInput(
                f"The metadata of {path} have an invalid {name}: {value!r}.\n"
                f"Give the options yourself:  --prompt TEXT --seed N"
            )
    known: dict[str, Any] = {name: metadata.get(name) for name in kinds}
    request = Request(**known)
    request.check(blends=True)
    return request


def _check_prompt(prompt: str) -> None:
    """Refuse a prompt that is too long or not printable."""
    if len(prompt) > PROMPT_CHARACTERS:
        raise BadInput(
            f"The prompt has {len(prompt)} characters; the limit is {PROMPT_CHARACTERS}.\n"
            f'Shorten it:  --prompt "red hair, glasses"'
        )
    if any(not c.isprintable() for c in prompt):
        raise BadInput(
            "The prompt contains unprintable characters, such as a line break.\n"
            'Write it in one line:  --prompt "red hair, glasses"'
        )


def _within(option: str, value: float | None, low: float, high: float) -> None:
    """Refuse a number outside [low, high], and NaN, which is in no range."""
    if value is not None and not low <= value <= high:
        raise BadInput(
            f"{option} {value} is outside {low:g} to {high:.10g}.\n"
            f"Leave it out, or try:  {option} 1"
        )
