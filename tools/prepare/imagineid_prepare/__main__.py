"""``python -m imagineid_prepare CLIPS -o DATA``: clips of people who talk become training data.

Faces are found by MediaPipe in an environment of its own, named by IMAGINEID_MEDIAPIPE_PYTHON.
MODNet and LaMa are used where ``imagineid weights pull sd15`` put them, else MediaPipe's matte and
harmonic inpainting. Run again, it makes the shards that are missing.
"""

from __future__ import annotations

import argparse
import sys
from concurrent.futures import ProcessPoolExecutor, as_completed
from concurrent.futures.process import BrokenProcessPool
from functools import partial
from importlib.util import find_spec
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import numpy as np

from imagineid.errors import BadInput, BadOutput, ImagineIDError
from imagineid_prepare.layouts import LAYOUTS, find_clips
from imagineid_prepare.loading import load_tools
from imagineid_prepare.report import write_report
from imagineid_prepare.shards import deal, is_written, write_shard

SIZES = (128, 256, 512)
"""Sides of the crops, pixels."""


def main(words: list[str] | None = None) -> int:
    """Prepare a folder; return the exit code of what went wrong, 0 if nothing did."""
    parser = argparse.ArgumentParser(prog="imagineid_prepare", description=__doc__)
    parser.add_argument("clips", type=Path, metavar="CLIPS", help="a folder of clips")
    parser.add_argument("-o", "--output", type=Path, required=True, metavar="DATA")
    parser.add_argument("--layout", default="auto", choices=("auto", *LAYOUTS))
    parser.add_argument("--size", type=int, default=512, choices=SIZES, help="side of the crops")
    parser.add_argument("--workers", type=int, default=1, metavar="N", help="processes")
    args = parser.parse_args(words)
    try:
        print(_prepare(args), flush=True)
    except ImagineIDError as error:
        print(error, file=sys.stderr)
        return error.exit_code
    return 0


def _prepare(args: argparse.Namespace) -> str:
    """Write all shards that are missing, and the report; return its one line.

    Raises:
        BadInput: there are no clips, or --workers is below 1.
        BadOutput: the data can't be written.
        BackendMissing: MediaPipe is not there.
    """
    if args.workers < 1:
        raise BadInput("--workers must be 1 or more.\nTry:  --workers 2")
    shards = deal(find_clips(args.clips, args.layout))
    with_phones = find_spec("pocketsphinx") is not None
    if any(not is_written(args.output, *shard, args.size) for shard in shards):
        load_tools(args.size, with_phones).look([np.zeros((64, 64, 3), np.uint8)])  # is it there?
    try:
        args.output.mkdir(parents=True, exist_ok=True)
        rows: dict[int, list[dict[str, Any]]] = {}
        for number, shard_rows in _written(args, shards, with_phones):
            rows[number] = shard_rows
            problems = sum("problem" in row for row in shard_rows)
            print(
                f"shard {number}: {len(shard_rows) - problems} samples, {problems} problems",
                flush=True,
            )
        return write_report(args.output, [row for number in sorted(rows) for row in rows[number]])
    except OSError as error:
        raise BadOutput(
            f"{args.output} can't be written: {error.strerror or error}.\n"
            "Name another place:  -o DIR"
        ) from error


def _written(args: argparse.Namespace, shards: list[Any], with_phones: bool) -> Any:
    """Yield each shard's number and rows as it is done, in this process or in several.

    Raises:
        BadOutput: a worker was ended.
    """
    tools = partial(load_tools, args.size, with_phones)
    if args.workers == 1:
        for number, clips in shards:
            yield number, write_shard(args.output, number, clips, args.size, tools)
        return
    with ProcessPoolExecutor(args.workers, mp_context=get_context("spawn")) as pool:
        futures = {
            pool.submit(write_shard, args.output, number, clips, args.size, tools): number
            for number, clips in shards
        }
        try:
            for done in as_completed(futures):
                yield futures[done], done.result()
        except BrokenProcessPool as error:
            raise BadOutput(
                "A worker ended before its work, perhaps for lack of memory.\n"
                "Go on with fewer:  the same command with --workers 1"
            ) from error


if __name__ == "__main__":
    sys.exit(main())
