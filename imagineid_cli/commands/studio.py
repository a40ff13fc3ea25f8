"""``imagineid studio``: a local page in the browser."""

from __future__ import annotations

from typing import Annotated

import typer

from imagineid_cli import options
from imagineid_cli.errors import error_handling, say


def studio(
    port: Annotated[
        int | None, typer.Option(metavar="N", help="Of the address; a free one if not given.")
    ] = None,
    no_browser: Annotated[
        bool, typer.Option("--no-browser", help="Print the address, and open no browser.")
    ] = False,
    model: options.Model = "mini",
    engine: options.Engine = "auto",
    debug: options.Debug = False,
) -> None:
    """Open a web page to make videos; only this machine can reach it.

    Prints the address, which ends in a token.
    """
    with error_handling(debug):
        from importlib.util import find_spec

        from imagineid.errors import BackendMissing

        if find_spec("gradio") is None:
            raise BackendMissing("studio", "studio")
        from imagineid_studio import server

        def ready(address: str) -> None:
            typer.echo(address)
            say("Stop it with Ctrl-C.")
            if not no_browser:
                typer.launch(address)

        server.run(model, engine, server.free_port(port), server.new_token(), ready)
