"""``imagineid cache``: size of the frame cache, and clearing it."""

from __future__ import annotations

import json

import typer

from imagineid_cli import options
from imagineid_cli.errors import error_handling, say

app = typer.Typer(
    name="cache", help="Show or clear the cache of generated frames.", no_args_is_help=True
)


@app.command()
def size(as_json: options.Json = False, debug: options.Debug = False) -> None:
    """Print size, limit and folder of the cache."""
    from imagineid.cache import GIGABYTE, Cache

    with error_handling(debug):
        cache = Cache.default()
        pieces, taken = cache.size()
        if as_json:
            known = {"path": str(cache.folder), "pieces": pieces, "bytes": taken}
            typer.echo(json.dumps(known | {"limit_bytes": cache.limit}))
        else:
            gigabytes, limit = taken / GIGABYTE, cache.limit / GIGABYTE
            typer.echo(f"{gigabytes:.2f} of {limit:g} GB, {pieces} pieces in {cache.folder}")


@app.command()
def clear(debug: options.Debug = False) -> None:
    """Delete all cached frames; videos are kept."""
    from imagineid.cache import GIGABYTE, Cache

    with error_handling(debug):
        cache = Cache.default()
        say(f"{cache.clear() / GIGABYTE:.2f} GB were freed.")
