"""Options that several commands share."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Any

import typer

from imagineid.backends import ATTENTION, ENGINES, EXPORTED
from imagineid.spec import EMOTIONS


def one_of(names: Sequence[str], help: str, panel: str | None = None) -> Any:
    """Return an option whose value is one of ``names``, which Tab completes."""

    def check(value: str | None) -> str | None:
        if value is not None and value not in names:
            raise typer.BadParameter(f"{value!r} is not one of {', '.join(names)}")
        return value

    def complete(incomplete: str) -> list[str]:
        return [name for name in names if name.startswith(incomplete)]

    metavar = "|".join(names)
    return typer.Option(
        metavar=metavar,
        help=help,
        callback=check,
        autocompletion=complete,
        rich_help_panel=panel,
    )


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
    """Return whose face is asked for by ``--avatar`` or ``--face``.

    Raises:
        BadInput: both are asked for, or there is no such video.
    """
    from imagineid.errors import BadInput

    if avatar is not None and face is not None:
        raise BadInput("--avatar and --face exclude each other.\nRemove one of them.")
    if face is not None and not face.is_file():
        raise BadInput(f"There is no video {face}.\nSee what there is:  ls {face.parent}")
    return str(face) if face is not None else avatar


PICTURE = "Picture and file"
EXPERTS = "For experts"

# ---- appearance


def _as_utf8(text: str | None) -> str | None:
    """Return what was typed as UTF-8, also where the locale has fewer letters."""
    try:
        return text and text.encode("utf-8", "surrogateescape").decode("utf-8")
    except UnicodeError:
        return text


Prompt = Annotated[
    str | None,
    typer.Option(
        metavar="TEXT", callback=_as_utf8, help='Appearance of the face, e.g. "red hair, glasses".'
    ),
]
Avatar = Annotated[
    str | None,
    typer.Option(metavar="NAME|FILE", help="Whose face it is: a saved avatar (imagineid avatar)."),
]
Face = Annotated[
    Path | None, typer.Option("--face", metavar="VIDEO", help="The face of a video made before.")
]
Steps = Annotated[
    int | None,
    typer.Option(metavar="N", help="Denoising steps per frame.", rich_help_panel=EXPERTS),
]
Guidance = Annotated[
    float | None,
    typer.Option(
        metavar="X",
        help="Classifier-free guidance; 1 turns it off.",
        rich_help_panel=EXPERTS,
    ),
]

Exact = Annotated[
    bool,
    typer.Option(
        "--exact",
        help="Follow the paper's algorithm as written: 50 steps, each frame from the last. Slow.",
        rich_help_panel=EXPERTS,
    ),
]

# ---- emotion and motion

Emotion = Annotated[
    str | None, one_of(EMOTIONS, "Show this emotion, whatever is heard in the voice.")
]
Strength = Annotated[
    float | None,
    typer.Option(metavar="X", help="Strength of the change, 0 to 1."),
]
Voice = Annotated[
    str | None,
    typer.Option(metavar="TEXT", help='Who speaks, if it is heard wrongly: "woman, 25".'),
]
PoseFrom = Annotated[
    Path | None,
    typer.Option(
        metavar="REF", help="Copy head motion and blinks from a video or a Live Link Face CSV."
    ),
]
Still = Annotated[bool, typer.Option("--still", help="Hold the head still; lids stay alive.")]
Head = Annotated[
    float | None, typer.Option(metavar="0-2", help="How much the head moves; 1 is as usual.")
]
Blink = Annotated[float | None, typer.Option(metavar="0-2", help="How often the lids close.")]
Mouth = Annotated[float | None, typer.Option(metavar="0-2", help="How far lips and jaw move.")]

# ---- picture and file

Size = Annotated[
    int | None,
    typer.Option(
        metavar="256|384|512|768|1024",
        help="The shorter side in pixels; the model's own if not given.",
        rich_help_panel=PICTURE,
    ),
]
Aspect = Annotated[
    str, typer.Option(metavar="1:1|9:16|16:9", help="Width to height.", rich_help_panel=PICTURE)
]
Background = Annotated[
    str | None,
    typer.Option(
        metavar="WHAT",
        help="transparent (-o OUT.webm, .mov or a folder), a colour as '#00ff00', or a picture.",
        rich_help_panel=PICTURE,
    ),
]
Fps = Annotated[
    int,
    typer.Option(metavar="24|25|30|50|60", help="Frames a second.", rich_help_panel=PICTURE),
]
Pad = Annotated[
    float,
    typer.Option(
        metavar="S",
        help="Seconds of quiet before and after, the mouth shut.",
        rich_help_panel=PICTURE,
    ),
]
Subtitles = Annotated[
    Path | None,
    typer.Option(
        metavar="SRT", help="Subtitles, as a track of the video.", rich_help_panel=PICTURE
    ),
]
BurnIn = Annotated[
    bool,
    typer.Option("--burn-in", help="Draw the subtitles into the picture.", rich_help_panel=PICTURE),
]

# ---- model and backend

Model = Annotated[
    str,
    typer.Option(
        metavar="mini|sd15|DIR",
        help="The model; DIR is what export made, or adapters.",
        rich_help_panel=EXPERTS,
    ),
]
Adapters = Annotated[
    str | None,
    typer.Option(
        metavar="NAME|DIR",
        help="Which adapters, where there are several for sd15.",
        rich_help_panel=EXPERTS,
    ),
]
Engine = Annotated[str, one_of(ENGINES, "Backend that runs the networks.", EXPERTS)]
Attention = Annotated[str, one_of(ATTENTION, "Attention of the torch backend.", EXPERTS)]
Format = Annotated[
    str, one_of(EXPORTED, "onnx runs anywhere; the others are engines for NVIDIA GPUs.")
]
Chains = Annotated[
    str,
    typer.Option(
        metavar="K|auto",
        help="Parts of the video generated in parallel.",
        rich_help_panel=EXPERTS,
    ),
]
NoCache = Annotated[
    bool,
    typer.Option(
        "--no-cache",
        help="Do not use the frame cache.",
        rich_help_panel=EXPERTS,
    ),
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
        BadInput: adapters are asked for upon a model that takes none.
    """
    from imagineid.errors import BadInput

    if adapters is None:
        return model
    if model != "sd15":
        raise BadInput(
            f"--adapters are for sd15, not for {model}.\nUse:  --model sd15 --adapters {adapters}"
        )
    return adapters
