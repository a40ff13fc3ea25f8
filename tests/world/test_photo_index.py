"""Which photographs there are, who is in which split, and what is said of them."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from imagineid.ccf.vocabulary import Vocabulary
from imagineid_world.captions import SYNONYMS, VOCABULARY
from imagineid_world.photos import shards
from imagineid_world.photos.index import read_labels, read_tiles
from imagineid_world.photos.variants import PEOPLE
from imagineid_world.photos.words import (
    BEARD_WORDS,
    EXTRA_WORDS,
    HAIR_WORDS,
    PLACES,
    SKIN_WORDS,
    Description,
    describe,
)


def test_captions_say_only_what_is_true() -> None:
    about = Description(sex="man", age=67, hair="short", hair_colour="grey", beard="beard",
                        beard_colour="grey", glasses="glasses", place="room")  # fmt: skip
    rng = np.random.default_rng(0)
    captions = [describe(about, rng) for _ in range(400)]
    joined = " | ".join(captions)
    assert "grey beard" in joined
    assert "living room" in joined
    assert len(set(captions)) > 250
    for word in ("woman", "lady", "blonde", "young", "freckles", "eyes", "{", "stubble"):
        assert word not in joined
    assert all(text.strip(", ") for text in captions)
    assert describe(Description(), rng) != ""


def test_every_word_of_a_caption_is_known() -> None:
    words, rng = Vocabulary(tuple(VOCABULARY), SYNONYMS), np.random.default_rng(1)
    unknown = set()
    for hair in HAIR_WORDS:
        for where in PLACES:
            about = Description(
                sex="man", age=float(rng.integers(18, 90)), hair=hair, hair_colour="black",
                beard=str(rng.choice(list(BEARD_WORDS))), beard_colour="grey",
                skin=str(rng.choice(list(SKIN_WORDS))),
                people=str(rng.choice(list(PEOPLE.values()))),
                iris="blue", glasses="oval glasses", extras=tuple(EXTRA_WORDS),
                clothes_colour="teal", place=where, place_colour="pink",
            )  # fmt: skip
            for _ in range(12):
                unknown |= {word for word, token in words.split(describe(about, rng)) if not token}
    assert not unknown


def test_nobody_is_in_two_splits_and_judges_stay_apart() -> None:
    names, judges = [f"p{k}" for k in range(60)], ["j1", "j2"]
    parts = shards.split_people(names, judges, 0)
    assert sorted(sum(parts.values(), [])) == sorted(names + judges)
    assert len(parts["val"]) > 0 < len(parts["test"]) < 10
    assert parts != shards.split_people(names, judges, 1)
    more = shards.split_people([*names, *(f"q{k}" for k in range(60))], judges, 0)
    assert all(set(parts[split]) <= set(more[split]) for split in parts)  # nobody moves
    listed = shards.jobs(parts, 2)
    assert len({path for path, *_ in listed}) == len(listed)
    assert [split for _, _, split, _ in listed][-1] == "judge"
    assert all(variant == 0 for _, variant, split, _ in listed if split == "judge")


def index(folder: Path) -> None:
    header = "path,dataset,generator,image_name,query,query_prefix,width,height\n"
    rows = "a.png,D,SDXL,one,short hair,man with,300,300\nb.png,D,SFHQ_pt1,two,,,300,300\n"
    (folder / "photos.csv").write_text(header + rows)
    (folder / "usable.csv").write_text("path,grade\na.png,strict\nb.png,loose\n")


def test_an_index_is_read_with_grades_and_labels(tmp_path: Path) -> None:
    index(tmp_path)
    one, two = read_tiles(tmp_path)
    assert (one.query, one.grade, one.trains) == ("man with short hair", "strict", True)
    assert (two.grade, two.trains) == ("loose", False)
    labels = read_labels(tmp_path)  # of the public pictures: the folder has none of its own
    assert all(label.sex in ("woman", "man") for label in labels.values())
    assert all(not label.age or float(label.age) >= 18 for label in labels.values())
    with pytest.raises(FileNotFoundError, match="docs/photos.md"):
        read_tiles(tmp_path / "nowhere")
