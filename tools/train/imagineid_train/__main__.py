"""``python -m imagineid_train STAGE --minutes M``: train one stage, or go on with it.

``python -m imagineid_train sd15 --help`` is the training at the paper's scale.
"""

from __future__ import annotations

import argparse
import sys

import torch

from imagineid.spec import MINI
from imagineid_train import moves
from imagineid_train.loop import SEED
from imagineid_train.recipe import RECIPE
from imagineid_world.split import share_of


def main() -> None:
    """Run the stages named, or all of the size in order."""
    if sys.argv[1:2] == ["sd15"]:
        from imagineid_train.sd15.command import main as train_sd15

        sys.exit(train_sd15(sys.argv[2:]))
    parser = argparse.ArgumentParser(prog="imagineid_train", description=__doc__)
    names = f"of {', '.join(RECIPE.names)}"
    parser.add_argument("stages", nargs="*", metavar="STAGE", help=names)
    parser.add_argument("--minutes", type=float, help="of training in all, earlier runs included")
    parser.add_argument(
        "--share", type=share_of, metavar="K/N", help="with moves alone: which of N processes it is"
    )
    parser.add_argument("--threads", type=int, default=torch.get_num_threads())
    args = parser.parse_args()
    torch.set_num_threads(args.threads)
    torch.manual_seed(SEED)
    if args.share:
        if args.stages != ["moves"]:
            parser.error("--share is for moves alone")
        moves.cache(MINI, args.share)
        return
    try:
        RECIPE.run(MINI, args.stages, args.minutes)
    except ValueError as error:
        parser.error(str(error))


if __name__ == "__main__":
    main()
