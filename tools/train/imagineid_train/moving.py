"""``python -m imagineid_train.moving STAGE``: train a stage of a size that moves its first frame.

    python -m imagineid_train.moving                      every stage in turn
    python -m imagineid_train.moving frame_decoder --minutes 60

A stage goes on until it has had its minutes in all, earlier runs included; a run that was killed
goes on from its last checkpoint.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable
from dataclasses import replace

import torch

from imagineid.spec import MINI, MINI_512, Size
from imagineid_train import moves
from imagineid_train.stages import STAGES, autoencoder

MOVING_256 = replace(MINI, name="mini-256", frame_decoder=MINI_512.frame_decoder)
"""The embedded model's networks, with the decoder of later frames beside them."""

SIZES = {size.name: size for size in (MINI_512, MOVING_256)}

STEPS: dict[str, Callable[[Size], None]] = {
    "moves": moves.cache,
    "normalise": autoencoder.normalise,
}
"""What ends by itself, by name."""

ORDER = ("moves", "autoencoder", "normalise", *(s.name for s in STAGES if s.name != "autoencoder"))


def main() -> None:
    """Run the stages named, or all in order."""
    parser = argparse.ArgumentParser(prog="imagineid_train.moving", description=__doc__)
    parser.add_argument("stages", nargs="*", metavar="STAGE", help=f"of {', '.join(ORDER)}")
    parser.add_argument("--minutes", type=float, help="of training in all, earlier runs included")
    parser.add_argument("--size", choices=sorted(SIZES), default=MINI_512.name)
    parser.add_argument("--threads", type=int, default=torch.get_num_threads())
    chosen = parser.parse_args()
    unknown = [name for name in chosen.stages if name not in ORDER]
    if unknown:
        parser.error(f"no stage {unknown[0]}; there are {', '.join(ORDER)}")
    torch.set_num_threads(chosen.threads)
    torch.manual_seed(0)
    size, stages = SIZES[chosen.size], {stage.name: stage for stage in STAGES}
    for name in chosen.stages or ORDER:
        if name in STEPS:
            STEPS[name](size)
        else:
            stages[name].run(size, chosen.minutes)


if __name__ == "__main__":
    main()
