"""Average voices by sex and age, which correct the estimates of a speaker.

``voices.npz`` lies beside a model's weights: ``ages`` (A,), years, rising; ``shape`` (2, A, 80) and
``identity`` (2, A, 512), the mean alpha and theta_id of women's and men's voices of each age.
Training writes it when it ships a model.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from imagineid.errors import BadInput, BadWeights
from imagineid.pad.factors import Identity

Array = np.ndarray
FILE = "voices.npz"

YOUNGEST, OLDEST = 5, 95
"""Ages that can be asked for, years."""

SURE = 6.0
"""The logit of a sex that was told."""

_WORDS = {
    "woman": ("female", None),
    "female": ("female", None),
    "man": ("male", None),
    "male": ("male", None),
    "girl": ("female", 10.0),
    "boy": ("male", 10.0),
}
_EXAMPLE = 'Say it like:  --voice "woman, 25"  or  --voice man  or  --voice 60'


@dataclass(frozen=True)
class Speaker:
    """A correction of a speaker: ``female`` or ``male`` and years; None keeps the estimate."""

    sex: str | None
    age: float | None


def parse(text: str) -> Speaker:
    """Parse a description of a speaker, such as "woman, 25", "boy" or "60".

    Raises:
        BadInput: a word or an age makes no sense.
    """
    sex: str | None = None
    age: float | None = None
    usual: float | None = None
    for word in re.findall(r"[^\s,;]+", text.lower()):
        if word in _WORDS and sex is None:
            sex, usual = _WORDS[word]
        elif word.isdecimal() and age is None and YOUNGEST <= int(word) <= OLDEST:
            age = float(word)
        elif word not in ("years", "old", "year"):
            raise BadInput(
                f"{word!r} is not understood in the voice {text!r}: woman, man, girl or boy, and "
                f"an age from {YOUNGEST} to {OLDEST}.\n{_EXAMPLE}"
            )
    if sex is None and age is None:
        raise BadInput(f"The voice {text!r} names neither sex nor age.\n{_EXAMPLE}")
    return Speaker(sex, usual if age is None else age)


@dataclass(frozen=True)
class AverageVoices:
    """The mean face and theta_id of each sex and age; see the module."""

    ages: Array
    shape: Array
    identity: Array

    def at(self, sex: str, age: float) -> tuple[Array, Array]:
        """Return alpha (80,) and theta_id (512,) of a sex at an age, between the nearest ages."""
        row = int(sex == "male")
        at = float(np.interp(age, self.ages, np.arange(len(self.ages))))
        low = min(int(at), len(self.ages) - 2)
        share = at - low
        shape, identity = (
            (1 - share) * table[row, low] + share * table[row, low + 1]
            for table in (self.shape, self.identity)
        )
        return shape, identity

    def correct(self, identity: Identity, speaker: Speaker) -> Identity:
        """Return a voice with another sex or age; its individual traits stay.

        The difference between the average voices is added, so that two women of 25 remain two.
        """
        sex, age = speaker.sex or identity.gender, speaker.age or identity.age
        before, after = self.at(identity.gender, identity.age), self.at(sex, age)
        logit = float(identity.traits[0])
        if speaker.sex is not None:
            logit = SURE if sex == "male" else -SURE
        return replace(
            identity,
            shape=np.asarray(identity.shape + after[0] - before[0], np.float32),
            theta=np.asarray(identity.theta + after[1] - before[1], np.float32),
            traits=np.array([logit, age / 100], np.float32),
        )


def read(folder: Path) -> AverageVoices:
    """Read the average voices of a model.

    Raises:
        BadWeights: the file is missing or broken.
    """
    try:
        with np.load(folder / FILE, allow_pickle=False) as file:
            found = AverageVoices(file["ages"], file["shape"], file["identity"])
        ages = len(found.ages)
        if (
            found.shape.shape[:2] != (2, ages)
            or found.identity.shape[:2] != (2, ages)
            or not (np.diff(found.ages) > 0).all()
            or not all(np.isfinite(a).all() for a in (found.shape, found.identity))
        ):
            raise ValueError("its arrays do not belong together")
    except (OSError, ValueError, KeyError, EOFError) as error:
        raise BadWeights(
            f"{folder / FILE} can't be used: {error}\n"
            f"Without it, leave out --voice, or take another model:  imagineid weights list"
        ) from error
    return found
