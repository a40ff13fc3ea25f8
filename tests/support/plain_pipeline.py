"""The whole command upon the tiny model of :mod:`imagineid.testing`.

``python -m support.plain_pipeline generate ...``; ``PLAIN_FRAME_S`` says how long a frame takes;
with ``PLAIN_BLIND`` none can be made.
"""

from __future__ import annotations

import os
import time
from dataclasses import replace
from typing import Any

from imagineid import pipeline, testing


def load(model: str = "mini", engine: str = "auto", attention: str = "auto") -> pipeline.Pipeline:
    """The tiny pipeline, as slow or as blind as the environment says."""
    pipe = testing.load(model, engine, attention)

    def decoder(**inputs: Any) -> dict[str, Any]:
        if "PLAIN_BLIND" in os.environ:
            raise RuntimeError("no frame can be imagined")
        time.sleep(float(os.environ.get("PLAIN_FRAME_S", "0")) * len(inputs["latent"]))
        return pipe.engines["decoder"](**inputs)

    return replace(pipe, engines={**pipe.engines, "decoder": decoder})


if __name__ in ("__main__", "__mp_main__"):  # the latter in the workers of a batch
    pipeline.load = load

if __name__ == "__main__":
    from imagineid_cli.main import run

    run()
