"""The vocabulary of the embedded model, and suggestions for unknown words."""

from __future__ import annotations

import difflib
import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from imagineid.json_files import read_json
from imagineid.spec import Size

Tokens = np.ndarray
"""(M,) int64; 0 where there is no word."""

_WORD = re.compile(r"[a-z0-9']+(?:-[a-z0-9']+)*")

_YEARS_OLD = re.compile(
    r"\b(\d{1,3})[\s-]*(?:years?|yrs?)?[\s-]*(?:old|aged)\b|\baged? (\d{1,3})\b"
)
_MIDDLE_AGED = re.compile(r"\bmiddle\s+aged\b")
_AGES = ((13, "child"), (19, "teenage"), (33, "young"), (42, "adult"), (58, "middle-aged"))


def age_in_words(prompt: str) -> str:
    """Replace "67 years old" and "aged 25" by the words that captions use: old, young, ...

    "Middle aged" becomes one word, too: "aged" alone means old.
    """

    def word(found: re.Match[str]) -> str:
        years = int(found.group(1) or found.group(2))
        return next((name for most, name in _AGES if years < most), "old")

    return _YEARS_OLD.sub(word, _MIDDLE_AGED.sub("middle-aged", prompt))


_PERSON = re.compile(
    r"\b(?:(?:wo)?m[ae]n|fe?male|male|boys?|girls?|lad(?:y|ies)|guys?|gentlem[ae]n|child(?:ren)?|kids?"
    r"|person|people|(?:grand)?(?:mother|father))\b",
    re.IGNORECASE,
)


_WOMAN = re.compile(
    r"\b(?:wom[ae]n|females?|girls?|lad(?:y|ies)|(?:grand)?mother)\b", re.IGNORECASE
)
_MAN = re.compile(r"\b(?:m[ae]n|males?|boys?|guys?|gentlem[ae]n|(?:grand)?father)\b", re.IGNORECASE)
_AGE = re.compile(
    r"\b(?:young|youthful|old|elderly|senior|aged|middle.aged|mature|adult|teen\w*|grown.up)\b",
    re.IGNORECASE,
)


_YEARS = {"you": 26.0, "tee": 18.0, "adu": 37.0, "gro": 37.0, "mid": 50.0, "mat": 50.0,
          "old": 70.0, "eld": 70.0, "sen": 70.0, "age": 70.0}  # fmt: skip
"""Years of the words above, by their first letters."""


def named_gender(prompt: str) -> str | None:
    """Return "female" or "male" if a prompt names one of them, else None."""
    woman, man = bool(_WOMAN.search(prompt)), bool(_MAN.search(prompt))
    return None if woman == man else ("female" if woman else "male")


def named_age(prompt: str) -> float | None:
    """Return the years that a prompt names, by number or by word, else None."""
    if number := _YEARS_OLD.search(prompt.lower()):
        return float(number.group(1) or number.group(2))
    word = _AGE.search(prompt)
    return None if word is None else _YEARS.get(word.group().lower()[:3])


def with_person(prompt: str, gender: str, age: float) -> str:
    """Put the estimated sex and age of the speaker before a prompt that names no person.

    Pseudo-words alone leave it to chance whether a man's voice gets a woman's hair. The prompt
    overrides the estimate.

    Args:
        prompt: of the user; may be empty.
        gender: "female" or "male".
        age: years; below 13 it is a girl or a boy.
    """
    if _PERSON.search(prompt):
        return prompt
    child = age < _AGES[0][0]
    name = (("girl", "boy") if child else ("woman", "man"))[gender == "male"]
    if not child and not _AGE.search(age_in_words(prompt)):
        name = f"{next((word for most, word in _AGES if age < most), 'old')} {name}"
    return ", ".join(part for part in (name, prompt) if part)


_MIDDLE_AGE = 37.0
"""Age from which guidance leads away from a young person; below it, from an old one."""


def opposite_person(prompt: str, gender: str, age: float) -> str:
    """Return the negative prompt: the person of the other sex and age.

    A base that has seen few people often generates its favourite sex and age, whatever the prompt
    says. Guidance away from the opposite words instead of the empty prompt makes it follow.

    Args:
        prompt: of the user; sex and age that it names override the estimates.
        gender: "female" or "male", estimated from the voice.
        age: years, estimated from the voice.

    Returns:
        Such as "young woman" for a man of 50.
    """
    named = named_age(prompt)
    years = age if named is None else named
    word = "young" if years >= _MIDDLE_AGE else "old"
    return f"{word} {'woman' if (named_gender(prompt) or gender) == 'male' else 'man'}"


@dataclass(frozen=True)
class Vocabulary:
    """A word-level vocabulary: word i of ``known`` is token i + 1; ``alike`` maps synonyms."""

    known: tuple[str, ...]
    alike: Mapping[str, str]

    @classmethod
    def read(cls, path: Path) -> Vocabulary:
        """Read a vocabulary from JSON: ``{"known": [...], "alike": {...}}``."""
        content = read_json(path)
        return cls(tuple(content["known"]), dict(content["alike"]))

    def write(self, path: Path) -> None:
        """Write JSON that :meth:`read` reads."""
        content = {"known": list(self.known), "alike": dict(self.alike)}
        path.write_text(json.dumps(content, indent=0, sort_keys=True) + "\n", encoding="utf-8")

    def __len__(self) -> int:
        """Number of tokens, the empty one included: the rows of the embedding."""
        return len(self.known) + 1

    def split(self, prompt: str) -> list[tuple[str, int]]:
        """Return each word of ``prompt`` with its token, 0 if unknown."""
        index = {word: i + 1 for i, word in enumerate(self.known)}
        out: list[tuple[str, int]] = []
        for word in _WORD.findall(age_in_words(prompt.lower())):
            known = self._known_words(word, index)
            for part in known.split() if known else [word]:
                out.append((word, index.get(part, 0)))
        return out

    def _known_words(self, word: str, index: Mapping[str, int]) -> str | None:
        """Return the known words that ``word`` means, one or more."""
        for form in (word, word.removesuffix("s"), word.removesuffix("es"), word.replace("-", " ")):
            if form in index:
                return form
            if form in self.alike:
                return self.alike[form]
            parts = form.split()
            if len(parts) > 1 and all(p in index for p in parts):
                return form
        return None

    def tokens(self, prompt: str, size: Size) -> Tokens:
        """Return the first M known words of ``prompt`` as tokens, (M,) int64."""
        known = [token for _, token in self.split(prompt) if token][: size.text_tokens]
        out = np.zeros(size.text_tokens, np.int64)
        out[: len(known)] = known
        return out

    def unknown(self, prompt: str) -> list[tuple[str, str | None]]:
        """Return each unknown word once, with the closest known one or None."""
        everything: Sequence[str] = [*self.known, *self.alike]
        missing = dict.fromkeys(word for word, token in self.split(prompt) if not token)
        found = []
        for word in missing:
            close = difflib.get_close_matches(word, everything, n=1, cutoff=0.7)
            found.append((word, close[0] if close else None))
        return found
