"""What people are called: short varied prompts over a closed vocabulary."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from imagineid_world.look import COLOURS, HAIR_COLOURS, IRISES, SKINS

if TYPE_CHECKING:
    from imagineid_world.look import Look
    from imagineid_world.people import Traits

EMOTION_WORDS: dict[str, tuple[str, ...]] = {
    "neutral": ("neutral", "calm", "relaxed"),
    "angry": ("angry", "furious"),
    "contempt": ("contemptuous", "smug"),
    "disgusted": ("disgusted",),
    "fear": ("afraid", "scared"),
    "happy": ("happy", "smiling", "cheerful"),
    "sad": ("sad", "unhappy"),
    "surprised": ("surprised", "amazed"),
}
"""Words for each emotion of ``imagineid.spec.EMOTIONS``."""

SYNONYMS: dict[str, str] = {
    "ginger": "red",
    "auburn": "red",
    "redhead": "red",
    "blond": "blonde",
    "fair": "blonde",
    "golden": "blonde",
    "brunette": "brown",
    "chestnut": "brown",
    "dark-haired": "black",
    "gray": "grey",
    "silver": "grey",
    "silvery": "grey",
    "violet": "purple",
    "lilac": "purple",
    "crimson": "red",
    "scarlet": "red",
    "maroon": "red",
    "turquoise": "teal",
    "cyan": "teal",
    "cream": "beige",
    "khaki": "beige",
    "gold": "yellow",
    "azure": "blue",
    "emerald": "green",
    "spectacles": "glasses",
    "eyeglasses": "glasses",
    "specs": "glasses",
    "backdrop": "background",
    "behind": "background",
    "guy": "man",
    "gentleman": "man",
    "male": "man",
    "lady": "woman",
    "female": "woman",
    "lad": "boy",
    "kid": "child",
    "elderly": "old",
    "aged": "old",
    "senior": "old",
    "grandmother": "old",
    "grandfather": "old",
    "teen": "teenage",
    "teenager": "teenage",
    "youthful": "young",
    "jumper": "sweater",
    "pullover": "sweater",
    "sweatshirt": "hoodie",
    "tee": "t-shirt",
    "tshirt": "t-shirt",
    "jacket": "suit",
    "polo": "shirt",
    "rollneck": "turtleneck",
    "mustache": "moustache",
    "bearded": "beard",
    "whiskers": "beard",
    "fringe": "bangs",
    "pony-tail": "ponytail",
    "curls": "curly",
    "wavy": "curly",
    "frizzy": "afro",
    "shaved": "buzzed",
    "cropped": "buzzed",
    "crewcut": "buzzed",
    "hairless": "bald",
    "tanned": "tan",
    "olive-skinned": "olive",
    "dark-skinned": "dark",
    "pale-skinned": "pale",
    "freckled": "freckles",
    "joyful": "happy",
    "glad": "happy",
    "mad": "angry",
    "annoyed": "angry",
    "gloomy": "sad",
    "crying": "sad",
    "frightened": "scared",
    "fearful": "afraid",
    "shocked": "surprised",
    "astonished": "surprised",
    "disdainful": "contemptuous",
    "serious": "neutral",
    "office": "room",
    "indoors": "room",
    "interior": "room",
    "outdoors": "landscape",
    "outside": "landscape",
    "nature": "landscape",
    "park": "landscape",
    "fields": "landscape",
    "bokeh": "lights",
    "street": "city",
    "urban": "city",
    "hazel-eyed": "hazel",
    "nothing": "plain",
    "solid": "plain",
    "picture": "portrait",
    "photo": "portrait",
    "photograph": "portrait",
    "face": "portrait",
    "smile": "smiling",
    "clothes": "top",
    "garden": "landscape",
    "living": "room",
    "kitchen": "room",
    "pulled": "tied",
    "unshaven": "stubble",
    "braided": "braids",
    "dreads": "dreadlocks",
    "locs": "dreadlocks",
    "middle": "middle-aged",
    "mature": "middle-aged",
    "grown-up": "adult",
    "pearls": "necklace",
    "shawl": "scarf",
    "brick": "wall",
    "hispanic": "latino",
    "african": "black",
}
"""Words a user may type and the word of the vocabulary that stands for each."""


def age_word(age: float) -> tuple[str, ...]:
    """Words for an age in years."""
    if age < 13:
        return ("little", "small")
    if age < 19:
        return ("teenage",)
    if age < 34:
        return ("young",)
    if age < 60:
        return ("middle-aged", "adult")
    return ("old",)


def person_word(traits: Traits) -> str:
    """Girl, boy, woman or man."""
    male = traits.gender > 0.5
    if traits.age < 16:
        return "boy" if male else "girl"
    return "man" if male else "woman"


def _hair(look: Look, rng: np.random.Generator) -> str:
    colour = look.hair_name
    phrases = {
        "bald": ["bald", "with a bald head", "with no hair"],
        "buzzed": [f"with buzzed {colour} hair", f"with very short {colour} hair"],
        "short": [f"with short {colour} hair"],
        "medium": [f"with medium {colour} hair", f"with shoulder-length {colour} hair"],
        "long": [f"with long {colour} hair", f"with long straight {colour} hair"],
        "curly": [f"with curly {colour} hair", f"with long curly {colour} hair"],
        "afro": [f"with a {colour} afro", f"with {colour} afro hair"],
        "bangs": [f"with long {colour} hair and bangs", f"with {colour} hair with bangs"],
        "bun": [f"with {colour} hair tied in a bun", f"with a {colour} bun"],
        "ponytail": [f"with {colour} hair in a ponytail", f"with a {colour} ponytail"],
    }[look.hair]
    if look.hair != "bald":
        phrases.append(f"with {colour} hair")
    return str(rng.choice(phrases))


def _beard(look: Look, rng: np.random.Generator) -> str:
    full = ["with a full beard", "with a beard"]
    phrases = {
        "stubble": ["with stubble"],
        "moustache": ["with a moustache"],
        "goatee": ["with a goatee"],
        "beard": full,
    }[look.beard]
    return str(rng.choice(phrases))


def _clothes(look: Look, rng: np.random.Generator) -> str:
    article = "an" if look.clothes_name[0] in "aeiou" else "a"
    what = f"{article} {look.clothes_name} {look.clothes}"
    return f"{rng.choice(['in', 'wearing'])} {what}"


def _backdrop(look: Look, rng: np.random.Generator) -> str:
    colour = look.backdrop_name
    phrases = {
        "plain": [f"on a plain {colour} background", f"{colour} background"],
        "gradient": [f"on a {colour} gradient background", f"{colour} background"],
        "studio": [f"{colour} studio background", f"in a {colour} studio"],
        "room": ["in a room", "blurred room background"],
        "landscape": ["blurred landscape background", "in a landscape"],
        "bokeh": ["with lights in the background", f"{colour} lights background"],
    }[look.backdrop]
    return str(rng.choice(phrases))


def caption(look: Look, traits: Traits, rng: np.random.Generator, emotion: str = "") -> str:
    """Describe a person, leaving out some of what could be said.

    Args:
        look: what is drawn.
        traits: gender and age.
        rng: chooses words and what to leave out.
        emotion: one of the eight, or nothing to leave it out.
    """
    who = person_word(traits)
    if rng.random() < 0.8:
        who = f"{rng.choice(age_word(traits.age))} {who}"
    if look.hair == "bald" and rng.random() < 0.6:
        who = f"bald {who}"
    first = "an" if who[0] in "aeio" else "a"
    start = f"{first} {who}" if rng.random() < 0.8 else f"portrait of {first} {who}"
    parts = []
    if rng.random() < 0.8 and "bald" not in start:
        parts.append(_hair(look, rng))
    if look.beard != "none" and rng.random() < 0.75:
        parts.append(_beard(look, rng))
    if rng.random() < 0.4:
        parts.append(f"{look.iris} eyes")
    if look.glasses != "none" and rng.random() < 0.85:
        parts.append(str(rng.choice(["glasses", f"{look.glasses} glasses"])))
    if look.earrings != "none" and rng.random() < 0.6:
        parts.append("earrings")
    if rng.random() < 0.4:
        parts.append(f"{look.skin} skin")
    if look.freckle > 0 and rng.random() < 0.7:
        parts.append("freckles")
    if look.lipstick > 0.3 and rng.random() < 0.6:
        parts.append("lipstick")
    if look.wrinkle > 0.55 and rng.random() < 0.4:
        parts.append("wrinkles")
    if rng.random() < 0.65:
        parts.append(_clothes(look, rng))
    if rng.random() < 0.65:
        parts.append(_backdrop(look, rng))
    if look.light_side != "front" and rng.random() < 0.2:
        parts.append(f"light from the {look.light_side}")
    if abs(look.warmth) > 0.5 and rng.random() < 0.2:
        parts.append("warm light" if look.warmth > 0 else "cold light")
    if emotion and rng.random() < 0.8:
        parts.append(str(rng.choice(EMOTION_WORDS[emotion])))
    if len(parts) > 2 and rng.random() < 0.4:
        head, tail = parts[:1], parts[1:]
        parts = head + [tail[i] for i in rng.permutation(len(tail))]
    if parts and parts[0].startswith("with "):
        start, parts = f"{start} {parts[0]}", parts[1:]
    return ", ".join([start, *parts])


def _vocabulary() -> tuple[str, ...]:
    """Every word the captions can hold, in a fixed order."""
    words = set(
        """a an the of with in on and no from little small teenage young middle-aged adult old boy
        girl man woman child person portrait bald head hair buzzed very short medium shoulder-length
        long straight curly afro bangs tied bun ponytail stubble moustache goatee full beard eyes
        glasses round square earrings skin freckles lipstick wrinkles wearing t-shirt sweater shirt
        hoodie turtleneck blouse suit plain background gradient studio room blurred landscape lights
        light left right warm cold without""".split()
    )
    for table in (COLOURS, HAIR_COLOURS, IRISES, SKINS):
        words |= set(table)
    for own in EMOTION_WORDS.values():
        words |= set(own)
    words |= set(EMOTION_WORDS)
    return tuple(sorted(words))


_OF_PHOTOGRAPHS = tuple(
    """american asian back bob braids city cut dreadlocks irish latino lips makeup native necklace
    oval persian pixie scarf top wall""".split()
)
"""Words of what only photographs show; they come last, so that others keep their tokens."""

VOCABULARY: tuple[str, ...] = (*_vocabulary(), *_OF_PHOTOGRAPHS)
"""Every word of the captions, of drawn people and of photographs."""
