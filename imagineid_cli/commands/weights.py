"""``imagineid models``: what is not embedded, fetched and looked after."""

from __future__ import annotations

import json
import sys
from typing import TYPE_CHECKING, Annotated, Any

import typer

from imagineid.signals import Stopped
from imagineid_cli import options
from imagineid_cli.errors import error_handling, say
from imagineid_cli.progress import DownloadProgress, size_text

if TYPE_CHECKING:
    from imagineid.hub.manifest import Item
    from imagineid.hub.store import LocalWeights

HELP = "List, fetch, check, find and remove the weights that are not embedded."

app = typer.Typer(name="weights", help=HELP, no_args_is_help=True)


def known_names(incomplete: str) -> list[str]:
    """Return what a name may be completed to by the shell."""
    from imagineid.hub.store import everything

    known = [one.name for one in everything()]
    models = {name.partition("/")[0] for name in known}
    return sorted(name for name in {*known, *models} if name.startswith(incomplete))


Name = Annotated[
    str, typer.Argument(metavar="NAME", help="As in the list.", autocompletion=known_names)
]
Names = Annotated[
    list[str], typer.Argument(metavar="NAME", help="As in the list.", autocompletion=known_names)
]


@app.command("list")
def list_(as_json: options.Json = False, debug: options.Debug = False) -> None:
    """Show what there is, what is here, its size and its licence.

    The embedded model, mini, needs nothing of it.
    No adapters for sd15 are published: bring your own with
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
            rows.append(_row(one, state(one), accepted))
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
            help="A folder or an address that has them: for adapters, or instead of the hub.",
        ),
    ] = "",
    sha256: Annotated[
        str,
        typer.Option(
            "--sha256", metavar="SUM", help="Of the one file, or of the list, at the address."
        ),
    ] = "",
    accept_licence: Annotated[
        bool, typer.Option("--accept-licence", help="Accept the licence; it is remembered.")
    ] = False,
    offline: Annotated[
        bool, typer.Option("--offline", help="Fetch nothing: only check that all is here.")
    ] = False,
    quiet: options.Quiet = False,
    debug: options.Debug = False,
) -> None:
    """Fetch weights, going on where an earlier try ended; check every byte.

    A model's name, sd15, stands for all that belongs to it.
    A name that is not in the list is taken from WHERE: your adapters.
    HF_ENDPOINT is asked first, then IMAGINEID_MIRROR, then the hub.
    Standard output holds only the folders.
    """
    with error_handling(debug), DownloadProgress(quiet) as watch:
        from imagineid.hub.manifest import select
        from imagineid.hub.obtain import obtain
        from imagineid.models import embedded_folder

        known = {name: select(name) for name in names}
        if sha256 and (len(names) > 1 or known[names[0]]):
            from imagineid.errors import BadInput

            raise BadInput("--sha256 is for one NAME that is not in the list.\nLeave it out.")
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
            say("Stopped. What came is kept: the same command goes on.")
            raise typer.Exit(int(getattr(stopped, "code", 130))) from None


@app.command()
def verify(
    names: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="NAME", help="All that is here if none.", autocompletion=known_names
        ),
    ] = None,
    as_json: options.Json = False,
    debug: options.Debug = False,
) -> None:
    """Check size and sha256 of every file that is here; exit code 3 if one is wrong."""
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
                typer.echo(f"{name}: {'; '.join(wrong) if wrong else 'every byte is right'}")
            if list(found) == ["mini"] and not names:
                say("Nothing is here but the embedded model.")
        if bad := [name for name, wrong in found.items() if wrong]:
            fetch = f"imagineid weights pull {' '.join(bad)}"
            again = "pip install --force-reinstall imagineid"
            raise BadWeights(
                f"{', '.join(bad)}: not as it must be.\n"
                f"Mend it:  {again if 'mini' in bad else fetch}"
            )


@app.command()
def path(name: Name, debug: options.Debug = False) -> None:
    """Print the folder of weights that are here."""
    with error_handling(debug):
        from imagineid import models
        from imagineid.hub.store import locate

        typer.echo(models.embedded_folder("mini") if name == "mini" else locate(name))


@app.command()
def remove(names: Names, debug: options.Debug = False) -> None:
    """Delete weights, and parts of them."""
    with error_handling(debug), DownloadProgress() as watch:
        from imagineid.errors import BadInput
        from imagineid.hub import store

        if "mini" in names:
            raise BadInput("mini is embedded.\nRemove all:  pip uninstall imagineid")
        for name in names:
            store.find(name)
        for name in names:
            say(f"{name}: {size_text(store.remove(name, watch))} are free again")


def state(one: LocalWeights) -> str:
    """Say in a word or two how much of it is here."""
    if not one.files:
        return "damaged"
    if one.whole:
        return "here"
    return f"{one.bytes_here / one.bytes:.0%} here" if one.bytes_here > 0 else "not here"


def _row(one: LocalWeights, state: str, accepted: bool) -> dict[str, Any]:
    """Return what the list says of some weights."""
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
    """Show a licence that has to be accepted, once, and remember the answer."""
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
    say(f"{item.name}: {item.licence} accepted ({text}); remembered in {accept(item.licence)}")
