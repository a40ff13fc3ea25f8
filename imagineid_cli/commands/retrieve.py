"""``imagineid retrieve``: recordings ranked by voice similarity (the paper's Fig. 6)."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from imagineid_cli import options
from imagineid_cli.errors import error_handling
from imagineid_cli.progress import TerminalProgress

if TYPE_CHECKING:
    from imagineid.pipeline import Pipeline
    from imagineid.retrieval import Matches

FACES, COLUMNS = 7, 4
"""Faces on the sheet beside the voice's own, and faces of a row."""


def retrieve(
    speech: Annotated[
        Path, typer.Argument(metavar="SPEECH", help="A recording of the voice to search for.")
    ],
    folder: Annotated[
        Path, typer.Argument(metavar="DIR", help="Folder to search, with its subfolders.")
    ],
    top: Annotated[int, typer.Option(metavar="N", help="Number of results.")] = 10,
    sheet: Annotated[
        Path | None,
        typer.Option(
            metavar="OUT.png", help="Draw a face for the voice and for the most similar ones."
        ),
    ] = None,
    seed: Annotated[int, typer.Option(metavar="N", help="Seed of the faces on the sheet.")] = 0,
    track: options.Track = None,
    overwrite: options.Overwrite = False,
    quiet: options.Quiet = False,
    as_json: options.Json = False,
    debug: options.Debug = False,
    model: options.Model = "mini",
    engine: options.Engine = "auto",
) -> None:
    """Rank the recordings of a folder by voice similarity.

    Similarity is the cosine of the identity embeddings, 1 for identical.
    Example:  retrieve speech.wav recordings/ --sheet alike.png
    """
    with error_handling(debug):
        from imagineid import pipeline, retrieval
        from imagineid.audio.decode import open_regular
        from imagineid.errors import BadInput
        from imagineid.files import check_output, check_outputs

        if top < 1:
            raise BadInput(f"--top {top} is less than 1.\nTry:  --top 10")
        paths = retrieval.recordings_in(folder, speech)
        if sheet is not None:
            check_output(sheet, overwrite, ".png")
            check_outputs([sheet], [speech, *paths])
        open_regular(speech).close()
        progress = TerminalProgress(quiet)
        pipe = pipeline.load(model, engine=engine)
        matches = retrieval.retrieve(pipe, speech, paths, progress, track)
        if sheet is not None:
            _draw(sheet, pipe, matches, seed, overwrite, progress)
        if as_json:
            known = {
                "path": str(speech),
                **retrieval.identity_as_json(matches.query.identity),
                "alike": [match.as_json() for match in matches.found[:top]],
                "unread": [str(path) for path in matches.unread],
            }
            typer.echo(json.dumps(known, ensure_ascii=False))
        else:
            for match in matches.found[:top]:
                words = f"{match.identity.gender}, about {match.identity.age:.0f}"
                typer.echo(f"{match.likeness:6.3f}  {match.path}  ({words})")


def _draw(
    sheet: Path,
    pipe: Pipeline,
    matches: Matches,
    seed: int,
    overwrite: bool,
    progress: TerminalProgress,
) -> None:
    """Draw a neutral portrait of each voice, all with one seed, and write them to one picture."""
    from imagineid.plots.contact_sheet import write_contact_sheet
    from imagineid.retrieval import portraits

    chosen = matches.found[:FACES]
    faces = portraits(pipe, [matches.query, *chosen], seed, progress)
    captions = [f"{match.path.name}\n{match.likeness:.3f}" for match in chosen]
    captions.insert(0, f"{matches.query.path.name}\nquery")
    write_contact_sheet(sheet, faces, captions, COLUMNS, overwrite)
    progress.line(f"faces: {sheet}")
