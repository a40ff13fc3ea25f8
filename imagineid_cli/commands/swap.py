"""``imagineid swap``: one factor of a video is taken from elsewhere, the rest is kept."""

from __future__ import annotations

import json
import re
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from imagineid import __version__
from imagineid_cli import options, swap_store
from imagineid_cli.errors import error_handling
from imagineid_cli.motion_options import MotionOptions
from imagineid_cli.progress import Progress
from imagineid_cli.render import ModelChoice
from imagineid_cli.request import Wish

if TYPE_CHECKING:
    from imagineid.cache import Cache
    from imagineid.pad.factors import VoiceFactors
    from imagineid.pipeline import Pipeline, Request
    from imagineid_cli.swap_source import SwapSource


@dataclass(frozen=True)
class Swaps:
    """Where each factor is taken from; None keeps the base's."""

    emotion_from: Path | None
    identity_from: Path | None
    content_from: Path | None
    wish: Wish  # prompt, seed and emotion that replace the base's; the strength of any blend
    moves: MotionOptions

    @property
    def fresh(self) -> bool:
        """Whether another face is to be imagined."""
        asked = (self.identity_from, self.wish.prompt, self.wish.seed)
        return any(x is not None for x in asked)

    def check(self) -> None:
        """Check what can be checked before anything is loaded.

        Raises:
            BadInput: nothing is to be swapped, or what is asked for makes no sense together.
        """
        from imagineid.errors import BadInput

        self.wish.check()
        self.moves.check()
        if self.emotion_from is not None and self.wish.emotion is not None:
            raise BadInput(
                "--emotion and --emotion-from exclude each other.\nLeave one of them out."
            )
        blend = (self.emotion_from, self.identity_from, self.wish.emotion)
        if self.wish.strength is not None and not any(x is not None for x in blend):
            raise BadInput(
                "--strength blends emotions and identities, and none is swapped.\n"
                "Add:  --emotion-from B.wav  or  --identity-from B.wav"
            )
        acts = self.moves.still or self.moves.pose_from is not None
        if not (self.fresh or acts or self.content_from or any(x is not None for x in blend)):
            raise BadInput(
                "Nothing is to be swapped.\n"
                "Say what:  --emotion-from B.wav, --identity-from, --content-from or --prompt"
            )

    def said(self, base: Path) -> dict[str, Any]:
        """Return what the video's metadata say of it."""
        sources = ("emotion_from", "identity_from", "content_from")
        found = {name: path.name for name in sources if (path := getattr(self, name)) is not None}
        return {"base": base.name, **found}


@dataclass(frozen=True)
class Job:
    """Everything that was typed, checked."""

    base: SwapSource
    swaps: Swaps
    output: Path
    overwrite: bool
    caching: bool
    runs: ModelChoice


def swap(
    base: Annotated[
        Path | None,
        typer.Argument(
            metavar="[BASE]", help="A video of ours, or a recording; the last video if not given."
        ),
    ] = None,
    emotion_from: Annotated[
        Path | None, typer.Option(metavar="B", help="Feel as this recording does.")
    ] = None,
    identity_from: Annotated[
        Path | None, typer.Option(metavar="B", help="Be who speaks in this recording: a new face.")
    ] = None,
    content_from: Annotated[
        Path | None, typer.Option(metavar="B", help="Say what this recording says, with its sound.")
    ] = None,
    prompt: Annotated[
        str | None, typer.Option(metavar="TEXT", help="Look like this: a new face.")
    ] = None,
    seed: Annotated[int | None, typer.Option(metavar="N", help="Another seed: a new face.")] = None,
    emotion: options.Emotion = None,
    strength: options.Strength = None,
    pose_from: options.PoseFrom = None,
    still: options.Still = False,
    output: Annotated[
        Path | None,
        typer.Option(
            "-o",
            "--output",
            metavar="OUT.mp4",
            help="The video; BASE-swapped.mp4 (or -swapped-2 ...) if not given.",
        ),
    ] = None,
    no_cache: options.NoCache = False,
    overwrite: options.Overwrite = False,
    quiet: options.Quiet = False,
    as_json: options.Json = False,
    debug: options.Debug = False,
    model: options.Model = "mini",
    engine: options.Engine = options.EngineName.auto,
) -> None:
    """Take one factor of a video from elsewhere, and keep the rest.

    Another emotion, other words or another motion keep the face.
    Another identity, prompt or seed imagines a new one.
    Examples:  swap --emotion-from b.wav    swap out.mp4 --emotion happy --strength 0.5
    """
    with error_handling(debug):
        named = emotion.value if emotion is not None else None
        wish = Wish(prompt, seed, emotion=named, strength=strength)
        moves = MotionOptions(pose_from, still)
        swaps = Swaps(emotion_from, identity_from, content_from, wish, moves)
        runs = ModelChoice(model, engine.value)
        job = _plan(base, swaps, output, overwrite, not no_cache, runs)
        result = _run(job, Progress(quiet))
        typer.echo(json.dumps(result, ensure_ascii=False) if as_json else result["path"])


def _plan(
    base: Path | None,
    swaps: Swaps,
    output: Path | None,
    overwrite: bool,
    caching: bool,
    runs: ModelChoice,
) -> Job:
    """Check all that can be checked before anything heavy is loaded."""
    from imagineid.audio.decode import open_regular
    from imagineid.files import check_output, check_outputs
    from imagineid_cli.swap_source import find_source

    swaps.check()
    found = find_source(base)
    sources = (found.path, swaps.emotion_from, swaps.identity_from, swaps.content_from)
    named = [path for path in sources if path is not None]
    for path in named:
        open_regular(path).close()
    output = output if output is not None else free_name(found.path)
    check_outputs([output], [*named, swaps.moves.pose_from])
    check_output(output, overwrite)
    return Job(found, swaps, output, overwrite, caching, runs)


def free_name(base: Path) -> Path:
    """Return BASE-swapped.mp4 in the working folder, with a number if it is taken."""
    stem = re.sub(r"-swapped(-\d+)?$", "", base.stem)
    path, number = Path(f"{stem}-swapped.mp4"), 2
    while path.exists():
        path, number = Path(f"{stem}-swapped-{number}.mp4"), number + 1
    return path


def _run(job: Job, show: Progress) -> dict[str, Any]:
    """Do the whole job and return what is told about it."""
    from imagineid.cache import Cache
    from imagineid.pipeline import Request
    from imagineid_cli.swap_source import source_factors

    started = time.monotonic()
    base, swaps = job.base, job.swaps
    show.line(f"base: {base.path}{' (the last video made)' if base.last else ''}")
    pipe, cache = job.runs.load(), Cache.usual() if job.caching else None
    _tell_start(job, pipe, show)
    hear = _encoder(pipe, show)
    before, first = source_factors(base, pipe, hear, show)
    mixed = _mixed(before, swaps, pipe, hear)
    show.line(f"it becomes: {mixed.describe()}")
    wish = swaps.wish.over(base.wish)
    if swaps.emotion_from is not None:
        wish = replace(wish, emotion=None, strength=swaps.wish.strength)
    request = Request(wish.prompt or "", wish.seed or 0, wish.steps, wish.guidance)
    if swaps.fresh:
        first = None
    elif first is None:
        first = next(iter(pipe.imagine(pipe.express(before), request, cache=cache)))
    moves = (
        MotionOptions(still=True)
        if base.motion == "still" and not swaps.moves.said()
        else swaps.moves
    )
    request = replace(request, motion=moves.motion(mixed.frames))
    metadata = {
        "made_by": "imagineid",
        "version": __version__,
        "model": pipe.model,
        "prompt": request.prompt,
        "seed": request.seed,
        "steps": request.steps,
        "guidance": request.guidance,
        **{n: v for n in ("emotion", "strength") if (v := getattr(wish, n)) is not None},
        **moves.said(),
        "swapped": swaps.said(base.path),
    }
    frames = _imagine(job, pipe, mixed, request, first, metadata, cache, show)
    return {
        "path": str(job.output),
        "base": str(base.path),
        "frames": frames,
        "prompt": request.prompt,
        "seed": request.seed,
        "new_face": swaps.fresh,
        "before": before.describe(),
        "after": mixed.describe(),
        "model": pipe.model,
        "engine": pipe.engine_line,
        "took_s": round(time.monotonic() - started, 2),
    }


def _tell_start(job: Job, pipe: Pipeline, show: Progress) -> None:
    """Say what is not as it was, and what of the prompt is not understood."""
    known, swaps = job.base.known, job.swaps
    for name, now in (("model", pipe.model), ("version", __version__)):
        if known and known.get(name) != now:
            show.warn(f"the base was made by {name} {known.get(name)}: the face may differ")
    if unknown := pipe.unknown_words(swaps.wish.prompt or ""):
        words = ", ".join(f"{w} (closest: {near})" if near else w for w, near in unknown)
        show.warn(f"the model does not know these words of the prompt: {words}")
    if job.base.motion not in ("", "still") and not swaps.moves.said():
        show.warn(f"the base moved as {job.base.motion} does; to keep that, add --pose-from")


def _encoder(pipe: Pipeline, show: Progress) -> Callable[[Path], VoiceFactors]:
    """Return what hears a recording, each once."""
    known: dict[Path, VoiceFactors] = {}

    def encode(path: Path) -> VoiceFactors:
        from imagineid.audio import open_sound

        if path not in known:
            with open_sound(path) as sound, show.stage(f"hearing {path.name}", 1.0, "") as advance:
                known[path] = pipe.encode(sound, advance)
            show.line(f"heard: {known[path].describe()}")
        return known[path]

    return encode


def _mixed(
    heard: VoiceFactors, swaps: Swaps, pipe: Pipeline, hear: Callable[[Path], VoiceFactors]
) -> VoiceFactors:
    """Swap what is to be swapped."""
    strength = 1.0 if swaps.wish.strength is None else swaps.wish.strength
    if swaps.identity_from is not None:
        heard = heard.with_identity(hear(swaps.identity_from).identity, strength)
    if swaps.content_from is not None:
        heard = heard.with_content(hear(swaps.content_from).content)
    if swaps.emotion_from is not None:
        heard = heard.with_emotion(hear(swaps.emotion_from).emotion, strength)
    if swaps.wish.emotion is not None:
        heard = heard.with_emotion(pipe.emotion(swaps.wish.emotion), strength)
    return heard


def _imagine(
    job: Job,
    pipe: Pipeline,
    mixed: VoiceFactors,
    request: Request,
    first: swap_store.Picture | None,
    metadata: dict[str, Any],
    cache: Cache | None,
    show: Progress,
) -> int:
    """Write the video; return its frames."""
    from imagineid.video import VideoWriter

    sound = job.swaps.content_from or job.base.path
    key = metadata["kept"] = swap_store.key_of(mixed, metadata)
    with (
        VideoWriter(job.output, pipe.size_px, sound, metadata, overwrite=job.overwrite) as video,
        show.stage("imagining", mixed.frames, "frames") as advance,
    ):
        frames = pipe.imagine(pipe.express(mixed), request, first, cache)
        for frame in swap_store.keeping(frames, key, mixed, first):
            video.write(frame)
            advance(video.frames)
    if cache and cache.trouble:
        show.warn(cache.trouble)
    swap_store.remember_last(job.output)
    return video.frames
