"""CLIP's byte-pair tokens, from the ``vocab.json`` and ``merges.txt`` of a base.

The mapping is that of OpenAI's tokenizer: text is converted to Unicode NFC and lower case, white
space is joined, and each word is split into byte pairs of the vocabulary.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from imagineid.errors import BackendMissing, BadWeights
from imagineid.json_files import read_json
from imagineid.spec import Size

START, END = "<|startoftext|>", "<|endoftext|>"

FILES = ("vocab.json", "merges.txt", "special_tokens_map.json")
"""Files of a base's ``tokenizer`` folder; the last one is optional."""

_PIECES = r"'s|'t|'re|'ve|'m|'ll|'d|[\p{L}]+|[\p{N}]|[^\s\p{L}\p{N}]+"
"""CLIP's pattern of words; byte pairs do not cross words."""


@dataclass(frozen=True)
class ClipTokenizer:
    """Prompts to tokens, (M,) each: start mark, byte pairs, end mark, padding.

    Attributes:
        encoder: the ``tokenizers`` library's, without marks.
        start, end, padding: tokens of the marks.

    Source:
        Radford et al. 2021, section 2.4. https://arxiv.org/abs/2103.00020
    """

    encoder: Any
    start: int
    end: int
    padding: int

    @classmethod
    def read(cls, folder: Path) -> ClipTokenizer:
        """Read a base's ``tokenizer`` folder.

        Raises:
            BackendMissing: the ``tokenizers`` library is not installed.
            BadWeights: a file is missing or damaged, or is not CLIP's.
        """
        try:
            import tokenizers
        except ImportError as error:
            raise BackendMissing("tokenizers", "torch") from error
        vocabulary, merges, marks = (folder / name for name in FILES)
        try:
            model = tokenizers.models.BPE.from_file(
                str(vocabulary),
                str(merges),
                continuing_subword_prefix="",
                end_of_word_suffix="</w>",
                unk_token=END,
            )
            known = {name: model.token_to_id(name) for name in (START, END, _padding(marks))}
        except Exception as error:  # the tokenizers library raises plain Exception
            raise _damaged(folder, str(error)) from error
        missing = [name for name, token in known.items() if token is None]
        if missing or known[END] != _last(vocabulary):
            what = f"it has no {missing[0]}" if missing else f"{END} is not its last token"
            raise _damaged(folder, what)
        encoder = tokenizers.Tokenizer(model)
        encoder.normalizer = tokenizers.normalizers.Sequence(
            [
                tokenizers.normalizers.NFC(),
                tokenizers.normalizers.Replace(tokenizers.Regex(r"\s+"), " "),
                tokenizers.normalizers.Lowercase(),
            ]
        )
        pieces = tokenizers.Regex(_PIECES)
        encoder.pre_tokenizer = tokenizers.pre_tokenizers.Sequence(
            [
                tokenizers.pre_tokenizers.Split(pieces, behavior="removed", invert=True),
                tokenizers.pre_tokenizers.ByteLevel(add_prefix_space=False),
            ]
        )
        start, end, padding = (int(known[name] or 0) for name in (START, END, _padding(marks)))
        return cls(encoder, start, end, padding)

    def __len__(self) -> int:
        """Number of tokens, marks included: the rows of the embedding."""
        return self.end + 1

    def tokens(self, prompt: str, size: Size) -> np.ndarray:
        """Return the tokens of ``prompt``, (M,) int64; a longer prompt is truncated.

        Marks typed by the user are encoded as text, so there is only one end mark.
        """
        pairs = self.encoder.encode(prompt, add_special_tokens=False).ids
        marked = [self.start, *pairs[: size.text_tokens - 2], self.end]
        out = np.full(size.text_tokens, self.padding, np.int64)
        out[: len(marked)] = marked
        return out

    def unknown(self, prompt: str) -> list[tuple[str, str | None]]:
        """Return an empty list: byte pairs can encode any word."""
        return []


def _padding(marks: Path) -> str:
    """Return the padding's name: CLIP's end mark, or what Stable Diffusion 2 has in its place."""
    if not marks.is_file():
        return END
    token = read_json(marks).get("pad_token", END)
    return str(token["content"] if isinstance(token, dict) else token)


def _last(vocabulary: Path) -> int:
    return int(max(read_json(vocabulary).values()))


def _damaged(folder: Path, reason: str) -> BadWeights:
    return BadWeights(
        f"{folder} has no tokenizer of CLIP: {reason}.\nCheck it:  imagineid weights verify"
    )
