"""CLIP's tokens, held to transformers' tokenizer."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from transformers import CLIPTokenizer

from imagineid.ccf.clip_tokenizer import ClipTokenizer
from imagineid.errors import BadWeights
from imagineid.spec import SD15
from support.tiny_clip import write_vocabulary

PROMPTS = [
    "",
    "red hair",
    "A photo of a WOMAN, with   blue eyes!",
    "don't I'd we're he'll 1234 3.14 #hash (beard)",
    "Ünïcödé naïve façade 北京 🙂 \t tab\nline",
    "cafe\u0301 in two forms caf\u00e9",
    "old young red " * 60,
]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("tokenizer")
    write_vocabulary(path)
    return path


@pytest.mark.parametrize("prompt", PROMPTS)
def test_a_prompt_has_the_tokens_transformers_gives_it(folder: Path, prompt: str) -> None:
    theirs = CLIPTokenizer.from_pretrained(folder)
    length = SD15.text_tokens
    expected = theirs(prompt, padding="max_length", max_length=length, truncation=True)["input_ids"]
    assert ClipTokenizer.read(folder).tokens(prompt, SD15).tolist() == expected


def test_a_mark_that_is_typed_is_spelled_out(folder: Path) -> None:
    ours = ClipTokenizer.read(folder)
    tokens = ours.tokens("red <|endoftext|> hair", SD15).tolist()
    assert tokens.index(ours.end) > 10
    assert ours.start not in tokens[1:]


def test_padding_is_what_the_base_says(folder: Path, tmp_path: Path) -> None:
    write_vocabulary(tmp_path)
    (tmp_path / "special_tokens_map.json").write_text(json.dumps({"pad_token": "!"}))
    ours = ClipTokenizer.read(tmp_path)
    tokens = ours.tokens("red", SD15)
    assert tokens[2] == ours.end
    assert set(tokens[3:]) == {json.loads((tmp_path / "vocab.json").read_text())["!"]}


def test_no_word_is_unknown_and_the_last_token_is_the_end_mark(folder: Path) -> None:
    ours = ClipTokenizer.read(folder)
    assert ours.unknown("xyzzy 北京") == []
    assert len(ours) == len(json.loads((folder / "vocab.json").read_text()))


def test_a_damaged_tokenizer_is_refused(tmp_path: Path) -> None:
    with pytest.raises(BadWeights, match="has no tokenizer of CLIP"):
        ClipTokenizer.read(tmp_path)
    write_vocabulary(tmp_path)
    (tmp_path / "vocab.json").write_text('{"a": 0, "<|startoftext|>": 1}')
    with pytest.raises(BadWeights, match=r"no tokenizer of CLIP"):
        ClipTokenizer.read(tmp_path)
