"""``python -m imagineid_train STAGE --minutes M``: train one stage, or go on with it."""

from __future__ import annotations

import argparse
import importlib

import torch

from imagineid.spec import SIZES
from imagineid_train import moving
from imagineid_train.loop import SEED

STAGES = {
    "autoencoder": ("autoencoder", "run", 45.0),
    "normalise": ("latents", "normalise", 0.0),
    "latents": ("latents", "cache", 0.0),
    "decoder": ("autoencoder", "run_decoder", 30.0),
    "identity": ("identity", "run", 15.0),
    "reader": ("content", "run_reader", 2.0),
    "content": ("content", "run", 15.0),
    "emotion": ("emotion", "run", 15.0),
    "base": ("base", "run", 60.0),
    "tia": ("tia", "run", 10.0),
    "sca": ("sca", "run", 60.0),
    "mba": ("mba", "run", 5.0),
    "matte": ("mba", "run_matte", 5.0),
    "ship": ("ship", "ship", 0.0),
    "ship-voices": ("ship", "ship_voices", 0.0),
    "unship": ("ship", "unship", 0.0),
    "sums": ("ship", "sums", 0.0),
}
"""Stage: its module, its function and its usual minutes (0: it ends by itself), in order."""


def main() -> None:
    """Run the stages named, in the order of :data:`STAGES`."""
    parser = argparse.ArgumentParser(prog="imagineid_train", description=__doc__)
    parser.add_argument("stages", nargs="*", metavar="STAGE", help=f"of {', '.join(STAGES)}")
    parser.add_argument("--minutes", type=float, help="of training in all, earlier runs included")
    parser.add_argument("--size", choices=sorted({*SIZES, *moving.SIZES}), default="mini")
    parser.add_argument("--threads", type=int, default=torch.get_num_threads())
    said = parser.parse_args()
    torch.set_num_threads(said.threads)
    torch.manual_seed(SEED)
    if said.size in moving.SIZES:
        try:
            moving.run(moving.SIZES[said.size], said.stages, said.minutes)
        except ValueError as error:
            parser.error(str(error))
        return
    unknown = [s for s in said.stages if s not in STAGES]
    if unknown:
        parser.error(f"no stage {unknown[0]}; there are {', '.join(STAGES)}")
    for stage in said.stages or [s for s in STAGES if s not in ("ship-voices", "unship", "sums")]:
        module, function, minutes = STAGES[stage]
        call = getattr(importlib.import_module(f"imagineid_train.{module}"), function)
        if minutes:
            call(SIZES[said.size], said.minutes or minutes)
        else:
            call(SIZES[said.size])


if __name__ == "__main__":
    main()
