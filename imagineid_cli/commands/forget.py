"""``imagineid forget``: what was kept of people's voices is removed."""

from __future__ import annotations

from typing import Annotated

import typer

from imagineid_cli.errors import error_handling, say


def forget(
    debug: Annotated[bool, typer.Option("--debug", help="Print a traceback on errors.")] = False,
) -> None:
    """Delete what was stored of voices for swap, and the frame cache; list where it was.

    Videos and saved avatars stay.
    """
    with error_handling(debug):
        from imagineid.cache import Cache
        from imagineid.swap_store import clear

        for path in clear():
            say(f"removed: {path}")
        cache = Cache.default()
        pieces, _ = cache.size()
        cache.clear()
        say(f"removed: {pieces} pieces of video in {cache.folder}")
        say("avatars that were saved stay: imagineid avatar list")
