"""Weights by name: of the manifest, or the user's own."""

from __future__ import annotations

from pathlib import Path

from imagineid.errors import BadInput, BadWeights
from imagineid.hub.download import DownloadListener
from imagineid.hub.manifest import select
from imagineid.hub.store import faults, locate, pull, user_weights
from imagineid.hub.user_weights import add_address, add_folder


def obtain(
    name: str, watch: DownloadListener, origin: str = "", sum_: str = "", offline: bool = False
) -> Path:
    """Fetch weights, or find them where they are here; return their folder.

    Args:
        name: an item of the manifest, or what the user calls weights of their own.
        watch: receives messages and progress.
        origin: a folder or an address that has them; "" for the hub and its mirrors.
        sum_: sha256 of the one file, or of the list, at the address; "" if unknown.
        offline: whether nothing may be fetched.

    Raises:
        BadInput: nothing is called so, or the origin can't be used.
        BadWeights: they are damaged, or, offline, not all here.
        DownloadFailed: a file could not be had.
        BadOutput: there is no room, or no right to write.
    """
    items = select(name)
    if not items:
        return _obtain_own(name, watch, origin, sum_, offline)
    for item in () if offline else items:
        folder = pull(item, watch, origin)
        watch.line(f"{item.name}: all files are valid, in {folder}")
    return locate(name)


def _obtain_own(name: str, watch: DownloadListener, origin: str, sum_: str, offline: bool) -> Path:
    """Add weights that are not in the manifest from a folder or an address."""
    for one in () if origin else user_weights():
        if one.name == name:
            if wrong := faults(one):
                raise BadWeights(
                    f"{'; '.join(wrong)}.\n"
                    f"Add them again:  imagineid weights remove {name}, then pull --from WHERE"
                )
            return one.path
    if not origin:
        raise BadInput(
            f"There are no weights called {name!r}, and no adapters are published.\n"
            f"Add your own:  imagineid weights pull --from WHERE {name}"
        )
    if "://" not in origin:
        return add_folder(name, Path(origin), watch)
    if offline:
        raise BadInput(f"--offline downloads nothing.\nRemove it:  --from {origin}")
    return add_address(name, origin, sum_, watch)
