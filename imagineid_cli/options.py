"""The options that commands share, each written once."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Any

import typer

from imagineid.backends import ATTENTION, ENGINES, EXPORTED
from imagineid.spec import EMOTIONS


def one_of(names: Sequence[str], help: str) -> Any:
    """Return an option whose value is one of ``names``, which Tab completes."""

    def check(value: str | None) -> str | None:
        if value is not None and value not in names:
            raise typer.BadParameter(f"{value!r} is not one of {', '.join(names)}")
        return value

    def complete(incomplete: str) -> list[str]:
        return [name for name in names if name.startswith(incomplete)]

    metavar = "|".join(names)
    return typer.Option(metavar=metavar, help=help, callback=check, autocompletion=complete)


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
    str | None, one_of(EMOTIONS, "Show this emotion, whatever is heard in the voice.")
]
Strength = Annotated[
    float | None,
    typer.Option(metavar="X", help="How much of what is swapped: 0 nothing, 1 all of it."),
]
Voice = Annotated[
    str | None,
    typer.Option(metavar="TEXT", help='Who speaks, if it is heard wrongly: "woman, 25".'),
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
Engine = Annotated[str, one_of(ENGINES, "What runs the networks.")]
Attention = Annotated[str, one_of(ATTENTION, "How the torch engine attends.")]
Format = Annotated[
    str, one_of(EXPORTED, "onnx runs anywhere; the others are engines for NVIDIA GPUs.")
]
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
