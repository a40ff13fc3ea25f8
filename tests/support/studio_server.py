"""The page upon the tiny model: ``python -m support.studio_server PORT TOKEN``."""

from __future__ import annotations

import sys
from functools import partial

from imagineid import pipeline
from imagineid_studio import server
from support import plain_pipeline

if __name__ == "__main__":
    pipeline.load = plain_pipeline.load
    server.run("mini", "auto", int(sys.argv[1]), sys.argv[2], partial(print, flush=True))
