"""``imagineid retrieve``: whose recordings sound most like this voice (the paper's Fig. 6)."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from imagineid_cli import options
from imagineid_cli.batch_inputs import SOUNDS
from imagineid_cli.errors import error_handling
from imagineid_cli.progress import Progress
from imagineid_cli.render import ModelChoice

if TYPE_CHECKING:
    import numpy as np

    from imagineid.pad.factors import Identity
    from imagineid.pipeline import Pipeline

FACES = 7
"""Faces on the sheet beside the first voice's."""


@dataclass(frozen=True)
class Found:
    """A recording, whose voice is in it, and its cosine to the first, -1 to 1."""

    path: Path
    identity: Identity
    likeness: float


def retrieve(
    speech: Annotated[
        Path, typer.Argument(metavar="SPEECH", help="A recording of the voice to look for.")
    ],
    folder: Annotated[
        Path, typer.Argument(metavar="DIR", help="Recordings; folders in it are searched, too.")
    ],
    top: Annotated[int, typer.Option(metavar="N", help="List so many.")] = 10,
    sheet: Annotated[
        Path | None,
        typer.Option(
            metavar="OUT.png", help="Imagine a face for the voice and for those most like it."
        ),
    ] = None,
    seed: Annotated[int, typer.Option(metavar="N", help="Of the faces on the sheet.")] = 0,
    overwrite: options.Overwrite = False,
    quiet: options.Quiet = False,
    as_json: options.Json = False,
    debug: options.Debug = False,
    model: options.Model = "mini",
    engine: options.Engine = options.EngineName.auto,
) -> None:
    """Rank the recordings of a folder by how much their voices are like one voice.

    Likeness is the cosine of the two voices' identities, 1 for the same.
    Example:  retrieve speech.wav recordings/ --sheet alike.png
    """
    with error_handling(debug):
        paths = _plan(speech, folder, top, sheet, overwrite)
        show = Progress(quiet)
        from imagineid.audio import open_sound

        with open_sound(speech) as sound:
            pipe = ModelChoice(model, engine.value).load()
            who = pipe.encode_identity(sound)
        ranked, broken = _ranked(pipe, who, paths, show)
        if sheet is not None:
            _draw(sheet, pipe, Found(speech, who, 1.0), ranked[:FACES], seed, overwrite, show)
        if as_json:
            rows = [_row(found) for found in ranked[:top]]
            told_all = {"path": str(speech), **_about(who), "alike": rows, "unread": broken}
            typer.echo(json.dumps(told_all, ensure_ascii=False))
        else:
            for found in ranked[:top]:
                words = f"{found.identity.gender}, about {found.identity.age:.0f}"
                typer.echo(f"{found.likeness:6.3f}  {found.path}  ({words})")


def _plan(speech: Path, folder: Path, top: int, sheet: Path | None, overwrite: bool) -> list[Path]:
    """Check what was typed; return the recordings to listen to, but for the first itself."""
    from imagineid.errors import BadInput
    from imagineid.files import check_output, check_outputs

    if top < 1:
        raise BadInput(f"--top {top} is less than 1.\nTry:  --top 10")
    if not folder.is_dir():
        raise BadInput(f"There is no folder {folder}.\nSee what there is:  ls {folder.parent}")
    if sheet is not None:
        check_output(sheet, overwrite, ".png")
    try:
        paths = [p for p in sorted(folder.rglob("*")) if p.suffix.lower() in SOUNDS and p.is_file()]
    except OSError as error:
        raise BadInput(f"{folder} can't be read: {error.strerror}.\nLook:  ls {folder}") from error
    check_outputs([sheet], [speech, *paths])
    paths = [p for p in paths if not (speech.exists() and p.samefile(speech))]
    if not paths:
        raise BadInput(
            f"There are no other recordings in {folder}.\n"
            f"Their names end in:  {' '.join(sorted(SOUNDS))}"
        )
    return paths


def _ranked(
    pipe: Pipeline, who: Identity, paths: list[Path], show: Progress
) -> tuple[list[Found], list[str]]:
    """Listen to every recording; return those heard, the most alike first, and those unread."""
    from imagineid.audio import open_sound
    from imagineid.errors import BadInput, BadSound

    found, broken = [], []
    with show.stage("listening", len(paths), "recordings") as advance:
        for number, path in enumerate(paths, 1):
            try:
                with open_sound(path) as sound:
                    other = pipe.encode_identity(sound)
                found.append(Found(path, other, likeness(who.theta, other.theta)))
            except BadSound as error:
                broken.append(str(path))
                show.warn(str(error).splitlines()[0])
            advance(number)
    if not found:
        raise BadInput(
            "None of the recordings can be read.\nName another folder:  retrieve A.wav DIR"
        )
    return sorted(found, key=lambda f: -f.likeness), broken


def likeness(a: np.ndarray, b: np.ndarray) -> float:
    """Return the cosine of two identities (512,)."""
    import numpy as np

    return float(a @ b / max(float(np.linalg.norm(a) * np.linalg.norm(b)), 1e-12))


def _about(who: Identity) -> dict[str, Any]:
    return {"gender": who.gender, "age": round(who.age)}


def _row(found: Found) -> dict[str, Any]:
    return {"path": str(found.path), "likeness": round(found.likeness, 4)} | _about(found.identity)


def _draw(
    sheet: Path,
    pipe: Pipeline,
    first: Found,
    others: list[Found],
    seed: int,
    overwrite: bool,
    show: Progress,
) -> None:
    """Imagine a neutral portrait of each voice, all of one seed, and write them side by side."""
    from imagineid_cli.portraits import write_portraits

    faces, captions = [], []
    with show.stage("imagining", 1 + len(others), "faces") as advance:
        for found in (first, *others):
            faces.append(pipe.portrait(found.identity, seed))
            captions.append(f"{found.path.name}\n{found.likeness:.3f}")
            advance(len(faces))
    captions[0] = f"{first.path.name}\nthe voice looked for"
    write_portraits(sheet, faces, captions, overwrite)
    show.line(f"faces: {sheet}")
