"""``python -m imagineid_train STAGE --minutes M``: train one stage, or go on with it."""

from __future__ import annotations

import argparse

import torch

from imagineid.spec import MINI
from imagineid_train import embedded, moves, moving
from imagineid_train.loop import SEED
from imagineid_world.split import share_of


def main() -> None:
    """Run the stages named, or all of the size in order."""
    parser = argparse.ArgumentParser(prog="imagineid_train", description=__doc__)
    names = f"of {', '.join(embedded.RECIPE.names)}; at other sizes {', '.join(moving.ORDER)}"
    parser.add_argument("stages", nargs="*", metavar="STAGE", help=names)
    parser.add_argument("--minutes", type=float, help="of training in all, earlier runs included")
    parser.add_argument("--size", choices=sorted({MINI.name, *moving.SIZES}), default="mini")
    parser.add_argument(
        "--share", type=share_of, metavar="K/N", help="with moves alone: which of N processes it is"
    )
    parser.add_argument("--threads", type=int, default=torch.get_num_threads())
    args = parser.parse_args()
    torch.set_num_threads(args.threads)
    torch.manual_seed(SEED)
    recipe = moving.RECIPE if args.size in moving.SIZES else embedded.RECIPE
    size = moving.SIZES.get(args.size, MINI)
    if args.share:
        if args.stages != ["moves"] or recipe is not moving.RECIPE:
            parser.error("--share is for moves alone, at mini-512 or mini-256")
        moves.cache(size, args.share)
        return
    try:
        recipe.run(size, args.stages, args.minutes)
    except ValueError as error:
        parser.error(str(error))


if __name__ == "__main__":
    main()
