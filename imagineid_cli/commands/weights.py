"""``imagineid weights``: download, check and remove weights that are not embedded."""

from __future__ import annotations

import json
import sys
from typing import TYPE_CHECKING, Annotated, Any

import typer

from imagineid.progress import size_text
from imagineid.signals import Stopped
from imagineid_cli import options
from imagineid_cli.errors import error_handling, say
from imagineid_cli.progress import DownloadProgress

if TYPE_CHECKING:
    from imagineid.hub.manifest import Item
    from imagineid.hub.store import LocalWeights

HELP = "List, download, check and remove weights that are not embedded."

app = typer.Typer(name="weights", help=HELP, no_args_is_help=True)


def known_names(incomplete: str) -> list[str]:
    """Return the names for shell completion."""
    from imagineid.hub.store import everything

    known = [one.name for one in everything()]
    models = {name.partition("/")[0] for name in known}
    return sorted(name for name in {*known, *models} if name.startswith(incomplete))


Name = Annotated[
    str,
    typer.Argument(metavar="NAME", help="A name from `weights list`.", autocompletion=known_names),
]
Names = Annotated[
    list[str],
    typer.Argument(metavar="NAME", help="A name from `weights list`.", autocompletion=known_names),
]


@app.command("list")
def list_(as_json: options.Json = False, debug: options.Debug = False) -> None:
    """List available and installed weights, with sizes and licences.

    The embedded model, mini, needs none of them.
    No adapters for sd15 are published. Add your own with
    weights pull --from WHERE NAME.
    """
    with error_handling(debug):
        from imagineid import models
        from imagineid.hub.acceptance import is_accepted
        from imagineid.hub.store import everything
        from imagineid.paths import weights_home

        rows = [_row(models.embedded_weights(), "embedded", accepted=True)]
        for one in everything():
            accepted = is_accepted(one.licence) or not _must_accept(one.name)
            rows.append(_row(one, one.state, accepted))
        if as_json:
            typer.echo(json.dumps({"home": str(weights_home()), "weights": rows}, indent=2))
            return
        for row in rows:
            size = size_text(row["bytes"])
            known = row["licence"] or "licence unknown"
            typer.echo(
                f"{row['name']:<16} {size:>8}  {row['state']:<9}  {known:<21}  {row['what']}"
            )
        say(f"in {weights_home()}; no adapters are published: weights pull --from WHERE NAME")


@app.command()
def pull(
    names: Names,
    origin: Annotated[
        str,
        typer.Option(
            "--from",
            metavar="WHERE",
            help="A folder or an https address: for adapters, or instead of the hub.",
        ),
    ] = "",
    sha256: Annotated[
        str,
        typer.Option(
            "--sha256",
            metavar="SUM",
            help="SHA-256 of the file, or of the list of files, at the address.",
        ),
    ] = "",
    accept_licence: Annotated[
        bool, typer.Option("--accept-licence", help="Accept the licence; the answer is saved.")
    ] = False,
    offline: Annotated[
        bool, typer.Option("--offline", help="Download nothing; only check what is installed.")
    ] = False,
    quiet: options.Quiet = False,
    debug: options.Debug = False,
) -> None:
    """Download weights, or continue a download, and check their SHA-256.

    The name of a model, sd15, means all its items.
    A name that is not in the list is added from WHERE: your adapters.
    HF_ENDPOINT is tried first, then IMAGINEID_MIRROR, then the hub.
    Standard output holds only the folders.
    """
    with error_handling(debug), DownloadProgress(quiet) as watch:
        from imagineid.hub.manifest import select
        from imagineid.hub.obtain import obtain
        from imagineid.models import embedded_folder

        known = {name: select(name) for name in names}
        if sha256 and (len(names) > 1 or known[names[0]]):
            from imagineid.errors import BadInput

            raise BadInput("--sha256 is for one NAME that is not in the list.\nRemove it.")
        for item in (item for chosen in known.values() for item in chosen):
            if not offline:
                _licence(item, accept_licence, names)
        try:
            for name in names:
                if name == "mini" and not origin:
                    typer.echo(embedded_folder(name))
                else:
                    typer.echo(obtain(name, watch, origin, sha256, offline))
        except (KeyboardInterrupt, Stopped) as stopped:
            say("Stopped. The same command continues the download.")
            raise typer.Exit(int(getattr(stopped, "code", 130))) from None


@app.command()
def verify(
    names: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="NAME",
            help="Names from `weights list`. [default: all that are installed]",
            autocompletion=known_names,
        ),
    ] = None,
    as_json: options.Json = False,
    debug: options.Debug = False,
) -> None:
    """Check size and SHA-256 of all installed files; the exit code is 3 if one is wrong."""
    with error_handling(debug):
        from imagineid.errors import BadWeights
        from imagineid.hub.store import everything, faults, find
        from imagineid.models import embedded_weights

        known = {"mini": lambda name: [embedded_weights()]}
        chosen = [one for name in names or () for one in known.get(name, find)(name)]
        if not names:
            here = [one for one in everything() if one.bytes_here or not one.files]
            chosen = [embedded_weights(), *here]
        found = {one.name: faults(one) for one in chosen}
        if as_json:
            typer.echo(json.dumps({name: {"faults": wrong} for name, wrong in found.items()}))
        else:
            for name, wrong in found.items():
                typer.echo(f"{name}: {'; '.join(wrong) if wrong else 'all files are valid'}")
            if list(found) == ["mini"] and not names:
                say("Only the embedded model is installed.")
        if bad := [name for name, wrong in found.items() if wrong]:
            fetch = f"imagineid weights pull {' '.join(bad)}"
            again = "pip install --force-reinstall imagineid"
            raise BadWeights(
                f"{', '.join(bad)}: not as it must be.\n"
                f"Fix it:  {again if 'mini' in bad else fetch}"
            )


@app.command()
def path(name: Name, debug: options.Debug = False) -> None:
    """Print the folder of installed weights."""
    with error_handling(debug):
        from imagineid import models
        from imagineid.hub.store import locate

        typer.echo(models.embedded_folder("mini") if name == "mini" else locate(name))


@app.command()
def remove(names: Names, debug: options.Debug = False) -> None:
    """Delete weights and incomplete downloads."""
    with error_handling(debug), DownloadProgress() as watch:
        from imagineid.errors import BadInput
        from imagineid.hub import store

        if "mini" in names:
            raise BadInput(
                "mini is part of the package.\nRemove the package:  pip uninstall imagineid"
            )
        for name in names:
            store.find(name)
        for name in names:
            say(f"{name}: {size_text(store.remove(name, watch))} were freed")


def _row(one: LocalWeights, state: str, accepted: bool) -> dict[str, Any]:
    """Return the status of some weights, as ``list`` prints it."""
    return {
        "name": one.name,
        "bytes": one.bytes,
        "state": state,
        "licence": one.licence,
        "accepted": accepted,
        "what": one.what,
        "path": str(one.path),
    }


def _must_accept(name: str) -> bool:
    from imagineid.hub.manifest import select

    return any(item.accept for item in select(name))


def _licence(item: Item, accepted: bool, names: list[str]) -> None:
    """Show a licence that must be accepted, and save the answer."""
    from imagineid.errors import BadInput
    from imagineid.hub.acceptance import accept, is_accepted
    from imagineid.hub.manifest import LICENCES

    if not item.accept or is_accepted(item.licence):
        return
    text = LICENCES / f"{item.licence}.txt"
    if not accepted and sys.stdin.isatty() and sys.stderr.isatty():
        say(text.read_text(encoding="utf-8"))
        accepted = typer.confirm(f"{item.name}: do you accept this licence?", err=True)
    if not accepted:
        raise BadInput(
            f"{item.name} has a licence that forbids some uses: {item.licence}.\n"
            f"Read it:  {text}\n"
            f"Accept it:  imagineid weights pull {' '.join(names)} --accept-licence"
        )
    say(f"{item.name}: {item.licence} accepted ({text}); saved in {accept(item.licence)}")
