"""Options that several commands share."""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from imagineid.backends import ATTENTION, ENGINES, EXPORTED
from imagineid.spec import EMOTIONS, FPS

if TYPE_CHECKING:
    from imagineid.request import Request


def option(metavar: str, help: str, panel: str | None = None, **more: Any) -> Any:
    """Return an option with a value."""
    return typer.Option(metavar=metavar, help=help, rich_help_panel=panel, **more)


def one_of(names: Sequence[str], help: str, panel: str | None = None) -> Any:
    """Return an option whose value is one of ``names``, which Tab completes."""

    def check(value: str | None) -> str | None:
        if value is not None and value not in names:
            raise typer.BadParameter(f"{value!r} is not one of {', '.join(names)}")
        return value

    def complete(incomplete: str) -> list[str]:
        return [name for name in names if name.startswith(incomplete)]

    return option("|".join(names), help, panel, callback=check, autocompletion=complete)


def chains_of(text: str) -> int | None:
    """Read ``--chains``: None for ``auto``.

    Raises:
        BadInput: it is neither that nor a number in range.
    """
    from imagineid.errors import BadInput
    from imagineid.request import CHAINS

    if text == "auto":
        return None
    if text.isdecimal() and 1 <= int(text) <= CHAINS:
        return int(text)
    raise BadInput(f"--chains {text} is neither auto nor 1 to {CHAINS}.\nTry:  --chains auto")


def face_of(avatar: str | None, face: Path | None) -> str | None:
    """Return the avatar given by ``--avatar`` or ``--face``.

    Raises:
        BadInput: both are given, or there is no such video.
    """
    from imagineid.errors import BadInput

    if avatar is not None and face is not None:
        raise BadInput("--avatar and --face exclude each other.\nRemove one of them.")
    if face is not None and not face.is_file():
        raise BadInput(f"There is no video {face}.\nSee what there is:  ls {face.parent}")
    return str(face) if face is not None else avatar


PICTURE = "Picture and file"
EXPERTS = "For experts"

Track = Annotated[
    int | None,
    typer.Option(metavar="N", help="Sound track, from 1. [default: the first with speech]"),
]

# ---- options of a video


def _as_utf8(text: str | None) -> str | None:
    """Return typed text as UTF-8, also where the locale has fewer letters."""
    try:
        return text and text.encode("utf-8", "surrogateescape").decode("utf-8")
    except UnicodeError:
        return text


def requested(
    prompt: Annotated[
        str | None,
        option("TEXT", 'Appearance of the face, e.g. "red hair, glasses".', callback=_as_utf8),
    ] = None,
    seed: Annotated[
        int | None, option("N", "Another seed gives another face. [default: from voice and prompt]")
    ] = None,
    emotion: Annotated[str | None, one_of(EMOTIONS, "Replace the emotion of the voice.")] = None,
    strength: Annotated[float | None, option("X", "Strength of the change, 0 to 1.")] = None,
    voice: Annotated[
        str | None, option("TEXT", 'Correct the sex or age of the speaker: "woman, 25".')
    ] = None,
    pose_from: Annotated[
        Path | None,
        option("REF", "Copy head motion and blinks from a video or a Live Link Face CSV."),
    ] = None,
    still: Annotated[
        bool, typer.Option("--still", help="Keep the head still; the eyes still blink.")
    ] = False,
    head: Annotated[float | None, option("0-2", "Amount of head motion; 1 is normal.")] = None,
    blink: Annotated[float | None, option("0-2", "Amount of blinking.")] = None,
    mouth: Annotated[float | None, option("0-2", "Amount of lip and jaw motion.")] = None,
    avatar: Annotated[str | None, option("NAME|FILE", "Use the face of a saved avatar.")] = None,
    face: Annotated[
        Path | None, option("VIDEO", "Use the face of a video made by imagineid.")
    ] = None,
    track: Track = None,
    size: Annotated[
        int | None,
        option(
            "256|384|512|768|1024",
            "The shorter side in pixels; the model's own if not given.",
            PICTURE,
        ),
    ] = None,
    aspect: Annotated[
        str | None, option("1:1|9:16|16:9", "Width to height. [default: 1:1]", PICTURE)
    ] = None,
    background: Annotated[
        str | None,
        option(
            "WHAT",
            "transparent (-o OUT.webm, .mov or a folder), a colour as '#00ff00', or a picture.",
            PICTURE,
        ),
    ] = None,
    fps: Annotated[
        int | None, option("24|25|30|50|60", "Frames a second. [default: 25]", PICTURE)
    ] = None,
    pad: Annotated[float, option("S", "Seconds of silence before and after.", PICTURE)] = 0.0,
    subtitles: Annotated[
        Path | None, option("SRT", "Subtitles, as a track of the video.", PICTURE)
    ] = None,
    burn_in: Annotated[
        bool,
        typer.Option(
            "--burn-in", help="Draw the subtitles into the picture.", rich_help_panel=PICTURE
        ),
    ] = False,
    steps: Annotated[int | None, option("N", "Denoising steps per frame.", EXPERTS)] = None,
    guidance: Annotated[
        float | None, option("X", "Classifier-free guidance; 1 turns it off.", EXPERTS)
    ] = None,
    exact: Annotated[
        bool,
        typer.Option(
            "--exact",
            help="Follow the paper's algorithm as written: 50 steps, each frame from the last. "
            "Slow.",
            rich_help_panel=EXPERTS,
        ),
    ] = False,
    chains: Annotated[
        str, option("K|auto", "Parts of the video generated in parallel.", EXPERTS)
    ] = "auto",
) -> Request:
    """Return what these options ask for; each is defined here alone, see :func:`asks`.

    Raises:
        BadInput: ``--chains``, ``--avatar`` or ``--face`` can't be meant.
    """
    from imagineid.request import Request
    from imagineid.video.framing import Framing
    from imagineid.video.output import OutputOptions

    return Request(
        prompt=prompt, seed=seed, steps=steps, guidance=guidance, emotion=emotion,
        strength=strength, voice=voice, pose_from=pose_from, still=still, head=head, blink=blink,
        mouth=mouth, avatar=face_of(avatar, face), track=track, exact=exact or None,
        chains=chains_of(chains),
        output=OutputOptions(
            Framing(size, aspect or "1:1", background),
            FPS if fps is None else fps, pad, subtitles, burn_in,
        ),
    )  # fmt: skip


MOTION = ("pose_from", "still", "head", "blink", "mouth")
PERSON = ("prompt", "seed", "emotion", "strength", "voice")
LOOK = ("size", "aspect", "background", "fps", "pad", "subtitles", "burn_in")
"""Options of :func:`requested` that commands have together."""


def asks(*names: str) -> Callable[[Callable[..., None]], Callable[..., None]]:
    """Replace a command's parameter ``values`` by the options ``names`` of :func:`requested`.

    The command receives their values as a dictionary, for ``requested(**values)``.
    """

    def decorate(command: Callable[..., None]) -> Callable[..., None]:
        @functools.wraps(command)
        def called(**typed: Any) -> None:
            command(values={name: typed.pop(name) for name in names}, **typed)

        known = inspect.signature(requested, eval_str=True, locals={"Request": None}).parameters
        own = inspect.signature(command, eval_str=True).parameters.values()
        groups = [[known[n] for n in names] if p.name == "values" else [p] for p in own]
        parameters = [p.replace(kind=p.KEYWORD_ONLY) for group in groups for p in group]
        called.__annotations__ = {p.name: p.annotation for p in parameters}
        called.__dict__["__signature__"] = inspect.Signature(parameters)
        return called

    return decorate


# ---- model and backend

Model = Annotated[
    str,
    option("mini|sd15|DIR", "Model; DIR is an exported one, or adapters.", EXPERTS),
]
Adapters = Annotated[
    str | None,
    option("NAME|DIR", "Adapters for sd15, if there are several.", EXPERTS),
]
Engine = Annotated[str, one_of(ENGINES, "Backend that runs the networks.", EXPERTS)]
Attention = Annotated[str, one_of(ATTENTION, "Attention of the torch backend.", EXPERTS)]
Format = Annotated[
    str, one_of(EXPORTED, "onnx runs anywhere; the others are engines for NVIDIA GPUs.")
]
NoCache = Annotated[
    bool,
    typer.Option("--no-cache", help="Do not use the frame cache.", rich_help_panel=EXPERTS),
]

# ---- output

Overwrite = Annotated[bool, typer.Option("--overwrite", help="Replace existing files.")]
Quiet = Annotated[bool, typer.Option("--quiet", "-q", help="Show no progress.")]
Json = Annotated[bool, typer.Option("--json", help="Print one JSON object.")]
Debug = Annotated[
    bool, typer.Option("--debug", help="Print a traceback on errors.", rich_help_panel=EXPERTS)
]


def with_adapters(model: str, adapters: str | None) -> str:
    """Return the model that ``--model`` and ``--adapters`` name together.

    Raises:
        BadInput: adapters are given for a model that takes none.
    """
    from imagineid.errors import BadInput

    if adapters is None:
        return model
    if model != "sd15":
        raise BadInput(
            f"--adapters are for sd15, not for {model}.\nUse:  --model sd15 --adapters {adapters}"
        )
    return adapters
