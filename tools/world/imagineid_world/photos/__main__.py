"""Command line: ``python -m imagineid_world.photos FOLDER --out DIR``."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

import cv2

from imagineid.errors import ImagineIDError
from imagineid_world.people import WORLD
from imagineid_world.photos.build import Options, build, recaption, sheet
from imagineid_world.split import share_of


def main() -> None:
    """Parse the arguments and build."""
    parser = argparse.ArgumentParser(description="Make photographs of nobody talk, as shards.")
    parser.add_argument("folder", type=Path, help="holds photos.csv and usable.csv")
    parser.add_argument("--out", type=Path, default=WORLD / "photos")
    parser.add_argument("--size", type=int, default=512, help="side of the frames, pixels")
    parser.add_argument("--people", type=int, help="photographs at most")
    parser.add_argument("--frames", type=int, default=8, help="frames of each, even")
    parser.add_argument("--variants", type=int, default=5, help="uses of each, the first unchanged")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--resume", action="store_true", help="leave shards that are there")
    parser.add_argument("--share", type=share_of, default=(0, 1), help="part of the work: 1/2")
    parser.add_argument("--sheet", type=Path, help="write a contact sheet and stop")
    parser.add_argument("--captions", action="store_true", help="write captions anew and stop")
    args = parser.parse_args()
    cv2.setNumThreads(1)
    options = Options(
        args.size, args.people, args.frames, args.variants, args.seed, args.resume, args.share
    )
    try:
        if args.captions:
            print(f"{recaption(args.out, args.seed)} people described anew")
        elif args.sheet:
            sheet(args.folder, args.out, args.sheet, options)
        else:
            build(args.folder, args.out, options)
    except (OSError, ImagineIDError) as error:
        sys.exit(str(error))


if __name__ == "__main__":
    main()
