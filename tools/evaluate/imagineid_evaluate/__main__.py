"""``python -m imagineid_evaluate NAME [...]``: measure one group of bars.

Groups: voices, recordings, autoencoder, video, swap, prompts, agreement, first_frames, tables.
Evaluators only judge: nothing is trained on them, and no threshold here was fitted to what the
model makes.
"""

from __future__ import annotations

import argparse
import importlib
import sys
from pathlib import Path

from imagineid.errors import ImagineIDError
from imagineid_evaluate import model_under_test
from imagineid_evaluate.report import markdown, table, write_json

GROUPS = (
    "voices",
    "recordings",
    "autoencoder",
    "video",
    "swap",
    "prompts",
    "agreement",
    "first_frames",
    "tables",
)


def main(words: list[str] | None = None) -> int:
    """Measure; return the exit code: 0, or 2 if something needed is missing."""
    words = sys.argv[1:] if words is None else words
    if not words or words[0] not in GROUPS:
        print(f"{__doc__}\nOptions of a group:  python -m imagineid_evaluate NAME --help")
        return 0 if words[:1] in (["-h"], ["--help"]) else 2
    name, rest = words[0], words[1:]
    group = importlib.import_module(f"imagineid_evaluate.{name}")
    parser = argparse.ArgumentParser(
        prog=f"imagineid_evaluate {name}",
        description=group.__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--json", type=Path, metavar="OUT", help="write the numbers here as well")
    parser.add_argument("--markdown", type=Path, metavar="OUT", help="write a Markdown table, too")
    parser.add_argument(
        "--weights", type=Path, metavar="FOLDER", help="a model's folder; the embedded one if not"
    )
    group.arguments(parser)
    options = parser.parse_args(rest)
    try:
        with model_under_test.model_at(options.weights) as folder:
            rows, about = group.run(options)
    except (ImagineIDError, FileNotFoundError) as error:
        print(f"Error: {error}", file=sys.stderr)
        return 2
    print(table(rows))
    if options.markdown:
        options.markdown.parent.mkdir(parents=True, exist_ok=True)
        options.markdown.write_text(markdown(rows), encoding="utf-8")
    if options.json:
        write_json(options.json, name, rows, {"weights": folder.name} | about)
    return 0


if __name__ == "__main__":
    sys.exit(main())
