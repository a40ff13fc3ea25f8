"""Folders of the user: weights, cache and stored factors."""

from __future__ import annotations

import os
from pathlib import Path

from imagineid.errors import BadInput


def home() -> Path:
    """Return the folder of stored data: ``IMAGINEID_HOME``, or the system's place.

    Raises:
        BadInput: ``IMAGINEID_HOME`` names a user without a home folder.
    """
    if folder := _home_from_environment():
        return folder
    from platformdirs import user_data_path

    return user_data_path("imagineid", appauthor=False)


def weights_home() -> Path:
    """Return the folder of all weights that are not embedded; it need not exist."""
    return home() / "weights"


def cache_home() -> Path:
    """Return the folder of caches: in ``IMAGINEID_HOME``, or the system's place."""
    if folder := _home_from_environment():
        return folder / "cache"
    from platformdirs import user_cache_path

    return user_cache_path("imagineid")


def videos_home() -> Path:
    """Return the folder of the stored factors of the last videos."""
    return home() / "videos"


def _home_from_environment() -> Path | None:
    value = os.environ.get("IMAGINEID_HOME")
    if not value:
        return None
    try:
        return Path(value).expanduser().absolute()
    except RuntimeError as error:
        raise BadInput(
            f"IMAGINEID_HOME is {value}, and there is no such home.\n"
            "Set it:  export IMAGINEID_HOME=DIR"
        ) from error
