"""Folders of this machine: where weights, frames and what is kept of videos lie."""

from __future__ import annotations

import os
from pathlib import Path


def home() -> Path:
    """Return the folder for everything that is kept: ``IMAGINEID_HOME``, or the system's place."""
    if given := os.environ.get("IMAGINEID_HOME"):
        return Path(given).expanduser().absolute()
    from platformdirs import user_data_path

    return user_data_path("imagineid", appauthor=False)


def weights_home() -> Path:
    """Return the folder of all weights that are not embedded; it need not exist."""
    return home() / "weights"


def cache_home() -> Path:
    """Return the folder of what can be made again: in ``IMAGINEID_HOME``, or the system's place."""
    if given := os.environ.get("IMAGINEID_HOME"):
        return Path(given).expanduser().absolute() / "cache"
    from platformdirs import user_cache_path

    return user_cache_path("imagineid")


def videos_home() -> Path:
    """Return the folder of what is remembered of the last videos."""
    return home() / "videos"
