"""``imagineid avatar``: faces that stay, each in one file."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated

import typer

from imagineid_cli import options
from imagineid_cli.errors import error_handling
from imagineid_cli.progress import TerminalProgress

app = typer.Typer(name="avatar", help="Save faces and use them again.", no_args_is_help=True)

Name = Annotated[str, typer.Argument(metavar="NAME", help="Of the avatar.")]


@app.command()
def save(
    name: Name,
    video: Annotated[Path, typer.Argument(metavar="VIDEO", help="A video made by imagineid.")],
    overwrite: options.Overwrite = False,
    model: options.Model = "mini",
    debug: options.Debug = False,
) -> None:
    """Save the face of a video under a name; print its file, which can be given away."""
    with error_handling(debug):
        from imagineid import avatars, pipeline

        avatars.check_name(name)
        found = avatars.of_video(pipeline.load(model), video)
        path = avatars.save(name, found, overwrite)
        TerminalProgress().line(f'use it:  imagineid generate AUDIO --avatar "{name}"')
        typer.echo(path)


@app.command("list")
def list_(as_json: options.Json = False, debug: options.Debug = False) -> None:
    """Print the saved avatars, a line each."""
    with error_handling(debug):
        from imagineid import avatars

        found = {name: avatars.load(name).info() for name in avatars.saved()}
        if as_json:
            typer.echo(json.dumps(found, ensure_ascii=False, indent=2))
            return
        for name, known in found.items():
            who = f"{known['gender']}, about {known['age']}"
            typer.echo(f"{name:<20} {who:<20} {known['prompt']}".rstrip())
        if not found:
            TerminalProgress().line("There is none yet:  imagineid avatar save NAME VIDEO")


@app.command()
def show(
    name: Name,
    output: Annotated[
        Path | None, typer.Option("-o", "--output", metavar="PNG", help="Write its picture here.")
    ] = None,
    overwrite: options.Overwrite = False,
    debug: options.Debug = False,
) -> None:
    """Print what is known of an avatar, as JSON; with -o write its picture."""
    with error_handling(debug):
        from PIL import Image

        from imagineid import avatars
        from imagineid.files import atomic_output, check_output

        if output is not None:
            check_output(output, overwrite, ".png")
        avatar = avatars.load(name)
        if output is not None:
            with atomic_output(output, overwrite) as part:
                Image.fromarray(avatar.first).save(part, "PNG")
        typer.echo(json.dumps(avatar.info(), ensure_ascii=False, indent=2))


@app.command()
def remove(name: Name, debug: options.Debug = False) -> None:
    """Remove a saved avatar; print the file that is gone."""
    with error_handling(debug):
        from imagineid import avatars

        typer.echo(avatars.remove(name))
