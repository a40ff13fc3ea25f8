"""The options that commands share, each written once."""

from __future__ import annotations

from enum import Enum
from pathlib import Path
from typing import Annotated

import typer


class EngineName(str, Enum):
    """What may run the networks."""

    auto = "auto"
    onnx = "onnx"
    torch = "torch"
    tensorrt = "tensorrt"
    tensorrt_rtx = "tensorrt-rtx"


class EmotionName(str, Enum):
    """The eight emotions, in the order of :data:`imagineid.spec.EMOTIONS`."""

    neutral = "neutral"
    angry = "angry"
    contempt = "contempt"
    disgusted = "disgusted"
    fear = "fear"
    happy = "happy"
    sad = "sad"
    surprised = "surprised"


def value(choice: Enum | None) -> str | None:
    """Return what was chosen, as the library names it."""
    return None if choice is None else str(choice.value)


def chains_of(said: str) -> int | None:
    """Read ``--chains``: None for ``auto``.

    Raises:
        BadInput: it is neither that nor a number in range.
    """
    from imagineid.errors import BadInput
    from imagineid.request import CHAINS

    if said == "auto":
        return None
    if said.isdecimal() and 1 <= int(said) <= CHAINS:
        return int(said)
    raise BadInput(f"--chains {said} is neither auto nor 1 to {CHAINS}.\nTry:  --chains auto")


# ---- how it looks

Prompt = Annotated[
    str | None,
    typer.Option(metavar="TEXT", help='What a face shall look like: "red hair, glasses".'),
]
Steps = Annotated[int | None, typer.Option(metavar="N", help="Denoising steps of a frame.")]
Guidance = Annotated[
    float | None,
    typer.Option(metavar="X", help="How strongly the prompt pulls; 1 is not at all."),
]

Exact = Annotated[
    bool,
    typer.Option(
        "--exact",
        help="Follow the paper's algorithm as written: 50 steps, each frame from the last. Slow.",
    ),
]

# ---- how it feels and moves

Emotion = Annotated[
    EmotionName | None,
    typer.Option("--emotion", help="Feel this, whatever the voice feels."),
]
Strength = Annotated[
    float | None,
    typer.Option(metavar="X", help="How much of what is swapped: 0 nothing, 1 all of it."),
]
PoseFrom = Annotated[
    Path | None,
    typer.Option(
        metavar="REF", help="Move head and lids as a video does, or a Live Link Face CSV."
    ),
]
Still = Annotated[bool, typer.Option("--still", help="Hold the head still, and do not blink.")]

# ---- what runs it

Model = Annotated[
    str,
    typer.Option(metavar="mini|sd15|DIR", help="The model; DIR is what export made, or adapters."),
]
Adapters = Annotated[
    str | None,
    typer.Option(metavar="NAME|DIR", help="Which adapters, where there are several for sd15."),
]
Engine = Annotated[EngineName, typer.Option(help="What runs the networks.")]
Chains = Annotated[
    str, typer.Option(metavar="K|auto", help="Stretches of the video imagined side by side.")
]
NoCache = Annotated[
    bool, typer.Option("--no-cache", help="Take no frames from earlier runs, and keep none.")
]

# ---- what is written and said

Overwrite = Annotated[bool, typer.Option("--overwrite", help="Replace what is there.")]
Quiet = Annotated[bool, typer.Option("--quiet", "-q", help="Show no progress.")]
Json = Annotated[bool, typer.Option("--json", help="Print one JSON object.")]
Debug = Annotated[bool, typer.Option("--debug", help="Show where an error arose.")]


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
