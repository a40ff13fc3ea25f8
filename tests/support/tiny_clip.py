"""A vocabulary like CLIP's with a few words, as ``vocab.json`` and ``merges.txt``."""

from __future__ import annotations

import json
from pathlib import Path

from tokenizers.pre_tokenizers import ByteLevel

from imagineid.ccf.clip_tokenizer import END, START

WORDS = "a photo of face woman man with red hair blue eyes old young beard glasses don't".split()


def write_vocabulary(folder: Path, words: list[str] | None = None) -> int:
    """Write the files into ``folder``; return how many tokens there are."""
    folder.mkdir(parents=True, exist_ok=True)
    alphabet = sorted(ByteLevel.alphabet())
    tokens = [*alphabet, *(letter + "</w>" for letter in alphabet)]
    merges: list[str] = []
    for word in words or WORDS:
        parts = [*word[:-1], word[-1] + "</w>"]
        left = parts[0]
        for right in parts[1:]:
            if f"{left} {right}" not in merges:
                merges.append(f"{left} {right}")
                tokens.append(left + right)
            left += right
    tokens += [START, END]
    numbered = {token: i for i, token in enumerate(dict.fromkeys(tokens))}
    (folder / "vocab.json").write_text(json.dumps(numbered), encoding="utf-8")
    (folder / "merges.txt").write_text("\n".join(["#version: 0.2", *merges]), encoding="utf-8")
    return len(numbered)
