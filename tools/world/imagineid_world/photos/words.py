"""What people would type to ask for a person: free order, synonyms, a few words or many."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

from imagineid_world.captions import EMOTION_WORDS

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    import numpy as np

WOMAN = ("woman", "lady", "female")
MAN = ("man", "guy", "gentleman", "male")

COLOUR_WORDS: dict[str, tuple[str, ...]] = {
    "black": ("black", "dark"),
    "brown": ("brown", "brunette", "chestnut"),
    "blonde": ("blonde", "blond", "golden", "fair"),
    "red": ("red", "ginger", "auburn"),
    "grey": ("grey", "gray", "silver"),
    "white": ("white",),
    "pink": ("pink",),
    "blue": ("blue",),
    "green": ("green",),
    "purple": ("purple", "violet"),
}
"""Hair colours and what they are called; the first word is said most."""

HAIR_WORDS: dict[str, tuple[str, ...]] = {
    "bald": ("bald", "no hair", "shaved head", "bald head"),
    "buzzed": ("buzzed {} hair", "very short {} hair", "cropped {} hair"),
    "short": ("short {} hair", "{} hair", "{} hair cut short"),
    "medium": ("medium {} hair", "shoulder-length {} hair", "{} hair"),
    "long": ("long {} hair", "{} hair", "long straight {} hair"),
    "curly": ("curly {} hair", "{} curls", "wavy {} hair", "{} curly hair"),
    "afro": ("{} afro", "{} afro hair", "{} curls"),
    "short-afro": ("short {} afro", "short curly {} hair", "{} afro", "short {} hair"),
    "bangs": ("{} hair with bangs", "{} hair with a fringe", "{} bangs", "{} hair"),
    "bob": ("{} bob", "short {} hair", "{} bob cut"),
    "bun": ("{} hair tied back", "{} hair in a bun", "{} bun", "{} hair pulled back"),
    "ponytail": ("{} ponytail", "{} hair in a ponytail", "{} hair tied back"),
    "pixie": ("{} pixie cut", "short {} hair", "very short {} hair", "cropped {} hair"),
    "dreadlocks": ("{} dreadlocks", "{} locs", "{} dreads"),
    "braids": ("{} braids", "braided {} hair", "long {} braids"),
}

BEARD_WORDS: dict[str, tuple[str, ...]] = {
    "stubble": ("stubble", "{} stubble", "unshaven"),
    "moustache": ("moustache", "{} moustache", "mustache", "{} mustache"),
    "goatee": ("goatee", "{} goatee"),
    "beard": ("beard", "{} beard", "full beard", "bearded", "full {} beard"),
}

SKIN_WORDS: dict[str, tuple[str, ...]] = {
    "pale": ("pale", "fair"),
    "light": ("light", "fair"),
    "olive": ("olive",),
    "tan": ("tan", "tanned"),
    "brown": ("brown",),
    "dark": ("dark", "black"),
}

PLACES: dict[str, tuple[str, ...]] = {
    "room": ("room", "living room", "indoors", "in a room", "blurred room", "office"),
    "out": (
        "outdoors",
        "nature",
        "landscape",
        "outside",
        "in a park",
        "garden",
        "green background",
    ),
    "city": ("city", "street", "city street", "outdoors"),
    "lights": ("lights in the background", "bokeh", "blurred lights"),
    "wall": ("wall", "wall background", "a wall behind"),
    "plain": ("plain background", "plain {} background", "{} background", "studio"),
    "gradient": ("{} gradient background", "{} background", "studio background"),
    "studio": ("{} studio background", "studio", "{} background"),
}

EXTRA_WORDS: dict[str, tuple[str, ...]] = {
    "earrings": ("earrings", "earrings", "wearing earrings"),
    "freckles": ("freckles", "freckled"),
    "necklace": ("necklace",),
    "scarf": ("scarf", "wearing a scarf"),
    "suit": ("suit", "in a suit", "wearing a suit"),
    "smile": ("smiling", "smile", "happy", "cheerful"),
    "lipstick": ("lipstick", "red lips", "makeup"),
}

GLASSES = ("glasses", "wearing glasses", "spectacles", "eyeglasses", "with glasses")
WORN = ("top", "shirt", "clothes", "sweater", "t-shirt")


@dataclass(frozen=True)
class Description:
    """Attributes of a picture; "" or () where unknown, and never mentioned then.

    Attributes:
        sex: "woman" or "man".
        age: years.
        hair: a key of :data:`HAIR_WORDS`.
        hair_colour: a key of :data:`COLOUR_WORDS`.
        beard: a key of :data:`BEARD_WORDS`.
        beard_colour: of :data:`COLOUR_WORDS`.
        skin: a key of :data:`SKIN_WORDS`.
        people: "asian", "black", ... where the picture was found by it.
        iris: colour of the eyes.
        glasses: "glasses", "round glasses", "black glasses", ... or "".
        extras: of :data:`EXTRA_WORDS`.
        clothes_colour: a colour word.
        place: a key of :data:`PLACES`.
        place_colour: a colour word.
    """

    sex: str = ""
    age: float = 0.0
    hair: str = ""
    hair_colour: str = ""
    beard: str = ""
    beard_colour: str = ""
    skin: str = ""
    people: str = ""
    iris: str = ""
    glasses: str = ""
    extras: tuple[str, ...] = ()
    clothes_colour: str = ""
    place: str = ""
    place_colour: str = ""

    def attributes(self) -> dict[str, Any]:
        """All fields as plain values."""
        return asdict(self)


def age_words(age: float) -> tuple[str, ...]:
    """Words for an adult's age in years."""
    years = f"{age:.0f} year old"
    if age < 33:
        return ("young", "youthful", years)
    if age < 42:
        return ("adult", "grown-up", years)
    if age < 58:
        return ("middle-aged", "middle aged", "mature", years)
    return ("old", "elderly", "senior", "aged", years)


def _pick(words: Sequence[str], rng: np.random.Generator) -> str:
    """One of the words; the first is twice as likely."""
    return words[max(0, int(rng.integers(-1, len(words))))]


def _filled(
    words: Sequence[str], colour: str, rng: np.random.Generator, is_hair: bool = True
) -> str:
    """One of the words with a colour in its gap, or without where none is known."""
    template, name = _pick(words, rng), colour
    if is_hair and colour:
        name = _pick(COLOUR_WORDS[colour], rng)
    return " ".join(template.replace("{}", name).split())


def _who(about: Description, rng: np.random.Generator) -> str:
    """The noun with what stands before it."""
    noun = _pick(WOMAN if about.sex == "woman" else MAN, rng) if about.sex else "person"
    before: list[str] = []
    if about.age and rng.random() < 0.7:
        before.append(_pick(age_words(about.age), rng))
    if about.people and rng.random() < 0.5:
        before.append(about.people)
    elif about.skin == "dark" and rng.random() < 0.3:
        before.append("black")
    if about.hair == "bald" and rng.random() < 0.4:
        before.append("bald")
    text = " ".join([*before, noun])
    if rng.random() < 0.5:
        text = ("an " if text[0] in "aeio" else "a ") + text
    return f"portrait of {text}" if rng.random() < 0.12 else text


def _phrases(about: Description, rng: np.random.Generator) -> list[str]:
    """Return phrases for all other attributes, one each."""
    out: list[str] = []

    def say(known: object, chance: float, how: Callable[[], str]) -> None:
        if known and rng.random() < chance:
            out.append(how())

    say(about.hair, 0.85, lambda: _filled(HAIR_WORDS[about.hair], about.hair_colour, rng))
    say(about.beard, 0.8, lambda: _filled(BEARD_WORDS[about.beard], about.beard_colour, rng))
    say(about.glasses, 0.85, lambda: _spectacles(about.glasses, rng))
    say(about.iris, 0.4, lambda: f"{about.iris} eyes")
    say(about.skin, 0.3, lambda: f"{_pick(SKIN_WORDS[about.skin], rng)} skin")
    for extra in about.extras:
        say(extra, 0.6, lambda extra=extra: _pick(EXTRA_WORDS[extra], rng))  # type: ignore[misc]
    say(about.age > 65, 0.3, lambda: "wrinkles")
    say(about.clothes_colour, 0.45, lambda: f"{about.clothes_colour} {_pick(WORN, rng)}")
    say(about.place, 0.6, lambda: _filled(PLACES[about.place], about.place_colour, rng, False))
    return out


def _spectacles(known: str, rng: np.random.Generator) -> str:
    """What glasses are called; "round glasses" where more than "glasses" is known."""
    return known if known != "glasses" and rng.random() < 0.7 else _pick(GLASSES, rng)


def describe(about: Description, rng: np.random.Generator, emotion: str = "") -> str:
    """Return a caption of some true attributes, worded as people type it.

    Args:
        about: what is true of the picture.
        rng: chooses words, order and what is left out.
        emotion: one of the eight, or "" to leave it out.
    """
    phrases = _phrases(about, rng)
    if emotion:
        phrases.append(_pick(EMOTION_WORDS[emotion], rng))
    phrases = [phrases[i] for i in rng.permutation(len(phrases))]
    if rng.random() < 0.35:  # "red hair", "grey beard, glasses"
        phrases = phrases[: int(rng.integers(1, 4))]
    who = _who(about, rng) if rng.random() < 0.8 or not phrases else ""
    if who and phrases and rng.random() < 0.3:
        who, phrases = f"{who} with {phrases[0]}", phrases[1:]
    parts = [who, *phrases] if who and rng.random() < 0.85 else [*phrases, who]
    joint = ", " if rng.random() < 0.85 else " "
    return joint.join(part for part in parts if part)
